import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request as it came. */
export interface Asked {
  readonly method: string
  readonly url: URL
  readonly lastEventId: string | undefined
}

/** An HTTP server on the loopback. */
export interface BridgeServer {
  readonly url: string
  readonly server: Server
  /** The requests so far. */
  readonly asked: readonly Asked[]
  /** Those that opened a stream. */
  readonly streams: () => readonly Asked[]
  /** Cuts every connection. */
  readonly cut: () => void
  readonly close: () => Promise<void>
}

/** Whether a request opens a stream; others to a bridge are answered and end. */
export const isStream = ({ method, url }: Pick<Asked, 'method' | 'url'>): boolean => method === 'GET' && !['list', 'at', 'check'].some(name => url.searchParams.has(name))

/** Serves a handler. */
export const bridgeServer = async (handler: (request: IncomingMessage, response: ServerResponse) => void, port = 0): Promise<BridgeServer> => {
  const asked: Asked[] = []
  const server = createServer((request, response) => {
    const id = request.headers['last-event-id']
    asked.push({ method: request.method ?? '', url: new URL(request.url ?? '', 'http://localhost'), lastEventId: typeof id === 'string' ? id : undefined })
    handler(request, response)
  })
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/discovery`,
    server,
    asked,
    streams: () => asked.filter(isStream),
    cut: () => server.closeAllConnections(),
    close: async () => {
      const closed = new Promise<void>(resolve => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    },
  }
}
