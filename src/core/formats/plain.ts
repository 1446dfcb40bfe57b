import { either as E, function as F, option as O } from 'fp-ts'
import { invalidOptions } from '../arguments.js'
import { either, must, throwIfInvalid } from '../validation.js'
import { readInstance } from '../instance/instance.js'
import type { Format } from './format.js'
import { layout, prefixCheck } from './layout.js'

/** The metadata of a format that carries none. */
export type NoMetadata = Readonly<Record<string, never>>

/** Options of {@link plain}. */
export interface PlainOptions {
  /** The part of each key before the service: segments that each follow a `/`, or nothing. @default '' */
  readonly prefix?: string
}

/**
 * The layout of the etcd tutorials: `/web/node1` → `localhost:8000`. The value is the address alone, white space around it is ignored.
 * Only instances that are `up` have a key. Throws `InvalidArgument`.
 */
export const plain = (options: PlainOptions = {}): Format<NoMetadata> => {
  throwIfInvalid(invalidOptions('plain', options, { prefix: either(prefixCheck, must(prefix => prefix === '', 'be empty')) }))
  const { prefix = '' } = options
  const { keys, key: keyOf, decode } = layout(`${prefix}/`)
  return {
    name: 'plain',
    ...keys,
    key: ({ service, id }) => keyOf({ service, segment: id }),
    encode: ({ address, status }) => (status === 'up' ? address : null),
    decode: decode((value, { service, segment: id }) => F.pipe(readInstance<NoMetadata>({ service, id, address: value.trim() }), E.map(O.some))),
  }
}
