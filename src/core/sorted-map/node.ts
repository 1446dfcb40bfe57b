/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices are in range by construction */

/** The most a node holds; half of it is the least, save at the root. */
export const width = 32

/** Entries sorted by key. */
export interface Leaf<V> {
  readonly size: number
  readonly keys: readonly string[]
  readonly values: readonly V[]
  readonly sizes: undefined
  readonly children: undefined
}

/** Subtrees in order: `keys` are their smallest keys, `sizes` their counts of entries. */
export interface Inner<V> {
  readonly size: number
  readonly keys: readonly string[]
  readonly values: undefined
  readonly sizes: readonly number[]
  readonly children: readonly Node<V>[]
}

/** A persistent B+tree: never changed once made, but by the edit that made it; all leaves at one depth. */
export type Node<V> = Leaf<V> | Inner<V>

/** The nodes that were made in the course of one edit: nobody else has them yet, so that they may be changed. */
export type Fresh = Set<unknown>

/** A leaf of keys in ascending order; it has the fields of an inner node in the same order, so that the engine sees one shape. */
export const leaf = <V>(keys: readonly string[], values: readonly V[]): Leaf<V> => ({ size: keys.length, keys, values, sizes: undefined, children: undefined })

const inner = <V>(size: number, keys: readonly string[], sizes: readonly number[], children: readonly Node<V>[]): Inner<V> =>
  ({ size, keys, values: undefined, sizes, children })

/** The node above its children. */
export const parent = <V>(children: readonly Node<V>[]): Inner<V> => {
  const sizes = children.map(child => child.size)
  return inner(sizes.reduce((sum, size) => sum + size, 0), children.map(child => child.keys[0]!), sizes, children)
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

/** The index of the first key that is not smaller than `key`. */
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

/** The index of the last key that is not greater than `key`; of the first one when all are. */
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

const part = <V>(node: Node<V>, from: number, to?: number): Node<V> =>
  node.children === undefined
    ? leaf(node.keys.slice(from, to), node.values.slice(from, to))
    : parent(node.children.slice(from, to))

const fitting = <V>(node: Node<V>): readonly Node<V>[] => {
  const half = node.keys.length >>> 1
  return node.keys.length > width ? [part(node, 0, half), part(node, half)] : [node]
}

const joined = <V>(a: Node<V>, b: Node<V>): Node<V> =>
  a.children === undefined || b.children === undefined
    ? leaf([...a.keys, ...b.keys], [...(a as Leaf<V>).values, ...(b as Leaf<V>).values])
    : parent([...a.children, ...b.children])

/** The leaf in which `key` is, if it is anywhere. */
export const leafOf = <V>(root: Node<V>, key: string): Leaf<V> => {
  let node = root
  while (node.children !== undefined) node = node.children[childIndex(node.keys, key)]!
  return node
}

/** The value of rank `index`, counted from 0. */
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

/** Calls `visit` for each entry, in order. */
export const each = <V>(node: Node<V>, visit: (value: V, key: string) => void): void => {
  if (node.children === undefined) for (let at = 0; at < node.size; at++) visit(node.values[at] as V, node.keys[at]!)
  else for (const child of node.children) each(child, visit)
}

/** A tree of the same keys with other values. */
export const mapped = <V, W>(node: Node<V>, change: (value: V) => W): Node<W> =>
  node.children === undefined
    ? leaf(node.keys, node.values.map(value => change(value)))
    : inner(node.size, node.keys, node.sizes, node.children.map(child => mapped(child, change)))

const kept = <N>(node: N, fresh: Fresh | undefined): N => {
  fresh?.add(node)
  return node
}

const put = <V>(node: Node<V>, key: string, valueAfter: (before: V | undefined) => V, fresh: Fresh | undefined): Node<V> => {
  if (node.children === undefined) {
    const at = lowerBound(node.keys, key)
    if (node.keys[at] !== key) return leaf(spliced(node.keys, at, 0, key), spliced(node.values, at, 0, valueAfter(undefined)))
    const value = valueAfter(node.values[at])
    if (node.values[at] === value) return node
    if (fresh?.has(node) !== true) return kept(leaf(node.keys, replaced(node.values, at, value)), fresh)
    ;(node.values as V[])[at] = value
    return node
  }
  const at = childIndex(node.keys, key)
  const before = node.children[at]!
  const after = put(before, key, valueAfter, fresh)
  if (after === before) return node
  if (after.keys.length > width) return withChildren(node, at, 1, fitting(after))
  if (fresh?.has(node) !== true || before.size !== after.size) return kept(withChild(node, at, after), fresh)
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
    ? withChildren(node, 0, 2, fitting(joined(after, node.children[1]!)))
    : withChildren(node, at - 1, 2, fitting(joined(node.children[at - 1]!, after)))
}

/** The tree with `key` at what `valueAfter` makes of its value; the same tree if it is so already, or if it is `fresh` and was changed. */
export const updated = <V>(root: Node<V>, key: string, valueAfter: (before: V | undefined) => V, fresh?: Fresh): Node<V> => {
  const [only, more] = fitting(put(root, key, valueAfter, fresh))
  return more === undefined ? only! : parent([only!, more])
}

/** The tree without `key`; the same tree if it has none. */
export const removed = <V>(root: Node<V>, key: string): Node<V> => {
  const node = remove(root, key)
  return node.children?.length === 1 ? node.children[0]! : node
}
