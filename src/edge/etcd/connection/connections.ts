import { catchError, concat, defer, EMPTY, finalize, map, merge, mergeMap, retry, Subject, take, takeUntil, tap, throwError, timer, type Observable } from 'rxjs'
import { toError } from '../../../core/errors.js'
import { now } from '../../../flow/clock.js'
import { NeverSent } from './etcd-errors.js'

/** The connections of one endpoint: the one in use, and those that are dialled beside it while no answer comes on it, or only refusals. */
export interface Connections<C> {
  /** The connection in use. */
  readonly current: () => C
  /** Emits when another connection comes into use. Nothing more arrives on the former one. */
  readonly replaced: Observable<unknown>
  /**
   * Asks on the connection in use and, while no answer comes, on new ones beside it. The first connection that answers comes into use;
   * then it emits once. Errors as soon as one connection is refused.
   * If the connection in use has been refusing for half a second, a new one is asked beside it: a balancer or a DNS name may lead it to another member.
   */
  readonly answering: (ask: (connection: C) => Observable<unknown>) => Observable<unknown>
  readonly close: () => void
}

/** How long (ms) the connection in use may be silent or refuse before another one is dialled. The system itself redials a connection that swallows packets after a minute. */
const firstDialAfter = 500
/** The pause (ms) between further ones. */
const dialEvery = 1_000
/** How long (ms) each connection may take: a slow line needs several round trips. */
const lifetime = 8_000
/** How long (ms) a connection may take that is dialled because the one in use refuses. */
const besideRefusals = 2_000
/** The pause (ms) before the connection in use is asked again meanwhile. */
const askAgainAfter = 25
/** After a pause of this length (ms) between two refusals, they are counted anew. */
const forgetAfter = 2_000

/** Makes connections by `open`, each with a number of its own, the first one at once. */
export const connections = <C>(open: (number: number) => C, close: (connection: C) => unknown): Connections<C> => {
  let opened = 0
  const dial = (): C => open(opened++)
  let used = dial()
  const replaced = new Subject<void>()
  const use = (connection: C): void => {
    if (connection === used) return
    close(used)
    used = connection
    replaced.next()
  }
  /** Since when the connection in use refuses, when it did so last, and when another one was dialled because of it. */
  let [refusedSince, refusedAt, dialledAt] = [Infinity, -Infinity, -Infinity]
  const noteRefusal = (error: unknown): void => {
    const at = now()
    if (at - refusedAt > forgetAfter) refusedSince = Infinity
    // A connection that was not made is redialled by its channel.
    if (!(error instanceof NeverSent)) refusedSince = Math.min(refusedSince, at)
    refusedAt = at
  }
  const isRefusing = (): boolean => {
    const at = now()
    return at - refusedSince >= firstDialAfter && at - refusedAt <= forgetAfter && at - dialledAt >= dialEvery
  }
  const inTurn = (ask: (connection: C) => Observable<unknown>): Observable<C> =>
    concat([0], timer(firstDialAfter, dialEvery).pipe(map(index => index + 1))).pipe(
      mergeMap(attempt => {
        const connection = attempt === 0 ? used : dial()
        return ask(connection).pipe(
          // A refusal says more than silence, so a connection that is refused comes into use, too.
          catchError((error: unknown) => {
            noteRefusal(error)
            use(connection)
            return throwError(() => toError(error))
          }),
          map(() => connection),
          finalize(() => attempt > 0 && connection !== used && close(connection)),
          takeUntil(timer(lifetime)),
        )
      }),
    )
  /** Asks on a new connection as well. It comes into use only if it answers, because its refusal says no more than that of the one in use. */
  const andBeside = (ask: (connection: C) => Observable<unknown>): Observable<C> => {
    dialledAt = now()
    const beside = dial()
    let underWay = true
    return merge(
      ask(beside).pipe(
        map(() => beside),
        takeUntil(timer(besideRefusals)),
        catchError(() => EMPTY),
        finalize(() => {
          underWay = false
          if (beside !== used) close(beside)
        }),
      ),
      inTurn(ask).pipe(retry({ delay: (error: unknown) => (underWay ? timer(askAgainAfter) : throwError(() => toError(error))) })),
    )
  }

  return {
    current: () => used,
    replaced,
    answering: ask =>
      defer(() => (isRefusing() ? andBeside(ask) : inTurn(ask))).pipe(
        take(1),
        tap(connection => {
          refusedSince = Infinity
          use(connection)
        }),
      ),
    close: () => close(used),
  }
}
