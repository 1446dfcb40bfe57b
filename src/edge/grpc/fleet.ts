import type { experimental } from '@grpc/grpc-js'
import { either as E } from 'fp-ts'
import { hostPortOf } from '../../core/instance/endpoint.js'
import type { ServiceInstance, Status } from '../../core/instance/instance.js'
import { serviceSetOf, type ServiceSet } from '../../core/sets/service-set.js'
import { SortedMap } from '../../core/sorted-map/sorted-map.js'

/** A set of instances, and where gRPC connects to each of them. */
export interface Fleet {
  readonly set: ServiceSet
  /** By id; instances without the endpoint that was asked for are missing. */
  readonly endpoints: ReadonlyMap<string, experimental.Endpoint>
  /** Why no call can be made; `''`: one can be made. */
  readonly shortage: string
}

/**
 * The attribute by which the resolver hands the fleet to the balancer. From 1.13 on, grpc-js makes attributes options of the connections, so that each
 * change would open new ones; it leaves those out that begin like this (`SUBCHANNEL_ARGS_EXCLUDE_KEY_PREFIX`).
 */
export const fleetAttribute = 'grpc.internal.no_subchannel.rx_discovery'

const statuses: readonly Status[] = ['starting', 'draining', 'down']

/** Why no call can be made to the instances of a set; `seen`: there was an instance before. */
const shortageOf = (set: ServiceSet, seen: boolean): string => {
  const { service, size, rejected, trouble } = set
  const [first] = rejected.values()
  const counts = statuses.map(status => [set.toArray().filter(instance => instance.status === status).length, status] as const).filter(([count]) => count > 0)
  const reason =
    size === 0 && first !== undefined ? `service ${service} has no instance that can be read; ${first.key}: ${first.reason} (use the format in which it is registered)`
    : size === 0 && seen ? `service ${service} has no instance any more: the last one has left`
    : size === 0 ? `service ${service} has no instance, and had none since this channel follows it (check its name, the format and the prefix)`
    : counts.reduce((sum, [count]) => sum + count, 0) === size ? `service ${service} has no instance that is up: ${counts.map(([count, status]) => `${count} ${status}`).join(', ')}`
    : `service ${service} has no instance that is up and has the endpoint that was given to registerResolver`
  return trouble === undefined ? reason : `${reason}; the registry does not answer: ${trouble.error.message}`
}

/** The fleet of a set. `endpoint` names the endpoint to connect to; by default it is the address. `seen`: a set before had an instance. */
export const fleetOf = (set: ServiceSet, endpoint: string | undefined, seen: boolean): Fleet => {
  const endpoints = new Map<string, experimental.Endpoint>()
  let usable = false
  for (const instance of set) {
    const target = hostPortOf(instance, endpoint)
    if (E.isLeft(target)) continue
    endpoints.set(instance.id, { addresses: [{ host: target.right.host, port: target.right.port }] })
    usable ||= instance.status === 'up'
  }
  return { set, endpoints, shortage: usable ? '' : shortageOf(set, seen) }
}

const textOfAddress = (address: experimental.SubchannelAddress): string =>
  'path' in address ? address.path : `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`

const bare = (address: string): ServiceInstance => ({
  service: '', id: address, address, endpoints: {}, status: 'up', weight: 1, zone: '', version: '', tags: [], incarnation: '', metadata: {},
})

/** The fleet of another resolver, such as that of `dns:`, which knows addresses only. */
export const fleetOfAddresses = (endpoints: readonly experimental.Endpoint[]): Fleet => {
  const byAddress = new Map(endpoints.map(endpoint => [endpoint.addresses.map(textOfAddress).join(), endpoint]))
  const instances = SortedMap.by([...byAddress.keys()].map(bare), ({ id }) => id)
  const set = serviceSetOf({ service: '', instances, rejected: SortedMap.empty() }, { status: 'live', revision: 0, asOf: 0 })
  return { set, endpoints: byAddress, shortage: endpoints.length === 0 ? 'the resolver knows no address' : '' }
}
