import type { ServiceInstance } from '../instance/instance.js'
import { SortedMap } from '../sorted-map/sorted-map.js'

/** An instance that vanished, and when (monotonic ms). */
export interface Tombstone<M> {
  readonly instance: ServiceInstance<M>
  readonly since: number
}

/** Those who vanished, by id and in the order in which they did. */
export interface Tombstones<M> {
  readonly byId: SortedMap<Tombstone<M>>
  readonly byTime: SortedMap<Tombstone<M>>
}

const turn = ({ instance, since }: Tombstone<unknown>): string => `${since.toFixed(3).padStart(20, '0')} ${instance.id}`

/** Nobody vanished. */
export const nobody = <M>(): Tombstones<M> => ({ byId: SortedMap.empty(), byTime: SortedMap.empty() })

const of = <M>(byId: readonly Tombstone<M>[], byTime: readonly Tombstone<M>[]): Tombstones<M> => ({
  byId: SortedMap.by(byId, ({ instance }) => instance.id),
  byTime: SortedMap.by(byTime, turn),
})

/** With those who vanished now, sorted by id; none of them is in it. */
export const withAbsent = <M>(all: Tombstones<M>, instances: readonly ServiceInstance<M>[], since: number): Tombstones<M> => {
  const some = instances.map((instance): Tombstone<M> => ({ instance, since }))
  if (all.byId.size === 0) return of(some, some)
  return some.reduce(({ byId, byTime }, one) => ({ byId: byId.set(one.instance.id, one), byTime: byTime.set(turn(one), one) }), all)
}

/** Without those of these ids; the same if they are none of them. */
export const without = <M>(all: Tombstones<M>, ids: readonly string[]): Tombstones<M> => {
  const some = ids.map(id => all.byId.get(id)).filter(one => one !== undefined)
  if (some.length * 8 > all.byId.size) {
    // in masses, as they vanished: building the rest anew is linear
    const gone = new Set(some)
    const rest = (map: SortedMap<Tombstone<M>>): readonly Tombstone<M>[] => map.toArray().filter(one => !gone.has(one))
    return of(rest(all.byId), rest(all.byTime))
  }
  return some.reduce(({ byId, byTime }, one) => ({ byId: byId.delete(one.instance.id), byTime: byTime.delete(turn(one)) }), all)
}

/** Without the `count` who vanished first. */
export const withoutFirst = <M>(all: Tombstones<M>, count: number): Tombstones<M> => {
  if (count >= all.byId.size) return count === 0 ? all : nobody()
  return without(all, Array.from({ length: count }, (_, rank) => all.byTime.at(rank)?.instance.id ?? ''))
}

/** Without those who vanished `ms` before `now` or earlier; the same if there are none. */
export const withoutExpired = <M>(all: Tombstones<M>, now: number, ms: number): Tombstones<M> => {
  let count = 0
  for (let one = all.byTime.at(0); one !== undefined && one.since + ms <= now; one = all.byTime.at(count)) count += 1
  return withoutFirst(all, count)
}
