import { catchError, map, of, switchMap, throwError, type Observable } from 'rxjs'
import { Taken, toError } from '../../core/errors.js'
import type { Format } from '../../core/formats/format.js'
import { serviceInstance, type ServiceInstance, type Status } from '../../core/instance/instance.js'
import { overrideKey, statusOf } from '../../core/register/desired.js'
import type { Change, Lease, Revision } from '../../core/store.js'
import { projection } from '../../core/view/projection.js'
import { listing } from '../../flow/discovery/listing.js'
import { gatherListing } from '../../flow/gather-listing.js'
import type { Registry } from '../../flow/registry.js'
import { someOf } from './some-of.js'

/** The instance that an operator names. */
export interface NamedInstance {
  readonly service: string
  readonly id: string
}

/** What an operator asks for. */
export interface OverrideRequest extends NamedInstance {
  readonly status: Status
  /** Whether the operator has confirmed that no other instance of the service is up. */
  readonly last: boolean
  /** Whether an override with another status is replaced. */
  readonly replace: boolean
}

/** An override is not written. Nothing has changed. */
export class OverrideRefused extends Error {
  override readonly name = 'OverrideRefused'
  /** The instance is not registered; it is the last one that is up; there is another override; someone else has just changed it. */
  readonly reason: 'absent' | 'last' | 'overridden' | 'changed'
  constructor(reason: OverrideRefused['reason'], message: string) {
    super(message)
    this.reason = reason
  }
}

/** The overrides of single instances. */
export interface InstanceOverrides {
  /** The key of an instance's override. */
  readonly keyOf: (instance: NamedInstance) => string
  /** Writes an override. Emits the status that the override had before; errors {@link OverrideRefused}. */
  readonly set: (request: OverrideRequest) => Observable<Status | undefined>
  /** Deletes an override. Emits the value that it had, `undefined` if there was none; errors {@link OverrideRefused}. */
  readonly giveBack: (instance: NamedInstance) => Observable<string | undefined>
  /** All instances of a service. */
  readonly instances: (service: string) => Observable<readonly ServiceInstance[]>
}

/** An override outlives every process. */
const noLease: Lease = { id: '0', ttl: 0, expiresAt: Infinity, renewals: 0 }

const others = (service: string, all: readonly ServiceInstance[]): string => `${service} has ${all.length === 0 ? 'no instances' : someOf(all.map(({ id }) => id))}`

/** Reads and writes the overrides of the instances that are registered in a format. */
export const instanceOverrides = (registry: Registry, format: Format): InstanceOverrides => {
  const keyOf = ({ service, id }: NamedInstance): string => overrideKey(serviceInstance({ service, id, address: 'override:1' }))
  const current = (key: string): Observable<Change | undefined> => registry.list({ key }).pipe(gatherListing(), map(({ changes }) => changes[0]))
  const instances = (service: string): Observable<readonly ServiceInstance[]> =>
    listing(registry, format.prefix(service), projection(format, { service })).pipe(map(({ services }) => services.get(service)?.instances.toArray() ?? []))
  const write = (key: string, value: string | null, expect: Revision): Observable<unknown> => registry.put([{ key, value, expect }], noLease)
  const refused = (reason: OverrideRefused['reason'], message: string): Observable<never> => throwError(() => new OverrideRefused(reason, message))
  const changedMeanwhile = (thrown: unknown): Observable<never> =>
    thrown instanceof Taken ? refused('changed', 'another operator has just changed this override') : throwError(() => toError(thrown))

  /** The instance must be there, and it must not be the last one that is up unless that is confirmed. */
  const guarded = ({ service, id, last }: OverrideRequest): Observable<unknown> =>
    instances(service).pipe(
      switchMap(all => {
        const instance = all.find(each => each.id === id)
        if (instance === undefined) return refused('absent', `${service}/${id} is not registered; ${others(service, all)}`)
        const isLast = instance.status === 'up' && all.every(each => each.id === id || each.status !== 'up')
        return isLast && !last ? refused('last', `${service}/${id} is the last instance of ${service} that is up`) : of(instance)
      }),
    )
  return {
    keyOf,
    instances,
    set: request => {
      const key = keyOf(request)
      return current(key).pipe(
        switchMap(found => {
          const status = statusOf(found?.value)
          if (status === request.status) return of(status)
          if (status !== undefined && !request.replace) return refused('overridden', `there is an override "${status}" already`)
          return guarded(request).pipe(switchMap(() => write(key, request.status, found?.revision ?? 0)), map(() => status))
        }),
        catchError(changedMeanwhile),
      )
    },
    giveBack: instance => {
      const key = keyOf(instance)
      return current(key).pipe(
        switchMap(found => (found === undefined ? of(undefined) : write(key, null, found.revision).pipe(map(() => found.value ?? '')))),
        catchError(changedMeanwhile),
      )
    },
  }
}
