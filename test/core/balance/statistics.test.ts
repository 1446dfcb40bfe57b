import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Outcome } from '../../../src/core/balance/policy.js'
import { learned, unlearned, type Learned } from '../../../src/core/balance/statistics.js'

const decay = 10_000

const after = (...samples: readonly (readonly [at: number, latency: number, failure?: 'failure' | 'abandoned'])[]): Learned =>
  samples.reduce((known, [now, latency, result = 'success' as const]) => learned(known, { now, latency, result }, decay), unlearned)

describe('learned', () => {
  it('takes over a higher latency at once', () => {
    expect(after([0, 10], [1, 500]).latency).toBe(500)
    expect(after([0, 10], [1, 500], [2, 700]).latency).toBe(700)
  })
  it('moves to a lower latency by 1 − e^(−Δt/τ)', () => {
    const { latency } = after([0, 500], [10_000, 10])
    expect(latency).toBeCloseTo(10 * (1 - Math.exp(-1)) + 500 * Math.exp(-1), 9)
    expect(after([0, 500], [0, 10]).latency).toBe(500)
    expect(after([0, 500], [1e9, 10]).latency).toBe(10)
  })
  it('treats the latency of a failed or abandoned call as a lower bound', () => {
    for (const result of ['failure', 'abandoned'] as const) {
      expect(after([0, 50], [0, 1, result]).latency).toBe(50)
      expect(after([0, 50], [1, 900, result]).latency).toBe(900)
      expect(after([0, 50], [10_000, 1, result]).latency).toBeCloseTo(50 * Math.exp(-1), 9)
    }
  })
  it('weighs failures by time, not by number', () => {
    expect(after([0, 1, 'failure']).failing).toBe(1)
    expect(after([0, 10], [0, 1, 'failure'], [0, 1, 'failure']).failing).toBe(0)
    expect(after([0, 10], [10_000, 1, 'failure']).failing).toBeCloseTo(1 - Math.exp(-1), 9)
    expect(after([0, 1, 'failure'], [10_000, 10]).failing).toBeCloseTo(Math.exp(-1), 9)
    expect(after([0, 1, 'failure'], [10_000, 10, 'abandoned']).failing).toBeCloseTo(Math.exp(-1), 9)
  })
  it('keeps the latency within the measured ones, and failures between 0 and 1', () => {
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
