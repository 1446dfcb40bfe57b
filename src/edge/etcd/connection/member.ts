import type { CallOptions } from '@grpc/grpc-js'
import type { Etcd3 } from 'etcd3'
import { catchError, defer, Observable, of, raceWith, share, switchMap, take, tap, throwError } from 'rxjs'
import { Denied, Disconnected, Rewound, toError } from '../../../core/errors.js'
import { now } from '../../../flow/clock.js'
import { concurrencyLimit } from '../../../flow/concurrency-limit.js'
import { nothing, subscribeWithin } from '../../../flow/subscribe-within.js'
import { paging, type Paging } from '../range/paging.js'
import { anyKey } from '../range/range.js'
import { breaker } from './breaker.js'
import type { Cluster } from './cluster.js'
import type { Connections, StreamEnd } from './connections.js'
import { duplex, type RawStream } from './duplex.js'
import { alsoSince, isOutage, isUnexplained, NeverSent, TimedOut } from './etcd-errors.js'
import { StaleToken, unary } from './rpc.js'
import type { Tokens } from './tokens.js'

/** The raw clients of etcd3 that are called here, and by `doctor` of the command line. */
export type RawClient = Pick<Etcd3, 'cluster' | 'kv' | 'leaseClient' | 'maintenance' | 'watchClient'>

/** Options of {@link Member.call}. */
export interface CallSettings {
  /** After how many ms the call is given up. @default 5000 */
  readonly deadline?: number
  /** Whether the call goes after all others that wait. @default false */
  readonly last?: boolean
  /** Whether the member may answer without a leader, so also while its cluster has no quorum. @default false */
  readonly local?: boolean
}

/** One etcd member, through a client of its own, so that it is clear which member answered. */
export interface Member {
  /** As the user wrote it; never with credentials. */
  readonly host: string
  readonly paging: Paging
  /** Emits once when the member is down and answers again; never otherwise. */
  readonly returned: Observable<unknown>
  /**
   * One unary call: with a deadline and `hasleader`, with the token renewed and the cluster id checked. It waits while the member is down; unsubscribing cancels it.
   * Errors with the registry's errors (`Disconnected` …) or, for an answer that only the caller can interpret, with the class of etcd3.
   */
  readonly call: <T>(run: (client: RawClient, options: CallOptions) => Promise<T>, settings?: CallSettings) => Observable<T>
  /** One duplex stream: writes each request, emits each response, errors once when the stream breaks or ends. Unsubscribing closes it. */
  readonly stream: <Req, Res>(
    open: (client: RawClient, options: CallOptions) => Promise<RawStream<Req, Res>>,
    requests: Observable<Req>,
  ) => Observable<Res>
}

/** The parts of a member. */
export interface MemberParts {
  readonly host: string
  readonly connections: Connections<RawClient>
  /** Undefined if the client has credentials of its own. */
  readonly tokens: Tokens | undefined
  readonly cluster: Cluster
  /** Errors when the members are closed, never emits. */
  readonly closed: Observable<never>
  /** Why the certificates could not be renewed, if they could not. */
  readonly trouble: () => Error | undefined
}

/** How long (ms) a call waits for a member that is down, and how long the first answer of a member may take. So an outage is found within two seconds. */
const answerWithin = 1_500
/** How many calls to a member may be under way. With more, calls queue beyond their deadlines and are all repeated. */
const atOnce = 100
/** How many calls begin in one tick of the event loop: a hundred make a long tick, and a gRPC stream sends one message a tick. */
const eachTick = 2
/** How long (ms) a call may take by default. */
const callTimeout = 5_000

/** Each stream takes up one of the streams that a server allows per connection, and so does each call while it runs. */
const atLimit = 'perhaps the connection has as many streams as the server allows (--max-concurrent-streams of etcd, or the limit of a proxy)'

/** etcd sees no user even with a new token, so there are no credentials. */
const isAnonymous = (error: unknown): error is StaleToken => error instanceof StaleToken && error.message.includes('user name is empty')
const isAnswer = (error: unknown): boolean => !isOutage(error) || error instanceof StaleToken

/** A member behind its connections. */
export const etcdMember = ({ host, connections, tokens, cluster, closed, trouble }: MemberParts): Member => {
  const usersClient = tokens === undefined
  const token = tokens?.current ?? of(undefined)
  /** Why there was no connection, as another call found since the last answer. */
  let explanation: Error | undefined
  const withReason = (error: unknown): Error => alsoSince(isUnexplained(error) && explanation ? explanation : toError(error), trouble())
  // It does not wait for a login, which is made on the connection in use. Without a token etcd refuses the read, and that is an answer, too.
  const ask = (client: RawClient): Observable<unknown> =>
    (tokens?.last ?? of(undefined)).pipe(
      switchMap(last => unary({ host, usersClient, token: last, deadline: callTimeout * 2 }, options => client.kv.range(anyKey, options))),
      catchError((error: unknown) => (isAnswer(error) ? of(undefined) : throwError(() => withReason(error)))),
    )
  const probe = connections.answering(ask).pipe(raceWith(closed))
  const ended = (end: StreamEnd): never => {
    const text =
      end === 'moved'
        ? 'did not answer on this connection, or refused, and answered on another one'
        : `answers other streams of this connection and not this one: ${atLimit}; it is opened again on another connection`
    throw new Disconnected(`${host} ${text}`, { host })
  }
  const { health, pass, returned, answered, failed } = breaker(host, probe)
  const answers = (): void => {
    explanation = undefined
    answered()
  }
  const note = (error: unknown): void => {
    if (isAnswer(error)) {
      answers()
      return
    }
    if (error instanceof NeverSent && !isUnexplained(error)) explanation = error
    failed(withReason(error))
  }
  const checked = <T>(answer: Observable<T>): Observable<T> => answer.pipe(tap(response => cluster.seen(host, response)))
  const noted = <T>(answer: Observable<T>): Observable<T> => checked(answer.pipe(tap({ next: answers, error: note }), catchError((error: unknown) => throwError(() => withReason(error)))))
  const dropToken = (current: string | undefined) => (error: unknown): void => {
    if (error instanceof StaleToken) tokens?.drop(current)
  }
  const withToken = <T>(run: (current: string | undefined) => Observable<T>): Observable<T> =>
    token.pipe(switchMap(current => run(current).pipe(tap({ error: dropToken(current) }))))
  const introduction = noted(
    withToken(current => unary({ host, usersClient, token: current, deadline: answerWithin, renew: usersClient }, options => connections.current().kv.range(anyKey, options))),
  ).pipe(
    // A refused read does not show the cluster; the next answer will.
    catchError((error: unknown) => (isAnswer(error) && !(error instanceof Rewound) ? of(undefined) : throwError(() => toError(error)))),
    share(),
  )
  // "No such lease" or "no such revision" of another cluster would be taken for an answer of this one, and a write would be made there.
  const introduced = defer(() => (cluster.isStranger(host) ? introduction : of(undefined)))

  /** How long answers take, ms, smoothed as TCP does it (RFC 6298). */
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
  /** Names the limit of streams if a call gets no answer while streams on the same connection do. */
  const besideStreams = <T>(answer: Observable<T>): Observable<T> =>
    defer(() => {
      const [connection, sentAt] = [connections.current(), now()]
      return answer.pipe(
        catchError((error: unknown) => {
          const isFull = error instanceof TimedOut && connections.current() === connection && connections.receivedAt() > sentAt
          const shown = isFull ? new TimedOut(`${error.message}, although streams of the same connection are answered: ${atLimit}`, { host, cause: error }) : error
          return throwError(() => toError(shown))
        }),
      )
    })
  /** More time for a member that answers slowly, less for one that has not answered yet. */
  const adjusted = (deadline: number): number =>
    health() === 'up' ? Math.max(deadline, Math.min(2 * callTimeout, 3 * (usual ?? 0))) : Math.min(answerWithin, deadline)

  const limit = concurrencyLimit(atOnce, { many: eachTick, pause: resume => setImmediate(resume) })
  // If the member has gone down while a call waited in the queue, the call does not go.
  const queued = <T>(call: Observable<T>, last: boolean): Observable<T> => pass(0).pipe(switchMap(() => noted(call)), limit(last))
  const explained = (error: unknown): Error =>
    isAnonymous(error) ? new Denied(`${host} requires a login`, { host, hint: 'pass `auth: { username, password }`', cause: error }) : toError(error)

  return {
    host,
    paging: paging(),
    returned,
    call: (run, { deadline = callTimeout, last = false, local = false } = {}) => {
      const once = withToken(current =>
        besideStreams(timed(unary({ host, usersClient, token: current, deadline: adjusted(deadline), renew: usersClient, leaderless: local }, options => run(connections.current(), options)))),
      )
      const repeated = usersClient
        ? once
        : once.pipe(catchError((error: unknown) => (error instanceof StaleToken ? once : throwError(() => toError(error)))))
      const answer = local
        ? // The breaker and the introduction ask the leader, which a local read does not need.
          checked(repeated)
        : pass(Math.min(answerWithin, deadline)).pipe(
            switchMap(() => introduced),
            switchMap(() => queued(repeated, last)),
          )
      return answer.pipe(
        catchError((error: unknown) => throwError(() => explained(error))),
        raceWith(closed),
      )
    },
    stream: <Req, Res>(open: (client: RawClient, options: CallOptions) => Promise<RawStream<Req, Res>>, requests: Observable<Req>) =>
      // By hand: every message of a watch passes here, and with operators an event cost 180 µs of CPU instead of 118 (D-047).
      new Observable<Res>(subscriber => {
        const ready = pass(answerWithin).pipe(
          switchMap(() => introduced),
          switchMap(() => token.pipe(tap({ error: note }))),
          take(1),
        )
        const openWith = (current: string | undefined): void => {
          const { connection, ended: end, received, release } = connections.stream()
          subscribeWithin(subscriber, end, { next: ended, complete: nothing })
          subscribeWithin(subscriber, duplex({ host, usersClient, token: current }, options => open(connection, options), requests), {
            next: response => {
              received()
              answered()
              cluster.seen(host, response)
              subscriber.next(response)
            },
            error: (thrown: unknown) => {
              dropToken(current)(thrown)
              note(thrown)
              subscriber.error(thrown)
            },
            complete: nothing,
          })
          subscriber.add(release)
        }
        subscribeWithin(subscriber, closed, { complete: nothing })
        subscribeWithin(subscriber, ready, { next: openWith, complete: nothing })
      }),
  }
}
