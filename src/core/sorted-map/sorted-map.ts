/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices are in range by construction */
import { type Difference, differences } from './difference.js'
import { built, forEachEntry, type Fresh, type Inner, type Leaf, leafOf, lowerBound, type Node, removed, updated, valueAt, withMappedValues } from './node.js'

export type { Difference } from './difference.js'

class MapIteratorOf<V, A> {
  readonly #parents: Inner<V>[] = []
  readonly #indices: number[] = []
  readonly #pick: (leaf: Leaf<V>, at: number) => A
  #leaf: Leaf<V>
  #at = -1

  constructor(root: Node<V>, pick: (leaf: Leaf<V>, at: number) => A) {
    this.#pick = pick
    this.#leaf = this.#firstLeaf(root)
  }

  next(): IteratorResult<A, undefined> {
    if (++this.#at < this.#leaf.size || this.#nextLeaf()) return { done: false, value: this.#pick(this.#leaf, this.#at) }
    return { done: true, value: undefined }
  }

  #firstLeaf(root: Node<V>): Leaf<V> {
    let node = root
    while (node.children !== undefined) {
      this.#parents.push(node)
      this.#indices.push(0)
      node = node.children[0]!
    }
    return node
  }

  #nextLeaf(): boolean {
    for (let node = this.#parents.pop(); node !== undefined; node = this.#parents.pop()) {
      const at = (this.#indices.pop() ?? 0) + 1
      const child = node.children[at]
      if (child === undefined) continue
      this.#parents.push(node)
      this.#indices.push(at)
      this.#leaf = this.#firstLeaf(child)
      this.#at = 0
      return true
    }
    return false
  }
}

// The prototype of all built-in iterators: it makes this one iterable and adds the helpers (`map`, `filter` …) where the engine has them.
Object.setPrototypeOf(MapIteratorOf.prototype, Object.getPrototypeOf(Object.getPrototypeOf([].values()) as object) as object)

const keyAt = (leaf: Leaf<unknown>, at: number): string => leaf.keys[at]!
const valueIn = <V>(leaf: Leaf<V>, at: number): V => leaf.values[at] as V
const entryAt = <V>(leaf: Leaf<V>, at: number): [string, V] => [leaf.keys[at]!, leaf.values[at] as V]

/** The iterators of a built-in map under the name that the user's TypeScript has for them: `MapIterator` came with 5.6. */
interface Iterators<V> {
  readonly keys: ReturnType<ReadonlyMap<string, V>['keys']>
  readonly values: ReturnType<ReadonlyMap<string, V>['values']>
  readonly entries: ReturnType<ReadonlyMap<string, V>['entries']>
}

/** A persistent map, sorted by key (by `<`). A change copies one path of the tree and shares the rest. Values can be read by rank. */
export class SortedMap<V> implements ReadonlyMap<string, V> {
  static readonly #empty = new SortedMap<never>(built<never>([], []))

  readonly #root: Node<V>

  private constructor(root: Node<V>) {
    this.#root = root
  }

  /** The empty map. */
  static empty<V>(): SortedMap<V> {
    return SortedMap.#empty
  }

  /** A map of the entries. Linear time if they are sorted. If a key occurs twice, the last entry counts. */
  static from<V>(entries: Iterable<readonly [string, V]>): SortedMap<V> {
    const keys: string[] = []
    const values: V[] = []
    for (const [key, value] of entries) {
      keys.push(key)
      values.push(value)
    }
    return SortedMap.#of(keys, values)
  }

  /** A map, from keys in strictly ascending order and their values; it does not check the order. */
  static sorted<V>(keys: readonly string[], values: readonly V[]): SortedMap<V> {
    return keys.length === 0 ? SortedMap.empty() : new SortedMap(built(keys, values))
  }

  /** A map of the values, each at `keyOf(value)`; otherwise like {@link SortedMap.from}. */
  static by<V>(values: readonly V[], keyOf: (value: V) => string): SortedMap<V> {
    return SortedMap.#of(values.map(keyOf), values)
  }

  static #of<V>(keys: readonly string[], values: readonly V[]): SortedMap<V> {
    if (keys.length === 0) return SortedMap.empty()
    if (keys.every((key, at) => at === 0 || keys[at - 1]! < key)) return new SortedMap(built(keys, values))
    const last = new Map(keys.map((key, at) => [key, values[at] as V]))
    const sorted = [...last.keys()].sort((a, b) => (a < b ? -1 : 1))
    return new SortedMap(built(sorted, sorted.map(key => last.get(key) as V)))
  }

  /** The differences between two maps, by key. If one map was made from the other, the cost is proportional to what differs. */
  static difference<V>(before: SortedMap<V>, after: SortedMap<V>): readonly Difference<V>[] {
    return differences(before.#root, after.#root)
  }

  /** Whether two maps have the same keys and (`===`) values. Stops at the first difference. */
  static same<V>(a: SortedMap<V>, b: SortedMap<V>): boolean {
    return differences(a.#root, b.#root, 1).length === 0
  }

  /** A map equal to `after` that shares nodes with `before` if few entries differ, so that later differences between the two are cheap. */
  static sharing<V>(before: SortedMap<V>, after: SortedMap<V>): SortedMap<V> {
    if (Math.abs(before.size - after.size) * 8 > after.size) return after
    const found = SortedMap.difference(before, after)
    if (found.length * 8 > after.size) return after
    return found.reduce((map, { key, after: value }) => (value === undefined ? map.delete(key) : map.set(key, value)), before)
  }

  get size(): number {
    return this.#root.size
  }

  get(key: string): V | undefined {
    const leaf = leafOf(this.#root, key)
    const at = lowerBound(leaf.keys, key)
    return leaf.keys[at] === key ? leaf.values[at] : undefined
  }

  has(key: string): boolean {
    const { keys } = leafOf(this.#root, key)
    return keys[lowerBound(keys, key)] === key
  }

  /** A map with the same keys, and with `change` applied to each value. */
  map<W>(change: (value: V) => W): SortedMap<W> {
    return this.size === 0 ? SortedMap.empty() : new SortedMap(withMappedValues(this.#root, change))
  }

  /** The value at rank `index`, counted from 0; `undefined` if out of range. */
  at(index: number): V | undefined {
    return Number.isInteger(index) && index >= 0 && index < this.size ? valueAt(this.#root, index) : undefined
  }

  /**
   * This map with `value` at `key`; this map itself if it has that value (`===`) already. Calls with the same `edit` may change
   * in place what an earlier one of them created, and then return this same map.
   */
  set(key: string, value: V, edit?: Fresh): SortedMap<V> {
    return this.update(key, () => value, edit)
  }

  /** Like {@link set}, with `valueAfter(value before)` as the value. It searches for `key` once. */
  update(key: string, valueAfter: (before: V | undefined) => V, edit?: Fresh): SortedMap<V> {
    const root = updated(this.#root, key, valueAfter, edit)
    return root === this.#root ? this : new SortedMap(root)
  }

  /** This map without `key`; this map itself if it does not contain `key`. */
  delete(key: string): SortedMap<V> {
    const root = removed(this.#root, key)
    return root === this.#root ? this : root.size === 0 ? SortedMap.empty() : new SortedMap(root)
  }

  forEach(visit: (value: V, key: string, map: ReadonlyMap<string, V>) => void, thisArg?: unknown): void {
    forEachEntry(this.#root, (value, key) => visit.call(thisArg, value, key, this))
  }

  toArray(): V[] {
    const values: V[] = []
    forEachEntry(this.#root, value => values.push(value))
    return values
  }

  keys(): Iterators<V>['keys'] {
    return new MapIteratorOf(this.#root, keyAt) as unknown as Iterators<V>['keys']
  }

  values(): Iterators<V>['values'] {
    return new MapIteratorOf(this.#root, valueIn) as unknown as Iterators<V>['values']
  }

  entries(): Iterators<V>['entries'] {
    return new MapIteratorOf(this.#root, entryAt) as unknown as Iterators<V>['entries']
  }

  [Symbol.iterator](): Iterators<V>['entries'] {
    return this.entries()
  }

  /** What Node's `console.log` prints. */
  [Symbol.for('nodejs.util.inspect.custom')](): ReadonlyMap<string, V> {
    return new Map(this)
  }
}
