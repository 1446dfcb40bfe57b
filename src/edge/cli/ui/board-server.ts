import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Observable } from 'rxjs'
import { InvalidArgument } from '../../../core/errors.js'
import { quotedValue } from '../../../core/validation.js'

/** Where a board is served. */
export interface BoardServerOptions {
  /** 0: any that is free. */
  readonly port: number
  /** The address to listen on. */
  readonly bind: string
  /** Further names by which it may be asked. */
  readonly host?: readonly string[]
}

/** The host of the printed address. A page on this machine reaches what listens everywhere by the loopback. */
const hostOf = (bind: string): string => {
  if (bind === '0.0.0.0') return '127.0.0.1'
  if (bind === '::') return '[::1]'
  return bind.includes(':') ? `[${bind}]` : bind
}

/** Why the page cannot be served at the address and the port. */
const listenError = (error: NodeJS.ErrnoException, { port, bind }: BoardServerOptions): Error => {
  if (error.code === 'EADDRINUSE') return new InvalidArgument('port', `${port} is in use (choose another one with --port, or 0 for any)`)
  if (error.code === 'EACCES') return new InvalidArgument('port', `${port} may not be used by this user (choose one from 1024 on with --port, or 0 for any)`)
  if (error.code === 'EADDRNOTAVAIL' || error.syscall === 'getaddrinfo') return new InvalidArgument('bind', `must be an address of this machine, got ${quotedValue(bind)} (such as 127.0.0.1, or 0.0.0.0 for all of them)`)
  return error
}

/** Serves a board until it is unsubscribed; emits its URL once it can be opened. Errors `InvalidArgument` if it cannot listen there. `handlerOf` gets the names by which it may be asked. */
export const boardServer = (
  { port, bind, host: given = [] }: BoardServerOptions,
  handlerOf: (names: readonly string[]) => (request: IncomingMessage, response: ServerResponse) => void,
): Observable<string> =>
  new Observable(subscriber => {
    // The printed address works, as a browser writes it.
    const own = `http://${hostOf(bind)}`
    const names = [...given.map(name => name.toLowerCase()), ...(URL.canParse(own) ? [new URL(own).hostname] : [])]
    const server = createServer(handlerOf(names))
    server.once('error', (error: NodeJS.ErrnoException) => subscriber.error(listenError(error, { port, bind })))
    server.listen(port, bind, () => subscriber.next(`http://${given[0] ?? hostOf(bind)}:${(server.address() as AddressInfo).port}/`))
    return () => {
      server.close()
      server.closeAllConnections()
    }
  })
