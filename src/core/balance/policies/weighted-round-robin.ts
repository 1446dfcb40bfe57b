import type { Candidates, Policy } from '../policy.js'

/** How far each turn has come, by index; of a larger set, where everybody's share of [0, total) ends. */
interface Turns {
  readonly version: number
  readonly ids: readonly string[]
  readonly turns: readonly number[]
  readonly ends: readonly number[]
  readonly position: number
  readonly scale: number
}

/** The most of whom everybody's turn is counted at each pick. */
const few = 128

/** The fractional part of the golden ratio: its multiples, modulo 1, lie as evenly as those of any number. */
const golden = (Math.sqrt(5) - 1) / 2

const weightsOf = ({ size, at }: Candidates): readonly number[] => Array.from({ length: size }, (_, index) => at(index)?.weight ?? 0)

/** Turns for those who are there now; who was there before goes on where it stood. */
const turnsOf = (candidates: Candidates, before: Turns): Turns => {
  const { size, version, at } = candidates
  const weights = weightsOf(candidates)
  // a power of two, so that nothing is rounded, and small enough that no sum overflows
  const scale = weights.some(weight => weight > 2 ** 900) ? 2 ** -200 : 1
  if (size > few) {
    let sum = 0
    return { ...before, version, scale, ids: [], turns: [], ends: weights.map(weight => (sum += weight * scale)) }
  }
  const stood = new Map(before.ids.map((id, index) => [id, before.turns[index]]))
  const ids = weights.map((_, index) => at(index)?.id ?? '')
  return { ...before, version, scale, ids, turns: ids.map(id => stood.get(id) ?? 0), ends: [] }
}

/** The first whose share ends after `position`. */
const shareAt = (ends: readonly number[], position: number): number => {
  let [low, high] = [0, ends.length - 1]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((ends[middle] ?? 0) > position) high = middle
    else low = middle + 1
  }
  return low
}

/**
 * Each as often as its weight says, and as evenly as can be: smooth weighted round robin (nginx, `ngx_http_upstream_round_robin.c`), which costs a step
 * for each candidate; of more than 128 by the multiples of the golden ratio over the sums of the weights, which costs the logarithm of their number.
 */
export const weightedRoundRobin = (): Policy<Turns> => ({
  initial: { version: -1, ids: [], turns: [], ends: [], position: -1, scale: 1 },
  choose: (candidates, before, { random }) => {
    const now = before.version === candidates.version ? before : turnsOf(candidates, before)
    if (candidates.size > few) {
      const position = (now.position < 0 ? random() : now.position + golden) % 1
      return [shareAt(now.ends, position * (now.ends.at(-1) ?? 0)), { ...now, position }]
    }
    let total = 0
    let best = 0
    const turns = now.turns.slice()
    for (let index = 0; index < turns.length; index++) {
      const weight = (candidates.at(index)?.weight ?? 0) * now.scale
      total += weight
      turns[index] = (turns[index] ?? 0) + weight
      if ((turns[index] ?? 0) > (turns[best] ?? 0)) best = index
    }
    turns[best] = (turns[best] ?? 0) - total
    return [best, { ...now, turns }]
  },
})
