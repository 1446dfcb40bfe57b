import { defer, map, type MonoTypeOperatorFunction } from 'rxjs'
import { functionOf, invalidArguments } from '../../core/arguments.js'
import { throwIfInvalid } from '../../core/validation.js'
import type { ServiceInstance } from '../../core/instance/instance.js'
import type { ServiceSet } from '../../core/sets/service-set.js'
import { filtered, type Filtered } from '../../core/sets/where.js'

/**
 * Keeps only the instances of each set for which `predicate` returns true. It calls `predicate` only for instances that are new or have changed, so the
 * cost is proportional to what differs from the set before. Errors with whatever `predicate` throws, or with `InvalidArgument`.
 *
 * @example discover(registry, 'web').pipe(where(({ zone }) => zone === 'eu-1'))
 */
export const where =
  <M>(predicate: (instance: ServiceInstance<M>) => boolean): MonoTypeOperatorFunction<ServiceSet<M>> =>
  source =>
    defer(() => {
      throwIfInvalid(invalidArguments('where(predicate)', ['predicate', functionOf('a function, such as ({ zone }) => zone === "eu-1"'), predicate]))
      let last: Filtered<M> | undefined
      return source.pipe(map(set => (last = filtered(last, set, predicate)).result))
    })
