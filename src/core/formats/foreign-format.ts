import { either as E, function as F, option as O } from 'fp-ts'
import type { Checks } from '../arguments.js'
import { andThen, flaw, invalidIf, must, throwIfInvalid, under, type Flaw, type Validator } from '../validation.js'
import { InvalidArgument } from '../errors.js'
import type { ServiceInstance, Status } from '../instance/instance.js'
import { maxLength } from '../instance/json.js'
import { serviceName } from '../instance/names.js'
import type { Lease } from '../store.js'
import type { Format } from './format.js'
import { rootCheck, type KeyParts, type Layout } from './layout.js'
import { storedInstance, type InstanceFields } from './stored-instance.js'

/** Options of a format whose addresses always have a port. */
export interface ForeignFormatOptions {
  /** The part of each key before the service, without a `/` at its end. The default is that of the other stack. */
  readonly prefix?: string
}

/** Options of a format whose addresses may lack a port. */
export interface DefaultPortOptions extends ForeignFormatOptions {
  /** The port of an address that has none. Without it, such an entry is rejected. */
  readonly defaultPort?: number
}

const foreignPrefix: Validator = value => {
  if (typeof value !== 'string') return flaw('must be a string', value)
  if (value === '' || value === '/') return undefined
  return value.endsWith('/') ? flaw('must not end in "/"', value, 'such as /my-fleet') : rootCheck(`${value}/`)
}

/** The checks of {@link ForeignFormatOptions}. */
export const prefixChecks = (): Checks<ForeignFormatOptions> => ({ prefix: foreignPrefix })

/** The checks of {@link DefaultPortOptions}. */
export const portChecks = (): Checks<DefaultPortOptions> => ({
  prefix: foreignPrefix,
  defaultPort: must(value => Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 65_535, 'be a port from 1 to 65535'),
})

/** A scheme of a URL, or a network of rpcx. */
export const schemeCheck = must(value => typeof value === 'string' && /^[a-z][a-z0-9+.-]{0,30}$/.test(value), 'be a scheme in lower case', 'such as http')

/** A service name without `/`. */
export const oneSegment: Validator = value =>
  serviceName(value) ?? ((value as string).includes('/') ? { path: [], must: 'must be one segment in this format' } : undefined)

/** The root of a prefix. */
export const rootOf = (prefix: string): string => (prefix === '/' ? prefix : `${prefix}/`)

/** A layout of another stack, and the reading and writing of its values. */
export interface ForeignFormat<S, M> {
  readonly name: string
  readonly place: Layout
  /** What a service name must be, if the stack does not take every one. */
  readonly service?: Validator
  /** What follows the service in a key. */
  readonly segment: (instance: ServiceInstance<M>, lease: Lease) => string
  /** The statuses that have a key. @default only up */
  readonly statuses?: readonly Status[]
  /** Throws `InvalidArgument` for an instance that the stack cannot store. */
  readonly write: (instance: ServiceInstance<M>) => string
  /** Whether something else than instances lives at such keys. @default none of them */
  readonly ignores?: (parts: KeyParts, value: string) => boolean
  /** Parses a value; of what it returns, `fields` makes an instance. */
  readonly parse: (value: string) => E.Either<Flaw, S>
  /** The fields of an instance; `undefined`: something else lives at this key. */
  readonly fields: (stored: S, parts: KeyParts) => E.Either<Flaw, InstanceFields<M> | undefined>
}

/** The format of another stack, from its description. */
export const foreignFormat = <S, M>({ name, place, service: check = serviceName, segment, statuses = ['up'], ignores, write, parse, fields }: ForeignFormat<S, M>): Format<M> => {
  const { prefix, serviceOf } = place.keys
  const passes = (service: string): boolean => check(service) === undefined
  const checked = (service: string): string => {
    throwIfInvalid(invalidIf('service', check, service))
    return service
  }
  const decode = place.decode<M>((value, parts, key) => {
    if (ignores?.(parts, value) === true) return E.right(O.none)
    return F.pipe(
      parse(value),
      andThen(stored => fields(stored, parts)),
      andThen(found => (found === undefined ? E.right(O.none) : storedInstance(place, key, parts, found))),
    )
  })
  return {
    name,
    ...place.keys,
    prefix: service => prefix(checked(service)),
    ...(serviceOf !== undefined && {
      serviceOf: (key: string) => {
        const service = serviceOf(key)
        return service !== undefined && passes(service) ? service : undefined
      },
    }),
    key: (instance, lease) => place.key({ service: checked(instance.service), segment: segment(instance, lease) }),
    encode: instance => {
      if (!statuses.includes(instance.status)) return null
      const written = write(instance)
      if (written.length > maxLength) throw new InvalidArgument('instance', `must be at most ${maxLength} characters in the format ${name}, got ${written.length}`)
      return written
    },
    decode: (key, value, service) => (passes(service) ? decode(key, value, service) : E.right(O.none)),
  }
}

/** The result of a reading, its flaw at a field. */
export const inField = <A>(field: string, found: E.Either<Flaw, A>): E.Either<Flaw, A> => (E.isLeft(found) ? E.left(under(field, found.left) ?? found.left) : found)
