import type { CallOptions, InterceptingCall } from '@grpc/grpc-js'
import { isStaleToken, type Ending } from './etcd-errors.js'

type Interceptor = NonNullable<CallOptions['interceptors']>[number]
type Listener = Parameters<InterceptingCall['start']>[1]
type Status = Parameters<NonNullable<NonNullable<Listener>['onReceiveStatus']>>[0]

/** What the interceptor adds to one RPC, and what it reports. */
export interface Interception {
  readonly token: string | undefined
  /** Shows etcd3 that a deadline has passed, so that it opens a new connection. @default false */
  readonly reconnect?: boolean
  /** Lets etcd3 renew the token and repeat the call once. Only for a client that has credentials of its own. @default false */
  readonly renew?: boolean
  /** Accepts an answer from a member that has no leader. @default false */
  readonly leaderless?: boolean
  readonly started: (cancel: () => void) => void
  readonly ended: (ending: Ending) => void
}

// When etcd3 sees one of these, it closes its channels, and every call that waits for a connection fails.
const deadlineExceeded = 4
const recoverable: readonly number[] = [1, 2, deadlineExceeded, 8, 10, 13, 14]

// eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- the enum itself is in grpc-js, of which we import types only
const as = (status: Status, code: number, details = status.details): Status => ({ ...status, code, details })
/** The one text on which etcd3 gets a new token and repeats the call. Without a limit it would repeat it for ever. */
const stale = (status: Status, renew: boolean): Status => (renew ? as(status, 16, 'etcdserver: invalid auth token') : as(status, 9, 'stale token'))

/** An interceptor written against the shape of grpc-js, so that only etcd3 needs to be able to import it. */
export const intercept = ({ token, reconnect = false, renew = false, leaderless = false, started, ended }: Interception): Interceptor => {
  const hidden = reconnect ? recoverable.filter(code => code !== deadlineExceeded) : recoverable
  let renewed = !renew
  return (options, nextCall) => {
    const call = nextCall(options)
    const start = call.start.bind(call)
    call.start = (metadata, listener) => {
      // All calls of an etcd3 client share one metadata object.
      const own = metadata.clone()
      if (!leaderless) own.set('hasleader', 'true')
      if (token !== undefined) own.set('token', token)
      start(own, {
        onReceiveMetadata: received => listener?.onReceiveMetadata?.(received),
        onReceiveMessage: (message: unknown) => listener?.onReceiveMessage?.(message),
        onReceiveStatus: status => {
          ended(status)
          const shown = isStaleToken(status) ? stale(status, !renewed) : hidden.includes(status.code) ? as(status, 9) : status
          renewed ||= isStaleToken(status)
          listener?.onReceiveStatus?.(shown)
        },
      })
    }
    // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- as above
    started(() => call.cancelWithStatus(1, 'unsubscribed'))
    // The type asks for a class of grpc-js, but only its methods are used.
    return call as never
  }
}
