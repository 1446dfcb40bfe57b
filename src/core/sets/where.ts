import type { ServiceInstance } from '../instance/instance.js'
import { KeySet } from '../sorted-map/key-set.js'
import { SortedMap } from '../sorted-map/sorted-map.js'
import { instancesOf, pendingSet, type ServiceSet, withInstances } from './service-set.js'

/** A set, and the same set with only the instances for which a predicate holds. */
export interface Filtered<M> {
  readonly source: ServiceSet<M>
  readonly result: ServiceSet<M>
}

const initial: Filtered<never> = { source: pendingSet(''), result: pendingSet('') }

/**
 * Filters the next set; the cost is proportional to what differs from the one before. It calls `predicate` for new and changed instances only, and the
 * result keeps its instances map (`===`) while none of them changed.
 */
export const filtered = <M>(
  previous: Filtered<M> | undefined,
  source: ServiceSet<M>,
  predicate: (instance: ServiceInstance<M>) => boolean,
): Filtered<M> => {
  const before = previous ?? initial
  const differences = SortedMap.difference(instancesOf<M>(before.source), instancesOf(source))
  const instances = differences.reduce(
    (map, { key, after }) => (after !== undefined && predicate(after) ? map.set(key, after) : map.delete(key)),
    instancesOf<M>(before.result),
  )
  const heldChanges = SortedMap.difference(KeySet.mapOf(before.source.held), KeySet.mapOf(source.held))
  const held = [...differences, ...heldChanges].reduce(
    (map, { key }) => (source.held.has(key) && instances.has(key) ? map.set(key, true) : map.delete(key)),
    KeySet.mapOf(before.result.held),
  )
  return { source, result: withInstances(source, instances, held.size === source.held.size ? source.held : new KeySet(held)) }
}
