import { either as E, function as F, option as O } from 'fp-ts'
import { flaw, invalid, reasonOf, type Validator, type Flaw } from '../validation.js'
import type { ServiceInstance } from '../instance/instance.js'
import { instanceId, serviceName } from '../instance/names.js'
import type { Format, Rejection } from './format.js'

/** What a key says: the service, and the segment (with more `levels`: the segments) after it. */
export interface KeyParts {
  readonly service: string
  readonly segment: string
}

/** What the value of a key is: an instance, or `none`, which is ignored; or what is wrong with it. */
export type Reading<M> = (value: string, parts: KeyParts, key: string) => E.Either<Flaw, O.Option<ServiceInstance<M>>>

/** Keys of the shape `<root><service>/<segment>`. A service may have several segments; the part after the last `/` is never one of them. */
export interface Layout {
  /** The members of a format that are about its keys. `prefix` throws `InvalidArgument` for a service that the layout cannot hold. */
  readonly keys: Pick<Format, 'prefix' | 'root' | 'serviceOf'>
  /** Whether a key lies under the prefix of a service; total. */
  readonly holds: (service: string, key: string) => boolean
  /** Throws `InvalidArgument` if the key would be read as one of another service. */
  readonly key: (parts: KeyParts) => string
  /** The `decode` of a format that reads the value of a key by `read`. A key that belongs to another service is ignored. */
  readonly decode: <M>(read: Reading<M>) => Format<M>['decode']
}

/** How a layout differs from `<root><service>/<segment>`. */
export interface LayoutOptions {
  /** What the layout can hold, if not every service name: it passes service names only. */
  readonly name?: Validator
  /** The service as it stands in a key. @default the service name */
  readonly path?: (service: string) => string
  /** The service that a path stands for. @default the path */
  readonly service?: (path: string) => string
  /** How many segments follow the service. @default 1 */
  readonly levels?: number
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
export const layout = (root: string, { name, path = F.identity, service: named = F.identity, levels = 1 }: LayoutOptions = {}): Layout => {
  const check = name ?? serviceName
  const under = (service: string): string => `${root}${path(service)}/`
  const prefix = (service: string): string => {
    const found = name?.(service)
    if (found !== undefined) throw invalid('service', found)
    return under(service)
  }
  const serviceOf = (key: string): string | undefined => {
    let end = key.length
    for (let level = 0; level < levels && end > 0; level++) end = key.lastIndexOf('/', end - 1)
    if (end < root.length || !key.startsWith(root)) return undefined
    const service = named(key.slice(root.length, end))
    return check(service) === undefined ? service : undefined
  }
  const wrongSegment = (segment: string): Flaw | undefined => {
    if (levels === 1) return instanceId(segment)
    return segment.split('/').map(instanceId).find(found => found !== undefined)
  }
  return {
    keys: root.length > 1 ? { prefix, root, serviceOf } : { prefix },
    holds: (service, key) => key.startsWith(under(service)) && name?.(service) === undefined,
    key: ({ service, segment }) => {
      const found = check(service)
      if (found !== undefined) throw invalid('service', found)
      const wrong = wrongSegment(segment)
      if (wrong !== undefined) throw invalid('id', wrong)
      return under(service) + segment
    },
    decode: read => (key, value, service) => {
      const own = under(service)
      if (!key.startsWith(own)) return serviceOf(key) === undefined ? rejected(key, `the key must be ${root}<service>/<id>`) : elsewhere
      if (name?.(service) !== undefined) return elsewhere
      const segment = key.slice(own.length)
      if (levels === 1 ? segment.includes('/') : segment.split('/').length !== levels) return elsewhere
      const wrong = wrongSegment(segment)
      if (wrong !== undefined) return rejected(key, reasonOf(wrong, 'the id in the key'))
      const found = read(value, { service, segment }, key)
      return E.isLeft(found) ? rejected(key, reasonOf(found.left, 'the value')) : found
    },
  }
}
