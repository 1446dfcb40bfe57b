import { asyncScheduler, catchError, concat, defer, NEVER, race, retry, take, tap, throwError, type Observable, type OperatorFunction } from 'rxjs'
import type { Backoff } from '../core/backoff.js'
import { toError } from '../core/errors.js'
import { now, timer } from './clock.js'

/** One failure of a run that will be tried again: its number in a row (from 1), and when the next try begins (epoch ms). */
export interface Interruption {
  readonly error: Error
  readonly attempt: number
  readonly retryAt: number
}

/** Options of {@link recover}. */
export interface RecoverOptions<B> {
  readonly backoff: Backoff
  /** Errors that end it. */
  readonly fatal: (error: Error) => boolean
  /** The wall clock of `retryAt`, epoch ms. @default that of this machine */
  readonly wall?: () => number
  /** Emits what a failure means downstream. If it errors, the pause follows anyway, unless that error is fatal. */
  readonly interrupted: (interruption: Interruption) => Observable<B>
  /** A value ends a pause early; an error ends everything. */
  readonly hasten?: Observable<unknown>
}

/**
 * Keeps a source running. It is *running* until it fails, then *interrupted* while the failure is reported downstream, then *paused*, then running again.
 * A fatal error, or the completion of the source, ends it.
 * Pauses grow until a run has been healthy for `settle` ms from its first value. A first value alone must not reset them: otherwise a source that fails
 * right after it would be retried at the shortest pause forever.
 */
export const recover =
  <A, B>({ backoff, fatal, wall = () => asyncScheduler.now(), interrupted, hasten = NEVER }: RecoverOptions<B>): OperatorFunction<A, A | B> =>
  source =>
    defer(() => {
      let attempt = 0
      let pause = 0
      let healthySince: number | undefined
      const running = defer(() => {
        healthySince = undefined
        return source
      }).pipe(tap(() => (healthySince ??= now())))

      const interruption = (error: Error): Observable<B> => {
        const healthy = healthySince !== undefined && now() - healthySince >= backoff.settle
        attempt = healthy ? 1 : attempt + 1
        pause = Math.round(backoff.delay(attempt)())
        return interrupted({ error, attempt, retryAt: wall() + pause })
      }
      const paused = (): Observable<unknown> => race(timer(pause), concat(hasten, NEVER)).pipe(take(1))

      return running.pipe(
        // `catchError` has unsubscribed from the failed run before it subscribes to this
        catchError((thrown: unknown) => {
          const error = toError(thrown)
          return fatal(error) ? throwError(() => error) : concat(interruption(error), throwError(() => error))
        }),
        retry({
          delay: (thrown: unknown) => {
            const error = toError(thrown)
            return fatal(error) ? throwError(() => error) : paused()
          },
        }),
      )
    })
