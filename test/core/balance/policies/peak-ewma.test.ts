import { describe, expect, it } from 'vitest'
import { loadOf, peakEwma } from '../../../../src/core/balance/policies/peak-ewma.js'
import { learned, unlearned, type Learned } from '../../../../src/core/balance/statistics.js'
import { crowd, picking, tallied, times, weighing, type Sketch } from './candidates.js'

const decay = 10_000

const after = (...samples: readonly (readonly [at: number, latency: number, failure?: 'failure' | 'abandoned'])[]): Learned =>
  samples.reduce((known, [now, latency, result = 'success' as const]) => learned(known, { now, latency, result }, decay), unlearned)

describe('peakEwma', () => {
  const load = (sketch: Omit<Sketch, 'id'>, now = 0): number => {
    const candidate = crowd([{ id: 'a', ...sketch }]).at(0)
    return candidate === undefined ? NaN : loadOf(candidate, now, decay, 10_000)
  }
  it('has the load latency · (in flight + 1) / weight, which fades by e^(−Δt/τ)', () => {
    expect(load({ latency: 20, measuredAt: 0, inFlight: 2 })).toBe(60)
    expect(load({ latency: 20, measuredAt: 0, inFlight: 2, weight: 3 })).toBe(20)
    expect(load({ latency: 20, measuredAt: 0, inFlight: 2 }, 10_000)).toBeCloseTo(60 * Math.exp(-1), 9)
  })
  it('has no load before the first call, and the highest one while its first answer is awaited', () => {
    expect([load({}), load({ inFlight: 1 }), load({ inFlight: 4 })]).toEqual([0, 10_001, 10_004])
  })
  it('adds the share of failures × the penalty to the cost', () => {
    expect(load({ latency: 20, failing: 0.01, measuredAt: 0 })).toBe(120)
  })
  it('counts the time that an unanswered call has waited as latency', () => {
    expect(load({ latency: 20, measuredAt: 5_000, inFlight: 1, waitingSince: 3_000 }, 5_000)).toBe(4_000)
    expect(load({ latency: 20, measuredAt: 5_000, inFlight: 1, waitingSince: 4_999 }, 5_000)).toBe(40)
  })
  it('takes the lower load of two different instances', () => {
    const all = crowd([{ id: 'a', latency: 30, measuredAt: 0 }, { id: 'b', latency: 20, measuredAt: 0 }, { id: 'c', latency: 10, measuredAt: 0 }])
    const pick = picking(peakEwma())
    const counts = tallied(times(100_000, () => pick(all)))
    expect(counts.get('a')).toBeUndefined()
    for (const [id, share] of [['b', 1 / 3], ['c', 2 / 3]] as const) expect(Math.abs((counts.get(id) ?? 0) - share * 100_000)).toBeLessThan(3 * Math.sqrt(100_000 * share * (1 - share)))
  })
  it('chooses the only instance', () => {
    expect(picking(peakEwma())(crowd([{ id: 'a', failing: 1, measuredAt: 0 }]))).toBe('a')
  })
  it('calls a slow instance again once its latency has faded', () => {
    const fresh = { id: 'fast', latency: 10, measuredAt: 30_000 }
    const pick = picking(peakEwma())
    const slow = (at: number): string | undefined => pick(crowd([{ id: 'slow', latency: 100, measuredAt: 0 }, { ...fresh, measuredAt: at }]), { now: at })
    expect([slow(1_000), slow(22_000), slow(24_000)]).toEqual(['fast', 'fast', 'slow'])
  })
  it('sends no call to an instance that fails at once', () => {
    const pick = picking(peakEwma())
    const all = crowd([{ id: 'broken', ...after([0, 1, 'failure']) }, { id: 'busy', latency: 100, measuredAt: 0, inFlight: 50 }])
    expect(tallied(times(100, () => pick(all)))).toEqual(new Map([['busy', 100]]))
  })
  it('accepts any weights', () => {
    const pick = picking(peakEwma())
    expect(pick(crowd(weighing(1e308, 5e-324).map(sketch => ({ ...sketch, latency: 1e6, inFlight: 1_000, measuredAt: 0 }))))).toBe('a')
  })
  it.each([[{ decay: 0 }, 'decay'], [{ decay: Infinity }, 'decay'], [{ penalty: -1 }, 'penalty'], [{ penalty: NaN }, 'penalty']])('refuses %j', (options, argument) => {
    expect(() => peakEwma(options)).toThrow(`${argument}: must be a number`)
  })
})
