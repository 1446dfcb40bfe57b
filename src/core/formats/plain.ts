import { either as E, option as O } from 'fp-ts'
import type { Format } from './format.js'
import { readInstance } from '../instance/instance.js'
import { layout, rejection, rootOf } from './layout.js'

/** The metadata of a format that carries none. */
export type NoMetadata = Readonly<Record<string, never>>

/** Options of {@link plain}. */
export interface PlainOptions {
  /** Under what all services lie: names that each follow a `/`, or nothing. @default '' */
  readonly prefix?: string
}

/**
 * The layout of the etcd tutorials: `/web/node1` → `localhost:8000`.
 * It carries the address alone, of instances that are up; white space around it is tolerated.
 */
export const plain = ({ prefix = '' }: PlainOptions = {}): Format<NoMetadata> => {
  const { keys, key: keyOf, place: placeOf } = layout(prefix === '' ? '/' : rootOf(prefix))
  return {
    name: 'plain',
    ...keys,
    key: ({ service, id }) => keyOf({ service, segment: id }),
    encode: ({ address, status }) => (status === 'up' ? address : null),
    decode: (key, value) => {
      const place = placeOf(key)
      if (E.isLeft(place)) return place
      const { service, segment: id } = place.right
      const instance = readInstance<NoMetadata>({ service, id, address: value.trim() })
      return E.isRight(instance) ? E.right(O.some(instance.right)) : rejection(key, `${instance.left.field}: ${instance.left.message}`)
    },
  }
}
