/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices are in range by construction */
 
import { type Difference, differences } from './difference.js'
import { built } from './build.js'
import { each, type Fresh, type Inner, type Leaf, leafOf, lowerBound, mapped, type Node, removed, updated, valueAt } from './node.js'

export type { Difference } from './difference.js'

class Steps<V, A> {
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

// What every built-in iterator inherits: being iterable, and the helpers (`map`, `filter` …) where the engine has them.
Object.setPrototypeOf(Steps.prototype, Object.getPrototypeOf(Object.getPrototypeOf([].values()) as object) as object)

const keyAt = (leaf: Leaf<unknown>, at: number): string => leaf.keys[at]!
const valueIn = <V>(leaf: Leaf<V>, at: number): V => leaf.values[at] as V
const entryAt = <V>(leaf: Leaf<V>, at: number): [string, V] => [leaf.keys[at]!, leaf.values[at] as V]

/** The iterators of a built-in map under the name that the user's TypeScript has for them: `MapIterator` came with 5.6. */
interface Iterators<V> {
  readonly keys: ReturnType<ReadonlyMap<string, V>['keys']>
  readonly values: ReturnType<ReadonlyMap<string, V>['values']>
  readonly entries: ReturnType<ReadonlyMap<string, V>['entries']>
}

/** A persistent map sorted by key (by `<`): a change copies one path and shares the rest, and a value has a rank. */
export class SortedMap<V> implements ReadonlyMap<string, V> {
  static readonly #empty = new SortedMap<never>(built<never>([], []))

  readonly #root: Node<V>

  private constructor(root: Node<V>) {
    this.#root = root
  }

  /** The map without entries. */
  static empty<V>(): SortedMap<V> {
    return SortedMap.#empty
  }

  /** The map of the entries, in linear time when they are sorted; of equal keys the last one counts. */
  static from<V>(entries: Iterable<readonly [string, V]>): SortedMap<V> {
    const keys: string[] = []
    const values: V[] = []
    for (const [key, value] of entries) {
      keys.push(key)
      values.push(value)
    }
    return SortedMap.#of(keys, values)
  }

  /** The map of keys that are in strictly ascending order, and their values. */
  static sorted<V>(keys: readonly string[], values: readonly V[]): SortedMap<V> {
    return keys.length === 0 ? SortedMap.empty() : new SortedMap(built(keys, values))
  }

  /** The map of the values by what `keyOf` says, like {@link SortedMap.from}. */
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

  /** What differs between two maps, by key; costs as much as that, as long as one map came from the other. */
  static difference<V>(before: SortedMap<V>, after: SortedMap<V>): readonly Difference<V>[] {
    return differences(before.#root, after.#root)
  }

  /** Whether two maps hold the same; as cheap as their first difference. */
  static same<V>(a: SortedMap<V>, b: SortedMap<V>): boolean {
    return differences(a.#root, b.#root, 1).length === 0
  }

  /** The map `after`, made of what `before` has where they agree, so that their difference is cheap from then on. */
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

  /** The map of what `change` makes of each value. */
  map<W>(change: (value: V) => W): SortedMap<W> {
    return this.size === 0 ? SortedMap.empty() : new SortedMap(mapped(this.#root, change))
  }

  /** The value of rank `index`, counted from 0; `undefined` out of range. */
  at(index: number): V | undefined {
    return Number.isInteger(index) && index >= 0 && index < this.size ? valueAt(this.#root, index) : undefined
  }

  /** This map with `key` at `value`; itself if it is so already (`===`). Within one edit it may be this map that is changed, if the edit has made it. */
  set(key: string, value: V, edit?: Fresh): SortedMap<V> {
    return this.update(key, () => value, edit)
  }

  /** The same with what `valueAfter` makes of the value at `key`, which is looked for once. */
  update(key: string, valueAfter: (before: V | undefined) => V, edit?: Fresh): SortedMap<V> {
    const root = updated(this.#root, key, valueAfter, edit)
    return root === this.#root ? this : new SortedMap(root)
  }

  /** This map without `key`; itself if it has none. */
  delete(key: string): SortedMap<V> {
    const root = removed(this.#root, key)
    return root === this.#root ? this : root.size === 0 ? SortedMap.empty() : new SortedMap(root)
  }

  forEach(visit: (value: V, key: string, map: ReadonlyMap<string, V>) => void, thisArg?: unknown): void {
    each(this.#root, (value, key) => visit.call(thisArg, value, key, this))
  }

  toArray(): V[] {
    const values: V[] = []
    each(this.#root, value => values.push(value))
    return values
  }

  keys(): Iterators<V>['keys'] {
    return new Steps(this.#root, keyAt) as unknown as Iterators<V>['keys']
  }

  values(): Iterators<V>['values'] {
    return new Steps(this.#root, valueIn) as unknown as Iterators<V>['values']
  }

  entries(): Iterators<V>['entries'] {
    return new Steps(this.#root, entryAt) as unknown as Iterators<V>['entries']
  }

  [Symbol.iterator](): Iterators<V>['entries'] {
    return this.entries()
  }

  /** How Node's `console.log` shows it. */
  [Symbol.for('nodejs.util.inspect.custom')](): ReadonlyMap<string, V> {
    return new Map(this)
  }
}
