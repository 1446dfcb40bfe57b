import type { Etcd3 } from 'etcd3'

/** The value of an instance in etcd. Its weight stands for all of its content. */
export const valueOf = (weight: number): string => JSON.stringify({ v: 1, address: '10.0.0.1:8080', weight })

/** The weight in a value, or `undefined` if the value is not an instance of version 1. */
export const weightOf = (value: string): number | undefined => {
  try {
    const { v, weight = 1 } = JSON.parse(value) as { readonly v?: number; readonly weight?: number }
    return v === 1 && typeof weight === 'number' ? weight : undefined
  } catch {
    return undefined
  }
}

/** The weights under `prefix` now, by id. */
export const weightsIn = async (client: Etcd3, prefix: string): Promise<ReadonlyMap<string, number>> => {
  const { kvs } = await client.getAll().prefix(prefix).exec()
  return new Map(kvs.flatMap(({ key, value }) => {
    const weight = weightOf(value.toString())
    return weight === undefined ? [] : [[key.toString().slice(prefix.length), weight] as const]
  }))
}

/** How many ids have another weight than in etcd, or are on one side only. */
export const wrongWeights = (weights: Readonly<Record<string, number>>, truth: ReadonlyMap<string, number>): number =>
  [...new Set([...Object.keys(weights), ...truth.keys()])].filter(id => weights[id] !== truth.get(id)).length

/** A put of the instance with the number `index`, as a part of a transaction. */
export const putOf = (prefix: string, index: number, weight: number) => ({
  request_put: { key: Buffer.from(prefix + String(index).padStart(6, '0')), value: Buffer.from(valueOf(weight)) },
})

/** Writes `count` instances, a hundred in a transaction. */
export const fill = async (client: Etcd3, prefix: string, count: number, weightAt: (index: number) => number = () => 1): Promise<void> => {
  for (let from = 0; from < count; from += 100)
    await client.kv.txn({ success: Array.from({ length: Math.min(100, count - from) }, (_, offset) => putOf(prefix, from + offset, weightAt(from + offset))) })
}

const fnv = (text: string): number => {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return hash >>> 0
}

/** The share of one instance in a digest. */
export const digestPart = (id: string, weight: number): number => fnv(`${id}=${weight}`)

/** Instances as one number, in any order: the sum of their parts. */
export const digestOf = (entries: Iterable<readonly [id: string, weight: number]>): number => {
  let sum = 0
  for (const [id, weight] of entries) sum = (sum + digestPart(id, weight)) >>> 0
  return sum
}
