import { checkedNumber } from '../../arguments.js'
import type { Candidate, Candidates, Policy } from '../policy.js'

/** Options of {@link slowStart}. */
export interface SlowStartOptions {
  /** How long an instance warms up, ms. @default 30000 */
  readonly window?: number | undefined
  /** 1: the weight grows linearly; more: faster at first. @default 1 */
  readonly aggression?: number | undefined
  /** The share of its weight at the beginning, %. @default 10 */
  readonly least?: number | undefined
}

/** The share of its weight after `age` ms: max(least, (max(t, 1 s) / window)^(1 / aggression)) (Envoy, `slow_start.rst`). */
export const warmth = (age: number, { window = 30_000, aggression = 1, least = 10 }: SlowStartOptions = {}): number =>
  age >= window ? 1 : Math.max(least / 100, (Math.max(age, Math.min(1000, window)) / window) ** (1 / aggression))

/** Gives instances that join later a part of their weight at first; for policies that use weights. Instances of the first set are warm. */
export const slowStart = <S, M = unknown>(policy: Policy<S, M>, options: SlowStartOptions = {}): Policy<S, M> => {
  const { window = 30_000, aggression = 1, least = 10 } = options
  checkedNumber('window', window, 0)
  checkedNumber('aggression', aggression, Number.MIN_VALUE)
  checkedNumber('least', least, Number.MIN_VALUE, 100)
  const warming = (candidates: Candidates<M>, now: number): Candidates<M> => {
    const { size, indexOf, up, newest } = candidates
    if (now - newest >= window) return candidates
    const warm = (candidate: Candidate<M> | undefined): Candidate<M> | undefined =>
      candidate === undefined || now - candidate.since >= window
        ? candidate
        : { ...candidate, weight: candidate.weight * warmth(now - candidate.since, options) }
    return {
      size,
      indexOf,
      up,
      newest,
      at: index => warm(candidates.at(index)),
      // the weights differ a second later
      version: candidates.version + ((Math.floor(now / 1000) % 1000) + 1) / 1001,
      get all() {
        return warming(candidates.all, now)
      },
      in: zone => warming(candidates.in(zone), now),
    }
  }
  return { ...policy, choose: (candidates, state, context) => policy.choose(warming(candidates, context.now), state, context) }
}
