import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { leastRequest } from '../../../../src/core/balance/policies/least-request.js'
import { loadOf, peakEwma } from '../../../../src/core/balance/policies/peak-ewma.js'
import type { Outcome } from '../../../../src/core/balance/policy.js'
import { learned, unlearned, type Learned } from '../../../../src/core/balance/statistics.js'
import { crowd, picking, tallied, times, weighing, type Sketch } from './crowd.js'

/** Draws these numbers, one after the other. */
const draws = (...numbers: readonly number[]) => {
  let at = 0
  return () => numbers[at++ % numbers.length] ?? 0
}

describe('leastRequest', () => {
  const busy = crowd([{ id: 'a', inFlight: 3 }, { id: 'b', inFlight: 1 }, { id: 'c', inFlight: 0 }, { id: 'd', inFlight: 0 }])
  it('takes the one with fewer calls in flight of the two it has drawn', () => {
    const drawn = (...numbers: readonly number[]): string | undefined => picking(leastRequest(), { random: draws(...numbers) })(busy)
    expect([drawn(0, 0.25), drawn(0.25, 0), drawn(0.25, 0.5), drawn(0, 0), drawn(0.75, 0.5)]).toEqual(['b', 'b', 'c', 'a', 'd'])
  })
  it('leaves out the busiest of n as often as chance says: 1/n² with two choices', () => {
    const pick = picking(leastRequest())
    const counts = tallied(times(100_000, () => pick(busy)))
    const sigma = Math.sqrt(100_000 * (1 / 16) * (15 / 16))
    expect(Math.abs((counts.get('a') ?? 0) - 100_000 / 16)).toBeLessThan(3 * sigma)
  })
  it('draws as many as it is told', () => {
    const pick = picking(leastRequest({ choices: 4 }), { random: draws(0, 0.25, 0.5, 0.75) })
    expect(pick(busy)).toBe('c')
  })
  it('weighs them: weight / (in flight + 1)^bias', () => {
    const all = crowd([{ id: 'a', weight: 4, inFlight: 3 }, { id: 'b', weight: 1.5, inFlight: 0 }])
    const both = { random: draws(0, 0.5) }
    expect(picking(leastRequest(), both)(all)).toBe('b')
    expect(picking(leastRequest({ bias: 0.5 }), both)(all)).toBe('a')
    expect(picking(leastRequest({ bias: 0 }), both)(all)).toBe('a')
  })
  it.each([[{ choices: 1 }, 'choices'], [{ choices: 11 }, 'choices'], [{ choices: NaN }, 'choices'], [{ bias: -1 }, 'bias'], [{ bias: NaN }, 'bias']])('refuses %j', (options, argument) => {
    expect(() => leastRequest(options)).toThrow(`${argument} must be a number`)
  })
})

const decay = 10_000
const after = (...samples: readonly (readonly [at: number, latency: number, failure?: 'failure' | 'abandoned'])[]): Learned =>
  samples.reduce((known, [now, latency, result = 'success' as const]) => learned(known, { now, latency, result }, decay), unlearned)

describe('what is learned', () => {
  it('follows a peak at once', () => {
    expect(after([0, 10], [1, 500]).latency).toBe(500)
    expect(after([0, 10], [1, 500], [2, 700]).latency).toBe(700)
  })
  it('comes down by e^(−Δt/τ)', () => {
    const { latency } = after([0, 500], [10_000, 10])
    expect(latency).toBeCloseTo(10 * (1 - Math.exp(-1)) + 500 * Math.exp(-1), 9)
    expect(after([0, 500], [0, 10]).latency).toBe(500)
    expect(after([0, 500], [1e9, 10]).latency).toBe(10)
  })
  it('takes a failure and an abandoned call for how long it takes at least', () => {
    for (const result of ['failure', 'abandoned'] as const) {
      expect(after([0, 50], [0, 1, result]).latency).toBe(50)
      expect(after([0, 50], [1, 900, result]).latency).toBe(900)
      expect(after([0, 50], [10_000, 1, result]).latency).toBeCloseTo(50 * Math.exp(-1), 9)
    }
  })
  it('counts failures by time, not by number', () => {
    expect(after([0, 1, 'failure']).failing).toBe(1)
    expect(after([0, 10], [0, 1, 'failure'], [0, 1, 'failure']).failing).toBe(0)
    expect(after([0, 10], [10_000, 1, 'failure']).failing).toBeCloseTo(1 - Math.exp(-1), 9)
    expect(after([0, 1, 'failure'], [10_000, 10]).failing).toBeCloseTo(Math.exp(-1), 9)
    expect(after([0, 1, 'failure'], [10_000, 10, 'abandoned']).failing).toBeCloseTo(Math.exp(-1), 9)
  })
  it('stays within what was measured, and failures between 0 and 1', () => {
    const sample = fc.tuple(fc.nat(60_000), fc.double({ min: 0, max: 1e6, noNaN: true }), fc.constantFrom<Outcome['result']>('success', 'failure', 'abandoned'))
    fc.assert(
      fc.property(fc.array(sample, { minLength: 1 }), samples => {
        let now = 0
        let known = unlearned
        for (const [elapsed, latency, result] of samples) known = learned(known, { now: (now += elapsed), latency, result: result }, decay)
        expect(known.latency).toBeLessThanOrEqual(Math.max(...samples.map(([, latency]) => latency)) * (1 + 1e-9))
        expect([known.latency >= 0, known.failing >= 0, known.failing <= 1]).toEqual([true, true, true])
      }),
    )
  })
})

describe('peakEwma', () => {
  const load = (sketch: Omit<Sketch, 'id'>, now = 0): number => {
    const candidate = crowd([{ id: 'a', ...sketch }]).at(0)
    return candidate === undefined ? NaN : loadOf(candidate, now, decay, 10_000)
  }
  it('costs latency · (in flight + 1) / weight, fading by e^(−Δt/τ)', () => {
    expect(load({ latency: 20, measuredAt: 0, inFlight: 2 })).toBe(60)
    expect(load({ latency: 20, measuredAt: 0, inFlight: 2, weight: 3 })).toBe(20)
    expect(load({ latency: 20, measuredAt: 0, inFlight: 2 }, 10_000)).toBeCloseTo(60 * Math.exp(-1), 9)
  })
  it('costs nothing when nothing is known and nobody asks, and more than anybody while the first answer is awaited', () => {
    expect([load({}), load({ inFlight: 1 }), load({ inFlight: 4 })]).toEqual([0, 10_001, 10_004])
  })
  it('costs the share of failures times the penalty besides', () => {
    expect(load({ latency: 20, failing: 0.01, measuredAt: 0 })).toBe(120)
  })
  it('is at least as slow as what it has kept waiting', () => {
    expect(load({ latency: 20, measuredAt: 5_000, inFlight: 1, waitingSince: 3_000 }, 5_000)).toBe(4_000)
    expect(load({ latency: 20, measuredAt: 5_000, inFlight: 1, waitingSince: 4_999 }, 5_000)).toBe(40)
  })
  it('takes the lower load of two that are never the same one', () => {
    const all = crowd([{ id: 'a', latency: 30, measuredAt: 0 }, { id: 'b', latency: 20, measuredAt: 0 }, { id: 'c', latency: 10, measuredAt: 0 }])
    const pick = picking(peakEwma())
    const counts = tallied(times(100_000, () => pick(all)))
    expect(counts.get('a')).toBeUndefined()
    for (const [id, share] of [['b', 1 / 3], ['c', 2 / 3]] as const) expect(Math.abs((counts.get(id) ?? 0) - share * 100_000)).toBeLessThan(3 * Math.sqrt(100_000 * share * (1 - share)))
  })
  it('asks the only one', () => {
    expect(picking(peakEwma())(crowd([{ id: 'a', failing: 1, measuredAt: 0 }]))).toBe('a')
  })
  it('measures again who was slow, once that has faded', () => {
    const fresh = { id: 'fast', latency: 10, measuredAt: 30_000 }
    const pick = picking(peakEwma())
    const slow = (at: number): string | undefined => pick(crowd([{ id: 'slow', latency: 100, measuredAt: 0 }, { ...fresh, measuredAt: at }]), { now: at })
    expect([slow(1_000), slow(22_000), slow(24_000)]).toEqual(['fast', 'fast', 'slow'])
  })
  it('sends nobody to one that fails at once', () => {
    const pick = picking(peakEwma())
    const all = crowd([{ id: 'broken', ...after([0, 1, 'failure']) }, { id: 'busy', latency: 100, measuredAt: 0, inFlight: 50 }])
    expect(tallied(times(100, () => pick(all)))).toEqual(new Map([['busy', 100]]))
  })
  it('takes any weights', () => {
    const pick = picking(peakEwma())
    expect(pick(crowd(weighing(1e308, 5e-324).map(sketch => ({ ...sketch, latency: 1e6, inFlight: 1_000, measuredAt: 0 }))))).toBe('a')
  })
  it.each([[{ decay: 0 }, 'decay'], [{ decay: Infinity }, 'decay'], [{ penalty: -1 }, 'penalty'], [{ penalty: NaN }, 'penalty']])('refuses %j', (options, argument) => {
    expect(() => peakEwma(options)).toThrow(`${argument} must be a number`)
  })
})
