import type { CallOptions } from '@grpc/grpc-js'
import { catchError, defer, finalize, from, throwError, type Observable } from 'rxjs'
import { timeout } from '../../../flow/clock.js'
import { Disconnected } from '../../../core/errors.js'
import { failure, isStaleToken, type Ending } from './etcd-errors.js'
import { intercept, type Interception } from './interceptor.js'

/** The token was refused: for another one, the same RPC may succeed. */
export class StaleToken extends Disconnected {}

/** How one RPC is made. */
export interface Terms extends Pick<Interception, 'token' | 'reconnect' | 'renew'> {
  readonly host: string
  /** After how many ms it is given up; a stream has none. */
  readonly deadline?: number
}

/** The options of one RPC, how it ended so far, and how to cancel it. */
export interface Rpc {
  readonly options: CallOptions
  readonly cancel: () => void
  readonly failure: (error: unknown) => Error
}

/** Prepares one RPC. */
export const rpc = ({ host, deadline, ...terms }: Terms): Rpc => {
  let ending: Ending | undefined
  let abort: (() => void) | undefined
  const interceptors = [
    intercept({
      ...terms,
      started: cancel => (abort = cancel),
      ended: status => (ending = status),
    }),
  ]
  return {
    options: deadline === undefined ? { interceptors } : { interceptors, deadline: Date.now() + deadline },
    cancel: () => {
      if (ending === undefined) abort?.()
    },
    failure: error => {
      const known = failure(host, error, ending)
      return ending !== undefined && isStaleToken(ending) ? new StaleToken(known.message, { host }) : known
    },
  }
}

/** One unary RPC: bounded, cancelled on unsubscribe, its error the registry's. */
export const unary = <T>(terms: Terms & { readonly deadline: number }, run: (options: CallOptions) => Promise<T>): Observable<T> =>
  defer(() => {
    const { options, cancel, failure: failed } = rpc(terms)
    return from(run(options)).pipe(
      catchError((error: unknown) => throwError(() => failed(error))),
      finalize(cancel),
    )
  }).pipe(
    // A client that the user made may wait for its token for ever, before it makes the call.
    timeout({
      first: terms.deadline + 250,
      with: () => throwError(() => new Disconnected(`${terms.host} did not answer within ${terms.deadline} ms`, { host: terms.host })),
    }),
  )
