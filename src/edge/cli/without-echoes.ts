import { defer, filter, type MonoTypeOperatorFunction } from 'rxjs'
import { now } from '../../flow/clock.js'
import type { Signal } from './host.js'

/** How long the same signal counts as an echo of the one before, ms. A person does not press keys so fast. */
const echoWithin = 200

/**
 * Leaves out signals that repeat the one right before. `timeout` signals a process and then its group, and `npx` passes on a Ctrl-C that the terminal has sent to
 * the process as well. The echo would count as a second signal, which ends the program at once and leaves a lease to its TTL.
 */
export const withoutEchoes = (): MonoTypeOperatorFunction<Signal> => source =>
  defer(() => {
    const last = new Map<Signal, number>()
    return source.pipe(
      filter(signal => {
        const [before, at] = [last.get(signal) ?? -Infinity, now()]
        last.set(signal, at)
        return at - before > echoWithin
      }),
    )
  })
