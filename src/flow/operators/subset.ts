import { defer, map, type MonoTypeOperatorFunction } from 'rxjs'
import { count, invalidOptions, randomSource } from '../../core/arguments.js'
import { must, throwIfInvalid } from '../../core/validation.js'
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

const seedCheck = /* @__PURE__ */ must(value => typeof value === 'string' || typeof value === 'number', 'be a string or a number')

/**
 * Keeps `size` of the up instances of each set, so that many clients of many instances do not all connect to all of them (rendezvous hashing, gRFC A68).
 * If one instance comes, goes or changes, at most one other is exchanged. Weights do not count here: the balancer behind the subset applies them.
 * Errors with `InvalidArgument`.
 *
 * @example discover(registry, 'web').pipe(subset({ size: 20 }))
 */
export const subset = <M>(options: SubsetOptions): MonoTypeOperatorFunction<ServiceSet<M>> => {
  let drawn: number | undefined
  return source =>
    defer(() => {
      throwIfInvalid(invalidOptions('subset', options, { size: count, seed: seedCheck, random: randomSource }, ['size']))
      // eslint-disable-next-line no-restricted-properties -- a default; tests pass their own
      const { size, random = Math.random, seed = (drawn ??= random()) } = options
      let last: Subset<M> | undefined
      return source.pipe(map(set => (last = subsetted(last, set, String(seed), size)).result))
    })
}
