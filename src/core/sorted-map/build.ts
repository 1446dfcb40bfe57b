import { leaf, type Node, parent, width } from './node.js'

const chunks = <A>(count: number, chunk: (from: number, to: number) => A): A[] => {
  const parts = Math.ceil(count / width)
  return Array.from({ length: parts }, (_, at) => chunk(Math.floor((at * count) / parts), Math.floor(((at + 1) * count) / parts)))
}

/** The tree of keys in strictly ascending order with their values. */
export const built = <V>(keys: readonly string[], values: readonly V[]): Node<V> => {
  let level: Node<V>[] = chunks(keys.length, (from, to) => leaf(keys.slice(from, to), values.slice(from, to)))
  while (level.length > 1) {
    const below = level
    level = chunks(below.length, (from, to) => parent(below.slice(from, to)))
  }
  return level[0] ?? leaf([], [])
}
