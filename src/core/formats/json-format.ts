import { either as E, option as O } from 'fp-ts'
import type * as t from 'io-ts'
import { reasonOf } from './metadata-codec.js'
import { InvalidArgument } from '../errors.js'
import type { Format } from './format.js'
import { readInstance } from '../instance/instance.js'
import type { ServiceInstance, ServiceInstanceInput } from '../instance/instance.js'
import { jsonProblem, maxLength, parseJson } from '../instance/json.js'
import { layout, rejection, validRoot } from './layout.js'
import type { Place } from './layout.js'

/** What a stored value says of its instance. The key gives service and id; a value that claims others is rejected. */
export interface InstanceFields<M = unknown> extends Omit<ServiceInstanceInput<M>, 'service' | 'address' | 'endpoints' | 'tags'> {
  readonly service?: string | undefined
  readonly address: string | undefined
  /** Go writes `null` for an empty map or slice. */
  readonly endpoints?: Readonly<Record<string, string>> | null | undefined
  readonly tags?: readonly string[] | null | undefined
}

/** Options of {@link jsonFormat}. */
export interface JsonFormatOptions<A, M> {
  /** For messages. */
  readonly name: string
  /** What stands before the service in a key: `''`, or ending in `/`, such as `/micro/registry/`. */
  readonly root: string
  /** The JSON as stored. */
  readonly codec: t.Type<A, unknown>
  /** From what is stored to an instance; what is absent takes its default. */
  readonly read: (stored: A, place: Place) => InstanceFields<M>
  /** From an instance to what is stored; `null`: must not be present now, as when the format knows no status and the instance is not up. */
  readonly write: (instance: ServiceInstance<M>) => NoInfer<A> | null
  /** What follows the service in the key. @default its id */
  readonly segment?: (instance: ServiceInstance<M>) => string
}

const idOf = ({ id }: ServiceInstance): string => id

/**
 * A format of one's own: keys `<root><service>/<id>`, values JSON by an io-ts codec.
 * Throws `InvalidArgument`; so does `encode`, for what `decode` would reject.
 */
export const jsonFormat = <A, M>(options: JsonFormatOptions<A, M>): Format<M> => {
  const { name, root, codec, read, write, segment = idOf } = options
  const { keys, key: keyOf, place: placeOf } = layout(validRoot('root', root))

  const fieldsOf = (value: unknown, place: Place): E.Either<string, InstanceFields<M>> => {
    // `decode` is total, and both the codec and `read` may be anybody's.
    try {
      const stored = codec.decode(value)
      return E.isLeft(stored) ? E.left(reasonOf(stored.left)) : E.right(read(stored.right, place))
    } catch (error) {
      return E.left(`cannot be read: ${error instanceof Error ? error.message : 'something was thrown'}`)
    }
  }

  return {
    name,
    ...keys,
    key: instance => keyOf({ service: instance.service, segment: segment(instance) }),
    encode: instance => {
      const stored = write(instance)
      if (stored === null) return null
      if (!codec.is(stored)) throw new InvalidArgument('instance', `must be what the format ${name} can store (${codec.name})`)
      const value = codec.encode(stored)
      const problem = jsonProblem(value)
      if (problem !== undefined) throw new InvalidArgument('instance', `must be plain JSON, but ${problem}`)
      const text = JSON.stringify(value)
      if (text.length > maxLength) throw new InvalidArgument('instance', `must be at most ${maxLength} characters of JSON`)
      return text
    },
    decode: (key, value) => {
      const place = placeOf(key)
      if (E.isLeft(place)) return place
      const json = parseJson(value)
      if (E.isLeft(json)) return rejection(key, `the value ${json.left}`)
      const fields = fieldsOf(json.right, place.right)
      if (E.isLeft(fields)) return rejection(key, fields.left)
      const { service = place.right.service, id = place.right.segment, address, status, weight, zone, version, incarnation, metadata } = fields.right
      if (service !== place.right.service) return rejection(key, 'service: the value claims another service than its key')
      const endpoints = fields.right.endpoints ?? undefined
      const tags = fields.right.tags ?? undefined
      const instance = readInstance<M>({ service, id, address, endpoints, status, weight, zone, version, tags, incarnation, metadata })
      if (E.isLeft(instance)) return rejection(key, `${instance.left.field}: ${instance.left.message}`)
      return segment(instance.right) === place.right.segment ? E.right(O.some(instance.right)) : rejection(key, 'id: the value claims another id than its key')
    },
  }
}
