import { either as E, function as F, option as O } from 'fp-ts'
import type * as t from 'io-ts'
import { functionOf, invalidOptions, text } from '../arguments.js'
import { andThen, invalid, must, throwIfInvalid, type Flaw } from '../validation.js'
import { InvalidArgument } from '../errors.js'
import type { ServiceInstance } from '../instance/instance.js'
import { isRecord, json, maxLength, parseJson } from '../instance/json.js'
import type { Format } from './format.js'
import { layout, rootCheck, type KeyParts } from './layout.js'
import { flawOf } from './metadata-codec.js'
import { ServedReason } from './served-reason.js'
import { storedInstance, type InstanceFields } from './stored-instance.js'

/** Options of {@link jsonFormat}. */
export interface JsonFormatOptions<A, M> {
  /** The name of the format in messages. */
  readonly name: string
  /** The part of a key before the service: `''`, or ending in `/`, such as `/micro/registry/`. */
  readonly root: string
  /** An io-ts codec of the JSON as it is stored. */
  readonly codec: t.Type<A, unknown>
  /** From the stored JSON to the fields of an instance; absent ones take their defaults. If it throws, the entry is rejected. */
  readonly read: (stored: A, parts: KeyParts) => InstanceFields<M>
  /** From an instance to the stored JSON; `null`: it must have no key now, such as an instance that is not `up` in a format without a status. */
  readonly write: (instance: ServiceInstance<M>) => NoInfer<A> | null
  /** The last segment of the key; it holds no `/`. @default the id */
  readonly segment?: (instance: ServiceInstance<M>) => string
}

const idOf = ({ id }: ServiceInstance): string => id

/** An io-ts codec. */
export const codecCheck = must(
  codec => isRecord(codec) && ['decode', 'encode', 'is'].every(method => typeof codec[method] === 'function'),
  'be an io-ts codec',
  'such as t.type({ rack: t.string })',
)

const unreadable = (thrown: unknown): Flaw => ({
  path: [],
  must: `cannot be read: ${thrown instanceof Error ? thrown.message : 'something was thrown'}`,
  ...(thrown instanceof ServedReason && { reason: thrown.message }),
})

const invalidStored = (value: unknown): InvalidArgument | undefined => {
  const found = json(value)
  if (found === undefined) return undefined
  const { path: [field = 'instance', ...path], ...rest } = found
  return invalid(field, { ...rest, path })
}

/**
 * A format of your own: keys `<root><service>/<id>`, values JSON by an io-ts codec. It throws `InvalidArgument`; so do `key` and `encode`,
 * for an instance that `decode` would reject.
 */
export const jsonFormat = <A, M>(options: JsonFormatOptions<A, M>): Format<M> => {
  const mapping = functionOf('a function')
  const checks = { name: text, root: rootCheck, codec: codecCheck, read: mapping, write: mapping, segment: mapping }
  throwIfInvalid(invalidOptions('jsonFormat', options, checks, ['name', 'root', 'codec', 'read', 'write']))
  const { name, root, codec, read, write, segment = idOf } = options
  const place = layout(root)
  const { keys, key: keyOf, decode } = place

  // The codec, `read` and `segment` are the user's and may throw; `decode` must not.
  const fieldsOf = (value: unknown, parts: KeyParts): E.Either<Flaw, InstanceFields<M>> => {
    try {
      return F.pipe(codec.decode(value), E.bimap(flawOf, stored => read(stored, parts)))
    } catch (thrown) {
      return E.left(unreadable(thrown))
    }
  }
  const segmentOf = (instance: ServiceInstance<M>): string | undefined => {
    try {
      return segment(instance)
    } catch {
      return undefined
    }
  }

  const instanceOf = (key: string, parts: KeyParts, fields: InstanceFields<M>): E.Either<Flaw, O.Option<ServiceInstance<M>>> => {
    const made = storedInstance(place, key, parts, fields)
    if (E.isLeft(made) || O.isNone(made.right)) return made
    return segmentOf(made.right.value) === parts.segment ? made : E.left({ path: ['id'], must: 'must be that of the key' })
  }

  return {
    name,
    ...keys,
    key: instance => keyOf({ service: instance.service, segment: segment(instance) }),
    encode: instance => {
      const stored = write(instance)
      if (stored === null) return null
      if (!codec.is(stored)) throw new InvalidArgument('instance', `must be something that the format ${name} can store (see its codec, ${codec.name})`)
      const value = codec.encode(stored)
      throwIfInvalid(invalidStored(value))
      const written = JSON.stringify(value)
      if (written.length > maxLength) throw new InvalidArgument('instance', `must be at most ${maxLength} characters of JSON, got ${written.length}`)
      return written
    },
    decode: decode((value, parts, key) =>
      F.pipe(
        parseJson(value),
        andThen(parsed => fieldsOf(parsed, parts)),
        andThen(fields => instanceOf(key, parts, fields)),
      ),
    ),
  }
}
