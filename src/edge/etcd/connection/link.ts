import type { CallOptions } from '@grpc/grpc-js'
import { catchError, defer, map, Observable, of, raceWith, share, switchMap, take, tap, throwError } from 'rxjs'
import { Denied, Disconnected, Rewound } from '../../../core/errors.js'
import { now } from '../../../flow/clock.js'
import { concurrencyLimit } from '../../../flow/concurrency-limit.js'
import { nothing, subscribeWithin } from '../../../flow/subscribe-within.js'
import type { Cluster } from './cluster.js'
import type { Connections } from './connections.js'
import { asError, isOutage } from './etcd-errors.js'
import { breaker } from './breaker.js'
import type { Member, RawClient, RawStream } from './member.js'
import { paging } from '../range/page-size.js'
import { anyKey } from '../range/range.js'
import { StaleToken, unary } from './rpc.js'
import { duplex } from './duplex.js'
import type { Tokens } from './tokens.js'

/** What a member is made of. */
export interface LinkOptions {
  readonly host: string
  readonly connections: Connections<RawClient>
  /** Ours; undefined when the client's credentials are its own. */
  readonly tokens: Tokens | undefined
  readonly cluster: Cluster
  /** Errors when the members are closed, never emits. */
  readonly closed: Observable<never>
}

/** How long a call waits for a member that does not answer, ms: that it is down is known within two seconds. */
const patience = 1_500
/** How many calls are under way at once: thousands would wait for one another beyond their deadlines, and be repeated all together. */
const atOnce = 100
/** How many of them begin in one turn of the event loop, or a hundred would make it a long one: and a gRPC stream sends one message a turn. */
const eachTurn = 2
/** How long a call may take unless it says otherwise, ms. */
const ample = 5_000

/** With a fresh token etcd still sees no user: there are no credentials. */
const isAnonymous = (error: unknown): error is StaleToken => error instanceof StaleToken && error.message.includes('user name is empty')
const isAnswer = (error: unknown): boolean => !isOutage(error) || error instanceof StaleToken

/** A member, through its client. */
export const link = ({ host, connections, tokens, cluster, closed }: LinkOptions): Member => {
  const renew = tokens === undefined
  const token = tokens?.current ?? of(undefined)
  const asked = (client: RawClient): Observable<unknown> =>
    token.pipe(switchMap(current => unary({ host, token: current, deadline: ample * 2 }, options => client.kv.range(anyKey, options))))
  const probe = connections.answering(asked).pipe(
    catchError((error: unknown) => (isAnswer(error) ? of(undefined) : throwError(() => asError(error)))),
    raceWith(closed),
  )
  const abandoned = connections.replaced.pipe(
    map(() => {
      throw new Disconnected(`${host} was silent on this connection, and answered on another one`, { host })
    }),
  )
  const door = breaker(host, probe)
  const judge = (error: unknown): void => {
    if (isAnswer(error)) door.answered()
    else door.failed(asError(error))
  }
  const judged = <T>(answer: Observable<T>): Observable<T> =>
    answer.pipe(
      tap({ next: door.answered, error: judge }),
      tap(response => cluster.seen(host, response)),
    )
  const dropping = (current: string | undefined) => (error: unknown): void => {
    if (error instanceof StaleToken) tokens?.drop(current)
  }
  const withToken = <T>(run: (current: string | undefined) => Observable<T>): Observable<T> =>
    token.pipe(
      switchMap(current =>
        run(current).pipe(tap({ error: dropping(current) })),
      ),
    )
  // Another cluster's "no such lease" and "no such revision" would be taken for ours, and a write would be made.
  const introduced = judged(
    withToken(current => unary({ host, token: current, deadline: patience, renew }, options => connections.current().kv.range(anyKey, options))),
  ).pipe(
    // That it may not be read tells nothing of the cluster; the next answer will.
    catchError((error: unknown) => (isAnswer(error) && !(error instanceof Rewound) ? of(undefined) : throwError(() => asError(error)))),
    share(),
  )
  const known = defer(() => (cluster.isStranger(host) ? introduced : of(undefined)))

  // How long its answers take, smoothed as TCP does it (RFC 6298).
  let usual: number | undefined
  const timed = <T>(answer: Observable<T>): Observable<T> =>
    defer(() => {
      const sentAt = now()
      return answer.pipe(
        tap(() => {
          const took = now() - sentAt
          usual = usual === undefined ? took : usual + (took - usual) / 8
        }),
      )
    })
  /** A member that is known to answer slowly gets more time, one that is not known to answer less. */
  const fair = (deadline: number): number =>
    door.health() === 'up' ? Math.max(deadline, Math.min(2 * ample, 3 * (usual ?? 0))) : Math.min(patience, deadline)

  const turn = concurrencyLimit(atOnce, { many: eachTurn, pause: resume => setImmediate(resume) })
  // Those whose turn comes after the member went down do not go.
  const inTurn = <T>(call: Observable<T>, last: boolean): Observable<T> => door.pass(0).pipe(switchMap(() => judged(call)), turn(last))

  return {
    host,
    paging: paging(),
    returned: door.returned,
    call: (run, { deadline = ample, last = false } = {}) => {
      const once = withToken(current =>
        timed(unary({ host, token: current, deadline: fair(deadline), renew }, options => run(connections.current(), options))),
      )
      const twice = once.pipe(catchError((error: unknown) => (error instanceof StaleToken ? once : throwError(() => asError(error)))))
      return door.pass(Math.min(patience, deadline)).pipe(
        switchMap(() => known),
        switchMap(() => inTurn(renew ? once : twice, last)),
        catchError((error: unknown) => throwError(() => (isAnonymous(error) ? new Denied(`${host} wants a login, such as \`auth: { username, password }\``, { host, cause: error }) : asError(error)))),
        raceWith(closed),
      )
    },
    stream: <Req, Res>(open: (client: RawClient, options: CallOptions) => Promise<RawStream<Req, Res>>, requests: Observable<Req>) =>
      // By hand, since each message of a watch passes here: a chain of operators costs more than what is done with it.
      new Observable<Res>(subscriber => {
        const error = (thrown: unknown): void => subscriber.error(thrown)
        const opened = (current: string | undefined): void => {
          subscribeWithin(subscriber, abandoned, { next: nothing, error, complete: nothing })
          subscribeWithin(subscriber, duplex({ host, token: current }, options => open(connections.current(), options), requests), {
            next: response => {
              door.answered()
              try {
                cluster.seen(host, response)
              } catch (thrown) {
                error(thrown)
                return
              }
              subscriber.next(response)
            },
            error: (thrown: unknown) => {
              dropping(current)(thrown)
              judge(thrown)
              error(thrown)
            },
            complete: nothing,
          })
        }
        subscribeWithin(subscriber, closed, { next: nothing, error, complete: nothing })
        subscribeWithin(subscriber, door.pass(patience).pipe(switchMap(() => known), switchMap(() => token.pipe(tap({ error: judge }))), take(1)), { next: opened, error, complete: nothing })
      }),
  }
}
