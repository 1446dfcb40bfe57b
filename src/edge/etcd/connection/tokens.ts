import type { AuthClient } from 'etcd3'
import { catchError, defer, map, of, ReplaySubject, share, switchMap, tap, throwError, type Observable } from 'rxjs'
import { userAndPassword } from '../../../core/arguments.js'
import { Denied, toError } from '../../../core/errors.js'
import { now } from '../../../flow/clock.js'
import { unary } from './rpc.js'
import { supplied, type Supplied } from './supplied.js'

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
  /** The token that was fetched last, without a login: undefined if there is none, and perhaps stale. Emits once when the client can be used. */
  readonly last: Observable<string | undefined>
  /** Forgets `stale`, if it is still the one in use. */
  readonly drop: (stale: string | undefined) => void
}

/** For how long (ms) a refused login is not repeated: each one costs etcd a tenth of a second, and hundreds of registrations may ask. So may they ask a secret store. */
const refusedFor = 1_000

/** What a login needs. */
export interface LoginParts {
  /** undefined: no login. A function is asked at each login. */
  readonly credentials: Supplied<Credentials> | undefined
  /** Emits once when the client can be used. */
  readonly ready: Observable<unknown>
  readonly auth: () => AuthClient
}

/**
 * Authenticates over the channels that all other calls use. etcd3 itself opens a channel for each token, never closes it, redials it as rarely as
 * every two minutes, and authenticates once for each waiting call.
 */
export const tokens = (host: string, { credentials, ready, auth }: LoginParts): Tokens => {
  let refused: { readonly error?: Error; readonly at: number } = { at: -Infinity }
  const refuse = (error: unknown): void => {
    refused = { error: toError(error), at: now() }
  }
  const login = ({ username: name, password }: Credentials): Observable<string | undefined> =>
    unary({ host, usersClient: false, token: undefined, deadline: 5_000, reconnect: true }, options => auth().authenticate({ name, password }, options)).pipe(
      map(({ token }): string | undefined => token),
      // Like etcd's own client: if authentication is off, a password is no mistake.
      catchError((thrown: unknown) => {
        const error = toError(thrown)
        if (error.message.includes('authentication is not enabled')) return of(undefined)
        if (!(error instanceof Denied)) return throwError(() => error)
        const named = new Denied(`${host} refused the login of user "${name}"${error.message.slice(host.length)}`, { host, hint: 'check `auth`', cause: error })
        refuse(named)
        return throwError(() => named)
      }),
    )
  const fetched = defer(() => {
    if (credentials === undefined) return of(undefined)
    const { error, at } = refused
    if (error !== undefined && now() - at < refusedFor) return throwError(() => error)
    return supplied('auth', credentials, userAndPassword).pipe(tap({ error: refuse }), switchMap(login))
  })
  /** `null` while a new token is fetched. Calls that were refused with the old token wait for it, too. */
  let used: string | null | undefined
  const shared = (): Observable<string | undefined> =>
    ready.pipe(
      switchMap(() => fetched),
      map(token => (used = token)),
      share({ connector: () => new ReplaySubject(1), resetOnComplete: false, resetOnRefCountZero: true }),
    )
  let cached = shared()
  return {
    current: defer(() => cached),
    last: ready.pipe(map(() => used ?? undefined)),
    drop: stale => {
      if (stale !== used) return
      used = null
      cached = shared()
    },
  }
}
