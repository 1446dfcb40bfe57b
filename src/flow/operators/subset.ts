import { defer, map, throwError, type MonoTypeOperatorFunction } from 'rxjs'
import { checkedCounts } from '../../core/arguments.js'
import type { ServiceSet } from '../../core/sets/service-set.js'
import { subsetted, type Subset } from '../../core/sets/subset.js'

/** Options of {@link subset}. */
export interface SubsetOptions {
  /** How many instances are kept. */
  readonly size: number
  /** What decides which: equal seeds keep equal ones, different seeds spread over all. @default one that `random` draws at the call of `subset` */
  readonly seed?: string | number
  /** Uniform in [0, 1). @default Math.random */
  readonly random?: () => number
}

/**
 * The same sets with only `size` of their up instances, so that many clients of many instances do not all connect to all (gRFC A68). A change of one
 * instance exchanges at most one other. Weights do not count here: whoever balances over the subset weighs them. Errors with `InvalidArgument`.
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
