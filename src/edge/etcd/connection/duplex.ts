import type { CallOptions } from '@grpc/grpc-js'
import { Observable, Subscription } from 'rxjs'
import { Disconnected } from '../../../core/errors.js'
import { rpc, type RpcOptions } from './rpc.js'

/** A gRPC stream as etcd3 returns it. */
export interface RawStream<Req, Res> {
  readonly write: (request: Req) => unknown
  readonly end: () => unknown
  readonly cancel: () => void
  readonly on: ((event: 'data', listener: (response: Res) => void) => unknown) &
    ((event: 'error', listener: (error: Error) => void) => unknown) &
    ((event: 'end', listener: () => void) => unknown)
}

/** One duplex RPC: writes each request, emits each response. Errors once when the stream breaks or ends. Unsubscribing closes it. */
export const duplex = <Req, Res>(
  options: RpcOptions,
  open: (options: CallOptions) => Promise<RawStream<Req, Res>>,
  requests: Observable<Req>,
): Observable<Res> =>
  new Observable<Res>(subscriber => {
    const { host } = options
    const { callOptions, failure } = rpc(options)
    let over = false
    const fail = (error: Error): void => {
      // A stream that breaks reports an 'error' and then an 'end'.
      if (over) return
      over = true
      subscriber.error(error)
    }
    const use = (stream: RawStream<Req, Res>): void => {
      const cancel = (): void => {
        if (over) return
        over = true
        // etcd3 takes a cancel without an end before it for a failure of the host, and closes its channels.
        stream.end()
        stream.cancel()
      }
      stream.on('error', error => fail(failure(error)))
      stream.on('end', () => fail(failure(new Disconnected(`${host} ended the stream`, { host }))))
      if (subscriber.closed) {
        cancel()
        return
      }
      stream.on('data', response => {
        if (!over) subscriber.next(response)
      })
      const writing = new Subscription(cancel)
      subscriber.add(writing)
      writing.add(
        requests.subscribe({
          next: request => {
            // A broken stream accepts requests and drops them.
            if (!over) stream.write(request)
          },
          error: (error: unknown) => subscriber.error(error),
        }),
      )
    }
    open(callOptions).then(use, (error: unknown) => fail(failure(error)))
  })
