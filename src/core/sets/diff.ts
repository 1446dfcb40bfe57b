import { sameInstance, type ServiceInstance } from '../instance/instance.js'
import { KeySet } from '../sorted-map/key-set.js'
import { instancesOf, pendingSet, type ServiceSet, withInstances } from './service-set.js'
import { SortedMap } from '../sorted-map/sorted-map.js'

/** What became of one instance between two sets. */
export type InstanceChange<M = unknown> =
  | { readonly type: 'joined' | 'left'; readonly instance: ServiceInstance<M>; readonly previous?: never }
  | { readonly type: 'updated'; readonly instance: ServiceInstance<M>; readonly previous: ServiceInstance<M> }

/** What differs between two sets, sorted by id; costs as much as that when one came from the other. */
export const diff = <M>(a: ServiceSet<M>, b: ServiceSet<M>): readonly InstanceChange<M>[] =>
  SortedMap.difference(instancesOf(a), instancesOf(b)).flatMap(({ before, after }): readonly InstanceChange<M>[] => {
    if (after === undefined) return before === undefined ? [] : [{ type: 'left', instance: before }]
    if (before === undefined) return [{ type: 'joined', instance: after }]
    return sameInstance(before, after) ? [] : [{ type: 'updated', instance: after, previous: before }]
  })

/** A set, and what of it fulfils a predicate. */
export interface Filtered<M> {
  readonly source: ServiceSet<M>
  readonly result: ServiceSet<M>
}

const nobody: Filtered<never> = { source: pendingSet(''), result: pendingSet('') }

/** The next set filtered like the one before, at the cost of what differs; the result keeps its instances map while none of them changed. */
export const filtered = <M>(
  previous: Filtered<M> | undefined,
  source: ServiceSet<M>,
  predicate: (instance: ServiceInstance<M>) => boolean,
): Filtered<M> => {
  const before = previous ?? nobody
  const differences = SortedMap.difference(instancesOf<M>(before.source), instancesOf(source))
  const instances = differences.reduce(
    (map, { key, after }) => (after !== undefined && predicate(after) ? map.set(key, after) : map.delete(key)),
    instancesOf<M>(before.result),
  )
  const marks = SortedMap.difference(KeySet.mapOf(before.source.held), KeySet.mapOf(source.held))
  const held = [...differences, ...marks].reduce(
    (map, { key }) => (source.held.has(key) && instances.has(key) ? map.set(key, true) : map.delete(key)),
    KeySet.mapOf(before.result.held),
  )
  return { source, result: withInstances(source, instances, held.size === source.held.size ? source.held : new KeySet(held)) }
}
