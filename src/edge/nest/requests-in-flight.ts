import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server } from 'node:net'
import { defer, EMPTY, skip, startWith, Subject, switchMap, take, type Observable } from 'rxjs'
import { interval, timers } from '#internal/flow/clock'

/** Ends the connection with this answer, if it is not too late for a header. HTTP/2 has no such header. */
const closeAfter = (response: ServerResponse): void => {
  if (response.req.httpVersionMajor === 1 && !response.headersSent) response.setHeader('connection', 'close')
}

/**
 * Five turns of the event loop. If the process was busy, connections and requests that came in time wait in its sockets, and each turn reads them one step further, after its
 * timers have fired.
 */
const quiet = interval(10, timers).pipe(skip(4))

/** The requests that an HTTP server is answering. */
export class RequestsInFlight {
  readonly #responses = new Set<ServerResponse>()
  readonly #changed = new Subject<unknown>()
  #closing = false

  constructor(server: Server) {
    // Before the listener of the platform, which may answer at once. A server without HTTP never emits this event.
    server.prependListener('request', (_: IncomingMessage, response: ServerResponse) => {
      if (this.#closing) closeAfter(response)
      this.#responses.add(response)
      this.#changed.next(response)
      response.once('close', () => {
        this.#responses.delete(response)
        this.#changed.next(response)
      })
    })
  }

  get count(): number {
    return this.#responses.size
  }

  /** From now on, each answer ends its connection. Otherwise an idle one would keep a server that closes waiting for its timeout. */
  closeConnections(): void {
    this.#closing = true
    this.#responses.forEach(closeAfter)
  }

  /** Emits once no request has been in flight for a few turns of the event loop, and completes. */
  readonly idle$: Observable<unknown> = defer(() => this.#changed.pipe(startWith(undefined), switchMap(() => (this.count === 0 ? quiet : EMPTY)), take(1)))
}
