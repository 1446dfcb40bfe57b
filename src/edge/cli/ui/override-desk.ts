import { asyncScheduler, catchError, ignoreElements, map, of, switchMap, tap, throwError, type Observable } from 'rxjs'
import { Taken } from '../../../core/errors.js'
import type { Format } from '../../../core/formats/format.js'
import { serviceInstance, type ServiceInstance, type Status } from '../../../core/instance/instance.js'
import { overrideKey, overridePrefix, statusOf } from '../../../core/register/desired.js'
import type { Change, Lease, Revision } from '../../../core/store.js'
import { projection } from '../../../core/view/projection.js'
import { listing } from '../../../flow/discovery/listing.js'
import { gatherListing } from '../../../flow/gather-listing.js'
import { sharedOverrides, type Overridden } from '../../../flow/registration/shared-overrides.js'
import type { Registry } from '../../../flow/registry.js'

/** What an operator asks for. */
export interface OverrideRequest {
  readonly service: string
  readonly id: string
  /** Whether the operator has confirmed that no other instance of the service is up. */
  readonly last: boolean
}

/** Why a request is refused. */
export class Refused extends Error {
  override readonly name = 'Refused'
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

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
  readonly drain: (request: OverrideRequest) => Observable<unknown>
  /** Deletes the override. Emits once done; errors {@link Refused}. */
  readonly giveBack: (request: OverrideRequest) => Observable<unknown>
}

/** How many lines are kept. */
const mostEntries = 1_000
/** An override outlives every process. */
const noLease: Lease = { id: '0', ttl: 0, expiresAt: Infinity, renewals: 0 }

const nameOf = (key: string): string => key.slice(overridePrefix.length)
const serviceOf = (key: string): string => nameOf(key).slice(0, Math.max(0, nameOf(key).lastIndexOf('/')))

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
    const service = serviceOf(key)
    journal = [...journal, { at: asyncScheduler.now(), service, id: nameOf(key).slice(service.length + 1), text, revision: revision() }].slice(-mostEntries)
  }
  const learn = (all: Overridden): void => {
    const before = known
    const next = (known = new Map([...all].filter(([key]) => isShown(serviceOf(key)))))
    if (before === undefined) return
    for (const [key, status] of next) if (before.get(key) !== status) note(key, status === 'draining' ? 'drained by an operator' : `set to ${status} by an operator`)
    for (const key of before.keys()) if (!next.has(key)) note(key, 'given back by an operator')
  }

  const keyOf = ({ service, id }: OverrideRequest): string => overrideKey(serviceInstance({ service, id, address: 'override:1' }))
  const current = (key: string): Observable<Change | undefined> => registry.list({ key }).pipe(gatherListing(), map(({ changes }) => changes[0]))
  const instances = (service: string): Observable<readonly ServiceInstance[]> =>
    !isShown(service) ? of([]) : listing(registry, format.prefix(service), projection(format, { service })).pipe(map(({ services }) => services.get(service)?.instances.toArray() ?? []))
  const write = (key: string, value: string | null, expect: Revision): Observable<unknown> => registry.put([{ key, value, expect }], noLease)
  const refused = (status: number, message: string): Observable<never> => throwError(() => new Refused(status, message))

  /** The instance must be there, and it must not be the last one that is up unless that is confirmed. */
  const guarded = ({ service, id, last }: OverrideRequest): Observable<unknown> =>
    instances(service).pipe(
      switchMap(all => {
        const instance = all.find(each => each.id === id)
        if (instance === undefined) return refused(404, `${service}/${id} is not registered (reload the page)`)
        const isLast = instance.status === 'up' && all.every(each => each.id === id || each.status !== 'up')
        return isLast && !last ? refused(409, `${service}/${id} is the last instance of ${service} that is up (confirm that it may be drained)`) : of(instance)
      }),
    )
  const changedMeanwhile = (error: unknown): Observable<never> =>
    error instanceof Taken ? refused(409, 'another operator has just changed this override (look again)') : throwError(() => error as Error)
  return {
    following: sharedOverrides(registry).pipe(tap(learn), ignoreElements()),
    overrides: () => [...(known ?? [])].map(([key, status]) => ({ name: nameOf(key), status })),
    journal: () => journal,
    drain: request =>
      guarded(request).pipe(
        switchMap(() => current(keyOf(request))),
        switchMap(found => {
          const status = statusOf(found?.value)
          if (status === 'draining') return of(status)
          return status === undefined ? write(keyOf(request), 'draining', found?.revision ?? 0) : refused(409, `there is an override "${status}" already (give the instance back first)`)
        }),
        catchError(changedMeanwhile),
      ),
    giveBack: request =>
      current(keyOf(request)).pipe(
        switchMap(found => (found === undefined || !isShown(request.service) ? of(undefined) : write(keyOf(request), null, found.revision))),
        catchError(changedMeanwhile),
      ),
  }
}
