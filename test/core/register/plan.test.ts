import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { plan, type PlanInput } from '../../../src/core/register/plan.js'
import type { Change } from '../../../src/core/store.js'

const keys = fc.constantFrom('a', 'b', 'c', 'd')
const lease = 'ours'
const former = ['former1', 'former2']
const ours = (change: Change): boolean => change.lease === lease || former.includes(change.lease)
const always = (): boolean => true
const never = (): boolean => false
const foreign = (change: Change): boolean => change.value !== null && change.lease !== lease && !former.includes(change.lease)

const contents = fc.dictionary(keys, fc.constantFrom('1', '2'), { noNullPrototype: true }).map(record => new Map(Object.entries(record)))
const absent = (key: string): Change => ({ key, value: null, lease: '0', revision: 0 })
/** What a store holds; absent keys are not in it. */
const stores = fc
  .dictionary(keys, fc.record({ value: fc.constantFrom('1', '2'), lease: fc.constantFrom(lease, ...former, '0', 'theirs'), revision: fc.integer({ min: 1, max: 9 }) }), { noNullPrototype: true })
  .map(record => new Map(Object.entries(record).map(([key, there]): [string, Change] => [key, { key, ...there }])))
/** What is believed of it: some of it right, some outdated, some unknown. */
const beliefs = stores.chain(store =>
  fc.tuple(stores, fc.subarray(['a', 'b', 'c', 'd'])).map(([other, right]) => {
    const found = new Map([...other].map(([key, change]): [string, Change] => [key, { ...change, revision: change.revision + 50 }]))
    for (const key of right) found.set(key, store.get(key) ?? absent(key))
    return { store, found }
  }),
)

/** Carries plans out until there is nothing more to do, as a registration does: a refused write tells what is there. */
const carryOut = (store: Map<string, Change>, found: Map<string, Change>, input: Pick<PlanInput, 'desired' | 'replaces'>) => {
  const overwritten: Change[] = []
  for (let step = 1; step <= 20; step += 1) {
    const next = plan({ ...input, observed: found, lease, ours })
    if (next.type !== 'write') return { end: next, overwritten, step }
    const refused = next.entries.some(({ key, expect: expected }) => (store.get(key)?.revision ?? 0) !== expected)
    for (const { key, value } of next.entries) {
      const there = store.get(key)
      if (!refused && there && foreign(there)) overwritten.push(there)
      if (!refused && value === null) store.delete(key)
      else if (!refused && value !== null) store.set(key, { key, value, lease, revision: 100 + step })
      found.set(key, store.get(key) ?? absent(key))
    }
  }
  throw new Error('the plans do not end')
}

describe('plan', () => {
  it('never overwrites or deletes an observed key of another holder, unless replace', () => {
    fc.assert(fc.property(contents, stores, (desired, found) => {
      const next = plan({ desired, observed: found, lease, ours, replaces: never })
      const touched = next.type === 'write' ? next.entries.flatMap(({ key }) => found.get(key) ?? []) : []
      expect(touched.filter(foreign)).toEqual([])
    }))
  })

  it('deletes no key of another holder, even with replace', () => {
    fc.assert(fc.property(contents, stores, (desired, found) => {
      const next = plan({ desired, observed: found, lease, ours, replaces: always })
      const deleted = next.type === 'write' ? next.entries.filter(({ value }) => value === null).flatMap(({ key }) => found.get(key) ?? []) : []
      expect(deleted.filter(foreign)).toEqual([])
    }))
  })

  it('guards each entry with the observed revision, 0 if none was, and names each key once', () => {
    fc.assert(fc.property(contents, stores, fc.boolean(), (desired, found, replace) => {
      const next = plan({ desired, observed: found, lease, ours, replaces: replace ? always : never })
      if (next.type !== 'write') return
      expect(next.entries.map(({ expect: expected }) => expected)).toEqual(next.entries.map(({ key }) => found.get(key)?.revision ?? 0))
      expect(new Set(next.entries.map(({ key }) => key)).size).toBe(next.entries.length)
    }))
  })

  it('ends with exactly the desired keys, or stands down, whatever was observed at first', () => {
    fc.assert(fc.property(contents, beliefs, fc.boolean(), (desired, { store: before, found }, replace) => {
      const store = new Map(before)
      const first = carryOut(store, new Map(found), { desired, replaces: replace ? always : never })
      // what was believed wrongly is told by the watch sooner or later
      const { end, overwritten } = carryOut(store, new Map(store), { desired, replaces: replace ? always : never })
      const replaced = [...first.overwritten, ...overwritten].map(({ key }) => key)
      const rivals = [...before.values()].filter(change => foreign(change) && desired.has(change.key)).map(({ key }) => key)
      expect(replaced.sort()).toEqual(replace ? rivals.sort() : [])
      if (end.type === 'taken') {
        expect(rivals).toContain(end.by.key)
        expect(replace).toBe(false)
      } else {
        expect(replace || rivals.length === 0).toBe(true)
        const ours = [...store.values()].filter(change => !foreign(change))
        expect(new Map(ours.map(({ key, value }) => [key, value]))).toEqual(desired)
        expect(ours.filter(change => change.lease !== lease)).toEqual([])
      }
    }), { numRuns: 1_000 })
  })

  it('withdraws every observed key of ours, under any of our leases, and nothing else', () => {
    fc.assert(fc.property(stores, store => {
      const rest = new Map(store)
      const others = new Map([...store].filter(([, change]) => foreign(change)))
      const { end } = carryOut(rest, new Map(store), { desired: new Map(), replaces: always })
      expect([end, rest]).toEqual([{ type: 'rest' }, others])
    }))
  })

  it('rests if everything is as desired', () => {
    fc.assert(fc.property(contents, desired => {
      const found = new Map([...desired].map(([key, value]): [string, Change] => [key, { key, value, lease, revision: 7 }]))
      expect(plan({ desired, observed: found, lease, ours, replaces: never })).toEqual({ type: 'rest' })
    }))
  })

  it('writes equal content again under a new lease, since it would die with the former one', () => {
    const found = new Map([['a', { key: 'a', value: '1', lease: 'former1', revision: 5 }]])
    expect(plan({ desired: new Map([['a', '1']]), observed: found, lease, ours, replaces: never })).toEqual({ type: 'write', entries: [{ key: 'a', value: '1', expect: 5 }] })
  })
})
