import { defer, map, type MonoTypeOperatorFunction } from 'rxjs'
import { filtered, type Filtered } from '../../core/sets/diff.js'
import type { ServiceInstance } from '../../core/instance/instance.js'
import type { ServiceSet } from '../../core/sets/service-set.js'

/** The same sets with only the instances that satisfy a predicate; each set costs as much as what differs from the one before. */
export const where =
  <M>(predicate: (instance: ServiceInstance<M>) => boolean): MonoTypeOperatorFunction<ServiceSet<M>> =>
  source =>
    defer(() => {
      let last: Filtered<M> | undefined
      return source.pipe(map(set => (last = filtered(last, set, predicate)).result))
    })
