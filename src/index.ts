/* Verbs */
export { register, type RegisterOptions } from './flow/register.js'
export { discover, type DiscoverOptions } from './flow/discover.js'
export { catalog, type CatalogOptions } from './flow/catalog.js'

/* Operators on Observable<ServiceSet> */
export { known } from './flow/known.js'
export { changes } from './flow/changes.js'
export { where } from './flow/where.js'
export { protect, type ProtectOptions } from './flow/protect.js'
export { probe, type Probe, type ProbeOptions } from './flow/probe.js'
export { subset, type SubsetOptions } from './flow/subset.js'

/* Formats */
export { native, type NativeOptions } from './core/formats/native.js'
export { plain, type PlainOptions, type NoMetadata } from './core/formats/plain.js'
export { jsonFormat, type JsonFormatOptions, type InstanceFields } from './core/formats/json.js'
export type { Format, Formats, MetadataOf, Rejection } from './core/format.js'

/* Backoff */
export { exponential, type Backoff, type ExponentialOptions } from './core/backoff.js'

/* Values */
export { serviceInstance, type ServiceInstance, type ServiceInstanceInput, type Status } from './core/instance.js'
export { serviceSet, type ServiceSet, type ServiceSetOptions, type SetStatus, type Trouble } from './core/service-set.js'
export type { InstanceChange } from './core/diff.js'
export type { Held, Registration } from './core/registration.js'

/* The port */
export type { ClosableRegistry, ReadableRegistry, Registry } from './flow/registry.js'
export type { Batch, Change, Check, Entry, Lease, Listing, Revision } from './core/store.js'

/* Errors */
export {
  Closed,
  Compacted,
  Denied,
  Disconnected,
  Diverged,
  InvalidArgument,
  Lagging,
  LeaseLost,
  Rewound,
  Taken,
} from './core/errors.js'
