import { describe, expect, it } from 'vitest'
import { peakEwma } from '../../../../src/core/balance/policies/peak-ewma.js'
import { learned, unlearned, type Learned } from '../../../../src/core/balance/statistics.js'
import { crowd, picking, tallied, times, weighing, type Sketch } from './candidates.js'

const decay = 10_000
const after = (...samples: readonly (readonly [at: number, latency: number, failure?: 'failure' | 'abandoned'])[]): Learned =>
  samples.reduce((known, [now, latency, result = 'success' as const]) => learned(known, { now, latency, result }, decay), unlearned)

/** The share of each of some candidates, over 100,000 picks. */
const shares = (sketches: readonly Sketch[], now = 0): ReadonlyMap<string, number> => {
  const pick = picking(peakEwma())
  const all = crowd(sketches)
  const counts = tallied(times(100_000, () => pick(all, { now })))
  return new Map(sketches.map(({ id }) => [id, (counts.get(id) ?? 0) / 100_000]))
}
const shareOf = (a: Omit<Sketch, 'id'>, b: Omit<Sketch, 'id'>, now = 0): number => shares([{ id: 'a', ...a }, { id: 'b', ...b }], now).get('a') ?? 0
/** The share of a load against another, by load^-1.5. */
const against = (load: number, other: number): number => load ** -1.5 / (load ** -1.5 + other ** -1.5)

interface Server {
  readonly id: string
  readonly weight?: number
  readonly latency: number
}

/** Calls at a constant rate to servers of constant latency, in time; counts by id after a warm-up. */
const played = (servers: readonly Server[], { gap, calls, burst = 1 }: { readonly gap: number; readonly calls: number; readonly burst?: number }) => {
  const pick = picking(peakEwma())
  const state = servers.map(server => ({ ...server, weight: server.weight ?? 1, since: [] as number[], known: unlearned }))
  let now = 0
  const counts = new Map(servers.map(({ id }) => [id, 0]))
  const settle = (): void => {
    for (const server of state)
      for (const began of server.since.filter(start => now - start >= server.latency)) {
        server.since.splice(server.since.indexOf(began), 1)
        server.known = learned(server.known, { result: 'success', latency: server.latency, now: began + server.latency }, decay)
      }
  }
  for (let call = 0; call < calls; call += 1) {
    const last = call === calls - 1
    for (let each = 0; each < (last ? burst : 1); each += 1) {
      const id = pick(crowd(state.map(({ id: name, weight, since, known }) => ({ id: name, weight, inFlight: since.length, waitingSince: since[0] ?? Infinity, ...known }))), { now })
      state.find(server => server.id === id)?.since.push(now)
      if (burst > 1 ? last : call > calls / 4) counts.set(id ?? '', (counts.get(id ?? '') ?? 0) + 1)
    }
    now += gap
    settle()
  }
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0)
  return servers.map(({ id }) => (counts.get(id) ?? 0) / total)
}

describe('peakEwma of up to eight', () => {
  it('draws by weight / load^1.5, load = latency · (1 + calls in flight beyond its share · mean weight / weight)', () => {
    expect(shareOf({ latency: 20, measuredAt: 0 }, { latency: 10, measuredAt: 0 })).toBeCloseTo(against(20, 10), 2)
    expect(shareOf({ latency: 10, measuredAt: 0, inFlight: 2 }, { latency: 10, measuredAt: 0 })).toBeCloseTo(against(20, 10), 2)
    expect(shareOf({ latency: 10, measuredAt: 0, weight: 3 }, { latency: 10, measuredAt: 0 })).toBeCloseTo(3 / 4, 2)
    expect(shareOf({ latency: 10, measuredAt: 0, weight: 3, inFlight: 6 }, { latency: 10, measuredAt: 0, inFlight: 2 })).toBeCloseTo(3 / 4, 2)
    expect(shareOf({ latency: 10, measuredAt: 0, weight: 3, inFlight: 7 }, { latency: 10, measuredAt: 0, inFlight: 1 })).toBeCloseTo((3 * (1 + 2 / 3) ** -1.5) / (3 * (1 + 2 / 3) ** -1.5 + 1), 2)
  })
  it('lets the latency of an idle instance fade to the mean of the others', () => {
    const slow = { latency: 100, measuredAt: 0 }
    const share = (now: number): number => shareOf(slow, { latency: 10, measuredAt: now }, now)
    expect(share(0)).toBeCloseTo(against(100, 10), 2)
    expect(share(60_000)).toBeCloseTo(against(100 * Math.exp(-1) + 10 * (1 - Math.exp(-1)), 10 * (1 - 0)), 1)
    expect(share(3_600_000)).toBeCloseTo(0.5, 2)
    expect(shareOf({}, { latency: 10, measuredAt: 0 })).toBeCloseTo(0.5, 2)
  })
  it('adds the share of failures × the penalty to the cost', () => {
    expect(shareOf({ latency: 20, failing: 0.01, measuredAt: 0 }, { latency: 20, measuredAt: 0 })).toBeCloseTo(against(120, 20), 2)
  })
  it('counts the time that an unanswered call has waited as latency', () => {
    const free = { latency: 20, measuredAt: 5_000 }
    expect(shareOf({ ...free, inFlight: 1, waitingSince: 3_000 }, free, 5_000)).toBeCloseTo(against(2_000 * 1.5, 20), 3)
    expect(shareOf({ ...free, inFlight: 1, waitingSince: 4_999 }, free, 5_000)).toBeCloseTo(against(20 * 1.5, 20), 2)
  })
  it('sends hardly any call to an instance that fails at once', () => {
    expect(shareOf(after([0, 1, 'failure']), { latency: 100, measuredAt: 0, inFlight: 5 })).toBeLessThan(0.02)
  })
  it('spreads a burst after a pause within 25 % of even over equally fast instances', () => {
    const [a = 0, b = 0, c = 0] = played([{ id: 'a', latency: 11 }, { id: 'b', latency: 10 }, { id: 'c', latency: 9 }], { gap: 20_000, calls: 20, burst: 201 })
    for (const share of [a, b, c]) expect(Math.abs(share * 3 - 1)).toBeLessThan(0.25)
  })
  it('spreads streams that reconnect at once, though only one instance was measured', () => {
    const state = new Map([['a', 0], ['b', 0]])
    const pick = picking(peakEwma())
    for (let stream = 0; stream < 124; stream += 1) {
      const id = pick(crowd([{ id: 'a', latency: 5, measuredAt: 0, inFlight: state.get('a') ?? 0 }, { id: 'b', inFlight: state.get('b') ?? 0 }]), { now: 30_000 }) ?? ''
      state.set(id, (state.get(id) ?? 0) + 1)
    }
    expect([...state.values()].every(count => count > 62 * 0.75)).toBe(true)
  })
  it.each([[1, 'an idle'], [20, 'a busy'], [200, 'a very busy']])('at one call in 1 s / %d keeps shares within a factor of 1.5 of the weights: %s service', perSecond => {
    const [stable = 0, canary = 0] = played([{ id: 'stable', weight: 95, latency: 10 }, { id: 'canary', weight: 5, latency: 10 }], { gap: 1_000 / perSecond, calls: 4_000 })
    expect([canary > 0.05 / 1.5, canary < 0.05 * 1.5, stable > 0.9]).toEqual([true, true, true])
    const three = played([{ id: 'a', weight: 1, latency: 30 }, { id: 'b', weight: 2, latency: 30 }, { id: 'c', weight: 3, latency: 30 }], { gap: 1_000 / perSecond, calls: 4_000 })
    for (const [at, share] of three.entries()) expect([share > (at + 1) / 6 / 1.5, share < ((at + 1) / 6) * 1.5]).toEqual([true, true])
  })
  it.each([0.5, 1, 20, 200])('at %d calls a second gives an instance that is 10 times slower among three at most 5 %%', perSecond => {
    const [slow = 1] = played([{ id: 'slow', latency: 100 }, { id: 'b', latency: 10 }, { id: 'c', latency: 10 }], { gap: 1_000 / perSecond, calls: 4_000 })
    expect(slow).toBeLessThan(0.05)
    expect(slow).toBeGreaterThan(0)
  })
})

describe('peakEwma of more than eight', () => {
  const many = (change: (at: number) => Omit<Sketch, 'id'>): readonly Sketch[] => times(10, at => ({ id: `n${at}`, latency: 10, measuredAt: 0, ...change(at) }))
  it('takes the lower load of two that are drawn', () => {
    const share = shares(many(at => ({ latency: 10 + at })))
    for (let at = 0; at < 10; at += 1) expect(share.get(`n${at}`) ?? 0).toBeCloseTo((2 * (9 - at)) / 90, 2)
  })
  it('draws by weight', () => {
    const share = shares(many(at => ({ weight: at === 0 ? 11 : 1 })))
    expect(share.get('n0')).toBeCloseTo(0.55, 2)
    expect(share.get('n9')).toBeCloseTo(0.05, 2)
  })
  it('compares the calls in flight for the weight', () => {
    const share = shares(many(at => (at === 0 ? { weight: 9, inFlight: 9 } : { inFlight: 2 })))
    expect(share.get('n0')).toBeGreaterThan(0.74)
  })
  it('lets the latency of an idle instance fade to that of the other', () => {
    const now = 3_600_000
    const share = shares(many(at => (at === 0 ? { latency: 1_000, measuredAt: 0 } : { measuredAt: now })), now)
    expect(share.get('n0')).toBeGreaterThan(0.05)
  })
})

describe('peakEwma', () => {
  it('chooses the only instance', () => {
    expect(picking(peakEwma())(crowd([{ id: 'a', failing: 1, measuredAt: 0 }]))).toBe('a')
  })
  it.each([2, 20])('accepts any weights of %d', count => {
    const pick = picking(peakEwma())
    const weights = times(count, at => (at === 0 ? 1e308 : 5e-324))
    expect(pick(crowd(weighing(...weights).map(sketch => ({ ...sketch, latency: 1e6, inFlight: 1_000, measuredAt: 0 }))))).toBe('a')
  })
  it.each([[{ decay: 0 }, 'decay'], [{ decay: Infinity }, 'decay'], [{ penalty: -1 }, 'penalty'], [{ penalty: NaN }, 'penalty']])('refuses %j', (options, argument) => {
    expect(() => peakEwma(options)).toThrow(`${argument} must be a number`)
  })
})
