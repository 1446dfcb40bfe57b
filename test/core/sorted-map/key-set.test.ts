import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { KeySet } from '../../../src/core/sorted-map/key-set.js'
import { SortedMap } from '../../../src/core/sorted-map/sorted-map.js'

const keys = (...all: string[]): KeySet => new KeySet(SortedMap.from(all.map((key, index) => [key, index])))

describe('a set of keys', () => {
  it('has the keys of its map, sorted', () => {
    const set = keys('b', 'a', 'c')
    expect([[...set], [...set.keys()], [...set.values()], set.size, set.has('b'), set.has('d')]).toEqual([
      ['a', 'b', 'c'], ['a', 'b', 'c'], ['a', 'b', 'c'], 3, true, false,
    ])
    expect([...set.entries()]).toEqual([['a', 'a'], ['b', 'b'], ['c', 'c']])
    const seen: unknown[] = []
    set.forEach(function (this: unknown, ...each) { seen.push([this, ...each]) }, 'me')
    expect(seen[1]).toEqual(['me', 'b', 'b', set])
  })

  it('equals a set of the same keys, and can be made from any set', () => {
    expect(KeySet.of(new Set(['c', 'a']))).toEqual(keys('a', 'c'))
    expect(KeySet.of(new Set(['c', 'a']))).not.toEqual(keys('a', 'b'))
    expect(KeySet.of(new Set())).toBe(KeySet.of(new Set()))
    const set = keys('a')
    expect(KeySet.of(set)).toBe(set)
  })

  it('prints like a built-in set', () => {
    expect(inspect(keys('a', 'b'))).toBe("Set(2) { 'a', 'b' }")
  })

  it('has the methods that built-in sets have in this engine', () => {
    const both = { union: ['a', 'b', 'c'], intersection: ['b'], difference: ['a'], symmetricDifference: ['a', 'c'] }
    for (const [name, expected] of Object.entries(both)) {
      expect(name in KeySet.prototype).toBe(name in Set.prototype)
      const method: unknown = Reflect.get(keys('a', 'b'), name)
      if (typeof method === 'function') expect([...(method.call(keys('a', 'b'), keys('b', 'c')) as Set<string>)].sort()).toEqual(expected)
    }
  })
})
