import { checkedNumber } from '../../arguments.js'
import type { Candidate, Policy } from '../policy.js'
import { fading } from '../statistics.js'

/** Options of {@link peakEwma}. */
export interface PeakEwmaOptions {
  /** The time constant τ by which what was measured fades, ms. @default 10000 */
  readonly decay?: number
  /** What a failed call costs, as if it had taken so long, ms. @default 10000 */
  readonly penalty?: number
}

/** What one more call to a candidate is expected to cost, ms, by its weight. */
export const loadOf = (candidate: Candidate, now: number, decay: number, penalty: number): number => {
  const { measuredAt, inFlight, weight, latency, failing } = candidate
  if (measuredAt === -Infinity && inFlight > 0) return (penalty + inFlight) / weight
  const cost = (latency + failing * penalty) * fading(measuredAt, now, decay)
  return ((inFlight > 0 ? Math.max(cost, now - candidate.waitingSince) : cost) * (inFlight + 1)) / weight
}

/**
 * The lower load of two drawn at random, load = expected latency · (in flight + 1) / weight (Twitter Finagle, `PeakEwma.scala`, `WeightedP2CPick.scala`).
 * A failure costs a penalty, so that who fails fast attracts nobody; what was measured fades, so that who is avoided is measured again; and who
 * has not answered for a while is as slow as that already now.
 */
export const peakEwma = ({ decay = 10_000, penalty = 10_000 }: PeakEwmaOptions = {}): Policy<undefined> => {
  checkedNumber('decay', decay, 1)
  checkedNumber('penalty', penalty, 0)
  return {
    decay,
    initial: undefined,
    choose: ({ size, at }, state, { random, now }) => {
      if (size < 2) return [0, state]
      const first = Math.floor(random() * size)
      const drawn = Math.floor(random() * (size - 1))
      const second = drawn < first ? drawn : drawn + 1
      const [a, b] = [at(first), at(second)]
      const keeps = a !== undefined && b !== undefined && loadOf(a, now, decay, penalty) <= loadOf(b, now, decay, penalty)
      return [keeps ? first : second, state]
    },
  }
}
