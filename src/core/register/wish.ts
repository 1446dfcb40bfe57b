import { InvalidArgument } from '../errors.js'
import type { Format } from '../formats/format.js'
import type { ServiceInstance, Status } from '../instance/instance.js'
import type { Lease } from '../store.js'

/** What a registration should be now. */
export interface Wish {
  readonly formats: readonly Format[]
  /** With the status it should have; `null` when it is withdrawn. */
  readonly instance: ServiceInstance | null
  readonly draining: boolean
  readonly healthError: Error | undefined
}

/** The key it is known by, whether present or not; `undefined` when it is withdrawn. */
export const keyOf = ({ formats, instance }: Wish, lease: Lease): string | undefined => (instance === null ? undefined : formats[0]?.key(instance, lease))

/** What should be in the registry, by key. */
export const entriesOf = ({ formats, instance }: Wish, lease: Lease): ReadonlyMap<string, string> => {
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

/** What a health check said last. */
export interface Health {
  readonly status?: Status
  readonly error?: Error
}

/** The wish of an instance with the status it has now. */
export const wishOf = (formats: readonly Format[], instance: ServiceInstance | null, { status, error }: Health, draining: boolean): Wish => {
  const current = draining ? 'draining' : (status ?? instance?.status)
  const same = instance === null || current === undefined || current === instance.status
  return { formats, instance: same ? instance : { ...instance, status: current }, draining, healthError: error }
}
