import type { Rejection } from '../formats/format.js'
import type { ServiceInstance } from '../instance/instance.js'
import { SortedMap } from '../sorted-map/sorted-map.js'
import { instancesOf, pendingSet, type ServiceSet, serviceSetOf, type SetStatus } from './service-set.js'

type Instances<M> = SortedMap<ServiceInstance<M>>

/** Instances by id, and the instances of each address by id. */
interface Indexed<M> {
  readonly instances: Instances<M>
  readonly byAddress: SortedMap<Instances<M>>
}

/** One service in several formats: the set of each format, in order of precedence, and the set that results. */
export interface Merged<M> {
  readonly result: ServiceSet<M>
  readonly sets: readonly ServiceSet<M>[]
  /** The instances of each format. */
  readonly own: readonly Indexed<M>[]
  /** For each format, the merged instances of the formats up to it. */
  readonly upTo: readonly Indexed<M>[]
}

const emptyIndex = <M>(): Indexed<M> => ({ instances: SortedMap.empty(), byAddress: SortedMap.empty() })

const indexed = <M>({ instances, byAddress }: Indexed<M>, id: string, instance: ServiceInstance<M> | undefined): Indexed<M> => {
  const before = instances.get(id)
  if (before === instance) return { instances, byAddress }
  let addresses = byAddress
  if (before !== undefined && before.address !== instance?.address) {
    const others = (byAddress.get(before.address) ?? SortedMap.empty<ServiceInstance<M>>()).delete(id)
    addresses = others.size === 0 ? addresses.delete(before.address) : addresses.set(before.address, others)
  }
  if (instance === undefined) return { instances: instances.delete(id), byAddress: addresses }
  const others = addresses.get(instance.address) ?? SortedMap.empty<ServiceInstance<M>>()
  return { instances: instances.set(id, instance), byAddress: addresses.set(instance.address, others.set(id, instance)) }
}

interface Pair<M> {
  readonly first: Indexed<M>
  readonly second: Indexed<M>
}

/** The ids for which {@link winner} may differ between two pairs. */
const touched = <M>(before: Pair<M>, after: Pair<M>): ReadonlySet<string> => {
  const ids = new Set(SortedMap.difference(before.second.instances, after.second.instances).map(({ key }) => key))
  for (const change of SortedMap.difference(before.first.instances, after.first.instances)) {
    ids.add(change.key)
    for (const instance of [change.before, change.after])
      if (instance !== undefined) for (const id of after.second.byAddress.get(instance.address)?.keys() ?? []) ids.add(id)
  }
  return ids
}

const winner = <M>({ first, second }: Pair<M>, id: string): ServiceInstance<M> | undefined => {
  const instance = second.instances.get(id)
  return first.instances.get(id) ?? (instance !== undefined && !first.byAddress.has(instance.address) ? instance : undefined)
}

/** The status of the least known set. */
const statusOf = (sets: readonly ServiceSet[]): SetStatus =>
  (['pending', 'stale', 'live'] as const).find(status => sets.some(set => set.status === status)) ?? 'pending'

const rejectedOf = (sets: readonly ServiceSet[]): ReadonlyMap<string, Rejection> => {
  const [first, ...others] = sets.filter(({ rejected }) => rejected.size > 0)
  if (first === undefined) return SortedMap.empty()
  return others.length === 0 ? first.rejected : SortedMap.from([first, ...others].reverse().flatMap(({ rejected }) => [...rejected]))
}

const heldOf = (sets: readonly ServiceSet[]): ReadonlySet<string> => new Set(sets.flatMap(({ held }) => [...held]))

const smallest = (numbers: readonly number[]): number => numbers.reduce((a, b) => Math.min(a, b), Infinity)

const resultOf = <M>(sets: readonly ServiceSet<M>[], service: string, instances: Instances<M>): ServiceSet<M> =>
  serviceSetOf(
    { service, instances, rejected: rejectedOf(sets) },
    {
      status: statusOf(sets),
      revision: smallest(sets.map(({ revision }) => revision)),
      asOf: smallest(sets.map(({ asOf }) => asOf)),
      trouble: sets.find(({ trouble }) => trouble !== undefined)?.trouble,
      held: heldOf(sets),
    },
  )

/** Whether readers see no difference: what one format changes may be hidden by another one. */
const looksSame = <M>(a: ServiceSet<M>, b: ServiceSet<M>): boolean =>
  instancesOf(a) === instancesOf(b) && (a.rejected === b.rejected || a.rejected.size + b.rejected.size === 0) && a.held.size + b.held.size === 0 && a.status === b.status && a.trouble === b.trouble

/** The state before the first set of any format. */
export const unmerged = <M>(service: string, formats: number): Merged<M> => {
  const each = <A>(value: A): readonly A[] => Array.from({ length: formats }, () => value)
  return { result: pendingSet(service), sets: each(pendingSet<M>(service)), own: each(emptyIndex<M>()), upTo: each(emptyIndex<M>()) }
}

/**
 * The state after one format's next set; the cost is proportional to what differs. If several formats have the same id or the same address, the first
 * of them wins. Within one format, several ids may share an address. If that changes nothing for readers, the set that results is the same object.
 */
export const merged = <M>(previous: Merged<M>, format: number, set: ServiceSet<M>): Merged<M> => {
  const sets = previous.sets.map((other, at) => (at === format ? set : other))
  const own = previous.own.map((index, at) =>
    at === format
      ? SortedMap.difference(index.instances, instancesOf(set)).reduce((next, { key, after }) => indexed(next, key, after), index)
      : index,
  )
  const upTo: Indexed<M>[] = []
  let first = emptyIndex<M>()
  let firstBefore = first
  own.forEach((second, at) => {
    const before = { first: firstBefore, second: previous.own[at] ?? emptyIndex<M>() }
    const after = { first, second }
    firstBefore = previous.upTo[at] ?? emptyIndex<M>()
    first = [...touched(before, after)].reduce((next, id) => indexed(next, id, winner(after, id)), firstBefore)
    upTo.push(first)
  })
  const result = resultOf(sets, set.service, first.instances)
  return { result: looksSame(previous.result, result) ? previous.result : result, sets, own, upTo }
}
