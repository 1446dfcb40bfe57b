import { asyncScheduler, catchError, ignoreElements, of, tap, throwError, type Observable } from 'rxjs'
import { toError } from '../../../core/errors.js'
import type { Format } from '../../../core/formats/format.js'
import type { Status } from '../../../core/instance/instance.js'
import { overridePrefix } from '../../../core/register/desired.js'
import type { Revision } from '../../../core/store.js'
import { sharedOverrides, type Overridden } from '../../../flow/registration/shared-overrides.js'
import type { Registry } from '../../../flow/registry.js'
import { splitName } from '../split-name.js'
import { instanceOverrides, OverrideRefused, type OverrideRequest } from '../instance-overrides.js'
import { Refused } from './refused.js'

/** What an operator asks for. */
export type DeskRequest = Pick<OverrideRequest, 'service' | 'id' | 'last'>

/** One line of what operators did. */
interface OperatorEntry {
  readonly at: number
  readonly service: string
  readonly id: string
  readonly text: string
  readonly revision: Revision
}

/** Where operators override the status of instances. */
export interface OverrideDesk {
  /** Follows the overrides of all operators; never emits, never errors. */
  readonly following: Observable<never>
  readonly overrides: () => readonly { readonly name: string; readonly status: Status }[]
  /** What operators did since the start, of this program and others. */
  readonly journal: () => readonly OperatorEntry[]
  /** Sets the override `draining`. Emits once done; errors {@link Refused}. */
  readonly drain: (request: DeskRequest) => Observable<unknown>
  /** Deletes the override. Emits once done; errors {@link Refused}. */
  readonly giveBack: (request: DeskRequest) => Observable<unknown>
}

/** How many lines are kept. */
const mostEntries = 1_000

/** The status of the HTTP answer to a refusal, and what to do next. */
const answers = {
  absent: [404, 'reload the page'],
  last: [409, 'confirm that it may be drained'],
  overridden: [409, 'give the instance back first'],
  changed: [409, 'look again'],
} as const

const nameOf = (key: string): string => key.slice(overridePrefix.length)

/** What a desk needs to know of the board. */
interface OverrideDeskContext {
  readonly format: Format
  /** Whether the board shows a service. Others cannot be seen or overridden here either. */
  readonly isShown: (service: string) => boolean
  /** The last revision that is known, for the journal. */
  readonly revision: () => Revision
}

/** The desk of a registry. */
export const overrideDesk = (registry: Registry, { format, isShown, revision }: OverrideDeskContext): OverrideDesk => {
  let known: Overridden | undefined
  let journal: readonly OperatorEntry[] = []

  const note = (key: string, text: string): void => {
    journal = [...journal, { at: asyncScheduler.now(), ...splitName(nameOf(key)), text, revision: revision() }].slice(-mostEntries)
  }
  const learn = (all: Overridden): void => {
    const before = known
    const next = (known = new Map([...all].filter(([key]) => isShown(splitName(nameOf(key)).service))))
    if (before === undefined) return
    for (const [key, status] of next) if (before.get(key) !== status) note(key, status === 'draining' ? 'drained by an operator' : `set to ${status} by an operator`)
    for (const key of before.keys()) if (!next.has(key)) note(key, 'given back by an operator')
  }

  const overrides = instanceOverrides(registry, format)
  const answered = <A>(source: Observable<A>): Observable<A> =>
    source.pipe(
      catchError((thrown: unknown) => {
        if (!(thrown instanceof OverrideRefused)) return throwError(() => toError(thrown))
        const [status, advice] = answers[thrown.reason]
        return throwError(() => new Refused(status, `${thrown.message} (${advice})`))
      }),
    )
  return {
    following: sharedOverrides(registry).pipe(tap(learn), ignoreElements()),
    overrides: () => [...(known ?? [])].map(([key, status]) => ({ name: nameOf(key), status })),
    journal: () => journal,
    drain: ({ service, id, last }) =>
      isShown(service) ? answered(overrides.set({ service, id, last, status: 'draining', replace: false })) : throwError(() => new Refused(404, `${service}/${id} is not registered (reload the page)`)),
    giveBack: request => (isShown(request.service) ? answered(overrides.giveBack(request)) : of(undefined)),
  }
}
