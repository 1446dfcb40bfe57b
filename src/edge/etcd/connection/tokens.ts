import type { AuthClient } from 'etcd3'
import { catchError, defer, map, of, ReplaySubject, share, throwError, type Observable } from 'rxjs'
import { Denied } from '../../../core/errors.js'
import { now } from '../../../flow/clock.js'
import { asError } from './etcd-errors.js'
import { unary } from './rpc.js'

/** Whom a client is for etcd. */
export interface Credentials {
  readonly username: string
  readonly password: string
}

/** The token of one client. */
export interface Tokens {
  /** The token in use, fetched once for all who ask; undefined when none is needed. */
  readonly current: Observable<string | undefined>
  /** Forgets `stale`, if it is still the one in use. */
  readonly drop: (stale: string | undefined) => void
}

/** For how long (ms) a login that was refused is not tried again: each costs etcd a tenth of a second, and thousands of registrations may ask. */
const forbearance = 1_000

/**
 * Authenticates over the same channels as everything else. What etcd3 does by itself opens a channel for each token, never closes it,
 * redials it as rarely as every two minutes, and asks once for each of the calls that are waiting.
 */
export const tokens = (host: string, auth: () => AuthClient, credentials: Credentials | undefined): Tokens => {
  let refused: { readonly error?: Error; readonly at: number } = { at: -Infinity }
  const fetched = defer(() => {
    if (credentials === undefined) return of(undefined)
    const { error: denied, at } = refused
    if (denied !== undefined && now() - at < forbearance) return throwError(() => denied)
    const { username: name, password } = credentials
    return unary({ host, token: undefined, deadline: 5_000, reconnect: true }, options => auth().authenticate({ name, password }, options)).pipe(
      map(({ token }): string | undefined => token),
      // Like etcd's own client: where nobody needs a token, a password is no mistake.
      catchError((thrown: unknown) => {
        const error = asError(thrown)
        if (error.message.includes('authentication is not enabled')) return of(undefined)
        if (error instanceof Denied) refused = { error, at: now() }
        return throwError(() => error)
      }),
    )
  })
  /** null while another one is fetched, which those who were refused with the old one wait for, too. */
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
