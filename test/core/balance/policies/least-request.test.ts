import { describe, expect, it } from 'vitest'
import { leastRequest } from '../../../../src/core/balance/policies/least-request.js'
import { crowd, expected, picking, tallied, times, weighing, type Sketch } from './candidates.js'

/** Returns these numbers, one after the other. */
const draws = (...numbers: readonly number[]) => {
  let at = 0
  return () => numbers[at++ % numbers.length] ?? 0
}
const busy = (count: number): readonly Sketch[] => times(count, at => ({ id: `n${at}`, inFlight: at === 0 ? 3 : at === 1 ? 1 : 0 }))

describe('leastRequest', () => {
  it.each([2, 3, 8])('of %d instances never chooses one that has more calls in flight than another', count => {
    const pick = picking(leastRequest())
    const counts = tallied(times(1_000, () => pick(crowd(busy(count)))))
    expect([counts.has('n0'), counts.has('n1'), counts.size]).toEqual([false, count === 2, Math.max(1, count - 2)])
  })
  it('of more than eight takes the one with fewer calls in flight of the two that it draws', () => {
    const drawn = (...numbers: readonly number[]): string | undefined => picking(leastRequest(), { random: draws(...numbers) })(crowd(busy(10)))
    expect([drawn(0, 0.1), drawn(0.1, 0), drawn(0.1, 0.2), drawn(0, 0), drawn(0.3, 0.2)]).toEqual(['n1', 'n1', 'n2', 'n0', 'n3'])
  })
  it('of more than eight chooses the busiest of n with probability 1/n² with two choices', () => {
    const pick = picking(leastRequest())
    const all = crowd(busy(10))
    expect(expected(tallied(times(100_000, () => pick(all))).get('n0') ?? 0, 1 / 100, 100_000)).toBe(true)
  })
  it('draws as many as `choices`', () => {
    const pick = picking(leastRequest({ choices: 3 }), { random: draws(0, 0.1, 0.5) })
    expect(pick(crowd(busy(10)))).toBe('n5')
  })
  it.each([2, 20])('of %d idle instances chooses each as often as its weight says', count => {
    const pick = picking(leastRequest())
    const weights = times(count, at => (at === 0 ? 95 : 5))
    const all = crowd(weighing(...weights))
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    const counts = tallied(times(20_000, () => pick(all)))
    for (const [at, weight] of weights.entries()) expect(expected(counts.get(all.at(at)?.id ?? '') ?? 0, weight / total, 20_000)).toBe(true)
  })
  it('of busy instances chooses the lowest (in flight)^bias / weight', () => {
    const all = crowd([{ id: 'a', weight: 4, inFlight: 9 }, { id: 'b', weight: 1.5, inFlight: 4 }])
    expect([picking(leastRequest())(all), picking(leastRequest({ bias: 0.5 }))(all)]).toEqual(['a', 'a'])
    expect(picking(leastRequest({ bias: 2 }))(all)).toBe('b')
    const pick = picking(leastRequest({ bias: 0 }))
    expect(expected(tallied(times(20_000, () => pick(all))).get('a') ?? 0, 4 / 5.5, 20_000)).toBe(true)
  })
  it.each([[{ choices: 1 }, 'choices'], [{ choices: 11 }, 'choices'], [{ choices: NaN }, 'choices'], [{ bias: -1 }, 'bias'], [{ bias: NaN }, 'bias']])('refuses %j', (options, argument) => {
    expect(() => leastRequest(options)).toThrow(`${argument} must be a number`)
  })
})
