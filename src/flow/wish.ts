import { catchError, map, of, startWith, type Observable } from 'rxjs'
import { InvalidArgument } from '../core/errors.js'
import type { Format } from '../core/format.js'
import type { ServiceInstance, Status } from '../core/instance.js'
import type { Lease } from '../core/store.js'
import { toError } from './recover.js'

/** What a registration should be now. */
export interface Wish {
  /** What should be in the registry, by key. */
  readonly entries: (lease: Lease) => ReadonlyMap<string, string>
  /** The key it is known by, whether present or not; `undefined` when it is withdrawn. */
  readonly key: (lease: Lease) => string | undefined
  readonly draining: boolean
  readonly healthError?: Error
}

/** The wish of an instance with the status it has now. */
export const wishOf = (formats: readonly Format[], instance: ServiceInstance | null, draining: boolean, healthError: Error | undefined): Wish => ({
  draining,
  key: lease => (instance === null ? undefined : formats[0]?.key(instance, lease)),
  entries: lease => {
    const entries = new Map<string, string>()
    const seen = new Set<string>()
    if (instance === null) return entries
    for (const format of formats) {
      const key = format.key(instance, lease)
      if (seen.has(key)) throw new InvalidArgument('format', `two formats write the key ${key}; give them different prefixes`)
      seen.add(key)
      const value = format.encode(instance)
      if (value !== null) entries.set(key, value)
    }
    return entries
  },
  ...(healthError === undefined ? {} : { healthError }),
})

/** What a health check said last. */
export interface Health {
  readonly status?: Status
  readonly error?: Error
}

/** Health as values: an error of the check is `down`, not the end of the registration. */
export const healthOf = (health: Observable<Status> | undefined): Observable<Health> =>
  health === undefined
    ? of({})
    : health.pipe(
        map((status): Health => ({ status })),
        startWith<Health>({ status: 'starting' }),
        catchError((thrown: unknown) => of<Health>({ status: 'down', error: toError(thrown) })),
      )
