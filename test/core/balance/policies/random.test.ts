import { describe, expect, it } from 'vitest'
import { random } from '../../../../src/core/balance/policies/random.js'
import { crowd, expected, picking, tallied, times, weighing } from './candidates.js'

describe('random', () => {
  it('chooses all instances equally often, whatever their weights', () => {
    const pick = picking(random())
    const all = crowd(weighing(1, 9, 1, 1))
    const counts = tallied(times(100_000, () => pick(all)))
    for (const id of 'abcd') expect(expected(counts.get(id) ?? 0, 1 / 4, 100_000)).toBe(true)
  })
})
