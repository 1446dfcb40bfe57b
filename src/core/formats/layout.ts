import { either as E, function as F, option as O } from 'fp-ts'
import { flaw, invalid, reasonOf, type Validator, type Flaw } from '../validation.js'
import type { ServiceInstance } from '../instance/instance.js'
import { instanceId, serviceName } from '../instance/names.js'
import type { Format, Rejection } from './format.js'

/** What a key says: the service, and what follows it. */
export interface KeyParts {
  readonly service: string
  readonly segment: string
}

/** What the value of a key is: an instance, or `none`, which is ignored; or what is wrong with it. */
export type Reading<M> = (value: string, parts: KeyParts, key: string) => E.Either<Flaw, O.Option<ServiceInstance<M>>>

/** Keys of the shape `<root><service>/<segment>`. A service may have several segments; the part after the last `/` is never one of them. */
export interface Layout {
  /** The members of a format that are about its keys. */
  readonly keys: Pick<Format, 'prefix' | 'root' | 'serviceOf'>
  /** Throws `InvalidArgument` if the key would be read as one of another service. */
  readonly key: (parts: KeyParts) => string
  /** The `decode` of a format that reads the value of a key by `read`. A key that belongs to another service is ignored. */
  readonly decode: <M>(read: Reading<M>) => Format<M>['decode']
}

/** How a layout differs from `<root><service>/<segment>`. */
export interface LayoutOptions {
  /** The service as it stands in a key. @default the service name */
  readonly path?: (service: string) => string
  /** The service that a path stands for. @default the path */
  readonly service?: (path: string) => string
  /** Where in a key the `/` is that ends the service. @default the last one */
  readonly end?: (key: string) => number
  /** Whether what follows the service belongs to something below it. @default if it holds a `/` */
  readonly below?: (segment: string) => boolean
  /** What must follow the service. @default an id */
  readonly segment?: Validator
}

/** A rejection, its reason one line of at most 200 characters. */
const rejected = (key: string, reason: string): E.Either<Rejection, never> => {
  const line = reason.slice(0, 201).replace(/[\p{Cc}\p{Cs}]/gu, ' ')
  return E.left({ key, reason: line.length > 200 ? `${line.slice(0, 199)}…` : line })
}

/** The part of a key before the service: `''`, `'/'`, or segments that end in `/`, such as `/a/b/` or `a/b/`. */
export const rootCheck: Validator = value => {
  if (typeof value !== 'string') return flaw('must be a string', value)
  if (value === '' || value === '/') return undefined
  if (!value.endsWith('/')) return flaw('must end in "/"', value)
  const found = serviceName(value.replace(/^\//, '').slice(0, -1))
  return found && flaw(`must be segments that end in "/", such as /a/b/; each of them ${found.must}`, value)
}

/** Segments that each follow a `/`, such as `/a/b`. */
export const prefixCheck: Validator = value => {
  if (typeof value !== 'string') return flaw('must be a string', value)
  if (!value.startsWith('/') || value.endsWith('/')) return flaw('must begin with "/" and not end in it', value, 'such as /my-fleet')
  return rootCheck(`${value}/`)
}

const elsewhere = E.right(O.none)

/** The layout of the keys under a root that passes `rootCheck`. A root without segments is no place of its own: other programs' keys lie beside it. */
export const layout = (
  root: string,
  { path = F.identity, service: named = F.identity, end = key => key.lastIndexOf('/'), below = segment => segment.includes('/'), segment: check = instanceId }: LayoutOptions = {},
): Layout => {
  const prefix = (service: string): string => `${root}${path(service)}/`
  const serviceOf = (key: string): string | undefined => {
    const service = key.startsWith(root) ? named(key.slice(root.length, Math.max(0, end(key)))) : undefined
    return serviceName(service) === undefined ? service : undefined
  }
  return {
    keys: root.length > 1 ? { prefix, root, serviceOf } : { prefix },
    key: ({ service, segment }) => {
      const found = serviceName(service)
      if (found !== undefined) throw invalid('service', found)
      const wrong = check(segment)
      if (wrong !== undefined) throw invalid('id', wrong)
      return prefix(service) + segment
    },
    decode: read => (key, value, service) => {
      const own = prefix(service)
      if (!key.startsWith(own)) return serviceOf(key) === undefined ? rejected(key, `the key must be ${root}<service>/<id>`) : elsewhere
      const segment = key.slice(own.length)
      if (below(segment)) return elsewhere
      const wrong = check(segment)
      if (wrong !== undefined) return rejected(key, reasonOf(wrong, 'the id in the key'))
      const found = read(value, { service, segment }, key)
      return E.isLeft(found) ? rejected(key, reasonOf(found.left, 'the value')) : found
    },
  }
}
