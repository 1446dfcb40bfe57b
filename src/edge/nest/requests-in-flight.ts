import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server } from 'node:net'
import { BehaviorSubject, filter, take, type Observable } from 'rxjs'

/** Counts the requests that an HTTP server is answering. */
export class RequestsInFlight {
  readonly #count = new BehaviorSubject(0)
  #closing = false

  constructor(server: Server) {
    // Before the listener of the platform, which may answer at once. A server without HTTP never emits this event.
    server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
      // HTTP/2 has no such header.
      if (this.#closing && request.httpVersionMajor === 1) response.setHeader('connection', 'close')
      this.#count.next(this.#count.value + 1)
      response.once('close', () => this.#count.next(this.#count.value - 1))
    })
  }

  get count(): number {
    return this.#count.value
  }

  /** From now on, each answer ends its connection, so that none is idle when the server closes. */
  closeConnections(): void {
    this.#closing = true
  }

  /** Emits once there is no request in flight, and completes. */
  readonly idle$: Observable<unknown> = this.#count.pipe(filter(count => count === 0), take(1))
}
