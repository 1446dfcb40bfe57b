/* Verbs */
export { register, type RegisterOptions } from './flow/register.js'
export { discover, type DiscoverOptions } from './flow/discover.js'
export { catalog, type CatalogOptions } from './flow/catalog.js'
export { balance, type BalanceOptions, type Balancer, type Call, type InstanceState, type UseOptions } from './flow/balance.js'

/* Operators on Observable<ServiceSet> */
export { known } from './flow/known.js'
export { changes } from './flow/changes.js'
export { where } from './flow/where.js'
export { protect, type ProtectOptions } from './flow/protect.js'
export { probe, type Probe, type ProbeOptions } from './flow/probe.js'
export { subset, type SubsetOptions } from './flow/subset.js'

/* Policies of balance */
export { roundRobin } from './core/policies/round-robin.js'
export { random } from './core/policies/random.js'
export { weightedRoundRobin } from './core/policies/weighted-round-robin.js'
export { leastRequest, type LeastRequestOptions } from './core/policies/least-request.js'
export { peakEwma, type PeakEwmaOptions } from './core/policies/peak-ewma.js'
export { consistentHash, type ConsistentHashOptions } from './core/policies/consistent-hash.js'
export { zoneAware, type ZoneAwareOptions } from './core/policies/zone-aware.js'
export { slowStart, type SlowStartOptions } from './core/policies/slow-start.js'
export type { Candidate, Candidates, Context, Outcome, Policy } from './core/policy.js'
export type { OutlierOptions } from './core/outliers.js'

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
  NoInstance,
  Rewound,
  Taken,
} from './core/errors.js'
