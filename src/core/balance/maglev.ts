import { hash } from './hash.js'

/** How many places a table has: a prime, so that every step through it visits all of them. */
export const places = 65_537

/** Who has an id and a weight. */
export interface Weighted {
  readonly id: string
  readonly weight: number
}

/**
 * A table that says for each place whose it is, an index into `all`, which is sorted by id: Maglev hashing (D. E. Eisenbud et al., "Maglev", NSDI 2016),
 * in turns by weight (Envoy, `maglev_lb.cc`). Everybody has as many places as its weight says, and who comes or goes moves few others.
 */
export const maglev = (all: readonly Weighted[], seed = 0): Int32Array => {
  const table = new Int32Array(places).fill(-1)
  const heaviest = all.reduce((most, { weight }) => Math.max(most, weight), 0)
  const place = all.map(({ id }) => hash(id, seed) % places)
  const step = all.map(({ id }) => (hash(id, seed + 1) % (places - 1)) + 1)
  const taken = all.map(() => 0)
  // by round, so that one round does not have to look at all those whose turn it is not
  const due = new Map<number, number[]>([[1, all.map((_, index) => index)]])
  let free = all.length === 0 ? 0 : places
  for (let round = 1; free > 0; round++) {
    for (const index of due.get(round) ?? []) {
      let at = place[index] ?? 0
      while (table[at] !== -1) at = (at + (step[index] ?? 1)) % places
      table[at] = index
      place[index] = at
      if (--free === 0) break
      const turns = (taken[index] = (taken[index] ?? 0) + 1)
      const next = Math.max(round + 1, Math.ceil(turns * (heaviest / (all[index]?.weight ?? 1))))
      const others = due.get(next)
      if (others !== undefined) others.push(index)
      else if (next <= places) due.set(next, [index])
    }
    due.delete(round)
  }
  return table
}
