import type { Candidates } from './policy.js'

/** A table that is built of all candidates, and of which version they were. */
export interface Built {
  readonly version: number
  readonly builtAt: number
}

/** Up to so many candidates a table follows each change at once; a larger one costs milliseconds and follows once a second. */
const quick = 1000

/** Whether a table must be built, or built again. */
export const isOutdated = (table: Built | undefined, { version, size }: Candidates, now: number): boolean =>
  table === undefined || (table.version !== version && (size <= quick || now - table.builtAt >= 1000))

/** How candidates divide [0, 1) by their weights. */
export interface Shares extends Built {
  readonly ids: readonly string[]
  /** Where the share of each id ends; `undefined`: all weights are equal. */
  readonly ends: Float64Array | undefined
  /** For each of as many equal parts of the total, the first share that ends in or after it: a draw starts there. */
  readonly starts: Uint32Array
  readonly heaviest: number
  /** The mean weight, of which `heaviest` is 1. */
  readonly mean: number
}

const sharesOf = ({ size, at, version }: Candidates, builtAt: number): Shares => {
  let [heaviest, lightest] = [0, Infinity]
  for (let index = 0; index < size; index++) {
    const { weight = 0 } = at(index) ?? {}
    if (weight > heaviest) heaviest = weight
    if (weight < lightest) lightest = weight
  }
  if (heaviest === lightest) return { version, builtAt, ids: [], ends: undefined, starts: new Uint32Array(), heaviest, mean: 1 }
  const ids: string[] = []
  const ends = new Float64Array(size)
  let sum = 0
  for (let index = 0; index < size; index++) {
    const { id = '', weight = 0 } = at(index) ?? {}
    ids.push(id)
    // divided, so that no sum of large weights overflows
    ends[index] = sum += weight / heaviest
  }
  const starts = new Uint32Array(size)
  for (let part = 0, index = 0; part < size; part++) {
    while (index < size - 1 && (ends[index] ?? 0) <= (part / size) * sum) index += 1
    starts[part] = index
  }
  return { version, builtAt, ids, ends, starts, heaviest, mean: sum / size }
}

/** The shares of all candidates, built again if they are outdated. */
export const sharesAsOf = (candidates: Candidates, before: Shares | undefined, now: number): Shares =>
  before === undefined || isOutdated(before, candidates.all, now) ? sharesOf(candidates.all, now) : before

/** The mean weight divided by that of one. */
export const relativeTo = ({ ends, mean, heaviest }: Shares, weight: number): number => (ends === undefined ? 1 : mean / (weight / heaviest))

/** How often a draw is repeated that hits an instance which cannot be chosen now. */
const redraws = 8

/** Draws the index of a candidate with a probability in proportion to its weight. */
export const drawByWeight = (candidates: Candidates, { ends, starts, ids }: Shares, random: () => number): number => {
  if (ends === undefined) return Math.floor(random() * candidates.size)
  const size = ends.length
  const total = ends[size - 1] ?? 0
  for (let draw = 0; draw < redraws; draw++) {
    const share = random()
    let drawn = starts[Math.floor(share * size)] ?? 0
    while (drawn < size - 1 && (ends[drawn] ?? 0) <= share * total) drawn += 1
    const id = ids[drawn] ?? ''
    if (candidates.at(drawn)?.id === id) return drawn
    const index = candidates.indexOf(id)
    if (index !== undefined) return index
  }
  return Math.floor(random() * candidates.size)
}
