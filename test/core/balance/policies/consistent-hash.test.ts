import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { maglev, places } from '../../../../src/core/balance/maglev.js'
import { consistentHash } from '../../../../src/core/balance/policies/consistent-hash.js'
import { crowd, expected, picking, tallied, times, weighing, type Sketch } from './candidates.js'

const nodes = (count: number): readonly Sketch[] => times(count, at => ({ id: `node-${at}`, weight: 1 }))

const keys = times(2_000, at => `user-${at}`)

const shares = (sketches: readonly Sketch[], seed = 0) => {
  const all = sketches.map(({ id, weight = 1 }) => ({ id, weight }))
  return tallied(Array.from(maglev(all, seed), index => all[index]?.id))
}

/** The instance of each key. */
const routes = (sketches: readonly Sketch[], options = {}, version = 1): readonly (string | undefined)[] => {
  const pick = picking(consistentHash(options))
  const all = crowd(sketches, { version })
  return keys.map(key => pick(all, { key }))
}

const moved = (before: readonly unknown[], after: readonly unknown[]): readonly number[] => before.flatMap((id, at) => (id === after[at] ? [] : [at]))

describe('a Maglev table', () => {
  it('gives all equal instances the same share within 1 %', () => {
    for (const count of [2, 10, 100, 1_000]) {
      const counts = [...shares(nodes(count)).values()]
      expect(counts).toHaveLength(count)
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(Math.max(1, (places / count) * 0.01))
    }
  })
  it('divides the table by weight', () => {
    const counts = shares([{ id: 'a', weight: 1 }, { id: 'b', weight: 2 }, { id: 'c', weight: 5 }])
    for (const [id, weight] of [['a', 1], ['b', 2], ['c', 5]] as const) expect(Math.abs((counts.get(id) ?? 0) / places - weight / 8)).toBeLessThan(0.001)
  })
  it('moves few entries besides those of the instance that leaves', () => {
    const all = nodes(100).map(({ id }) => ({ id, weight: 1 }))
    const before = maglev(all)
    const rest = all.filter(({ id }) => id !== 'node-50')
    const after = maglev(rest)
    let disturbed = 0
    for (let place = 0; place < places; place += 1) if (all[before[place] ?? -1]?.id !== 'node-50' && all[before[place] ?? -1] !== rest[after[place] ?? -1]) disturbed += 1
    expect(disturbed / places).toBeLessThan(0.05)
  })
  it('fills every entry for any weights, and stays empty without instances', () => {
    const weight = fc.oneof(fc.constantFrom(1e308, 5e-324, 1), fc.double({ min: 1e-300, max: 1e300, noNaN: true }))
    fc.assert(
      fc.property(fc.array(weight, { minLength: 1, maxLength: 20 }), weights => {
        const table = maglev(weights.map((each, at) => ({ id: `n${at}`, weight: each })))
        expect(table.every(index => index >= 0 && index < weights.length)).toBe(true)
      }),
      { numRuns: 20 },
    )
    expect(maglev([]).every(index => index === -1)).toBe(true)
  })
})

describe.each([['rendezvous', 10], ['Maglev', 100]])('consistentHash, by %s', (_, count) => {
  it('gives each instance keys in proportion to its weight', () => {
    const all = times(count, at => ({ id: `node-${at}`, weight: at % 2 === 0 ? 1 : 3 }))
    const counts = tallied(routes(all))
    const heavy = all.filter(({ weight }) => weight === 3).reduce((sum, { id }) => sum + (counts.get(id) ?? 0), 0)
    expect(expected(heavy, 3 / 4, keys.length)).toBe(true)
  })
  it('depends neither on the order nor on former instances', () => {
    expect(routes([...nodes(count)].reverse())).toEqual(routes(nodes(count)))
  })
  it('moves the keys of an instance that leaves, and few others', () => {
    const before = routes(nodes(count))
    const after = routes(nodes(count).filter(({ id }) => id !== 'node-3'))
    const others = moved(before, after).filter(at => before[at] !== 'node-3')
    expect(others.length).toBeLessThanOrEqual(count === 10 ? 0 : keys.length * 0.05)
    expect(after).not.toContain('node-3')
  })
  it('gives an instance that joins its share, and moves few other keys', () => {
    const before = routes(nodes(count))
    const after = routes(nodes(count + 1))
    const there = moved(before, after)
    expect(there.length).toBeLessThan((2.5 * keys.length) / count)
    if (count === 10) expect(new Set(there.map(at => after[at]))).toEqual(new Set(['node-10']))
  })
  it('agrees only with clients of the same seed', () => {
    expect(moved(routes(nodes(count)), routes(nodes(count), { seed: 1 })).length).toBeGreaterThan(keys.length * 0.7)
  })
  it('goes to the next instance, always the same one, if the first has more than its share in flight', () => {
    const before = routes(nodes(count))
    const full = nodes(count).map(sketch => (sketch.id === 'node-3' ? { ...sketch, inFlight: 20 } : sketch))
    const route = (): readonly (string | undefined)[] => {
      const pick = picking(consistentHash({ bound: 1.25 }), { inFlight: 20 })
      const all = crowd(full)
      return keys.map(key => pick(all, { key }))
    }
    const after = route()
    expect(route()).toEqual(after)
    expect(after).not.toContain('node-3')
    expect(moved(before, after).every(at => before[at] === 'node-3')).toBe(true)
    expect(routes(full)).toEqual(before)
  })
  it('keeps every instance within ⌈c · calls · share⌉ if all calls have one key', () => {
    const pick = picking(consistentHash({ bound: 1.25 }))
    const flying = new Map(nodes(count).map(({ id }) => [id, 0]))
    for (let calls = 0; calls < count * 4; calls += 1) {
      const id = pick(crowd(nodes(count).map(({ id: each }) => ({ id: each, inFlight: flying.get(each) ?? 0 }))), { key: 'one', inFlight: calls }) ?? ''
      flying.set(id, (flying.get(id) ?? 0) + 1)
      if (count === 10) expect(flying.get(id)).toBeLessThanOrEqual(Math.max(1, Math.ceil(Math.ceil((calls + 1) * 1.25) / count)))
    }
    expect(Math.max(...flying.values())).toBeLessThanOrEqual(6)
  })
  it('chooses at random without a key', () => {
    const pick = picking(consistentHash())
    const all = crowd(nodes(count))
    expect(tallied(times(2_000, () => pick(all))).size).toBe(count)
  })
  it('accepts the empty key and any other string', () => {
    const pick = picking(consistentHash())
    const all = crowd(nodes(count))
    for (const key of ['', ' ', '__proto__', '\0', '\ud800', '🦀'.repeat(10_000)]) expect(pick(all, { key })).toBe(pick(all, { key }))
  })
})

describe('consistentHash of many', () => {
  it('follows a join within a second, and a leave at once', () => {
    const pick = picking(consistentHash())
    const route = (sketches: readonly Sketch[], version: number, now: number) => {
      const all = crowd(sketches, { version })
      return keys.map(key => pick(all, { key, now }))
    }
    route(nodes(100), 1, 0)
    const left = route(nodes(101).filter(({ id }) => id !== 'node-3'), 2, 500)
    expect([left.includes('node-3'), left.includes('node-100')]).toEqual([false, false])
    const later = route(nodes(101).filter(({ id }) => id !== 'node-3'), 2, 1_000)
    expect([later.includes('node-3'), later.includes('node-100')]).toEqual([false, true])
  })
  it('chooses a present instance when all instances of its table have left', () => {
    const pick = picking(consistentHash())
    pick(crowd(nodes(100)), { key: 'a' })
    expect(pick(crowd(weighing(...times(70, () => 1)), { version: 2 }), { key: 'a', now: 1 })).toMatch(/^n\d+$/)
  })
  it.each([[{ bound: 0.9 }, 'bound'], [{ bound: NaN }, 'bound'], [{ seed: -1 }, 'seed']])('refuses %j', (options, argument) => {
    expect(() => consistentHash(options)).toThrow(`${argument}: must be a number`)
  })
})
