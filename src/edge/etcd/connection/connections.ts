import { catchError, concat, finalize, map, mergeMap, Subject, take, takeUntil, tap, throwError, type Observable } from 'rxjs'
import { timer, timers } from '../../../flow/clock.js'
import { asError } from './etcd-errors.js'

/** The connections of a member. */
export interface Connections<C> {
  /** The one in use. */
  readonly current: () => C
  /** Another one has taken its place: what runs on the former one is not heard of again. */
  readonly replaced: Observable<unknown>
  /** Asks the one in use, and while nothing comes, new ones beside it; emits once, when one has answered and is in use, errors as soon as one says no. */
  readonly answering: (ask: (connection: C) => Observable<unknown>) => Observable<unknown>
  readonly close: () => void
}

/** How long (ms) the one in use is silent before another one is dialled, and then further ones: by itself a system dials one that swallows packets again after a minute. */
const impatience = 500
const pause = 1_000
/** How long (ms) each may take: a line may be slow, and needs several ways there and back. */
const lifetime = 8_000

/** Connections made by `open`, each with a number of its own, the first of them at once. */
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
      concat([0], timer(impatience, timers, pause).pipe(map(index => index + 1))).pipe(
        mergeMap(time => {
          const connection = time === 0 ? used : dial()
          return ask(connection).pipe(
            // One that is refused says more than one that is silent.
            catchError((error: unknown) => {
              use(connection)
              return throwError(() => asError(error))
            }),
            map(() => connection),
            finalize(() => time > 0 && connection !== used && close(connection)),
            takeUntil(timer(lifetime)),
          )
        }),
        take(1),
        tap(use),
      ),
    close: () => close(used),
  }
}
