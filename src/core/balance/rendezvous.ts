import { hash } from './hash.js'

/** What can be ranked: its id tells it from others, its weight is its share. */
export interface Candidate {
  readonly id: string
  readonly weight: number
}

// below what any weight and hash give: those of weight 0 come last, among themselves in the order of their hashes
const weightless = -1e6

/**
 * How high a candidate of `weight` ranks whose hash under a key is `hashed`: the logarithm of −w / ln u, u uniform in (0, 1), since the quotient itself
 * overflows at weights that numbers can have.
 */
export const score = (hashed: number, weight = 1): number =>
  (weight > 0 ? (weight === 1 ? 0 : Math.log(weight)) : weightless) - Math.log(-Math.log((hashed + 0.5) / 2 ** 32))

interface Scored<C> {
  readonly candidate: C
  readonly score: number
}

const precedes = <C extends Candidate>(a: Scored<C>, b: Scored<C>): boolean =>
  a.score > b.score || (a.score === b.score && a.candidate.id < b.candidate.id)

/** Moves what stands at `from` down a heap, to where its place is. */
const sink = <C extends Candidate>(heap: Scored<C>[], from: number): void => {
  const item = heap[from]
  if (item === undefined) return
  let at = from
  for (let child = 2 * at + 1; child < heap.length; child = 2 * at + 1) {
    const [left, right] = [heap[child], heap[child + 1]]
    const higher = left !== undefined && right !== undefined && precedes(right, left) ? right : left
    if (higher === undefined || !precedes(higher, item)) break
    heap[at] = higher
    at = higher === right ? child + 1 : child
  }
  heap[at] = item
}

/**
 * The candidates from the highest weighted rendezvous score under `key` downward (D. G. Thaler and C. V. Ravishankar, "Using Name-Based Mappings to
 * Increase Hit Rates", 1998): one that leaves gives its keys to the others by weight, and no other key moves. Lazy: the first costs one pass, each further one a logarithm.
 */
export function* ranked<C extends Candidate>(candidates: Iterable<C>, key: string, seed = 0): Generator<C, undefined> {
  const keyed = hash(key, seed)
  const heap = Array.from(candidates, candidate => ({ candidate, score: score(hash(candidate.id, keyed), candidate.weight) }))
  for (let at = (heap.length >> 1) - 1; at >= 0; at -= 1) sink(heap, at)
  for (let [first] = heap; first !== undefined; [first] = heap) {
    yield first.candidate
    const last = heap.pop()
    if (last === undefined || last === first) return undefined
    heap[0] = last
    sink(heap, 0)
  }
  return undefined
}

/** The first of {@link ranked}, in one pass without allocations; `undefined` when there is nobody. */
export const favourite = <C extends Candidate>(candidates: Iterable<C>, key: string, seed = 0): C | undefined => {
  const keyed = hash(key, seed)
  let best: C | undefined
  let highest = -Infinity
  for (const candidate of candidates) {
    const height = score(hash(candidate.id, keyed), candidate.weight)
    if (best === undefined || height > highest || (height === highest && candidate.id < best.id)) {
      best = candidate
      highest = height
    }
  }
  return best
}
