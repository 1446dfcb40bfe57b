import type { CallOptions } from '@grpc/grpc-js'
import { catchError, defer, finalize, from, throwError, type Observable } from 'rxjs'
import { timeout } from '../../../flow/clock.js'
import { Closed, Disconnected } from '../../../core/errors.js'
import { failure, isStaleToken, type Ending } from './etcd-errors.js'
import { intercept, type Interception } from './interceptor.js'

/** etcd refused the token. With a new token, the same RPC may succeed. */
export class StaleToken extends Disconnected {}

/** How one RPC is made. */
export interface RpcOptions extends Pick<Interception, 'token' | 'reconnect' | 'renew' | 'leaderless'> {
  readonly host: string
  /** Whether the user made the client, and so closes it. Any other client is closed when its connection is left for another one. */
  readonly usersClient: boolean
  /** After how many ms the call is given up. Streams have none. */
  readonly deadline?: number
}

/** One RPC: the options to call etcd3 with, a way to cancel it, and the registry's error for how it ended. */
export interface Rpc {
  readonly callOptions: CallOptions
  readonly cancel: () => void
  readonly failure: (error: unknown) => Error
}

/** Prepares one RPC. */
export const rpc = ({ host, usersClient, deadline, ...interception }: RpcOptions): Rpc => {
  let ending: Ending | undefined
  let abort: (() => void) | undefined
  const interceptors = [
    intercept({
      ...interception,
      started: cancel => (abort = cancel),
      ended: status => (ending = status),
    }),
  ]
  return {
    callOptions: deadline === undefined ? { interceptors } : { interceptors, deadline: Date.now() + deadline },
    cancel: () => {
      if (ending === undefined) abort?.()
    },
    failure: error => {
      const translated = failure(host, error, ending)
      if (translated instanceof Closed && !usersClient) return new Disconnected(`${host}: the connection was left for another one before the call began`, { host, cause: error })
      return ending !== undefined && isStaleToken(ending) ? new StaleToken(translated.message, { host }) : translated
    },
  }
}

/** One unary RPC: bounded by its deadline, cancelled on unsubscribe; errors with the registry's errors. */
export const unary = <T>(options: RpcOptions & { readonly deadline: number }, run: (options: CallOptions) => Promise<T>): Observable<T> =>
  defer(() => {
    const { callOptions, cancel, failure: failed } = rpc(options)
    return from(run(callOptions)).pipe(
      catchError((error: unknown) => throwError(() => failed(error))),
      finalize(cancel),
    )
  }).pipe(
    // A client made by the user may wait for its token without end before it makes the call.
    timeout({
      first: options.deadline + 250,
      with: () => throwError(() => new Disconnected(`${options.host} did not answer within ${options.deadline} ms`, { host: options.host })),
    }),
  )
