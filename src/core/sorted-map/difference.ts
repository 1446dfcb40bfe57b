/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices are in range by construction */
import type { Inner, Leaf, Node } from './node.js'

/** The value of one key in two maps; `undefined` where the key is absent. */
export interface Difference<V> {
  readonly key: string
  readonly before: V | undefined
  readonly after: V | undefined
}

const heightOf = (node: Node<unknown>): number => (node.children === undefined ? 1 : 1 + heightOf(node.children[0]!))

/** A position in key order: before a subtree, which it can skip or enter, or before one entry (height 0). */
class TreeCursor<V> {
  readonly #parents: Inner<V>[] = []
  readonly #indices: number[] = []
  #leaf: Leaf<V> | undefined
  #at = 0
  height: number
  node: Node<V> | undefined
  /** The smallest key ahead; `undefined` at the end. */
  key: string | undefined

  constructor(root: Node<V>) {
    this.height = heightOf(root)
    this.node = root
    this.key = root.keys[0]
  }

  get value(): V {
    return this.#leaf!.values[this.#at] as V
  }

  enter(): void {
    const node = this.node!
    this.height -= 1
    if (node.children === undefined) {
      this.#leaf = node
      this.#at = 0
      this.node = undefined
    } else {
      this.#parents.push(node)
      this.#indices.push(0)
      this.node = node.children[0]!
    }
  }

  skip(): void {
    if (this.#leaf !== undefined) {
      this.#at += 1
      this.key = this.#leaf.keys[this.#at]
      if (this.key !== undefined) return
      this.#leaf = undefined
      this.height = 1
    }
    this.#climb()
  }

  #climb(): void {
    for (let depth = this.#parents.length - 1; depth >= 0; depth--) {
      const at = ++this.#indices[depth]!
      this.node = this.#parents[depth]!.children[at]
      this.key = this.node?.keys[0]
      if (this.node !== undefined) return
      this.#parents.pop()
      this.#indices.pop()
      this.height += 1
    }
    this.key = undefined
    this.node = undefined
  }
}

/** Up to `most` differences between two trees, by key. It skips every subtree that both share, at whatever depth it is. */
export const differences = <V>(a: Node<V>, b: Node<V>, most = Infinity): readonly Difference<V>[] => {
  const found: Difference<V>[] = []
  if (a === b) return found
  const before = new TreeCursor(a)
  const after = new TreeCursor(b)
  while (found.length < most && (before.key !== undefined || after.key !== undefined))
    if (before.key === after.key) {
      if (before.height > after.height) before.enter()
      else if (after.height > before.height) after.enter()
      else if (before.height > 0 && before.node !== after.node) {
        before.enter()
        after.enter()
      } else {
        if (before.height === 0 && before.value !== after.value)
          found.push({ key: before.key!, before: before.value, after: after.value })
        before.skip()
        after.skip()
      }
    } else if (after.key === undefined || (before.key !== undefined && before.key < after.key)) {
      if (before.height === 0) {
        found.push({ key: before.key!, before: before.value, after: undefined })
        before.skip()
      } else before.enter()
    } else if (after.height === 0) {
      found.push({ key: after.key, before: undefined, after: after.value })
      after.skip()
    } else after.enter()
  return found
}
