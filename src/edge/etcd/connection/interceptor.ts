import type { CallOptions, InterceptingCall } from '@grpc/grpc-js'
import { isStaleToken, type Ending } from './etcd-errors.js'

type Interceptor = NonNullable<CallOptions['interceptors']>[number]
type Listener = Parameters<InterceptingCall['start']>[1]
type Status = Parameters<NonNullable<NonNullable<Listener>['onReceiveStatus']>>[0]

/** What we add to one RPC, and what we learn of it. */
export interface Interception {
  readonly token: string | undefined
  /** Let etcd3 see that no answer came, so that it opens a new connection. */
  readonly reconnect?: boolean
  /** Let etcd3 renew the token and repeat the call, once: the credentials are its own. */
  readonly renew?: boolean
  readonly started: (cancel: () => void) => void
  readonly ended: (ending: Ending) => void
}

// etcd3 closes its channels when it sees one of these, and whatever waits for a connection dies with them.
const deadlineExceeded = 4
const recoverable: readonly number[] = [1, 2, deadlineExceeded, 8, 10, 13, 14]

// eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- the enum itself is in grpc-js, of which we import types only
const as = (status: Status, code: number, details = status.details): Status => ({ ...status, code, details })
/** etcd3 knows no other text for it; shown this one, it gets another token and makes the call again, without end. */
const stale = (status: Status, renew: boolean): Status => (renew ? as(status, 16, 'etcdserver: invalid auth token') : as(status, 9, 'stale token'))

/** An interceptor written against the shape of grpc-js, so that only etcd3 needs to be able to import it. */
export const intercept = ({ token, reconnect = false, renew = false, started, ended }: Interception): Interceptor => {
  const hidden = reconnect ? recoverable.filter(code => code !== deadlineExceeded) : recoverable
  let renewed = !renew
  return (options, nextCall) => {
    const call = nextCall(options)
    const start = call.start.bind(call)
    call.start = (metadata, listener) => {
      // etcd3 gives every call of a client the same metadata.
      const own = metadata.clone()
      own.set('hasleader', 'true')
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
    // The type asks for grpc-js's class, whose methods are all that is ever used of it.
    return call as never
  }
}
