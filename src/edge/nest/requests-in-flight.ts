import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server } from 'node:net'
import { defer, filter, startWith, Subject, take, type Observable } from 'rxjs'

/** Ends the connection with this answer, if it is not too late for a header. HTTP/2 has no such header. */
const closeAfter = (response: ServerResponse): void => {
  if (response.req.httpVersionMajor === 1 && !response.headersSent) response.setHeader('connection', 'close')
}

/** The requests that an HTTP server is answering. */
export class RequestsInFlight {
  readonly #responses = new Set<ServerResponse>()
  readonly #answered = new Subject<unknown>()
  #closing = false

  constructor(server: Server) {
    // Before the listener of the platform, which may answer at once. A server without HTTP never emits this event.
    server.prependListener('request', (_: IncomingMessage, response: ServerResponse) => {
      if (this.#closing) closeAfter(response)
      this.#responses.add(response)
      response.once('close', () => {
        this.#responses.delete(response)
        this.#answered.next(response)
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

  /** Emits once there is no request in flight, and completes. */
  readonly idle$: Observable<unknown> = defer(() => this.#answered.pipe(startWith(undefined), filter(() => this.count === 0), take(1)))
}
