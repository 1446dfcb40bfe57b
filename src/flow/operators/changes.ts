import { defer, filter, map, type OperatorFunction } from 'rxjs'
import { diff, type InstanceChange } from '../../core/sets/diff.js'
import { pendingSet, type ServiceSet } from '../../core/sets/service-set.js'

/** Who joined, left or was updated since the last live set; in the first live one everybody joined. Pending and stale sets emit nothing. */
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
