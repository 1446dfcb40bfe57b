import { Observable, Subscription } from 'rxjs'
import { Disconnected } from '../../../core/errors.js'
import type { RawClient, RawStream } from './member.js'
import { rpc, type Terms } from './rpc.js'

/** One duplex RPC: what `requests` emits is written, what comes is emitted, and a break or an end is one error. */
export const duplex = <Req, Res>(
  terms: Terms,
  open: (options: Parameters<RawClient['watchClient']['watch']>[0] & object) => Promise<RawStream<Req, Res>>,
  requests: Observable<Req>,
): Observable<Res> =>
  new Observable<Res>(subscriber => {
    const { options, failure } = rpc(terms)
    let broken = false
    const breaks = (error: Error): void => {
      // A break is an 'error' and then an 'end'.
      if (broken) return
      broken = true
      subscriber.error(error)
    }
    const serve = (stream: RawStream<Req, Res>): void => {
      const leave = (): void => {
        if (broken) return
        broken = true
        // A cancel that is not preceded by an end is a failure of the host to etcd3, which then closes its channels.
        stream.end()
        stream.cancel()
      }
      stream.on('error', error => breaks(failure(error)))
      stream.on('end', () => breaks(failure(new Disconnected(`${terms.host} ended the stream`, { host: terms.host }))))
      if (subscriber.closed) {
        leave()
        return
      }
      stream.on('data', response => {
        if (!broken) subscriber.next(response)
      })
      const writing = new Subscription(leave)
      subscriber.add(writing)
      writing.add(
        requests.subscribe({
          next: request => {
            // A broken stream takes what is written, and drops it.
            if (!broken) stream.write(request)
          },
          error: (error: unknown) => subscriber.error(error),
        }),
      )
    }
    open(options).then(serve, (error: unknown) => breaks(failure(error)))
  })
