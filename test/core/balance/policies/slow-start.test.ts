import { describe, expect, it } from 'vitest'
import { roundRobin } from '../../../../src/core/balance/policies/round-robin.js'
import { slowStart, warmth } from '../../../../src/core/balance/policies/slow-start.js'
import { weightedRoundRobin } from '../../../../src/core/balance/policies/weighted-round-robin.js'
import { zoneAware } from '../../../../src/core/balance/policies/zone-aware.js'
import { crowd, picking, tallied, times, weighing } from './candidates.js'

describe('slowStart', () => {
  it('is max(10 %, (max(t, 1 s) / window)^(1 / aggression))', () => {
    expect([0, 1_000, 3_000, 15_000, 30_000, 99_000].map(age => warmth(age))).toEqual([0.1, 0.1, 0.1, 0.5, 1, 1])
    expect(warmth(15_000, { aggression: 2 })).toBeCloseTo(Math.sqrt(0.5), 9)
    expect(warmth(0, { window: 60_000, aggression: 2, least: 1 })).toBeCloseTo(Math.sqrt(1 / 60), 9)
    expect(warmth(0, { window: 500 })).toBe(1)
  })
  it('reduces the weight of instances that joined later, until they are warm', () => {
    const pick = picking(slowStart(weightedRoundRobin()))
    const share = (now: number) => tallied(times(1_100, () => pick(crowd([{ id: 'old' }, { id: 'new', since: 0 }]), { now }))).get('new')
    expect([share(0), share(15_000), share(30_000)]).toEqual([100, 367, 550])
  })
  it('warms up many instances, too', () => {
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
  it('works within zones', () => {
    const pick = picking(slowStart(zoneAware(weightedRoundRobin())), { zones: ['a'] })
    const all = crowd([{ id: 'old', zone: 'a' }, { id: 'new', zone: 'a', since: 0 }, { id: 'other', since: 0 }])
    const counts = tallied(times(1_100, () => pick(all)))
    expect([counts.get('old'), counts.get('new')]).toEqual([1_000, 100])
  })
  it.each([[{ window: -1 }, 'window'], [{ aggression: 0 }, 'aggression'], [{ least: 0 }, 'least'], [{ least: 101 }, 'least']])('refuses %j', (options, argument) => {
    expect(() => slowStart(roundRobin(), options)).toThrow(`${argument} must be a number`)
  })
})
