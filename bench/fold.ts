import hamt from 'hamt_plus'
import * as Immutable from 'immutable'
import BTreeModule from 'sorted-btree'
import { plain } from '../src/core/formats/plain.js'
import { serviceInstance, type ServiceInstance } from '../src/core/instance/instance.js'
import { projection } from '../src/core/view/projection.js'
import { diff } from '../src/core/sets/diff.js'
import { serviceSetOf } from '../src/core/sets/service-set.js'
import { SortedMap } from '../src/core/sorted-map/sorted-map.js'
import { finished } from '../src/core/finished.js'
import { bound, compare } from './ratios.js'
import { duration, median, table } from './results-table.js'

// a CommonJS module, whose default export is a property
const BTree = BTreeModule.default

const sizes = [10, 1_000, 10_000, 100_000]
const rounds = 9

const idOf = (at: number): string => `node-${String(at).padStart(6, '0')}`
const keyOf = (at: number): string => `/web/${idOf(at)}`
const instanceOf = (at: number, port: number): ServiceInstance => serviceInstance({ service: 'web', id: idOf(at), address: `10.0.0.1:${port}` })

/** One way to fold: prepares for `size` entries, and returns what folds the event number `event` at `at`. */
type Fold = (size: number) => (at: number, event: number) => unknown

const range = (size: number): number[] => Array.from({ length: size }, (_, at) => at)
// As in life, each event brings a value and a key of its own.
const event = (at: number, number: number): ServiceInstance => ({ ...template, id: idOf(at), weight: number })
const template = instanceOf(0, 81)
const entries = (size: number): [string, ServiceInstance][] => range(size).map(at => [keyOf(at), instanceOf(at, 80)])

/** What each does with one event: a value comes at a known key, and the former collection stays as it was (but for the mutable ones). */
const structures: Record<string, Fold> = {
  'SortedMap.set': size => {
    let map = SortedMap.from(entries(size))
    return (at, number) => (map = map.set(keyOf(at), event(at, number)))
  },
  immutable: size => {
    let map = Immutable.Map(entries(size))
    return (at, number) => (map = map.set(keyOf(at), event(at, number)))
  },
  hamt_plus: size => {
    let map = entries(size).reduce((so, [key, value]) => so.set(key, value), hamt.make<ServiceInstance>())
    return (at, number) => (map = map.set(keyOf(at), event(at, number)))
  },
  'sorted-btree': size => {
    let map = new BTree<string, ServiceInstance>(entries(size))
    return (at, number) => (map = map.with(keyOf(at), event(at, number)))
  },
  'copied Map': size => {
    let map = new Map(entries(size))
    return (at, number) => (map = new Map(map).set(keyOf(at), event(at, number)))
  },
  'mutable Map': size => {
    const map = new Map(entries(size))
    return (at, number) => map.set(keyOf(at), event(at, number))
  },
}

/** The same with all that an event takes: from its text to the set that is emitted. */
const wholes: Record<string, Fold> = {
  'fold, and a set of it': size => {
    const fold = projection(plain(), { service: 'web' })
    const readings = range(size).map(at => fold.decode(fold.empty, { key: keyOf(at), value: '10.0.0.1:80', lease: '1', revision: 1 }))
    let known = finished(fold.restore(fold.empty, readings, 1))
    return (at, number) => {
      const revision = known.revision + 1
      known = fold.apply(known, { revision, changes: [{ key: keyOf(at), value: `10.0.0.1:${1_000 + (number % 60_000)}`, lease: '1', revision }] })
      const roster = known.services.get('web')
      return roster && serviceSetOf(roster, { status: 'live', revision, asOf: 0 })
    }
  },
  'decoded into a mutable Map': size => {
    const { decode } = plain()
    const map = new Map<string, unknown>(entries(size))
    return (at, number) => map.set(keyOf(at), decode(keyOf(at), `10.0.0.1:${1_000 + (number % 60_000)}`, 'web'))
  },
}

const measured = (operations: number, run: (operation: number) => unknown): number => {
  const began = performance.now()
  for (let operation = 0; operation < operations; operation++) run(operation)
  return ((performance.now() - began) * 1e6) / operations
}

/** Each candidate in turn, several rounds, so that what else the machine does falls on all alike. */
const compared = (candidates: Record<string, () => number>): Taken => {
  const results = Object.keys(candidates).map((name): [string, number[]] => [name, []])
  for (let round = 0; round < rounds; round++) for (const [name, times] of results) times.push(candidates[name]?.() ?? NaN)
  return Object.fromEntries(results.map(([name, times]) => [name, times.slice(2)]))
}

/** What each took in its rounds, ns, by name. */
type Taken = Readonly<Record<string, readonly number[]>>

// Each is made, measured and dropped before the next, so that none pays for the garbage of another; in several passes, so that what else
// the machine does falls on all alike.
const folds = (title: string, candidates: Record<string, Fold>): readonly Taken[] => {
  const bySize = sizes.map(size => {
    const operations = (name: string): number => (name === 'copied Map' ? Math.max(10, Math.min(10_000, 1e6 / size)) : 10_000)
    const passes = range(2).map(() =>
      Object.entries(candidates).map(([name, make]): [string, number[]] => {
        const one = make(size)
        let number = 0
        return [name, range(rounds).map(() => measured(operations(name), () => one((number * 7_919) % size, number++))).slice(2)]
      }),
    )
    return Object.fromEntries(Object.keys(candidates).map((name, at) => [name, passes.flatMap(pass => pass[at]?.[1] ?? [])]))
  })
  const row = (name: string): string[] => {
    const times = bySize.map(results => median(results[name] ?? []))
    const [, small = NaN, , large = NaN] = times
    return [name, ...times.map(duration), `${(large / small).toFixed(1)}×`]
  }
  table(title, [['', ...sizes.map(size => size.toLocaleString('en')), '100,000 : 1,000'], ...Object.keys(candidates).map(row)])
  return bySize
}

/** The rows of the design about one event at a set of 100,000. */
const goals = (bySize: readonly Taken[]): void => {
  const [, small, , large] = bySize
  const ours = large?.['SortedMap.set'] ?? []
  bound({ what: 'one event into 100,000', measured: ours, unit: duration, most: 3_000 })
  compare({ what: 'one event into 100,000', ours, beside: 'the same into 1,000', theirs: small?.['SortedMap.set'] ?? [], unit: duration, goal: { most: 6 } })
  for (const beside of ['immutable', 'sorted-btree', 'hamt_plus', 'copied Map', 'mutable Map'])
    compare({ what: 'one event into 100,000', ours, beside, theirs: large?.[beside] ?? [], unit: duration })
}

/** Folding one event, and going through and making a whole collection. */
export const fold = (): void => {
  goals(folds('one event at a random known key', structures))
  folds('one event, from its text', wholes)

  const size = 100_000
  const all = entries(size)
  const map = new Map(all)
  const sorted = all.reduce((so, [key, value]) => so.set(key, value), SortedMap.from(all.slice(0, size / 2)))
  const persistent = Immutable.Map(all)
  const counted = (some: Iterable<[string, ServiceInstance]>): number => {
    let sum = 0
    for (const [key, { weight }] of some) sum += key.length + weight
    return sum
  }
  const through = compared({
    Map: () => measured(3, () => counted(map)),
    SortedMap: () => measured(3, () => counted(sorted)),
    immutable: () => measured(3, () => counted(persistent)),
  })
  const { Map: base = [], SortedMap: ours = [] } = through
  table('iterating 100,000 entries', [['', 'median', 'to a Map'], ...Object.entries(through).map(([name, ns]) => [name, duration(median(ns)), `${(median(ns) / median(base)).toFixed(2)}×`])])
  compare({ what: 'iterating 100,000 entries', ours, beside: 'a Map', theirs: base, unit: duration, goal: { most: 2 } })

  const following = projection(plain(), { service: 'web' })
  const listing = range(size).map(at => ({ key: keyOf(at), value: '10.0.0.1:80', lease: '1', revision: 1 }))
  const readings = listing.map(change => following.decode(following.empty, change))
  const known = finished(following.restore(following.empty, readings, 1))
  const [first] = readings
  const set = serviceSetOf({ service: 'web', instances: sorted, rejected: new Map() }, { status: 'live', revision: 1, asOf: 0 })
  const other = serviceSetOf({ service: 'web', instances: sorted.set(keyOf(5), event(5, 5)), rejected: new Map() }, { status: 'live', revision: 2, asOf: 0 })
  const made = compared({
    'SortedMap.from, sorted': () => measured(1, () => SortedMap.from(all)),
    'new Map': () => measured(1, () => new Map(all)),
    'new Map, keys sorted': () => measured(1, () => [...new Map(all).keys()].sort()),
    'restored, first': () => measured(1, () => finished(following.restore(following.empty, readings, 1))),
    'restored, nothing changed': () => measured(1, () => finished(following.restore(known, readings, 2))),
    'restored, one gone': () => measured(1, () => finished(following.restore(known, readings.filter(one => one !== first), 2))),
    'diff of one change': () => measured(1_000, () => diff(set, other)),
  })
  table('a whole of 100,000', [['', 'median'], ...Object.entries(made).map(([name, ns]) => [name, duration(median(ns))])])
}
