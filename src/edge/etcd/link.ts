import type { Etcd3 } from 'etcd3'
import { catchError, defer, merge, of, raceWith, share, switchMap, tap, throwError, type Observable } from 'rxjs'
import { Denied, Rewound } from '../../core/errors.js'
import type { Cluster } from './cluster.js'
import { asError, isOutage } from './errors.js'
import { gate } from './gate.js'
import type { Member } from './member.js'
import { anyKey } from './range.js'
import { StaleToken, unary } from './rpc.js'
import { duplex } from './stream.js'
import type { Tokens } from './tokens.js'

/** What a member is made of. */
export interface LinkOptions {
  readonly host: string
  readonly client: Pick<Etcd3, 'kv' | 'leaseClient' | 'watchClient'>
  /** Ours; undefined when the client's credentials are its own. */
  readonly tokens: Tokens | undefined
  readonly cluster: Cluster
  /** Errors when the members are closed, never emits. */
  readonly closed: Observable<never>
}

/** How long a call waits for a member that does not answer, ms: that it is down is known within two seconds. */
const patience = 1_500

/** With a fresh token etcd still sees no user: there are no credentials. */
const isAnonymous = (error: unknown): error is StaleToken => error instanceof StaleToken && error.message.includes('user name is empty')
const isAnswer = (error: unknown): boolean => !isOutage(error) || error instanceof StaleToken

/** A member, through its client. */
export const link = ({ host, client, tokens, cluster, closed }: LinkOptions): Member => {
  const renew = tokens === undefined
  const token = tokens?.current ?? of(undefined)
  // Without an answer etcd3 opens a new connection: one that swallows packets is dialled again by the system only after a minute. A client of the user's has a circuit breaker, which would count it.
  const probe = token.pipe(
    switchMap(current =>
      unary({ host, token: current, deadline: 1_000, reconnect: !renew }, options => client.kv.range(anyKey, options)),
    ),
    catchError((error: unknown) => (isAnswer(error) ? of(undefined) : throwError(() => asError(error)))),
  )
  const door = gate(host, probe)
  const judged = <T>(answer: Observable<T>): Observable<T> =>
    answer.pipe(
      tap({
        next: door.answered,
        error: (error: unknown) => {
          if (isAnswer(error)) door.answered()
          else door.failed(asError(error))
        },
      }),
      tap(response => cluster.seen(host, response)),
    )
  const withToken = <T>(run: (current: string | undefined) => Observable<T>): Observable<T> =>
    token.pipe(
      switchMap(current =>
        run(current).pipe(tap({ error: (error: unknown) => error instanceof StaleToken && tokens?.drop(current) })),
      ),
    )
  // Another cluster's "no such lease" and "no such revision" would be taken for ours, and a write would be made.
  const introduced = judged(
    withToken(current => unary({ host, token: current, deadline: patience, renew }, options => client.kv.range(anyKey, options))),
  ).pipe(
    // That it may not be read tells nothing of the cluster; the next answer will.
    catchError((error: unknown) => (isAnswer(error) && !(error instanceof Rewound) ? of(undefined) : throwError(() => asError(error)))),
    share(),
  )
  const known = defer(() => (cluster.isStranger(host) ? introduced : of(undefined)))

  return {
    host,
    call: (run, { deadline = 5_000 } = {}) => {
      const once = withToken(current =>
        unary({ host, token: current, deadline: door.health() === 'up' ? deadline : Math.min(patience, deadline), renew }, options =>
          run(client, options),
        ),
      )
      const twice = once.pipe(catchError((error: unknown) => (error instanceof StaleToken ? once : throwError(() => asError(error)))))
      return door.pass(Math.min(patience, deadline)).pipe(
        switchMap(() => known),
        switchMap(() => judged(renew ? once : twice)),
        catchError((error: unknown) => throwError(() => (isAnonymous(error) ? new Denied(error.message, { host }) : asError(error)))),
        raceWith(closed),
      )
    },
    stream: (open, requests) =>
      merge(
        closed,
        door.pass(patience).pipe(
          switchMap(() => known),
          switchMap(() => judged(withToken(current => duplex({ host, token: current }, options => open(client, options), requests)))),
        ),
      ),
  }
}
