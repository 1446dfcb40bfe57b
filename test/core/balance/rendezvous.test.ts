import { describe, expect, it } from 'vitest'
import { score } from '../../../src/core/balance/rendezvous.js'

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
