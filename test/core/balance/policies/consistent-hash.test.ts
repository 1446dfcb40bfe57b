import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { consistentHash } from '../../../../src/core/balance/policies/consistent-hash.js'
import { crowd, picking, tallied, times, weighing, type Sketch } from './candidates.js'

const nodes = (count: number): readonly Sketch[] => times(count, at => ({ id: `node-${at}`, weight: 1 }))
const keys = times(2_000, at => `user-${at}`)
/** The instance of each key. */
const routes = (sketches: readonly Sketch[], options = {}, version = 1): readonly (string | undefined)[] => {
  const pick = picking(consistentHash(options))
  const all = crowd(sketches, { version })
  return keys.map(key => pick(all, { key }))
}
const moved = (before: readonly unknown[], after: readonly unknown[]): readonly number[] => before.flatMap((id, at) => (id === after[at] ? [] : [at]))

describe.each([2, 10, 64, 65, 66, 100, 1_000])('consistentHash of %d instances', count => {
  it('moves only the keys of an instance that leaves', () => {
    const before = routes(nodes(count))
    const after = routes(nodes(count).filter(({ id }) => id !== 'node-1'))
    expect(moved(before, after).every(at => before[at] === 'node-1')).toBe(true)
    expect(after).not.toContain('node-1')
  })
  it('moves only the keys of an instance that is ejected, and to the same instances as if it had left', () => {
    const pick = picking(consistentHash())
    const whole = crowd(nodes(count))
    const without = nodes(count).filter(({ id }) => id !== 'node-1')
    const ejected = { ...crowd(without, { version: 2 }), all: whole }
    const before = keys.map(key => pick(whole, { key }))
    const after = keys.map(key => pick(ejected, { key }))
    expect(moved(before, after).every(at => before[at] === 'node-1')).toBe(true)
    expect(after).toEqual(routes(without))
  })
  it('moves keys only to an instance that joins, about its share', () => {
    const before = routes(nodes(count))
    const after = routes(nodes(count + 1))
    const changed = moved(before, after)
    expect(changed.length).toBeLessThan((2 * keys.length) / (count + 1) + 10)
    expect(new Set(changed.map(at => after[at]))).toEqual(new Set(changed.length === 0 ? [] : [`node-${count}`]))
  })
  it('depends neither on the order nor on former instances', () => {
    expect(routes([...nodes(count)].reverse())).toEqual(routes(nodes(count)))
    const pick = picking(consistentHash())
    pick(crowd([...nodes(count).slice(1), { id: 'x', weight: 7 }, { id: 'node-0', weight: 2 }], { version: 2 }), { key: 'a' })
    pick(crowd(nodes(count).slice(1), { version: 3 }), { key: 'a' })
    const all = crowd(nodes(count), { version: 4 })
    expect(keys.map(key => pick(all, { key, now: 1_000 }))).toEqual(routes(nodes(count)))
  })
})

describe.each([10, 100])('consistentHash of %d instances', count => {
  it('gives each instance keys in proportion to its weight', () => {
    const all = times(count, at => ({ id: `node-${at}`, weight: at % 2 === 0 ? 1 : 3 }))
    const counts = tallied(routes(all))
    const heavy = all.filter(({ weight }) => weight === 3).reduce((sum, { id }) => sum + (counts.get(id) ?? 0), 0)
    expect(Math.abs(heavy / keys.length - 3 / 4)).toBeLessThan(0.05)
  })
  it('moves keys only to or from an instance whose weight changes', () => {
    const changed = nodes(count).map(sketch => (sketch.id === 'node-3' ? { ...sketch, weight: 0.5 } : sketch))
    const [before, after] = [routes(nodes(count)), routes(changed)]
    expect(moved(before, after).every(at => before[at] === 'node-3')).toBe(true)
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
      expect(flying.get(id)).toBeLessThanOrEqual(Math.max(1, Math.ceil(Math.ceil((calls + 1) * 1.25) / count)))
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

describe('consistentHash', () => {
  it('gives equal instances shares within a third of each other’s mean', () => {
    const pick = picking(consistentHash())
    const all = crowd(nodes(20))
    for (const count of tallied(times(20_000, at => pick(all, { key: `k${at}` }))).values()) expect(Math.abs(count / 1_000 - 1)).toBeLessThan(1 / 3)
  })
  it('accepts any weights', () => {
    const weight = fc.oneof(fc.constantFrom(1e308, 5e-324, 1), fc.double({ min: 1e-300, max: 1e300, noNaN: true }))
    fc.assert(
      fc.property(fc.array(weight, { minLength: 1, maxLength: 20 }), weights => {
        const pick = picking(consistentHash())
        const all = crowd(weighing(...weights))
        expect(keys.slice(0, 50).every(key => pick(all, { key }) !== undefined)).toBe(true)
      }),
      { numRuns: 50 },
    )
  })
  it('of more than 1,000 follows a join within a second, and a leave at once', () => {
    const pick = picking(consistentHash())
    const route = (sketches: readonly Sketch[], version: number, now: number) => {
      const all = crowd(sketches, { version })
      return keys.map(key => pick(all, { key, now }))
    }
    const later = [...nodes(1_100).filter(({ id }) => id !== 'node-3'), { id: 'joined', weight: 5 }]
    const has = (ids: readonly unknown[]) => [ids.includes('node-3'), ids.includes('joined')]
    expect(has(route(nodes(1_100), 1, 0))).toEqual([true, false])
    expect(has(route(later, 2, 500))).toEqual([false, false])
    expect(has(route(later, 2, 1_000))).toEqual([false, true])
  })
  it('chooses a present instance when all instances of its ring have left', () => {
    const pick = picking(consistentHash())
    pick(crowd(nodes(1_100)), { key: 'a' })
    expect(pick(crowd(weighing(...times(1_070, () => 1)), { version: 2 }), { key: 'a', now: 1 })).toMatch(/^n\d+$/)
  })
  it.each([[{ bound: 0.9 }, 'bound'], [{ bound: NaN }, 'bound'], [{ seed: -1 }, 'seed']])('refuses %j', (options, argument) => {
    expect(() => consistentHash(options)).toThrow(`${argument} must be a number`)
  })
})
