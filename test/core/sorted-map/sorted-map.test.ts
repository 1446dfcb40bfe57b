import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SortedMap } from '../../../src/core/sorted-map/sorted-map.js'
import { differences } from '../../../src/core/sorted-map/difference.js'
import { built, type Fresh, type Node, removed, updated, width } from '../../../src/core/sorted-map/node.js'

const inserted = <V>(root: Node<V>, key: string, value: V, fresh?: Fresh): Node<V> => updated(root, key, () => value, fresh)

const byKey = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : a > b ? 1 : 0)
const sorted = <V>(map: ReadonlyMap<string, V>): [string, V][] => [...map].sort(byKey)

/** Few enough keys to collide, some of them unusual. */
const keys = fc.oneof(fc.integer({ min: 0, max: 300 }).map(String), fc.constantFrom('', '__proto__', 'constructor', '\uffff', '😀', 'é'))
const edits = fc.array(fc.tuple(keys, fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined })), { maxLength: 900, size: 'max' })
const edited = <V>(map: SortedMap<V>, changes: readonly (readonly [string, V | undefined])[]): SortedMap<V> =>
  changes.reduce((so, [key, value]) => (value === undefined ? so.delete(key) : so.set(key, value)), map)

/** Checks the invariants of a B+tree, and returns its height. */
const height = (node: Node<unknown>, isRoot = true): number => {
  expect(node.keys.length).toBeLessThanOrEqual(width)
  expect(node.keys.length).toBeGreaterThanOrEqual(isRoot ? (node.children === undefined ? 0 : 2) : width / 2)
  if (node.children === undefined) {
    expect(node.size).toBe(node.keys.length)
    expect(node.values).toHaveLength(node.keys.length)
    return 1
  }
  expect(node.keys).toEqual(node.children.map(child => child.keys[0]))
  expect(node.sizes).toEqual(node.children.map(child => child.size))
  expect(node.size).toBe(node.sizes.reduce((a, b) => a + b, 0))
  const heights = new Set(node.children.map(child => height(child, false)))
  expect(heights.size).toBe(1)
  return 1 + Math.max(...heights)
}

const nodesOf = <V>(node: Node<V>): Node<V>[] => [node, ...(node.children ?? []).flatMap(nodesOf)]
const tree = (count: number): Node<number> =>
  built(Array.from({ length: count }, (_, at) => `key-${String(at).padStart(6, '0')}`), Array.from({ length: count }, (_, at) => at))
const keyOf = (at: number): string => `key-${String(at).padStart(6, '0')}`

/** A reproducible sequence in [0, 1). */
const randoms = (seed: number) => () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647

/** Wraps trees in proxies that preserve sharing and report each node and list that is read. */
const watched = (visited: Set<object>) => {
  const proxies = new WeakMap<object, object>()
  const watch = <A>(value: A): A => {
    if (typeof value !== 'object' || value === null) return value
    const proxy = proxies.get(value) ?? new Proxy(value, {
      get: (target, name) => {
        visited.add(target)
        return watch(Reflect.get(target, name))
      },
    })
    proxies.set(value, proxy)
    return proxy as A
  }
  return watch
}

describe('SortedMap', () => {
  it('behaves like a Map that iterates sorted, whatever its history', () => {
    fc.assert(
      fc.property(edits, fc.array(keys), (changes, probes) => {
        const model = new Map<string, number>()
        for (const [key, value] of changes) if (value === undefined) model.delete(key)
        else model.set(key, value)
        const map = edited(SortedMap.empty<number>(), changes)
        const entries = sorted(model)
        expect([...map]).toEqual(entries)
        expect([...map.keys()]).toEqual(entries.map(([key]) => key))
        expect([...map.values()]).toEqual(entries.map(([, value]) => value))
        expect(map.toArray()).toEqual(entries.map(([, value]) => value))
        expect(map.size).toBe(model.size)
        for (const key of probes) expect([map.get(key), map.has(key)]).toEqual([model.get(key), model.has(key)])
        entries.forEach(([, value], at) => expect(map.at(at)).toBe(value))
        const visited: [string, number][] = []
        map.forEach((value, key, self) => {
          expect(self).toBe(map)
          visited.push([key, value])
        })
        expect(visited).toEqual(entries)
      }),
      { numRuns: 150 },
    )
  })

  it('does not change when another map is made from it', () => {
    fc.assert(
      fc.property(edits, edits, (first, then) => {
        const map = edited(SortedMap.empty<number>(), first)
        const before = [...map]
        edited(map, then)
        expect([...map]).toEqual(before)
      }),
      { numRuns: 50 },
    )
  })

  it('returns itself from a change without effect', () => {
    fc.assert(
      fc.property(edits, keys, (changes, key) => {
        const map = edited(SortedMap.empty<number>(), changes)
        const value = map.get(key)
        expect(value === undefined ? map.delete(key) : map.set(key, value)).toBe(map)
      }),
    )
    expect(SortedMap.from([['a', 1]]).delete('a')).toBe(SortedMap.empty())
  })

  it('passes the current value to an update once, and stores the result', () => {
    fc.assert(
      fc.property(edits, keys, (changes, key) => {
        const map = edited(SortedMap.empty<number>(), changes)
        const passed: (number | undefined)[] = []
        const after = map.update(key, before => {
          passed.push(before)
          return (before ?? 0) + 1
        })
        expect(passed).toEqual([map.get(key)])
        expect([...after]).toEqual([...map.set(key, (map.get(key) ?? 0) + 1)])
        expect(after.update(key, before => before ?? 0)).toBe(after)
      }),
    )
  })

  it('can be made from entries in any order; the last entry of a key counts', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(keys, fc.nat())), entries => {
        expect([...SortedMap.from(entries)]).toEqual(sorted(new Map(entries)))
        expect([...SortedMap.by(entries, ([key]) => key)]).toEqual(sorted(new Map(entries.map(entry => [entry[0], entry]))))
      }),
    )
  })

  it('has no value at a rank out of range', () => {
    const map = SortedMap.from([['a', 1], ['b', 2]])
    expect([-1, 0, 1, 2, 0.5, NaN].map(index => map.at(index))).toEqual([undefined, 1, 2, undefined, undefined, undefined])
    expect(SortedMap.empty().at(0)).toBeUndefined()
  })

  it('has iterators like the built-in ones', () => {
    const steps = SortedMap.from([['a', 1]]).values()
    expect(steps[Symbol.iterator]()).toBe(steps)
    expect([steps.next(), steps.next(), steps.next()]).toEqual([{ done: false, value: 1 }, { done: true, value: undefined }, { done: true, value: undefined }])
    expect(Object.getPrototypeOf(Object.getPrototypeOf(steps))).toBe(Object.getPrototypeOf(Object.getPrototypeOf(new Map().values())))
  })
})

describe('the tree', () => {
  it('stays balanced over long random histories', () => {
    const random = randoms(7)
    let node: Node<number> = built([], [])
    const model = new Map<string, number>()
    for (let step = 0; step < 12_000; step++) {
      // The tree grows, shrinks to almost nothing, and grows again.
      const grows = random() < (Math.floor(step / 3_000) % 2 === 0 ? 0.8 : 0.2)
      const key = keyOf(Math.floor(random() * 4_000))
      if (grows) model.set(key, step)
      else model.delete(key)
      node = grows ? inserted(node, key, step) : removed(node, key)
      if (step % 100 === 0) expect(height(node)).toBeLessThanOrEqual(1 + Math.log(Math.max(width, model.size)) / Math.log(width / 2))
    }
    expect(node.size).toBe(model.size)
  })

  it.each([
    ['ascending', (at: number) => at],
    ['descending', (at: number) => 4_999 - at],
    ['from the middle', (at: number) => (at + 2_500) % 5_000],
    ['one of each leaf after the other', (at: number) => (at % 157) * 32 + Math.floor(at / 157)],
  ])('stays balanced while it is emptied and filled %s', (_, order) => {
    let node = tree(5_000)
    for (let at = 0; at < 4_960; at++) {
      node = removed(node, keyOf(order(at)))
      if (at % 97 === 0) height(node)
    }
    expect(node.size).toBeLessThan(100)
    expect(height(node)).toBeLessThanOrEqual(2)
    for (let at = 0; at < 5_000; at++) node = inserted(node, keyOf(order(at) % 5_000), at)
    expect(height(node)).toBeLessThanOrEqual(4)
  })

  it('creates one path per change, and at most two more nodes per level', () => {
    const random = randoms(11)
    let node = tree(100_000)
    const levels = height(node)
    expect(levels).toBe(4)
    for (let step = 0; step < 60; step++) {
      const before = new Set<unknown>(nodesOf(node))
      const at = Math.floor(random() * 100_000)
      const kind = step % 3
      node = kind === 0 ? inserted(node, keyOf(at), -step) : kind === 1 ? removed(node, keyOf(at)) : inserted(node, `${keyOf(at)}-${step}`, step)
      const fresh = nodesOf(node).filter(one => !before.has(one)).length
      expect(fresh).toBeGreaterThanOrEqual(levels)
      expect(fresh).toBeLessThanOrEqual(kind === 0 ? levels : 2 * levels + 1)
    }
  })
})

describe('the difference', () => {
  const naive = <V>(a: ReadonlyMap<string, V>, b: ReadonlyMap<string, V>): unknown =>
    [...new Set([...a.keys(), ...b.keys()])]
      .filter(key => a.get(key) !== b.get(key))
      .sort()
      .map(key => ({ key, before: a.get(key), after: b.get(key) }))

  it('is that of the contents, sorted, whatever the history of the maps', () => {
    fc.assert(
      fc.property(edits, edits, edits, (shared, some, others) => {
        const root = edited(SortedMap.empty<number>(), shared)
        const [a, b] = [edited(root, some), edited(root, others)]
        expect(SortedMap.difference(a, b)).toEqual(naive(a, b))
        expect(SortedMap.difference(a, SortedMap.from(b))).toEqual(naive(a, b))
        expect(SortedMap.difference(root, a)).toEqual(naive(root, a))
      }),
      { numRuns: 150 },
    )
  })

  it('is right when one map is many times larger and shares subtrees with the other', () => {
    let small = SortedMap.from(Array.from({ length: 3_000 }, (_, at): [string, number] => [keyOf(at), at]))
    const large = SortedMap.from(small)
    const grown = Array.from({ length: 40_000 }, (_, at): [string, number] => [keyOf(at + 3_000), at]).reduce((map, [key, value]) => map.set(key, value), small)
    expect(SortedMap.difference(small, grown)).toHaveLength(40_000)
    expect(SortedMap.difference(small, large)).toEqual([])
    for (let at = 0; at < 2_990; at++) small = small.delete(keyOf(at))
    expect(SortedMap.difference(small, grown)).toHaveLength(42_990)
    expect(SortedMap.difference(grown, small)).toHaveLength(42_990)
  })

  it('reads only nodes that differ, even between trees of different heights', () => {
    const read = (a: Node<number>, b: Node<number>): number => {
      const visited = new Set<object>()
      const watch = watched(visited)
      differences(watch(a), watch(b))
      return [...visited].filter(one => 'children' in one).length
    }
    const base = tree(100_000)
    // Per difference and tree: the path, and the first keys of the siblings along it.
    const path = 4 * (width + 1)
    expect(read(base, inserted(base, keyOf(50_000), -1))).toBeLessThan(2 * path)
    expect(read(base, removed(base, keyOf(99_999)))).toBeLessThan(2 * path)
    expect(read(base, inserted(removed(base, keyOf(3)), 'key-099999x', -1))).toBeLessThan(4 * path)
    const full = Array.from({ length: width }, (_, at) => at).reduce((node, at) => inserted(node, `key-000000-${at}`, at), tree(width ** 3))
    expect(height(full)).toBe(height(tree(width ** 3)) + 1)
    expect(read(tree(width ** 3), full)).toBeGreaterThan(1_000) // two histories: nothing is shared
    const before = tree(width ** 3)
    const taller = Array.from({ length: width }, (_, at) => at).reduce((node, at) => inserted(node, `key-000000-${at}`, at), before)
    expect(height(taller)).toBe(height(before) + 1)
    expect(read(before, taller)).toBeLessThan(6 * path)
  })

  it('an edit gives the same map as changes without one, and does not change the map before it', () => {
    fc.assert(
      fc.property(edits, edits, (shared, changes) => {
        const before = edited(SortedMap.empty<number>(), shared)
        const was = [...before]
        const fresh = new Set()
        const after = changes.reduce((so, [key, value]) => (value === undefined ? so.delete(key) : so.set(key, value, fresh)), before)
        expect([...before]).toEqual(was)
        expect([...after]).toEqual([...edited(before, changes)])
      }),
    )
    const [root, fresh] = [tree(width ** 2 * 4), new Set()]
    const all = [7, 7, 8, 900, 901, 4_000].reduce((node, at) => inserted(node, keyOf(at), -at, fresh), root)
    height(all)
    expect(nodesOf(all).filter(node => !nodesOf(root).includes(node))).toHaveLength(fresh.size)
    expect(inserted(all, keyOf(9), 0, fresh)).toBe(all)
  })

  it('is cheap between a map and one that shares its nodes after a similar listing', () => {
    const entries = Array.from({ length: 5_000 }, (_, at): [string, number] => [keyOf(at), at])
    const before = SortedMap.from(entries)
    expect(SortedMap.sharing(before, SortedMap.from(entries))).toBe(before)
    const few = entries.filter((_, at) => at % 1_000 !== 5).map(([key, at]): [string, number] => [key, at % 997 === 0 ? -1 : at])
    const after = SortedMap.sharing(before, SortedMap.from(few))
    expect([...after]).toEqual(few)
    const many = entries.map(([key, at]): [string, number] => [key, -at])
    expect([...SortedMap.sharing(before, SortedMap.from(many))]).toEqual(many)
    expect(SortedMap.sharing(before, SortedMap.empty()).size).toBe(0)
  })
})
