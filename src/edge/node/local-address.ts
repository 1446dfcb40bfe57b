import { createSocket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { isIPv6 } from 'node:net'
import { catchError, concat, concatMap, defer, EMPTY, from, map, Observable, takeWhile, toArray } from 'rxjs'
import { InvalidArgument, toError } from '../../core/errors.js'
import { isLoopback } from './reach.js'

/** IP versions that a server accepts. */
export type Families = readonly (4 | 6)[]

/** The host of an endpoint such as `'localhost:2379'`, `'https://[::1]:2379'` or `'unix:/run/etcd.sock'`. */
const hostOf = (endpoint: string): string => {
  if (endpoint.startsWith('unix:')) return '127.0.0.1'
  const [, ipv6, name] = /^(?:[a-z][a-z\d+.-]*:\/\/)?(?:\[([^\]]+)\]|([^:/]+))/i.exec(endpoint) ?? []
  return ipv6 ?? name ?? endpoint
}

/** The local address of the route to an IP address, as the system chooses it for a UDP socket that is connected; the socket sends nothing. */
const sourceOf = (ip: string): Observable<string> =>
  new Observable(subscriber => {
    const socket = createSocket(isIPv6(ip) ? 'udp6' : 'udp4')
    socket.on('error', error => subscriber.error(error))
    socket.on('connect', () => {
      subscriber.next(socket.address().address)
      subscriber.complete()
    })
    // routes do not depend on the port
    socket.connect(2379, ip)
    return () => socket.close()
  })

const sourcesOf = (host: string, families: Families): Observable<string> =>
  // IPv4 first: if a name has addresses of both versions, more clients can use that one
  defer(() => lookup(host, { all: true, verbatim: false })).pipe(
    concatMap(found => {
      const usable = found.filter(({ family }) => families.includes(family === 6 ? 6 : 4))
      if (usable.length === 0) throw new InvalidArgument('server', `must accept IPv${families.includes(6) ? 4 : 6} to use the route to ${host} (listen on "::", or pass address)`)
      return from(usable)
    }),
    concatMap(({ address }) => sourceOf(address)),
  )

/**
 * Emits the address of this machine on the interface that routes to one of the endpoints, and completes. It prefers an address that other machines can reach: an etcd member
 * on this machine is often listed as `localhost` beside the others. Errors with the reasons if no endpoint has a route, or only `localhost` has one.
 */
export const localAddress = (endpoints: readonly string[], families: Families): Observable<string> =>
  defer(() => {
    const problems: Error[] = []
    const sources = endpoints.map(endpoint =>
      sourcesOf(hostOf(endpoint), families).pipe(
        catchError((thrown: unknown) => {
          problems.push(toError(thrown))
          return EMPTY
        }),
      ),
    )
    return concat(...sources).pipe(
      takeWhile(isLoopback, true),
      toArray(),
      map(found => {
        const address = found.find(ip => !isLoopback(ip)) ?? (problems.length === 0 ? found[0] : undefined)
        if (address !== undefined) return address
        throw problems.find(problem => problem instanceof InvalidArgument) ?? new Error(`no route to ${endpoints.join(', ')}: ${problems.map(({ message }) => message).join(', ')}`)
      }),
    )
  })
