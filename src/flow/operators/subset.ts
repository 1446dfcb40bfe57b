import { defer, map, throwError, type MonoTypeOperatorFunction } from 'rxjs'
import { checkedCounts } from '../../core/arguments.js'
import type { ServiceSet } from '../../core/sets/service-set.js'
import { subsetted, type Subset } from '../../core/sets/subset.js'

/** Options of {@link subset}. */
export interface SubsetOptions {
  /** How many up instances the subset has at most; a whole number from 1, or `Infinity`. */
  readonly size: number
  /** Equal seeds choose equal instances; different seeds spread evenly over all instances. @default drawn from `random` once per call of `subset` */
  readonly seed?: string | number
  /** Returns numbers distributed uniformly in [0, 1). @default Math.random */
  readonly random?: () => number
}

/**
 * Keeps `size` of the up instances of each set, so that many clients of many instances do not all connect to all of them (rendezvous hashing, gRFC A68).
 * If one instance comes, goes or changes, at most one other is exchanged. Weights do not count here: the balancer behind the subset applies them.
 * Errors with `InvalidArgument`.
 *
 * @example discover(registry, 'web').pipe(subset({ size: 20 }))
 */
export const subset = <M>({
  size,
  // eslint-disable-next-line no-restricted-properties -- a default; tests pass their own
  random = Math.random,
  seed = random(),
}: SubsetOptions): MonoTypeOperatorFunction<ServiceSet<M>> => {
  const wrong = checkedCounts({ size })
  return source =>
    defer(() => {
      if (wrong !== undefined) return throwError(() => wrong)
      let last: Subset<M> | undefined
      return source.pipe(map(set => (last = subsetted(last, set, String(seed), size)).result))
    })
}
