import { defer, filter, map, type OperatorFunction } from 'rxjs'
import { diff, type InstanceChange } from '../../core/sets/diff.js'
import { pendingSet, type ServiceSet } from '../../core/sets/service-set.js'

/**
 * Emits which instances joined, left or were updated since the last live set, sorted by id; never an empty list. All instances of the first live set
 * have joined. Pending and stale sets emit nothing, so an outage emits only what changed in its course, once it is over.
 *
 * @example discover(registry, 'web').pipe(changes()).subscribe(all => all.forEach(({ type, instance }) => console.log(type, instance.id)))
 */
export const changes =
  <M>(): OperatorFunction<ServiceSet<M>, readonly InstanceChange<M>[]> =>
  source =>
    defer(() => {
      let last: ServiceSet<M> | undefined
      return source.pipe(
        filter(({ status }) => status === 'live'),
        map(set => {
          const all = diff(last ?? pendingSet<M>(set.service), set)
          last = set
          return all
        }),
        filter(all => all.length > 0),
      )
    })
