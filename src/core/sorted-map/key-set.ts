import { SortedMap } from './sorted-map.js'

/** The keys of a sorted map as a set, without a copy. */
export class KeySet implements ReadonlySet<string> {
  static readonly #empty = new KeySet(SortedMap.empty())

  readonly #map: SortedMap<unknown>

  constructor(map: SortedMap<unknown>) {
    this.#map = map
  }

  /** The set of the keys; itself if it is one already. */
  static of(keys: ReadonlySet<string>): KeySet {
    if (keys instanceof KeySet) return keys
    return keys.size === 0 ? KeySet.#empty : new KeySet(SortedMap.from(Array.from(keys, key => [key, true])))
  }

  /** The map whose keys they are, which says cheaply what differs from another. */
  static mapOf(keys: ReadonlySet<string>): SortedMap<unknown> {
    return KeySet.of(keys).#map
  }

  get size(): number {
    return this.#map.size
  }

  has(key: string): boolean {
    return this.#map.has(key)
  }

  forEach(visit: (value: string, key: string, set: ReadonlySet<string>) => void, thisArg?: unknown): void {
    for (const key of this) visit.call(thisArg, key, key, this)
  }

  keys(): SetIterator<string> {
    return this.#map.keys()
  }

  values(): SetIterator<string> {
    return this.keys()
  }

  entries(): SetIterator<[string, string]> {
    return new Set(this).entries()
  }

  [Symbol.iterator](): SetIterator<string> {
    return this.keys()
  }

  /** How Node's `console.log` shows it. */
  [Symbol.for('nodejs.util.inspect.custom')](): ReadonlySet<string> {
    return new Set(this)
  }
}

// What a built-in set can do besides (`union`, `isSubsetOf` …) where the engine has it: it works on nothing but a built-in set.
for (const name of ['union', 'intersection', 'difference', 'symmetricDifference', 'isSubsetOf', 'isSupersetOf', 'isDisjointFrom']) {
  const method: unknown = Reflect.get(Set.prototype, name)
  if (typeof method !== 'function') continue
  const value = function (this: KeySet, other: unknown): unknown {
    return method.call(new Set(this), other)
  }
  Object.defineProperty(KeySet.prototype, name, { value, configurable: true, writable: true })
}
