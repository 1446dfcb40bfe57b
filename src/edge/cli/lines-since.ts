import type { SetState, Trouble } from '../../core/sets/service-set.js'
import { outageKey } from './failure.js'
import type { Line } from './output.js'

/** The lines about something that is live or not: a set, or all of them. */
export interface LinesOf<A> {
  readonly live: (now: A) => Line
  readonly troubled: (now: A, trouble: Trouble) => Line
  readonly changed: (before: A, after: A) => readonly Line[]
}

/** The lines about each state in turn: what has changed since the last live one, first `live`. Each reason of an outage gives one line, however many attempts fail. */
export const linesSince = <A extends Pick<SetState, 'status' | 'trouble'>>(start: A, { live, troubled, changed }: LinesOf<A>): ((state: A) => readonly Line[]) => {
  let last = start
  let isOutage = true
  const printed = new Set<string>()
  return state => {
    const { status, trouble } = state
    if (status !== 'live') {
      isOutage = true
      if (trouble === undefined || printed.has(outageKey(trouble.error))) return []
      printed.add(outageKey(trouble.error))
      return [troubled(state, trouble)]
    }
    const before = last
    const liveLines = isOutage ? [live(state)] : []
    last = state
    isOutage = false
    printed.clear()
    return [...liveLines, ...changed(before, state)]
  }
}
