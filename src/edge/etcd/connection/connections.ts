import { catchError, concat, finalize, map, mergeMap, Subject, take, takeUntil, tap, throwError, type Observable } from 'rxjs'
import { toError } from '../../../core/errors.js'
import { timer, timers } from '../../../flow/clock.js'

/** The connections of one member: the one in use, and those that are dialled beside it while it is silent. */
export interface Connections<C> {
  /** The connection in use. */
  readonly current: () => C
  /** Emits when another connection comes into use. Nothing more arrives on the former one. */
  readonly replaced: Observable<unknown>
  /**
   * Asks on the connection in use and, while no answer comes, on new ones beside it. The first connection that answers comes into use;
   * then it emits once. Errors as soon as one connection is refused.
   */
  readonly answering: (ask: (connection: C) => Observable<unknown>) => Observable<unknown>
  readonly close: () => void
}

/** How long (ms) the connection in use may be silent before another one is dialled. The system itself redials a connection that swallows packets after a minute. */
const firstDialAfter = 500
/** The pause (ms) between further ones. */
const dialEvery = 1_000
/** How long (ms) each connection may take: a slow line needs several round trips. */
const lifetime = 8_000

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
  return {
    current: () => used,
    replaced,
    answering: ask =>
      concat([0], timer(firstDialAfter, timers, dialEvery).pipe(map(index => index + 1))).pipe(
        mergeMap(attempt => {
          const connection = attempt === 0 ? used : dial()
          return ask(connection).pipe(
            // A refusal says more than silence, so a connection that is refused comes into use, too.
            catchError((error: unknown) => {
              use(connection)
              return throwError(() => toError(error))
            }),
            map(() => connection),
            finalize(() => attempt > 0 && connection !== used && close(connection)),
            takeUntil(timer(lifetime)),
          )
        }),
        take(1),
        tap(use),
      ),
    close: () => close(used),
  }
}
