import { describe, expect, it } from 'vitest'
import { roundRobin } from '../../../../src/core/balance/policies/round-robin.js'
import { crowd, picking, times, weighing } from './candidates.js'

const abc = crowd(weighing(1, 1, 1))

describe('roundRobin', () => {
  it('goes round, and starts at a random instance', () => {
    const pick = picking(roundRobin(), { random: () => 0.5 })
    expect(times(7, () => pick(abc)).join('')).toBe('bcabcab')
  })
  it('keeps its position when an instance joins or leaves', () => {
    const pick = picking(roundRobin(), { random: () => 0 })
    const seen = [crowd(weighing(1, 1, 1)), crowd(weighing(1, 1)), crowd(weighing(1, 1, 1)), crowd(weighing(1)), crowd(weighing(1, 1))].map(all => pick(all))
    expect(seen.join('')).toBe('abcab')
  })
})
