import { checkedNumber } from '../../arguments.js'
import type { Candidate, Candidates, Policy } from '../policy.js'
import { drawByWeight, relativeTo, sharesAsOf, type Shares } from '../shares.js'

/** Options of {@link peakEwma}. */
export interface PeakEwmaOptions {
  /** The time constant τ by which measurements fade, ms. @default 10000 */
  readonly decay?: number | undefined
  /** The cost of a failed call, in ms of latency. @default 10000 */
  readonly penalty?: number | undefined
}

/** Up to so many instances are all compared. */
const few = 8

/** The cost of the fastest call, ms: a latency of 0 would attract every call. */
const least = 0.01

/** How much slower the latency of an idle instance fades than that of one in use. The draw goes on measuring slow instances, so that there is no hurry. */
const slower = 6

/** How much a measurement still says about the latency: e^(−Δt/6τ). */
const freshness = ({ measuredAt }: Candidate, now: number, decay: number): number =>
  measuredAt === -Infinity ? 0 : Math.exp((measuredAt - now) / (slower * decay))

/**
 * The expected cost of one more call, ms. The latency fades from the measured one to `others`, the mean of the others; failures cost a penalty and fade to
 * none; and an instance that has not answered for a while is as slow as that already.
 */
const costOf = ({ latency, failing, inFlight, waitingSince }: Candidate, fresh: number, others: number, now: number, penalty: number): number => {
  const cost = latency * fresh + others * (1 - fresh) + (failing === 0 ? 0 : failing * fresh ** slower * penalty)
  return Math.max(least, inFlight > 0 ? Math.max(cost, now - waitingSince) : cost)
}

/**
 * The load of an instance: cost · (1 + excess · mean weight / weight), where the excess are the calls in flight beyond its share by weight of those of all
 * that are compared. Without an excess the calls in flight do not matter, so that shares follow the weights also while a light instance is mostly idle.
 */
const loadOf = (cost: number, excess: number, relative: number): number => (excess > 0 ? cost * (1 + excess * relative) : cost)

// Reused, so that a choice allocates nothing; nothing in it outlives a choice.
const [freshnesses, chances] = [new Float64Array(few), new Float64Array(few)]

/** Draws one of a few, each with the probability weight / load^1.5. */
const drawOf = ({ size, at }: Candidates, { now, random }: { readonly now: number; readonly random: () => number }, decay: number, penalty: number): number => {
  let [measured, fresh, heaviest, weights, calls] = [0, 0, 0, 0, 0]
  for (let index = 0; index < size; index++) {
    const candidate = at(index)
    if (candidate === undefined) continue
    heaviest = Math.max(heaviest, candidate.weight)
    calls += candidate.inFlight
    fresh += freshnesses[index] = freshness(candidate, now, decay)
    measured += candidate.latency * (freshnesses[index] ?? 0)
  }
  for (let index = 0; index < size; index++) weights += (at(index)?.weight ?? 0) / heaviest
  let total = 0
  for (let index = 0; index < size; index++) {
    const candidate = at(index)
    if (candidate === undefined) continue
    const [own, weight] = [freshnesses[index] ?? 0, candidate.weight / heaviest]
    const rest = fresh - own
    const others = rest > 1e-9 ? Math.max(0, (measured - own * candidate.latency) / rest) : candidate.latency
    const load = loadOf(costOf(candidate, own, others, now, penalty), candidate.inFlight - calls * (weight / weights), weights / size / weight)
    total += chances[index] = weight / (load * Math.sqrt(load))
  }
  let drawn = random() * total
  for (let index = 0; index < size - 1; index++) if ((drawn -= chances[index] ?? 0) < 0) return index
  return size - 1
}

/**
 * Prefers fast, free and working instances, whose statistics are those of Twitter Finagle's `PeakEwma.scala`. Of up to eight it draws one with probability
 * weight / load^1.5; of more it draws two by weight and takes the lower load. At constant latency shares follow the weights; an instance that is ten times
 * slower gets a few percent of a fair share, and so is measured again.
 */
export const peakEwma = ({ decay = 10_000, penalty = 10_000 }: PeakEwmaOptions = {}): Policy<Shares | undefined> => {
  checkedNumber('decay', decay, 1)
  checkedNumber('penalty', penalty, 0)
  return {
    decay,
    initial: undefined,
    choose: (candidates, before, { random, now }) => {
      const { size, at } = candidates
      if (size < 2) return [0, before]
      if (size <= few) return [drawOf(candidates, { now, random }, decay, penalty), before]
      const shares = sharesAsOf(candidates, before, now)
      const first = drawByWeight(candidates, shares, random)
      const drawn = drawByWeight(candidates, shares, random)
      // one more draw, so that a bad instance is hardly ever compared with itself; ties go to the first, so that shares still follow the weights
      const second = drawn === first ? drawByWeight(candidates, shares, random) : drawn
      const a = at(first)
      const b = at(second)
      if (a === undefined || b === undefined || first === second) return [first, shares]
      const freshA = freshness(a, now, decay)
      const freshB = freshness(b, now, decay)
      const costA = costOf(a, freshA, freshB > 0 ? b.latency : a.latency, now, penalty)
      const costB = costOf(b, freshB, freshA > 0 ? a.latency : b.latency, now, penalty)
      // how many calls of `a` are beyond its share of the calls of both
      const excess = a.inFlight - (a.inFlight + b.inFlight) / (1 + b.weight / a.weight)
      const keeps = loadOf(costA, excess, relativeTo(shares, a.weight)) <= loadOf(costB, -excess, relativeTo(shares, b.weight))
      return [keeps ? first : second, shares]
    },
  }
}
