import { describe, expect, it } from 'vitest'
import { peakEwma } from '../../../../src/core/balance/policies/peak-ewma.js'
import { roundRobin } from '../../../../src/core/balance/policies/round-robin.js'
import { slowStart, warmth } from '../../../../src/core/balance/policies/slow-start.js'
import { weightedRoundRobin } from '../../../../src/core/balance/policies/weighted-round-robin.js'
import { zoneAware } from '../../../../src/core/balance/policies/zone-aware.js'
import { crowd, picking, tallied, times, weighing, type Sketch } from './crowd.js'

describe('zoneAware', () => {
  const all: readonly Sketch[] = [{ id: 'a1', zone: 'a' }, { id: 'a2', zone: 'a' }, { id: 'b1', zone: 'b' }, { id: 'c1', zone: 'c' }]
  const seen = (zones: readonly string[], sketches = all) => {
    const pick = picking(zoneAware(roundRobin()), { zones, random: () => 0 })
    return [...tallied(times(12, () => pick(crowd(sketches)))).keys()].sort().join(' ')
  }
  it('stays in its own zone, else in the next one that has somebody, else goes anywhere', () => {
    expect([seen(['a']), seen(['b', 'a']), seen(['z', 'c']), seen(['z']), seen([])]).toEqual(['a1 a2', 'b1', 'c1', 'a1 a2 b1 c1', 'a1 a2 b1 c1'])
  })
  it('leaves a zone of which fewer than half can be chosen', () => {
    const zone = (up: number) => {
      const candidates = crowd(all)
      const pick = picking(zoneAware(roundRobin(), { panic: 50 }), { zones: ['a'], random: () => 0 })
      const weakened = { ...candidates, in: () => crowd([{ id: 'a1' }, { id: 'a2' }], { up }) }
      return tallied(times(12, () => pick(weakened))).size
    }
    expect([zone(4), zone(5)]).toEqual([2, 4])
  })
  it('keeps a state for within and one for without, both taught', () => {
    const learning = { initial: 0, choose: (_: unknown, state: number) => [0, state] as const, learn: (state: number) => state + 1 }
    const { initial, learn } = zoneAware(learning)
    const [candidate] = [crowd(all).at(0)]
    expect(candidate && learn?.(initial, { candidate, result: 'success', latency: 1, now: 1 })).toEqual({ near: 1, far: 1 })
    expect('learn' in zoneAware(roundRobin())).toBe(false)
    expect(zoneAware(peakEwma({ decay: 7 })).decay).toBe(7)
  })
  it('chooses nobody when its policy chooses nobody', () => {
    const pick = picking(zoneAware({ initial: 0, choose: (_, state) => [undefined, state] }), { zones: ['a'] })
    expect(pick(crowd(all))).toBeUndefined()
  })
  it.each([-1, 0.5, 101, NaN])('refuses a threshold of %d', panic => {
    expect(() => zoneAware(roundRobin(), { panic })).toThrow('panic must be a number of percent, 0 or from 1 to 100')
  })
})

describe('slowStart', () => {
  it('is max(10 %, (max(t, 1 s) / window)^(1 / aggression))', () => {
    expect([0, 1_000, 3_000, 15_000, 30_000, 99_000].map(age => warmth(age))).toEqual([0.1, 0.1, 0.1, 0.5, 1, 1])
    expect(warmth(15_000, { aggression: 2 })).toBeCloseTo(Math.sqrt(0.5), 9)
    expect(warmth(0, { window: 60_000, aggression: 2, least: 1 })).toBeCloseTo(Math.sqrt(1 / 60), 9)
    expect(warmth(0, { window: 500 })).toBe(1)
  })
  it('weighs those that came while we looked, until they are warm', () => {
    const pick = picking(slowStart(weightedRoundRobin()))
    const share = (now: number) => tallied(times(1_100, () => pick(crowd([{ id: 'old' }, { id: 'new', since: 0 }]), { now }))).get('new')
    expect([share(0), share(15_000), share(30_000)]).toEqual([100, 367, 550])
  })
  it('makes many warm too, whose weights are kept in a table', () => {
    const pick = picking(slowStart(weightedRoundRobin()))
    const sketches = weighing(...times(200, () => 1)).map((sketch, at) => (at < 100 ? sketch : { ...sketch, since: 0 }))
    const all = crowd(sketches)
    const share = (now: number): number => {
      const counts = tallied(times(11_000, () => pick(all, { now })))
      return sketches.slice(100).reduce((sum, { id }) => sum + (counts.get(id) ?? 0), 0) / 11_000
    }
    expect(share(0)).toBeCloseTo(1 / 11, 2)
    expect(share(15_000)).toBeCloseTo(1 / 3, 2)
    expect(share(30_000)).toBeCloseTo(1 / 2, 2)
  })
  it('within zones as well', () => {
    const pick = picking(slowStart(zoneAware(weightedRoundRobin())), { zones: ['a'] })
    const all = crowd([{ id: 'old', zone: 'a' }, { id: 'new', zone: 'a', since: 0 }, { id: 'other', since: 0 }])
    const counts = tallied(times(1_100, () => pick(all)))
    expect([counts.get('old'), counts.get('new')]).toEqual([1_000, 100])
  })
  it.each([[{ window: -1 }, 'window'], [{ aggression: 0 }, 'aggression'], [{ least: 0 }, 'least'], [{ least: 101 }, 'least']])('refuses %j', (options, argument) => {
    expect(() => slowStart(roundRobin(), options)).toThrow(`${argument} must be a number`)
  })
})
