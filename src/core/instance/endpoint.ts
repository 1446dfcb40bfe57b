import { either as E, function as F } from 'fp-ts'
import { foreignAddress, splitAddress } from './address.js'
import { quotedValue } from '../validation.js'
import { InvalidArgument } from '../errors.js'
import type { ServiceInstance } from './instance.js'

/** A host and a port to connect to; an IPv6 host without brackets. */
export interface HostPort {
  readonly host: string
  readonly port: number
}

const authority = /^(?:([A-Za-z][A-Za-z0-9+.-]*):\/\/)?(?:[^/?#@]*@)?([^/?#]*)/
const ports: ReadonlyMap<string, string> = new Map([['http', ':80'], ['https', ':443'], ['ws', ':80'], ['wss', ':443']])

/** The address of an instance, or its endpoint of that name. */
export const endpointOf = ({ id, address, endpoints }: ServiceInstance, endpoint?: string): E.Either<InvalidArgument, string> => {
  if (endpoint === undefined) return E.right(address)
  const text = Object.hasOwn(endpoints, endpoint) ? endpoints[endpoint] : undefined
  if (text !== undefined) return E.right(text)
  const names = Object.keys(endpoints)
  return E.left(new InvalidArgument('endpoint', `must be one of those of ${id} (${names.length === 0 ? 'it has none' : names.join(', ')}), got ${quotedValue(endpoint)}`))
}

const hostPortIn = (text: string): string | undefined => {
  const [, scheme = '', written = ''] = authority.exec(text) ?? []
  return [written, written + (ports.get(scheme.toLowerCase()) ?? '')].find(address => foreignAddress(address) === undefined)
}

// The text is not shown: it may hold a password.
const noHostPort = ({ id }: ServiceInstance, endpoint = ''): InvalidArgument =>
  new InvalidArgument('endpoint', `must be host:port or a URL with a port, which ${quotedValue(endpoint)} of ${id} is not`)

/** Where to connect to an instance: its address, or its endpoint of that name, which may be `host:port` or a URL. */
export const hostPortOf = (instance: ServiceInstance, endpoint?: string): E.Either<InvalidArgument, HostPort> =>
  F.pipe(
    endpointOf(instance, endpoint),
    E.flatMap(text => E.fromNullable(noHostPort(instance, endpoint))(hostPortIn(text))),
    E.map(splitAddress),
  )
