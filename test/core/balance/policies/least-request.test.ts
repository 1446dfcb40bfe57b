import { describe, expect, it } from 'vitest'
import { leastRequest } from '../../../../src/core/balance/policies/least-request.js'
import { crowd, picking, tallied, times } from './candidates.js'

/** Returns these numbers, one after the other. */
const draws = (...numbers: readonly number[]) => {
  let at = 0
  return () => numbers[at++ % numbers.length] ?? 0
}

describe('leastRequest', () => {
  const busy = crowd([{ id: 'a', inFlight: 3 }, { id: 'b', inFlight: 1 }, { id: 'c', inFlight: 0 }, { id: 'd', inFlight: 0 }])
  it('takes the one with fewer calls in flight of the two that it draws', () => {
    const drawn = (...numbers: readonly number[]): string | undefined => picking(leastRequest(), { random: draws(...numbers) })(busy)
    expect([drawn(0, 0.25), drawn(0.25, 0), drawn(0.25, 0.5), drawn(0, 0), drawn(0.75, 0.5)]).toEqual(['b', 'b', 'c', 'a', 'd'])
  })
  it('chooses the busiest of n with probability 1/n² with two choices', () => {
    const pick = picking(leastRequest())
    const counts = tallied(times(100_000, () => pick(busy)))
    const sigma = Math.sqrt(100_000 * (1 / 16) * (15 / 16))
    expect(Math.abs((counts.get('a') ?? 0) - 100_000 / 16)).toBeLessThan(3 * sigma)
  })
  it('draws as many as `choices`', () => {
    const pick = picking(leastRequest({ choices: 4 }), { random: draws(0, 0.25, 0.5, 0.75) })
    expect(pick(busy)).toBe('c')
  })
  it('compares weight / (in flight + 1)^bias', () => {
    const all = crowd([{ id: 'a', weight: 4, inFlight: 3 }, { id: 'b', weight: 1.5, inFlight: 0 }])
    const both = { random: draws(0, 0.5) }
    expect(picking(leastRequest(), both)(all)).toBe('b')
    expect(picking(leastRequest({ bias: 0.5 }), both)(all)).toBe('a')
    expect(picking(leastRequest({ bias: 0 }), both)(all)).toBe('a')
  })
  it.each([[{ choices: 1 }, 'choices'], [{ choices: 11 }, 'choices'], [{ choices: NaN }, 'choices'], [{ bias: -1 }, 'bias'], [{ bias: NaN }, 'bias']])('refuses %j', (options, argument) => {
    expect(() => leastRequest(options)).toThrow(`${argument}: must be a number`)
  })
})
