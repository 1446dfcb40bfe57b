import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { judge, type Look } from '../../../src/core/register/holder.js'

const look = (at: number, granted: number, left: number, term = '1'): Look => ({ granted, left, term, askedAt: at, answeredAt: at })

describe('judge', () => {
  it('never takes a holder that renews each four ninths of its TTL, or more often, for dead, and finds out within its TTL that it lives', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 100 }), fc.double({ min: 0.1, max: 4 / 9, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true }), (granted, share, phase) => {
        const every = granted * share
        const leftAt = (seconds: number): number => Math.floor(granted - ((seconds + phase * every) % every))
        let time = 0
        const first = look(0, granted, leftAt(0))
        let judgement = judge(first, first)
        while (typeof judgement === 'object') {
          time += judgement.again / 1000
          if (time > 2 * granted) throw new Error('no verdict')
          judgement = judge(first, look(time * 1000, granted, leftAt(time)))
        }
        expect(judgement).toBe('lives')
      }),
    )
  })

  it('finds out that a holder is dead when half its TTL has passed since its last renewal, and a second at most', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 100 }), fc.double({ min: 0, max: 0.99, noNaN: true }), (granted, phase) => {
        const age = granted * phase
        const leftAt = (seconds: number): number => Math.floor(granted - age - seconds)
        let time = 0
        const first = look(0, granted, leftAt(0))
        let judgement = judge(first, first)
        while (typeof judgement === 'object') {
          time += judgement.again / 1000
          judgement = judge(first, look(time * 1000, granted, leftAt(time)))
        }
        expect(judgement).toBe('dead')
        expect(age + time).toBeGreaterThanOrEqual(granted / 2 - 0.001)
        expect(time).toBeLessThanOrEqual(Math.max(0, granted / 2 - age) + 1.001)
      }),
    )
  })

  it('compares within one raft term only', () => {
    expect(judge(look(0, 10, 6, '2'), look(1_000, 10, 9, '3'))).toEqual({ again: 5_000 })
    expect(judge(look(0, 10, 6, '2'), look(1_000, 10, 9, '2'))).toBe('lives')
  })

  it('takes the holder of a lease that is gone for dead', () => {
    expect(judge(look(0, 0, -1), look(0, 0, -1))).toBe('dead')
  })
})
