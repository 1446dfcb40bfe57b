import type { ServiceInstance } from '../instance/instance.js'
import { SortedMap } from '../sorted-map/sorted-map.js'

/** An instance that vanished, and when (monotonic ms). */
export interface Tombstone<M> {
  readonly instance: ServiceInstance<M>
  readonly since: number
}

/** Instances that vanished, by id and in the order in which they vanished. */
export interface Tombstones<M> {
  readonly byId: SortedMap<Tombstone<M>>
  readonly byTime: SortedMap<Tombstone<M>>
}

/** Sorts by time, then by id. */
const timeKey = ({ instance, since }: Tombstone<unknown>): string => `${since.toFixed(3).padStart(20, '0')} ${instance.id}`

/** The empty collection. */
export const noTombstones = <M>(): Tombstones<M> => ({ byId: SortedMap.empty(), byTime: SortedMap.empty() })

const indexed = <M>(byId: readonly Tombstone<M>[], byTime: readonly Tombstone<M>[]): Tombstones<M> => ({
  byId: SortedMap.by(byId, ({ instance }) => instance.id),
  byTime: SortedMap.by(byTime, timeKey),
})

/** Adds instances, sorted by id, that vanished at `since`. None of them may be in `all` already. */
export const withTombstones = <M>(all: Tombstones<M>, instances: readonly ServiceInstance<M>[], since: number): Tombstones<M> => {
  const added = instances.map((instance): Tombstone<M> => ({ instance, since }))
  if (all.byId.size === 0) return indexed(added, added)
  return added.reduce(({ byId, byTime }, one) => ({ byId: byId.set(one.instance.id, one), byTime: byTime.set(timeKey(one), one) }), all)
}

/** Removes the given ids; returns `all` itself if it contains none of them. */
export const withoutIds = <M>(all: Tombstones<M>, ids: readonly string[]): Tombstones<M> => {
  const removed = ids.map(id => all.byId.get(id)).filter(one => one !== undefined)
  if (removed.length * 8 > all.byId.size) {
    // Many at once, as after a mass return: building the rest from scratch takes linear time.
    const gone = new Set(removed)
    const rest = (map: SortedMap<Tombstone<M>>): readonly Tombstone<M>[] => map.toArray().filter(one => !gone.has(one))
    return indexed(rest(all.byId), rest(all.byTime))
  }
  return removed.reduce(({ byId, byTime }, one) => ({ byId: byId.delete(one.instance.id), byTime: byTime.delete(timeKey(one)) }), all)
}

/** Removes the `count` instances that vanished first. */
export const withoutOldest = <M>(all: Tombstones<M>, count: number): Tombstones<M> => {
  if (count >= all.byId.size) return count === 0 ? all : noTombstones()
  return withoutIds(all, Array.from({ length: count }, (_, rank) => all.byTime.at(rank)?.instance.id ?? ''))
}

/** Removes the instances that vanished `ms` before `now` or earlier; returns `all` itself if there are none. */
export const withoutExpired = <M>(all: Tombstones<M>, now: number, ms: number): Tombstones<M> => {
  let count = 0
  for (let one = all.byTime.at(0); one !== undefined && one.since + ms <= now; one = all.byTime.at(count)) count += 1
  return withoutOldest(all, count)
}
