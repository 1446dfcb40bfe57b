import type { ServiceInstance } from '../instance/instance.js'
import { KeySet } from '../sorted-map/key-set.js'
import { type Difference, SortedMap } from '../sorted-map/sorted-map.js'
import { instancesOf, pendingSet, type ServiceSet, withInstances } from './service-set.js'
import { noTombstones, type Tombstones, withoutExpired, withoutIds, withoutOldest, withTombstones } from './tombstones.js'

/** How long a vanished instance stays in the set at most (ms), and which share of the set (0 to 1) may vanish within that time. */
export interface ProtectionLimits {
  readonly grace: number
  readonly maxLoss: number
}

/** The state of `protect`: the last set of the source, the set that results, and the instances that vanished within `grace`. */
export interface Protection<M> {
  readonly source: ServiceSet<M>
  readonly result: ServiceSet<M>
  /** How many instances of the source are `up` or `starting`. */
  readonly staying: number
  /** Vanished instances that the result no longer has. They count against `maxLoss` until `grace` has passed. */
  readonly losses: Tombstones<M>
  /** Vanished instances that the result still has. */
  readonly tombstones: Tombstones<M>
}

type Differences<M> = readonly Difference<ServiceInstance<M>>[]

/** The state before the first set of a service. */
export const initialProtection = <M>(service: string): Protection<M> => {
  const pending = pendingSet<M>(service)
  return { source: pending, result: pending, staying: 0, losses: noTombstones(), tombstones: noTombstones() }
}

/** An instance that is draining or down leaves on purpose; `protect` neither keeps nor counts it. */
const isStaying = (instance: ServiceInstance | undefined): boolean => instance?.status === 'up' || instance?.status === 'starting'

/** How many of `total` instances may vanish: a share, but always one (as in gRFC A50), unless the share is 0. */
const allowance = (total: number, maxLoss: number): number => (maxLoss === 0 ? 0 : Math.max(1, Math.floor(total * maxLoss + 1e-9)))

/** Selects `count` items at equal distances, so that ids with a common prefix (a zone, a host) are never removed as a whole. */
const spread = (count: number, { length }: readonly unknown[]) => (_: unknown, index: number): boolean =>
  Math.floor(((index + 1) * count) / length) > Math.floor((index * count) / length)

const resultOf = <M>(before: Protection<M>, source: ServiceSet<M>, tombstones: Tombstones<M>, differences: Differences<M>): ServiceSet<M> => {
  if (tombstones.byId.size === 0) return source
  const released = SortedMap.difference(before.tombstones.byId, tombstones.byId).reduce(
    (map, { key, after }) => (after === undefined ? map.delete(key) : map),
    instancesOf(before.result),
  )
  const instances = differences.reduce(
    (map, { key, after }) => (after !== undefined ? map.set(key, after) : tombstones.byId.has(key) ? map : map.delete(key)),
    released,
  )
  const ids = new KeySet(tombstones.byId)
  return withInstances(source, instances, source.held.size === 0 ? ids : new Set([...source.held, ...ids]))
}

/** The state at `now` (monotonic ms), without the instances that vanished `grace` ms ago or earlier; the same (`===`) if there are none. */
export const protectionAt = <M>(protection: Protection<M>, now: number, { grace }: ProtectionLimits): Protection<M> => {
  const losses = withoutExpired(protection.losses, now, grace)
  const tombstones = withoutExpired(protection.tombstones, now, grace)
  if (tombstones !== protection.tombstones)
    return { ...protection, losses, tombstones, result: resultOf(protection, protection.source, tombstones, []) }
  return losses === protection.losses ? protection : { ...protection, losses }
}

/**
 * The state after the source's next set. Of the instances that stayed or vanished within `grace`, at most the allowance is missing from the result; it
 * keeps the others as tombstones. An instance that comes back is no longer a loss or a tombstone. Each new instance replaces the one that vanished first.
 */
export const protectionAfterSet = <M>(previous: Protection<M>, source: ServiceSet<M>, now: number, limits: ProtectionLimits): Protection<M> => {
  const before = previous.source.service === source.service ? protectionAt(previous, now, limits) : initialProtection<M>(source.service)
  const differences = SortedMap.difference(instancesOf(before.source), instancesOf(source))
  let { staying } = before
  let newcomers = 0
  const returned: string[] = []
  const vanished: ServiceInstance<M>[] = []
  for (const { key, before: was, after: is } of differences) {
    staying += Number(isStaying(is)) - Number(isStaying(was))
    // An instance that the source itself held has had its grace already.
    if (was !== undefined && is === undefined && isStaying(was) && !before.source.held.has(key)) vanished.push(was)
    if (was !== undefined || is === undefined) continue
    if (before.losses.byId.has(key) || before.tombstones.byId.has(key)) returned.push(key)
    else if (isStaying(is)) newcomers += 1
  }
  let losses = withoutIds(before.losses, returned)
  let tombstones = withoutIds(before.tombstones, returned)

  const replacedOf = (count: number): number => {
    const replaced = Math.min(newcomers, count)
    newcomers -= replaced
    return replaced
  }
  losses = withoutOldest(losses, replacedOf(losses.byId.size))
  tombstones = withoutOldest(tombstones, replacedOf(tombstones.byId.size))
  const replaced = replacedOf(vanished.length)

  const total = staying + losses.byId.size + tombstones.byId.size + vanished.length - replaced
  const room = Math.max(0, allowance(total, limits.maxLoss) - losses.byId.size)
  const keptCount = now + limits.grace > now ? Math.max(0, vanished.length - replaced - room) : 0
  const isKept = spread(keptCount, vanished)
  const leaving = vanished.filter((one, index) => !isKept(one, index))
  losses = withTombstones(losses, leaving.slice(replaced), now)
  tombstones = withTombstones(tombstones, vanished.filter(isKept), now)
  return { source, staying, losses, tombstones, result: resultOf(before, source, tombstones, differences) }
}

/** When the next tombstone expires (monotonic ms); `undefined` if there is none. */
export const nextExpiry = ({ tombstones }: Protection<unknown>, { grace }: ProtectionLimits): number | undefined => {
  const first = tombstones.byTime.at(0)
  return first && first.since + grace
}
