import { SortedMap } from './sorted-map.js'

/** The keys of a sorted map as a set, without a copy. */
export class KeySet implements ReadonlySet<string> {
  static readonly #empty = new KeySet(SortedMap.empty())

  readonly #map: SortedMap<unknown>

  constructor(map: SortedMap<unknown>) {
    this.#map = map
  }

  /** `keys` as a `KeySet`; the same object if it is one already. */
  static of(keys: ReadonlySet<string>): KeySet {
    if (keys instanceof KeySet) return keys
    return keys.size === 0 ? KeySet.#empty : new KeySet(SortedMap.from(Array.from(keys, key => [key, true])))
  }

  /** The map behind the set. Two of them can be compared cheaply with `SortedMap.difference`. */
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

  /** What Node's `console.log` prints. */
  [Symbol.for('nodejs.util.inspect.custom')](): ReadonlySet<string> {
    return new Set(this)
  }
}

// The newer methods of `Set` (`union`, `isSubsetOf` …), where the engine has them. They only work on a built-in set, hence the copy.
for (const name of ['union', 'intersection', 'difference', 'symmetricDifference', 'isSubsetOf', 'isSupersetOf', 'isDisjointFrom']) {
  const method: unknown = Reflect.get(Set.prototype, name)
  if (typeof method !== 'function') continue
  const value = function (this: KeySet, other: unknown): unknown {
    return method.call(new Set(this), other)
  }
  Object.defineProperty(KeySet.prototype, name, { value, configurable: true, writable: true })
}
