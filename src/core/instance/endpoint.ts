import { either as E } from 'fp-ts'
import { addressProblem, splitAddress } from './address.js'
import { InvalidArgument } from '../errors.js'
import type { ServiceInstance } from './instance.js'

/** A host and a port to connect to; an IPv6 host without brackets. */
export interface Place {
  readonly host: string
  readonly port: number
}

const authority = /^(?:([A-Za-z][A-Za-z0-9+.-]*):\/\/)?(?:[^/?#@]*@)?([^/?#]*)/
const ports: ReadonlyMap<string, string> = new Map([['http', ':80'], ['https', ':443'], ['ws', ':80'], ['wss', ':443']])

/** The text under which an instance is reached: its address, or that of its endpoints that is named so. */
export const endpointOf = ({ id, address, endpoints }: ServiceInstance, endpoint?: string): E.Either<InvalidArgument, string> => {
  if (endpoint === undefined) return E.right(address)
  const text = Object.hasOwn(endpoints, endpoint) ? endpoints[endpoint] : undefined
  return text === undefined ? E.left(new InvalidArgument('endpoint', `${id} has none that is named ${endpoint}`)) : E.right(text)
}

/** Where an instance is reached: at its address, or at one of its endpoints, be it `host:port` or a URL. */
export const placeOf = (instance: ServiceInstance, endpoint?: string): E.Either<InvalidArgument, Place> => {
  const text = endpointOf(instance, endpoint)
  if (E.isLeft(text)) return text
  const [, scheme = '', written = ''] = authority.exec(text.right) ?? []
  const place = [written, written + (ports.get(scheme.toLowerCase()) ?? '')].find(address => addressProblem(address) === undefined)
  return place === undefined
    ? E.left(new InvalidArgument('endpoint', `${endpoint ?? ''} of ${instance.id} tells no host and port`))
    : E.right(splitAddress(place))
}
