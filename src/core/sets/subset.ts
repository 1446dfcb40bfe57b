import { hash } from '../balance/hash.js'
import type { ServiceInstance } from '../instance/instance.js'
import { type Difference, SortedMap } from '../sorted-map/sorted-map.js'
import { instancesOf, pendingSet, restricted, type ServiceSet } from './service-set.js'

type Instances<M> = SortedMap<ServiceInstance<M>>

/** A set, its up instances by rank, and the same set with only the first of them. */
export interface Subset<M> {
  readonly source: ServiceSet<M>
  readonly ranking: Instances<M>
  readonly result: ServiceSet<M>
}

/** The up instances by rank, and the first `size` of them by id. */
interface Ranked<M> {
  readonly ranking: Instances<M>
  readonly chosen: Instances<M>
}

const ifUp = <M>(instance: ServiceInstance<M> | undefined): ServiceInstance<M> | undefined => (instance?.status === 'up' ? instance : undefined)

// Rendezvous order with equal weights: the highest hash first, then by id. As a string of two code units and the id, since maps sort by `<`.
const rankOf = (id: string, seed: number): string => {
  const inverted = ~hash(id, seed)
  return String.fromCharCode(inverted >>> 16, inverted & 0xffff) + id
}

const afterRemoval = <M>({ ranking, chosen }: Ranked<M>, { id }: ServiceInstance<M>, rank: string, size: number): Ranked<M> => {
  const rest = ranking.delete(rank)
  if (!chosen.has(id)) return { ranking: rest, chosen }
  const next = rest.at(size - 1)
  return { ranking: rest, chosen: next === undefined ? chosen.delete(id) : chosen.delete(id).set(next.id, next) }
}

const afterAddition = <M>({ ranking, chosen }: Ranked<M>, instance: ServiceInstance<M>, rank: string, size: number): Ranked<M> => {
  const all = ranking.set(rank, instance)
  const surplus = all.at(size)
  if (surplus === undefined) return { ranking: all, chosen: chosen.set(instance.id, instance) }
  return { ranking: all, chosen: chosen.has(surplus.id) ? chosen.delete(surplus.id).set(instance.id, instance) : chosen }
}

const afterChange = <M>(before: Ranked<M>, { key, ...change }: Difference<ServiceInstance<M>>, seed: number, size: number): Ranked<M> => {
  const [was, is] = [ifUp(change.before), ifUp(change.after)]
  if (was === undefined && is === undefined) return before
  const rank = rankOf(key, seed)
  if (is === undefined) return was === undefined ? before : afterRemoval(before, was, rank, size)
  if (was === undefined) return afterAddition(before, is, rank, size)
  return { ranking: before.ranking.set(rank, is), chosen: before.chosen.has(key) ? before.chosen.set(key, is) : before.chosen }
}

const rankedFromScratch = <M>(all: Instances<M>, seed: number, size: number): Ranked<M> => {
  const ups = all.toArray().filter(({ status }) => status === 'up')
  const ranking = SortedMap.by(ups, ({ id }) => rankOf(id, seed))
  return { ranking, chosen: SortedMap.by(ups.length <= size ? ups : ranking.toArray().slice(0, size), ({ id }) => id) }
}

const initial: Subset<never> = { source: pendingSet(''), ranking: SortedMap.empty(), result: pendingSet('') }

/**
 * The subset of the next set: the `size` up instances that rank highest for `key` by rendezvous hashing (gRFC A68). If one instance comes, goes or
 * changes, at most one other is exchanged. The cost is proportional to what differs, and the result keeps its instances map (`===`) while none of the
 * chosen instances changed.
 */
export const subsetted = <M>(previous: Subset<M> | undefined, source: ServiceSet<M>, key: string, size: number): Subset<M> => {
  const before = previous ?? initial
  const seed = hash(key)
  const all = instancesOf(source)
  const { ranking, chosen } =
    before.ranking.size === 0
      ? rankedFromScratch(all, seed, size)
      : SortedMap.difference(instancesOf<M>(before.source), all).reduce<Ranked<M>>(
          (state, change) => afterChange(state, change, seed, size),
          { ranking: before.ranking, chosen: instancesOf<M>(before.result) },
        )
  return { source, ranking, result: restricted(source, chosen) }
}
