import { defer, map, type MonoTypeOperatorFunction } from 'rxjs'
import { withState, type ServiceSet } from '../../core/sets/service-set.js'

/**
 * Shows `initial`, a stale set, with the trouble of the source, in place of each set that is not known yet, or that was read from one member only and is
 * older. The first live set ends that, whatever its revision: it is what the registry holds.
 */
export const startingFrom =
  <M>(initial: ServiceSet<M>): MonoTypeOperatorFunction<ServiceSet<M>> =>
  source =>
    defer(() => {
      let wasLive = false
      return source.pipe(
        map(set => {
          wasLive ||= set.status === 'live'
          if (wasLive || (set.status === 'stale' && set.revision >= initial.revision)) return set
          return withState(initial, { trouble: set.trouble ?? initial.trouble })
        }),
      )
    })
