import type { AuthClient } from 'etcd3'
import { catchError, defer, map, of, ReplaySubject, share, throwError, type Observable } from 'rxjs'
import { Denied, toError } from '../../../core/errors.js'
import { now } from '../../../flow/clock.js'
import { unary } from './rpc.js'

/** A user of etcd, for `etcdRegistry({ auth })`. */
export interface Credentials {
  /** etcd user name. */
  readonly username: string
  readonly password: string
}

/** The token of one client. */
export interface Tokens {
  /** The token in use, fetched once for all subscribers; undefined if none is needed. */
  readonly current: Observable<string | undefined>
  /** Forgets `stale`, if it is still the one in use. */
  readonly drop: (stale: string | undefined) => void
}

/** For how long (ms) a refused login is not repeated: each one costs etcd a tenth of a second, and hundreds of registrations may ask. */
const refusedFor = 1_000

/**
 * Authenticates over the channels that all other calls use. etcd3 itself opens a channel for each token, never closes it, redials it as rarely as
 * every two minutes, and authenticates once for each waiting call.
 */
export const tokens = (host: string, auth: () => AuthClient, credentials: Credentials | undefined): Tokens => {
  let refused: { readonly error?: Error; readonly at: number } = { at: -Infinity }
  const fetched = defer(() => {
    if (credentials === undefined) return of(undefined)
    const { error: denied, at } = refused
    if (denied !== undefined && now() - at < refusedFor) return throwError(() => denied)
    const { username: name, password } = credentials
    return unary({ host, usersClient: false, token: undefined, deadline: 5_000, reconnect: true }, options => auth().authenticate({ name, password }, options)).pipe(
      map(({ token }): string | undefined => token),
      // Like etcd's own client: if authentication is off, a password is no mistake.
      catchError((thrown: unknown) => {
        const error = toError(thrown)
        if (error.message.includes('authentication is not enabled')) return of(undefined)
        if (error instanceof Denied) refused = { error, at: now() }
        return throwError(() => error)
      }),
    )
  })
  /** `null` while a new token is fetched. Calls that were refused with the old token wait for it, too. */
  let used: string | null | undefined
  const shared = (): Observable<string | undefined> =>
    fetched.pipe(
      map(token => (used = token)),
      share({ connector: () => new ReplaySubject(1), resetOnComplete: false, resetOnRefCountZero: true }),
    )
  let cached = shared()
  return {
    current: defer(() => cached),
    drop: stale => {
      if (stale !== used) return
      used = null
      cached = shared()
    },
  }
}
