import { checkedNumber } from '../../arguments.js'
import type { Candidate, Candidates, Policy } from '../policy.js'
import { drawByWeight, sharesAsOf, type Shares } from '../shares.js'

/** Options of {@link leastRequest}. */
export interface LeastRequestOptions {
  /** How many of more than eight instances are drawn and compared, 2 to 10. @default 2 */
  readonly choices?: number | undefined
  /** The exponent of the calls in flight; 0: only the weights count. @default 1 */
  readonly bias?: number | undefined
}

/** Up to so many instances are all compared. */
const few = 8

const loadOf = ({ inFlight, weight }: Candidate, bias: number): number =>
  inFlight === 0 || bias === 0 ? 0 : (bias === 1 ? inFlight : inFlight ** bias) / weight

/** The lowest load of all; equally low ones at random, by weight. */
const lowestOf = ({ size, at }: Candidates, bias: number, random: () => number): number => {
  let [best, lowest, weights] = [0, Infinity, 0]
  for (let index = 0; index < size; index++) {
    const candidate = at(index)
    if (candidate === undefined) continue
    const load = loadOf(candidate, bias)
    if (load > lowest) continue
    weights = load < lowest ? candidate.weight : weights + candidate.weight
    if (load < lowest || random() * weights < candidate.weight) best = index
    lowest = load
  }
  return best
}

/**
 * Chooses the fewest calls in flight for the weight: of up to eight instances the lowest (in flight)^bias / weight of all, of more the lowest of a few that
 * are drawn by weight (gRFC A48; Envoy, `load_balancers.rst`, `FULL_SCAN`). Ties are broken by weight, so that shares follow the weights at any load.
 */
export const leastRequest = ({ choices = 2, bias = 1 }: LeastRequestOptions = {}): Policy<Shares | undefined> => {
  checkedNumber('choices', choices, 2, 10)
  checkedNumber('bias', bias, 0)
  return {
    initial: undefined,
    choose: (candidates, before, { random, now }) => {
      if (candidates.size <= few) return [lowestOf(candidates, bias, random), before]
      const shares = sharesAsOf(candidates, before, now)
      let best = 0
      let lowest = Infinity
      for (let choice = 0; choice < choices; choice++) {
        const index = drawByWeight(candidates, shares, random)
        const candidate = candidates.at(index)
        const load = candidate === undefined ? Infinity : loadOf(candidate, bias)
        if (load >= lowest) continue
        best = index
        lowest = load
      }
      return [best, shares]
    },
  }
}
