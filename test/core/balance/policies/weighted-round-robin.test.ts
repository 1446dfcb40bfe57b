import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { weightedRoundRobin } from '../../../../src/core/balance/policies/weighted-round-robin.js'
import { seeded } from '../../../etcd/random-writes.js'
import { crowd, expected, picking, tallied, times, weighing } from './candidates.js'

describe('weightedRoundRobin', () => {
  it('repeats a a b a c a a for the weights 5, 1, 1, as nginx does', () => {
    const pick = picking(weightedRoundRobin(), { random: () => 0 })
    expect(times(14, () => pick(crowd(weighing(5, 1, 1)))).join('')).toBe('aabacaaaabacaa')
  })

  it('gives each instance exactly its share in every round, up to 128 instances', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 30 }), weights => {
        const all = weighing(...weights)
        const round = weights.reduce((sum, weight) => sum + weight, 0)
        const pick = picking(weightedRoundRobin())
        for (let turn = 0; turn < 2; turn += 1) {
          const counts = tallied(times(round, () => pick(crowd(all))))
          expect(all.map(({ id }) => counts.get(id))).toEqual(weights)
        }
      }),
      { numRuns: 30 },
    )
  })

  it.each([3, 128, 129, 1_000])('keeps %d weights within 3 σ over 100,000 picks, and is more even than chance', size => {
    const draw = seeded(size)
    const weights = times(size, () => Math.ceil(draw() * 10))
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    const all = crowd(weighing(...weights))
    const pick = picking(weightedRoundRobin())
    const counts = tallied(times(100_000, () => pick(all)))
    for (const [at, weight] of weights.entries()) {
      const count = counts.get(all.at(at)?.id ?? '') ?? 0
      expect(expected(count, weight / total, 100_000)).toBe(true)
      expect(Math.abs(count - (weight / total) * 100_000)).toBeLessThan(size > 128 ? 20 : 2)
    }
  })

  it('starts at a random point of its cycle', () => {
    const equal = crowd(weighing(...times(10, () => 1)))
    const counts = tallied(times(1_000, at => picking(weightedRoundRobin(), { random: seeded(at) })(equal)))
    expect([counts.size, Math.min(...counts.values()) > 60, Math.max(...counts.values()) < 140]).toEqual([10, true, true])
    const canary = crowd(weighing(95, 5))
    expect(expected(tallied(times(2_000, at => picking(weightedRoundRobin(), { random: seeded(at) })(canary))).get('b') ?? 0, 0.05, 2_000)).toBe(true)
  })

  it.each<[string, string, readonly number[], readonly number[], number]>([
    ['100, 100, 100', '1, 1, 1', [100, 100, 100], [1, 1, 1], 3],
    ['1, 1, 1', '1000, 1000, 1000', [1, 1, 1], [1_000, 1_000, 1_000], 3],
    ['1000, 1, 1', '1, 1, 1', [1_000, 1, 1], [1, 1, 1], 8],
    ['0.1, 0.2, 0.3', '10, 20, 30', [0.1, 0.2, 0.3], [10, 20, 30], 7],
  ])('leaves no instance out when the weights change from %s to %s', (_was, _is, before, after, longest) => {
    for (let start = 1; start < 600; start += 13) {
      const pick = picking(weightedRoundRobin(), { random: () => 0 })
      const [first, second] = [crowd(weighing(...before)), crowd(weighing(...after), { version: 2 })]
      for (let turn = 0; turn < start; turn += 1) pick(first)
      const picks = times(60, () => pick(second))
      for (const id of 'abc')
        for (let at = 0; at + longest <= picks.length; at += 1) expect(picks.slice(at, at + longest)).toContain(id)
    }
  })

  it('keeps the rotation of the others when an instance joins or leaves', () => {
    const pick = picking(weightedRoundRobin(), { random: () => 0 })
    const three = crowd(weighing(5, 1, 1))
    const four = crowd([...weighing(5, 1, 1), { id: 'd', weight: 0.001 }], { version: 2 })
    expect([...times(3, () => pick(three)), ...times(4, () => pick(four))].join('')).toBe('aabacaa')
  })

  it.each([
    ['1e308 and as much again', [1e308, 1e308, 1e308], [4, 4, 4]],
    ['1e308 beside 1', [1e308, 1], [12, 0]],
    ['the smallest there is', [5e-324, 5e-324], [6, 6]],
    ['fractions', [0.5, 0.25, 0.25], [6, 3, 3]],
  ])('accepts %s', (_, weights, counts) => {
    const pick = picking(weightedRoundRobin())
    const all = weighing(...weights)
    const seen = tallied(times(12, () => pick(crowd(all))))
    expect(all.map(({ id }) => seen.get(id) ?? 0)).toEqual(counts)
  })

  it('accepts such weights among many instances, too', () => {
    const pick = picking(weightedRoundRobin())
    const all = crowd(weighing(...times(200, at => (at < 100 ? 1e308 : 1))))
    const seen = tallied(times(10_000, () => pick(all)))
    expect([seen.size, Math.min(...seen.values()) > 90]).toEqual([100, true])
  })

  it('chooses a present instance from any start among many', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 1e-9, max: 1e308, noNaN: true }), { minLength: 129, maxLength: 300 }), fc.double({ min: 0, max: 0.999999, noNaN: true }), (weights, start) => {
        const pick = picking(weightedRoundRobin(), { random: () => start })
        const all = crowd(weighing(...weights))
        expect(times(20, () => pick(all)).every(id => id !== undefined)).toBe(true)
      }),
      { numRuns: 30 },
    )
  })
})
