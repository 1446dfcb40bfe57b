/* Verbs */
export { register } from './flow/registration/register.js'
export type { RegisterOptions } from './flow/registration/register-options.js'
export { discover, type DiscoverOptions } from './flow/discovery/discover.js'
export { catalog, type CatalogOptions } from './flow/discovery/catalog.js'
export { history, type HistoryOptions } from './flow/discovery/history.js'
export { record, type RecordOptions } from './flow/recording/record.js'
export type { RecordedEvent } from './core/recording/recorded-event.js'
export { balance, type BalanceOptions, type Balancer, type Call, type InstanceState, type RetryBudgetOptions, type UseOptions } from './flow/balancing/balance.js'

/* Operators on Observable<ServiceSet> */
export { known } from './flow/operators/known.js'
export { changes } from './flow/operators/changes.js'
export { where } from './flow/operators/where.js'
export { protect, type ProtectOptions } from './flow/operators/protect.js'
export { probe, type Probe, type ProbeOptions } from './flow/operators/probe.js'

/* Health of an instance that one registers */
export { poll, type PollOptions } from './flow/poll.js'
export { subset, type SubsetOptions } from './flow/operators/subset.js'

/* Policies of balance */
export { roundRobin } from './core/balance/policies/round-robin.js'
export { random } from './core/balance/policies/random.js'
export { weightedRoundRobin } from './core/balance/policies/weighted-round-robin.js'
export { leastRequest, type LeastRequestOptions } from './core/balance/policies/least-request.js'
export { peakEwma, type PeakEwmaOptions } from './core/balance/policies/peak-ewma.js'
export { consistentHash, type ConsistentHashOptions } from './core/balance/policies/consistent-hash.js'
export { zoneAware, type ZoneAwareOptions } from './core/balance/policies/zone-aware.js'
export { slowStart, type SlowStartOptions } from './core/balance/policies/slow-start.js'
export type { Candidate, Candidates, Context, Outcome, Policy } from './core/balance/policy.js'
export type { OutlierOptions } from './core/balance/outliers.js'

/* Formats */
export { native, type NativeOptions } from './core/formats/native.js'
export { plain, type PlainOptions, type NoMetadata } from './core/formats/plain.js'
export { jsonFormat, type JsonFormatOptions } from './core/formats/json-format.js'
export type { InstanceFields } from './core/formats/stored-instance.js'
export type { Format, Formats, MetadataOf, Rejection } from './core/formats/format.js'

/* Backoff */
export { exponential, type Backoff, type ExponentialOptions } from './core/backoff.js'

/* Values */
export { serviceInstance, type ServiceInstance, type ServiceInstanceInput, type Status } from './core/instance/instance.js'
export { leased } from './core/instance/leased.js'
export { serviceSet, type ServiceSet, type ServiceSetOptions, type SetStatus, type Trouble } from './core/sets/service-set.js'
export type { SavedSet } from './core/sets/saved-set.js'
export type { InstanceChange } from './core/sets/diff.js'
export type { Override } from './core/register/desired.js'
export type { Registered, Registration, StatusReasons } from './core/register/registration.js'

/* What happens in the library */
export type { DiagnosticMessages } from './flow/channels.js'

/* The port */
export type { ClosableRegistry, CloseOptions, ListOptions, ReadableRegistry, Registry } from './flow/registry.js'
export type { Batch, Change, Check, Entry, Lease, Listing, Range, Remaining, Revision } from './core/store.js'

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
