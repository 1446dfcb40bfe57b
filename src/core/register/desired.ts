import { InvalidArgument } from '../errors.js'
import type { Format } from '../formats/format.js'
import { isStatus, type ServiceInstance, type Status } from '../instance/instance.js'
import type { Lease } from '../store.js'

/** An operator's decision about the status of one instance: a key under a prefix that only registrations read. */
export interface Override {
  /** Delete this key to give the instance back. */
  readonly key: string
  readonly status: Status
}

/** Under which the operators' overrides lie. */
export const overridePrefix = '/rx-discovery-overrides/'

/** The key of an instance's override. */
export const overrideKey = ({ service, id }: ServiceInstance): string => `${overridePrefix}${service}/${id}`

/** The status that an override holds; a value that is no status, and an absent key, override nothing. */
export const statusOf = (value: string | null | undefined): Status | undefined => {
  const status = value?.trim()
  return isStatus(status) ? status : undefined
}

/** What a registration should be in the registry, whatever its lease. */
export interface Desired {
  readonly formats: readonly Format[]
  /** With the status that it should have; `null`: withdrawn. */
  readonly instance: ServiceInstance | null
  readonly draining: boolean
  readonly healthError: Error | undefined
  readonly override: Override | undefined
}

/** The last result of a health check; `error` is why `status` is `down`. */
export interface Health {
  readonly status?: Status
  readonly error?: Error
}

const withStatus = (instance: ServiceInstance | null, status: Status | undefined): ServiceInstance | null =>
  instance === null || status === undefined || status === instance.status ? instance : { ...instance, status }

/** What should be in the registry: `draining` decides the status, then the health check, then the instance itself. */
export const desiredOf = (formats: readonly Format[], instance: ServiceInstance | null, { status, error }: Health = {}, draining = false): Desired => ({
  formats,
  instance: withStatus(instance, draining ? 'draining' : status),
  draining,
  healthError: error,
  override: undefined,
})

/** The operator's override decides the status, unless the registration is draining anyway. */
export const overridden = (desired: Desired, override: Override | undefined): Desired =>
  override === undefined ? desired : { ...desired, instance: desired.draining ? desired.instance : withStatus(desired.instance, override.status), override }

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
