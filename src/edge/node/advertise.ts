import { isIPv6, type Server } from 'node:net'
import { networkInterfaces } from 'node:os'
import { catchError, concatMap, defer, filter, map, of, retry, take, throwError, type Observable } from 'rxjs'
import { exponential } from '../../core/backoff.js'
import { InvalidArgument, toError } from '../../core/errors.js'
import { address as addressCheck, wildcard } from '../../core/instance/address.js'
import { timer } from '../../flow/clock.js'
import type { ReadableRegistry } from '../../flow/registry.js'
import { hostsOf } from '../../flow/registry-hosts.js'
import { localAddress, type Families } from './local-address.js'
import { isLoopback, reachProblem } from './reach.js'
import { whenListening } from './when-listening.js'

/** Options of {@link advertise}. */
export interface AdvertiseOptions {
  /** The registry in which the address will be registered: the address is the one of the interface that routes to it. */
  readonly registry?: ReadableRegistry | undefined
  /** Endpoints to route to instead, for a registry that does not report its own, such as one on an existing etcd3 client. @default those of `registry` */
  readonly hosts?: string | readonly string[] | undefined
  /** The address, `host:port`, or a host alone, to which the port of the server is added. @default the environment variable `RX_DISCOVERY_ADDRESS` */
  readonly address?: string | undefined
  /** @default process.env */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  /** Receives a sentence if other machines most likely cannot reach the address. @default process.emitWarning */
  readonly warn?: ((message: string) => void) | undefined
}

const variable = 'RX_DISCOVERY_ADDRESS'
const backoff = exponential()
const hostAndPort = (host: string, port: number): string => (isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`)

/** An address that a person wrote: with its port, or with that of the server. */
const completed = (argument: string, written: string, port: number): string => {
  const address = isIPv6(written) || addressCheck(written) !== undefined ? hostAndPort(written, port) : written
  const example = `for example "10.0.0.5" or "10.0.0.5:${port}"`
  if (addressCheck(address) === undefined) return address
  const { must } = wildcard(written) ?? { must: 'must be host:port or a host' }
  throw new InvalidArgument(argument, `${must}, got ${JSON.stringify(written)} (${example})`)
}

const bindingOf = (server: Server | number): Observable<{ readonly address: string; readonly port: number }> => {
  if (typeof server !== 'number') return whenListening(server)
  const problem = addressCheck(hostAndPort('localhost', server))
  return problem === undefined ? of({ address: '::', port: server }) : throwError(() => new InvalidArgument('server', `must be a port from 1 to 65535, got ${server} (pass the port on which the server listens)`))
}

const endpointsOf = ({ registry, hosts }: AdvertiseOptions): Observable<readonly string[]> | undefined =>
  hosts !== undefined ? of([hosts].flat()) : registry && hostsOf(registry)?.pipe(filter(endpoints => endpoints.length > 0), take(1))

/** The address that the user wrote, in code or in the environment. */
const written = ({ address, env = process.env }: AdvertiseOptions, port: number): string | undefined => {
  if (address !== undefined) return completed('address', address, port)
  const ofEnvironment = env[variable]
  return ofEnvironment === undefined || ofEnvironment === '' ? undefined : completed(variable, ofEnvironment, port)
}

/** The address on the way to the registry, from the first moment at which there is a way. */
const routed = (endpoints: Observable<readonly string[]>, families: Families, warn: (message: string) => void): Observable<string> =>
  endpoints.pipe(
    concatMap(hosts => localAddress(hosts, families)),
    retry({
      delay: (thrown: unknown, attempt) => {
        if (thrown instanceof InvalidArgument) return throwError(() => thrown)
        if (attempt === 1) warn(`${toError(thrown).message}; the address of this process is unknown until there is a route (or set the option address or ${variable})`)
        return timer(backoff.delay(attempt)())
      },
    }),
  )

/** Whether the registry is on this machine, as far as that is known. */
const isNear = (endpoints: Observable<readonly string[]> | undefined): Observable<boolean> =>
  endpoints === undefined
    ? of(false)
    : endpoints.pipe(
        concatMap(hosts => localAddress(hosts, [4, 6])),
        map(isLoopback),
        catchError(() => of(false)),
      )

/**
 * Finds the address under which others reach this process, for `register`: waits until `server` listens, emits `host:port` (IPv6 in brackets) and completes. The host is the
 * first of: the option `address`; the environment variable `RX_DISCOVERY_ADDRESS`; the address to which the server is bound, unless that is `0.0.0.0` or `::`; the address of
 * the interface that routes to the registry. While there is no route, for example because DNS is away, it warns once and tries again.
 * Cold. Errors as {@link whenListening} does, and with `InvalidArgument` if a given address is malformed, or nothing says where the registry is.
 *
 * @param server A server of Node, or the port of any other server that listens on all interfaces
 * @example register(registry, advertise(server, { registry }).pipe(map(address => ({ service: 'web', address }))), { until: onSignal() })
 */
export const advertise = (server: Server | number, options: AdvertiseOptions = {}): Observable<string> =>
  defer(() => bindingOf(server)).pipe(
    concatMap(({ address: bound, port }) => {
      const own = written(options, port)
      if (own !== undefined) return of(own)

      const { warn = message => process.emitWarning(message, 'RxDiscoveryWarning') } = options
      const checked = (host: string): string => {
        const problem = reachProblem(host, networkInterfaces())
        if (problem !== undefined)
          warn(`${hostAndPort(host, port)} ${problem}, so other machines cannot call this instance (listen on "::", or set the option address or ${variable})`)
        return hostAndPort(host, port)
      }
      const endpoints = endpointsOf(options)
      // If the registry is on this machine as well, only this machine is expected to call.
      if (isLoopback(bound)) return isNear(endpoints).pipe(map(near => (near ? hostAndPort(bound, port) : checked(bound))))
      if (wildcard(bound) === undefined) return of(checked(bound))
      if (endpoints === undefined)
        throw new InvalidArgument('registry', `must report its endpoints, or nothing says which interface to use (pass a registry of rx-discovery, hosts, or address, or set ${variable})`)
      return routed(endpoints, bound === '0.0.0.0' ? [4] : [4, 6], warn).pipe(map(host => (isLoopback(host) ? hostAndPort(host, port) : checked(host))))
    }),
  )
