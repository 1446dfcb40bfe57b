import { describe, expect, it } from 'vitest'
import { peakEwma } from '../../../../src/core/balance/policies/peak-ewma.js'
import { roundRobin } from '../../../../src/core/balance/policies/round-robin.js'
import { zoneAware } from '../../../../src/core/balance/policies/zone-aware.js'
import { crowd, picking, tallied, times, type Sketch } from './candidates.js'

describe('zoneAware', () => {
  const all: readonly Sketch[] = [{ id: 'a1', zone: 'a' }, { id: 'a2', zone: 'a' }, { id: 'b1', zone: 'b' }, { id: 'c1', zone: 'c' }]
  const seen = (zones: readonly string[], sketches = all) => {
    const pick = picking(zoneAware(roundRobin()), { zones, random: () => 0 })
    return [...tallied(times(12, () => pick(crowd(sketches)))).keys()].sort().join(' ')
  }
  it('stays in its own zone, else takes the next zone that has an instance, else all instances', () => {
    expect([seen(['a']), seen(['b', 'a']), seen(['z', 'c']), seen(['z']), seen([])]).toEqual(['a1 a2', 'b1', 'c1', 'a1 a2 b1 c1', 'a1 a2 b1 c1'])
  })
  it('leaves a zone if fewer than half of its instances can be chosen', () => {
    const zone = (up: number) => {
      const candidates = crowd(all)
      const pick = picking(zoneAware(roundRobin(), { panic: 50 }), { zones: ['a'], random: () => 0 })
      const weakened = { ...candidates, in: () => crowd([{ id: 'a1' }, { id: 'a2' }], { up }) }
      return tallied(times(12, () => pick(weakened))).size
    }
    expect([zone(4), zone(5)]).toEqual([2, 4])
  })
  it('keeps one state for the zones and one for all instances, and both learn', () => {
    const learning = { initial: 0, choose: (_: unknown, state: number) => [0, state] as const, learn: (state: number) => state + 1 }
    const { initial, learn } = zoneAware(learning)
    const [candidate] = [crowd(all).at(0)]
    expect(candidate && learn?.(initial, { candidate, result: 'success', latency: 1, now: 1 })).toEqual({ near: 1, far: 1 })
    expect('learn' in zoneAware(roundRobin())).toBe(false)
    expect(zoneAware(peakEwma({ decay: 7 })).decay).toBe(7)
  })
  it('chooses no instance if its policy chooses none', () => {
    const pick = picking(zoneAware({ initial: 0, choose: (_, state) => [undefined, state] }), { zones: ['a'] })
    expect(pick(crowd(all))).toBeUndefined()
  })
  it.each([-1, 0.5, 101, NaN])('refuses a threshold of %d', panic => {
    expect(() => zoneAware(roundRobin(), { panic })).toThrow('panic must be a number of percent, 0 or from 1 to 100')
  })
})
