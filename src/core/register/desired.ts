import { InvalidArgument } from '../errors.js'
import type { Format } from '../formats/format.js'
import type { ServiceInstance, Status } from '../instance/instance.js'
import type { Lease } from '../store.js'

/** What a registration should be in the registry, whatever its lease. */
export interface Desired {
  readonly formats: readonly Format[]
  /** With the status that it should have; `null`: withdrawn. */
  readonly instance: ServiceInstance | null
  readonly draining: boolean
  readonly healthError: Error | undefined
}

/** The last result of a health check; `error` is why `status` is `down`. */
export interface Health {
  readonly status?: Status
  readonly error?: Error
}

/** What should be in the registry: `draining` decides the status, then the health check, then the instance itself. */
export const desiredOf = (formats: readonly Format[], instance: ServiceInstance | null, { status, error }: Health, draining: boolean): Desired => {
  const current = draining ? 'draining' : (status ?? instance?.status)
  const same = instance === null || current === undefined || current === instance.status
  return { formats, instance: same ? instance : { ...instance, status: current }, draining, healthError: error }
}

/** The key that stands for the registration, whether it is present or not; `undefined` if the instance is withdrawn. */
export const keyOf = ({ formats, instance }: Desired, lease: Lease): string | undefined => (instance === null ? undefined : formats[0]?.key(instance, lease))

/** The values that should be in the registry, by key. Throws `InvalidArgument` if two formats write the same key. */
export const entriesOf = ({ formats, instance }: Desired, lease: Lease): ReadonlyMap<string, string> => {
  const entries = new Map<string, string>()
  const seen = new Set<string>()
  if (instance === null) return entries
  for (const format of formats) {
    const key = format.key(instance, lease)
    if (seen.has(key)) throw new InvalidArgument('format', `must not be two that write the key ${key} (give them different prefixes)`)
    seen.add(key)
    const value = format.encode(instance)
    if (value !== null) entries.set(key, value)
  }
  return entries
}
