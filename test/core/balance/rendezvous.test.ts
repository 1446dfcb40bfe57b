import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hash } from '../../../src/core/balance/hash.js'
import { type Candidate, favourite, ranked, score } from '../../../src/core/balance/rendezvous.js'

const candidates: fc.Arbitrary<readonly Candidate[]> = fc.uniqueArray(
  fc.record({ id: fc.string({ minLength: 1, maxLength: 8 }), weight: fc.oneof(fc.constantFrom(0, 1, 1e308, 5e-324), fc.double({ min: 0, max: 1e6, noNaN: true })) }),
  { selector: ({ id }) => id, maxLength: 40 },
)
const nodes = (...weights: readonly number[]): readonly Candidate[] => weights.map((weight, at) => ({ id: `node${at}`, weight }))
const idsOf = (all: Iterable<Candidate>): readonly string[] => Array.from(all, ({ id }) => id)
const winners = (all: readonly Candidate[], keys: number): ReadonlyMap<string, number> => {
  const counts = new Map(all.map(({ id }) => [id, 0]))
  for (let key = 0; key < keys; key += 1) {
    const id = favourite(all, `user-${key}`)?.id ?? ''
    counts.set(id, (counts.get(id) ?? 0) + 1)
  }
  return counts
}

describe('score', () => {
  it('is the logarithm of −w / ln u, and orders as it does', () => {
    for (const weight of [0.5, 1, 3, 1e6])
      for (const hashed of [0, 1, 2 ** 31, 2 ** 32 - 1]) {
        const direct = -weight / Math.log((hashed + 0.5) / 2 ** 32)
        expect(Math.exp(score(hashed, weight)) / direct).toBeCloseTo(1, 9)
      }
  })
  it('stays in order where the quotient would be infinite, and where it would be nothing', () => {
    const ends = [0, 2 ** 32 - 1] as const
    for (const weight of [1e308, Number.MAX_VALUE, 5e-324]) {
      const [low, high] = ends.map(hashed => score(hashed, weight))
      expect([Number.isFinite(low), Number.isFinite(high), (low ?? 0) < (high ?? 0)]).toEqual([true, true, true])
    }
    expect(score(0, 5e-324)).toBeGreaterThan(score(2 ** 32 - 1, 0))
  })
})

describe('ranked', () => {
  it('is everybody once, by descending score, and begins with the favourite', () => {
    fc.assert(
      fc.property(candidates, fc.string(), fc.integer(), (all, key, seed) => {
        const keyed = hash(key, seed)
        const order = (a: Candidate, b: Candidate): number =>
          score(hash(b.id, keyed), b.weight) - score(hash(a.id, keyed), a.weight) || (a.id < b.id ? -1 : 1)
        const sorted = [...all].sort(order)
        expect([...ranked(all, key, seed)]).toEqual(sorted)
        expect(favourite(all, key, seed)).toBe(sorted[0])
      }),
    )
  })

  it('does not depend on the order in which they are listed', () => {
    fc.assert(
      fc.property(candidates, fc.string(), (all, key) => {
        expect(idsOf(ranked([...all].reverse(), key))).toEqual(idsOf(ranked(all, key)))
      }),
    )
  })

  it('keeps the order of the others when one leaves or joins', () => {
    fc.assert(
      fc.property(candidates, fc.string(), fc.nat(), (all, key, at) => {
        const gone = all[at % Math.max(1, all.length)]
        expect(idsOf(ranked(all.filter(one => one !== gone), key))).toEqual(idsOf(ranked(all, key)).filter(id => id !== gone?.id))
      }),
    )
  })

  it('moves no key between others when the weight of one changes', () => {
    const all = nodes(1, 1, 1, 1)
    for (const weight of [0, 0.5, 3]) {
      const other = all.map(node => (node.id === 'node2' ? { ...node, weight } : node))
      for (let key = 0; key < 2_000; key += 1) {
        const [before, after] = [favourite(all, `k${key}`)?.id, favourite(other, `k${key}`)?.id]
        expect(before === after || (weight > 1 ? after : before) === 'node2').toBe(true)
      }
    }
  })

  it('puts those of weight 0 last, and among themselves spreads them', () => {
    const all = nodes(0, 1, 0, 1e-300, 0)
    for (let key = 0; key < 200; key += 1)
      expect([...ranked(all, `k${key}`)].map(({ weight }) => weight > 0)).toEqual([true, true, false, false, false])
    for (const count of winners(nodes(0, 0, 0, 0), 4_000).values())
      expect(Math.abs(count - 1_000)).toBeLessThan(3 * Math.sqrt(4_000 * 0.25 * 0.75))
  })

  it('has an order also when everybody has one score', () => {
    const same = ['b', 'a', 'c'].map(id => ({ id, weight: Infinity }))
    expect([idsOf(ranked(same, 'k')), favourite(same, 'k')?.id]).toEqual([['a', 'b', 'c'], 'a'])
  })

  it('is nobody of nobody', () => {
    expect([idsOf(ranked(nodes(), 'k')), favourite(nodes(), 'k')]).toEqual([[], undefined])
  })
})

describe('favourite', () => {
  it('wins by weight, within three standard deviations over 100,000 keys', () => {
    const all = nodes(1, 2, 3, 4, 10)
    const total = all.reduce((sum, { weight }) => sum + weight, 0)
    const keys = 100_000
    const counts = winners(all, keys)
    for (const { id, weight } of all) {
      const share = weight / total
      expect(Math.abs((counts.get(id) ?? 0) - keys * share)).toBeLessThan(3 * Math.sqrt(keys * share * (1 - share)))
    }
  })

  it('gives the keys of one who leaves to the others by weight', () => {
    const all = nodes(1, 1, 2, 4)
    const left = all.slice(0, 3)
    const inherited = new Map<string, number>()
    let moved = 0
    for (let key = 0; key < 40_000; key += 1) {
      const [before, after] = [favourite(all, `k${key}`)?.id, favourite(left, `k${key}`)?.id ?? '']
      if (before !== 'node3') {
        expect(after).toBe(before)
        continue
      }
      moved += 1
      inherited.set(after, (inherited.get(after) ?? 0) + 1)
    }
    for (const { id, weight } of left) {
      const share = weight / 4
      expect(Math.abs((inherited.get(id) ?? 0) - moved * share)).toBeLessThan(3 * Math.sqrt(moved * share * (1 - share)))
    }
  })
})
