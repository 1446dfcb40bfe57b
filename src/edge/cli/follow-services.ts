import { map, merge, scan, type Observable } from 'rxjs'
import type { Format } from '../../core/formats/format.js'
import type { ServiceSet, SetState } from '../../core/sets/service-set.js'
import { discover } from '../../flow/discovery/discover.js'
import { rootedCatalog } from '../../flow/discovery/rooted-catalog.js'
import { timeOf } from '../../flow/registry-time.js'
import type { ReadableRegistry } from '../../flow/registry.js'
import { requireRoot } from './require-root.js'

/** The services that `watch` follows, at one moment. A set that has not changed is the same object as before. */
export interface FollowedServices {
  readonly sets: ReadonlyMap<string, ServiceSet>
  /** The state of all services, if they are followed together; absent if each has one of its own. */
  readonly state?: SetState
}

/** How often a view is compared with etcd, ms; that of `discover`. */
const verify = 60_000

/** All services under the prefix of the format, by one watch. Unlike `catalog`, it also shows an outage while there is no service. */
const all = (registry: ReadableRegistry, format: Format): Observable<FollowedServices> =>
  rootedCatalog(registry, requireRoot(format), format, { backoff: timeOf(registry).backoff(), verify, local: false })

/** These services, each by a watch of its own, so that the permission for their keys is enough. */
const named = (registry: ReadableRegistry, format: Format, services: readonly string[]): Observable<FollowedServices> =>
  merge(...services.map(service => discover(registry, service, { format }))).pipe(
    scan((sets, set) => new Map(sets).set(set.service, set), new Map<string, ServiceSet>()),
    map(sets => ({ sets })),
  )

/** Follows these services, or all if there are none. Throws `InvalidArgument` if all services of the format have no prefix in common. */
export const followServices = (registry: ReadableRegistry, format: Format, services: readonly string[]): Observable<FollowedServices> =>
  services.length === 0 ? all(registry, format) : named(registry, format, services)
