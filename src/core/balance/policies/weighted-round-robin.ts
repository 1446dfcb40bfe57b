import type { Candidates, Policy } from '../policy.js'

/** The credit and the weight of each instance by index; of a larger set, where the share of each ends. */
interface Rotation {
  readonly version: number
  readonly ids: readonly string[]
  readonly weights: readonly number[]
  readonly credits: readonly number[]
  readonly ends: readonly number[]
  readonly position: number
}

/** Up to so many instances have a credit that each pick updates. */
const few = 128

/** How many picks at most are skipped, so that clients start at different points of the cycle. */
const skipped = 1024

/** The fractional part of the golden ratio: its multiples, modulo 1, are as even as those of any number. */
const golden = (Math.sqrt(5) - 1) / 2

const weightsOf = ({ size, at }: Candidates): readonly number[] => {
  const weights = Array.from({ length: size }, (_, index) => at(index)?.weight ?? 0)
  // a power of two, so that nothing is rounded, and small enough that no sum overflows
  const scale = weights.some(weight => weight > 2 ** 900) ? 2 ** -200 : 1
  return scale === 1 ? weights : weights.map(weight => weight * scale)
}

const sumOf = (numbers: readonly number[]): number => numbers.reduce((sum, number) => sum + number, 0)

/** The first index whose share ends after `position`. */
const shareAt = (ends: readonly number[], position: number): number => {
  let [low, high] = [0, ends.length - 1]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((ends[middle] ?? 0) > position) high = middle
    else low = middle + 1
  }
  return low
}

/** A step of smooth weighted round robin: each gets its weight as credit, the highest is chosen and pays the total. */
const step = (credits: number[], weights: readonly number[], total: number): number => {
  let best = 0
  for (let index = 0; index < credits.length; index++) {
    credits[index] = (credits[index] ?? 0) + (weights[index] ?? 0)
    if ((credits[index] ?? 0) > (credits[best] ?? 0)) best = index
  }
  credits[best] = (credits[best] ?? 0) - total
  return best
}

/** Credits of a random point of the cycle. */
const started = (weights: readonly number[], random: () => number): readonly number[] => {
  const credits = weights.map(() => 0)
  const total = sumOf(weights)
  // a multiple of the cycle, if the weights are multiples of the lowest one
  const range = Math.min(skipped, Math.round((total / Math.min(...weights)) * 16))
  for (let skip = Math.floor(random() * range); skip > 0; skip--) step(credits, weights, total)
  return credits
}

/** The rotation of other candidates: each that was there keeps its credit, in the unit of the weights now. */
const rotationOf = (candidates: Candidates, before: Rotation, random: () => number): Rotation => {
  const { version, at } = candidates
  const weights = weightsOf(candidates)
  if (candidates.size > few) {
    let sum = 0
    return { ...before, version, ids: [], weights, credits: [], ends: weights.map(weight => (sum += weight)) }
  }
  const ids = weights.map((_, index) => at(index)?.id ?? '')
  if (before.ids.length === 0) return { ...before, version, ids, weights, credits: started(weights, random), ends: [] }
  const former = new Map(before.ids.map((id, index) => [id, index]))
  let [now, then] = [0, 0]
  for (const [index, id] of ids.entries()) {
    const was = former.get(id)
    if (was === undefined) continue
    now += weights[index] ?? 0
    then += before.weights[was] ?? 0
  }
  const unit = then === 0 ? 1 : now / then
  return { ...before, version, ids, weights, credits: ids.map(id => (before.credits[former.get(id) ?? -1] ?? 0) * unit), ends: [] }
}

/**
 * Chooses each instance as often as its weight says, exactly and as evenly as possible, from a random point of the cycle on: smooth weighted round robin
 * (nginx, `ngx_http_upstream_round_robin.c`), which costs a step per instance; beyond 128 instances by the multiples of the golden ratio over the sums of
 * the weights, which costs the logarithm of their number. A change of all weights by one factor keeps the rotation.
 */
export const weightedRoundRobin = (): Policy<Rotation> => ({
  initial: { version: -1, ids: [], weights: [], credits: [], ends: [], position: -1 },
  choose: (candidates, before, { random }) => {
    const rotation = before.version === candidates.version ? before : rotationOf(candidates, before, random)
    if (candidates.size > few) {
      const position = (rotation.position < 0 ? random() : rotation.position + golden) % 1
      return [shareAt(rotation.ends, position * (rotation.ends.at(-1) ?? 0)), { ...rotation, position }]
    }
    const credits = rotation.credits.slice()
    const best = step(credits, rotation.weights, sumOf(rotation.weights))
    return [best, { ...rotation, credits }]
  },
})
