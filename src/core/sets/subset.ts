import { hash } from '../balance/hash.js'
import type { ServiceInstance } from '../instance/instance.js'
import { instancesOf, pendingSet, restricted, type ServiceSet } from './service-set.js'
import { type Difference, SortedMap } from '../sorted-map/sorted-map.js'

type Instances<M> = SortedMap<ServiceInstance<M>>

/** A set, its up instances from the highest rank downward, and the first of them. */
export interface Subset<M> {
  readonly source: ServiceSet<M>
  readonly ranking: Instances<M>
  readonly result: ServiceSet<M>
}

type Kept<M> = Pick<Subset<M>, 'ranking'> & { readonly kept: Instances<M> }

const upOnly = <M>(instance: ServiceInstance<M> | undefined): ServiceInstance<M> | undefined => (instance?.status === 'up' ? instance : undefined)

// Sorts by `<` as `ranked` sorts by score: the highest hash first, then by id.
const rankOf = (id: string, keyed: number): string => {
  const place = ~hash(id, keyed)
  return String.fromCharCode(place >>> 16, place & 0xffff) + id
}

const without = <M>({ ranking, kept }: Kept<M>, { id }: ServiceInstance<M>, rank: string, size: number): Kept<M> => {
  const rest = ranking.delete(rank)
  if (!kept.has(id)) return { ranking: rest, kept }
  const next = rest.at(size - 1)
  return { ranking: rest, kept: next === undefined ? kept.delete(id) : kept.delete(id).set(next.id, next) }
}

const including = <M>({ ranking, kept }: Kept<M>, instance: ServiceInstance<M>, rank: string, size: number): Kept<M> => {
  const all = ranking.set(rank, instance)
  const surplus = all.at(size)
  if (surplus === undefined) return { ranking: all, kept: kept.set(instance.id, instance) }
  return { ranking: all, kept: kept.has(surplus.id) ? kept.delete(surplus.id).set(instance.id, instance) : kept }
}

const stepped = <M>(before: Kept<M>, { key, ...change }: Difference<ServiceInstance<M>>, keyed: number, size: number): Kept<M> => {
  const [was, is] = [upOnly(change.before), upOnly(change.after)]
  if (was === undefined && is === undefined) return before
  const rank = rankOf(key, keyed)
  if (is === undefined) return was === undefined ? before : without(before, was, rank, size)
  if (was === undefined) return including(before, is, rank, size)
  return { ranking: before.ranking.set(rank, is), kept: before.kept.has(key) ? before.kept.set(key, is) : before.kept }
}

const ranked = <M>(all: Instances<M>, keyed: number, size: number): Kept<M> => {
  const ups = all.toArray().filter(({ status }) => status === 'up')
  const ranking = SortedMap.by(ups, ({ id }) => rankOf(id, keyed))
  return { ranking, kept: ups.length <= size ? SortedMap.by(ups, ({ id }) => id) : SortedMap.by(ranking.toArray().slice(0, size), ({ id }) => id) }
}

const nobody: Subset<never> = { source: pendingSet(''), ranking: SortedMap.empty(), result: pendingSet('') }

/**
 * The next set's subset: the `size` up instances that rank highest under a key by rendezvous (gRFC A68), so that an instance that comes, goes or
 * changes exchanges at most one other. It costs what differs from the set before, and keeps its instances map while none of the chosen changed.
 */
export const subsetted = <M>(previous: Subset<M> | undefined, source: ServiceSet<M>, key: string, size: number): Subset<M> => {
  const before = previous ?? nobody
  const keyed = hash(key)
  const all = instancesOf(source)
  const start: Kept<M> = { ranking: before.ranking, kept: instancesOf<M>(before.result) }
  const { ranking, kept } =
    before.ranking.size === 0
      ? ranked(all, keyed, size)
      : SortedMap.difference(instancesOf<M>(before.source), all).reduce((state, change) => stepped(state, change, keyed, size), start)
  return { source, ranking, result: restricted(source, kept) }
}
