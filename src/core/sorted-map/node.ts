/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices are in range by construction */

/** The most entries or children in one node. Every node but the root has at least half as many. */
export const width = 32

/** Entries sorted by key. */
export interface Leaf<V> {
  readonly size: number
  readonly keys: readonly string[]
  readonly values: readonly V[]
  readonly sizes: undefined
  readonly children: undefined
}

/** Subtrees in key order: `keys` has the smallest key of each, `sizes` the number of its entries. */
export interface Inner<V> {
  readonly size: number
  readonly keys: readonly string[]
  readonly values: undefined
  readonly sizes: readonly number[]
  readonly children: readonly Node<V>[]
}

/** A persistent B+tree, with all leaves at one depth. Only the edit that created a node may change it. */
export type Node<V> = Leaf<V> | Inner<V>

/** The nodes that one edit has created. Nothing else refers to them yet, so the same edit may change them in place. */
export type Fresh = Set<unknown>

/** A leaf, from keys in ascending order. It has the fields of an inner node in the same order, so that the engine sees one shape. */
const leaf = <V>(keys: readonly string[], values: readonly V[]): Leaf<V> => ({ size: keys.length, keys, values, sizes: undefined, children: undefined })

const inner = <V>(size: number, keys: readonly string[], sizes: readonly number[], children: readonly Node<V>[]): Inner<V> =>
  ({ size, keys, values: undefined, sizes, children })

/** An inner node, from its children in key order. */
const parent = <V>(children: readonly Node<V>[]): Inner<V> => {
  const sizes = children.map(child => child.size)
  return inner(sizes.reduce((sum, size) => sum + size, 0), children.map(child => child.keys[0]!), sizes, children)
}

const chunks = <A>(count: number, chunk: (from: number, to: number) => A): A[] => {
  const parts = Math.ceil(count / width)
  return Array.from({ length: parts }, (_, at) => chunk(Math.floor((at * count) / parts), Math.floor(((at + 1) * count) / parts)))
}

/** A tree, from keys in strictly ascending order and their values. */
export const built = <V>(keys: readonly string[], values: readonly V[]): Node<V> => {
  let level: Node<V>[] = chunks(keys.length, (from, to) => leaf(keys.slice(from, to), values.slice(from, to)))
  while (level.length > 1) {
    const below = level
    level = chunks(below.length, (from, to) => parent(below.slice(from, to)))
  }
  return level[0] ?? leaf([], [])
}

const spliced = <A>(items: readonly A[], at: number, count: number, ...added: readonly A[]): readonly A[] => {
  const copy = items.slice()
  copy.splice(at, count, ...added)
  return copy
}

const replaced = <A>(items: readonly A[], at: number, item: A): readonly A[] => {
  const copy = items.slice()
  copy[at] = item
  return copy
}

/** The index of the first key that is not smaller than `key`; `keys.length` if all are smaller. */
export const lowerBound = (keys: readonly string[], key: string): number => {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (keys[middle]! < key) low = middle + 1
    else high = middle
  }
  return low
}

/** The index of the last key that is not greater than `key`; 0 if all are greater. */
const childIndex = (keys: readonly string[], key: string): number => {
  let low = 1
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (keys[middle]! <= key) low = middle + 1
    else high = middle
  }
  return low - 1
}

const withChild = <V>(node: Inner<V>, at: number, child: Node<V>): Inner<V> => {
  const old = node.children[at]!
  return inner(
    node.size - old.size + child.size,
    old.keys[0] === child.keys[0] ? node.keys : replaced(node.keys, at, child.keys[0]!),
    old.size === child.size ? node.sizes : replaced(node.sizes, at, child.size),
    replaced(node.children, at, child),
  )
}

const withChildren = <V>(node: Inner<V>, at: number, count: number, children: readonly Node<V>[]): Inner<V> => {
  const sizes = spliced(node.sizes, at, count, ...children.map(child => child.size))
  return inner(
    sizes.reduce((sum, size) => sum + size, 0),
    spliced(node.keys, at, count, ...children.map(child => child.keys[0]!)),
    sizes,
    spliced(node.children, at, count, ...children),
  )
}

const sliceOf = <V>(node: Node<V>, from: number, to?: number): Node<V> =>
  node.children === undefined
    ? leaf(node.keys.slice(from, to), node.values.slice(from, to))
    : parent(node.children.slice(from, to))

const splitIfTooWide = <V>(node: Node<V>): readonly Node<V>[] => {
  const half = node.keys.length >>> 1
  return node.keys.length > width ? [sliceOf(node, 0, half), sliceOf(node, half)] : [node]
}

const joined = <V>(a: Node<V>, b: Node<V>): Node<V> =>
  a.children === undefined || b.children === undefined
    ? leaf([...a.keys, ...b.keys], [...(a as Leaf<V>).values, ...(b as Leaf<V>).values])
    : parent([...a.children, ...b.children])

/** The only leaf that can contain `key`. */
export const leafOf = <V>(root: Node<V>, key: string): Leaf<V> => {
  let node = root
  while (node.children !== undefined) node = node.children[childIndex(node.keys, key)]!
  return node
}

/** The value at rank `index`, counted from 0; `index` must be in range. */
export const valueAt = <V>(root: Node<V>, index: number): V => {
  let node = root
  let rest = index
  while (node.children !== undefined) {
    let at = 0
    while (rest >= node.sizes[at]!) rest -= node.sizes[at++]!
    node = node.children[at]!
  }
  return node.values[rest] as V
}

/** Calls `visit` for each entry, in key order. */
export const forEachEntry = <V>(node: Node<V>, visit: (value: V, key: string) => void): void => {
  if (node.children === undefined) for (let at = 0; at < node.size; at++) visit(node.values[at] as V, node.keys[at]!)
  else for (const child of node.children) forEachEntry(child, visit)
}

/** A tree with the same keys and shape, and with `change` applied to each value. */
export const withMappedValues = <V, W>(node: Node<V>, change: (value: V) => W): Node<W> =>
  node.children === undefined
    ? leaf(node.keys, node.values.map(value => change(value)))
    : inner(node.size, node.keys, node.sizes, node.children.map(child => withMappedValues(child, change)))

const markedFresh = <N>(node: N, fresh: Fresh | undefined): N => {
  fresh?.add(node)
  return node
}

const put = <V>(node: Node<V>, key: string, valueAfter: (before: V | undefined) => V, fresh: Fresh | undefined): Node<V> => {
  if (node.children === undefined) {
    const at = lowerBound(node.keys, key)
    if (node.keys[at] !== key) return leaf(spliced(node.keys, at, 0, key), spliced(node.values, at, 0, valueAfter(undefined)))
    const value = valueAfter(node.values[at])
    if (node.values[at] === value) return node
    if (fresh?.has(node) !== true) return markedFresh(leaf(node.keys, replaced(node.values, at, value)), fresh)
    ;(node.values as V[])[at] = value
    return node
  }
  const at = childIndex(node.keys, key)
  const before = node.children[at]!
  const after = put(before, key, valueAfter, fresh)
  if (after === before) return node
  if (after.keys.length > width) return withChildren(node, at, 1, splitIfTooWide(after))
  if (fresh?.has(node) !== true || before.size !== after.size) return markedFresh(withChild(node, at, after), fresh)
  ;(node.children as Node<V>[])[at] = after
  return node
}

const remove = <V>(node: Node<V>, key: string): Node<V> => {
  if (node.children === undefined) {
    const at = lowerBound(node.keys, key)
    return node.keys[at] === key ? leaf(spliced(node.keys, at, 1), spliced(node.values, at, 1)) : node
  }
  const at = childIndex(node.keys, key)
  const before = node.children[at]!
  const after = remove(before, key)
  if (after === before) return node
  if (after.keys.length >= width / 2) return withChild(node, at, after)
  return at === 0
    ? withChildren(node, 0, 2, splitIfTooWide(joined(after, node.children[1]!)))
    : withChildren(node, at - 1, 2, splitIfTooWide(joined(node.children[at - 1]!, after)))
}

/**
 * The tree with the value of `key` replaced by `valueAfter(value before)`. Returns `root` itself if nothing changes, or if `root` is `fresh` and was
 * changed in place.
 */
export const updated = <V>(root: Node<V>, key: string, valueAfter: (before: V | undefined) => V, fresh?: Fresh): Node<V> => {
  const [left, right] = splitIfTooWide(put(root, key, valueAfter, fresh))
  return right === undefined ? left! : parent([left!, right])
}

/** The tree without `key`; `root` itself if it does not contain `key`. */
export const removed = <V>(root: Node<V>, key: string): Node<V> => {
  const node = remove(root, key)
  return node.children?.length === 1 ? node.children[0]! : node
}
