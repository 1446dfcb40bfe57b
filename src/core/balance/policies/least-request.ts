import { checkedNumber } from '../../arguments.js'
import type { Policy } from '../policy.js'

/** Options of {@link leastRequest}. */
export interface LeastRequestOptions {
  /** Among how many, drawn at random, the best is taken, 2 to 10. @default 2 */
  readonly choices?: number
  /** How much calls in flight count against the weight. @default 1 */
  readonly bias?: number
}

/** The highest weight / (in flight + 1)^bias of a few drawn at random (gRFC A48; Envoy, `load_balancers.rst`). */
export const leastRequest = ({ choices = 2, bias = 1 }: LeastRequestOptions = {}): Policy<undefined> => {
  checkedNumber('choices', choices, 2, 10)
  checkedNumber('bias', bias, 0)
  return {
    initial: undefined,
    choose: ({ size, at }, state, { random }) => {
      let best = 0
      let highest = -1
      for (let choice = 0; choice < choices; choice++) {
        const index = Math.floor(random() * size)
        const candidate = at(index)
        if (candidate === undefined) continue
        const score = candidate.weight / (bias === 1 ? candidate.inFlight + 1 : (candidate.inFlight + 1) ** bias)
        if (score > highest) [best, highest] = [index, score]
      }
      return [best, state]
    },
  }
}
