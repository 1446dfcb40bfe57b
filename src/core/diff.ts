import { sameInstance, type ServiceInstance } from './instance.js'
import { instancesOf, pendingSet, restricted, type ServiceSet } from './service-set.js'
import { SortedMap } from './sorted-map.js'

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
  const instances = SortedMap.difference(instancesOf<M>(before.source), instancesOf(source)).reduce(
    (map, { key, after }) => (after !== undefined && predicate(after) ? map.set(key, after) : map.delete(key)),
    instancesOf<M>(before.result),
  )
  return { source, result: restricted(source, instances) }
}
