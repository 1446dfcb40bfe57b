import type { AddressInfo, Server } from 'node:net'
import { Observable } from 'rxjs'
import { InvalidArgument } from '../../core/errors.js'

// The usual mistake is to pass the Express or Fastify app, in JavaScript also a function.
const isServer = (value: Partial<Server> | null | undefined): boolean => typeof value?.listening === 'boolean' && typeof value.address === 'function'

/** The address of a server that listens; throws `InvalidArgument` if it has no port. */
const portOf = (server: Server): AddressInfo => {
  const address = server.address()
  if (typeof address === 'object' && address !== null) return address
  const shown = address === null ? 'something else' : `the unix socket ${JSON.stringify(address)}`
  throw new InvalidArgument('server', `must listen on a TCP port, got ${shown} (call server.listen with a port; 0 takes a free one)`)
}

/**
 * Waits until a server of Node (`node:net`, HTTP, HTTPS, HTTP/2, TLS) listens, so that a registration does not start before the port is open. Emits the address to which it
 * is bound and completes; if it listens already, it does both at once. Cold: each subscription asks the server again, and leaves no listener behind.
 * Errors with the error of `listen`, such as `EADDRINUSE`, and with `InvalidArgument` if `server` is not a server, or listens on a unix socket.
 *
 * @example register(registry, whenListening(server).pipe(map(({ port }) => ({ service: 'web', address: `web-1.internal:${port}` }))))
 */
export const whenListening = (server: Server): Observable<AddressInfo> =>
  new Observable(subscriber => {
    if (!isServer(server))
      throw new InvalidArgument('server', `must be a server of Node, got a value of type ${typeof server} (pass what app.listen() or http.createServer() returns)`)
    const listens = (): void => {
      try {
        subscriber.next(portOf(server))
        subscriber.complete()
      } catch (error) {
        subscriber.error(error)
      }
    }
    if (server.listening) {
      listens()
      return
    }
    const failed = (error: Error): void => subscriber.error(error)
    server.on('listening', listens)
    server.on('error', failed)
    return () => {
      server.off('listening', listens)
      server.off('error', failed)
    }
  })
