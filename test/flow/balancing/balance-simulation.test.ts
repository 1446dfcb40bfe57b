import { describe, expect, it } from 'vitest'
import { policies } from '../../../bench/balance/policies.js'
import { quantile, simulated, story } from '../../../bench/balance/scene.js'

/** The figures of `npm run bench:balance` for a policy, without ejection. */
const ran = (name: string) => {
  const calls = simulated((sets, random) => {
    const make = policies[name]
    if (make === undefined) throw new Error(`no policy ${name}`)
    return make(sets, { random, outliers: false })
  })
  const since = calls.filter(({ at }) => at >= story.broken)
  return {
    count: calls.length,
    p99: quantile(calls.map(({ took }) => took).sort((a, b) => a - b), 0.99),
    broken: since.filter(({ failed }) => failed).length / since.length,
    late: new Set(since.filter(({ at }) => at > story.joins + 1_000).map(({ by }) => by)),
  }
}

describe('twenty servers: one turns slow, one fails fast, one leaves, one joins', () => {
  it('peakEwma has a p99 of less than half of round robin’s, and sends hardly any call to the broken instance', { timeout: 240_000 }, () => {
    const [fair, peak] = [ran('roundRobin'), ran('peakEwma')]
    expect(peak.count).toBe(fair.count)
    expect(peak.p99).toBeLessThan(fair.p99 / 2)
    expect(fair.broken).toBeGreaterThan(0.04)
    expect(peak.broken).toBeLessThan(0.002)
    for (const { late } of [fair, peak]) expect([late.has('s03'), late.has('s20')]).toEqual([false, true])
  })
})
