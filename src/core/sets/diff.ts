import { sameInstance, type ServiceInstance } from '../instance/instance.js'
import { SortedMap } from '../sorted-map/sorted-map.js'
import { instancesOf, type ServiceSet } from './service-set.js'

/** How one instance differs between two sets; `previous` is the instance in the earlier set. */
export type InstanceChange<M = unknown> =
  | { readonly type: 'joined' | 'left'; readonly instance: ServiceInstance<M>; readonly previous?: never }
  | { readonly type: 'updated'; readonly instance: ServiceInstance<M>; readonly previous: ServiceInstance<M> }

/** The changes from set `a` to set `b`, sorted by id. If one set was made from the other, the cost is proportional to what differs. */
export const diff = <M>(a: ServiceSet<M>, b: ServiceSet<M>): readonly InstanceChange<M>[] =>
  SortedMap.difference(instancesOf(a), instancesOf(b)).flatMap(({ before, after }): readonly InstanceChange<M>[] => {
    if (after === undefined) return before === undefined ? [] : [{ type: 'left', instance: before }]
    if (before === undefined) return [{ type: 'joined', instance: after }]
    return sameInstance(before, after) ? [] : [{ type: 'updated', instance: after, previous: before }]
  })
