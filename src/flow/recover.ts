import { asyncScheduler, catchError, concat, defer, race, retry, tap, throwError, timer, type Observable, type OperatorFunction } from 'rxjs'
import type { Backoff } from '../core/backoff.js'
import { now } from './clock.js'

/** One failure of a run that will be tried again: which in a row (from 1), and when the next try comes (epoch ms). */
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
  /** What a failure looks like downstream. */
  readonly interrupted: (interruption: Interruption) => Observable<B>
  /** Ends a pause early, by the next try or, when it errors, for good. */
  readonly hasten?: Observable<unknown> | undefined
}

const textOf = (thrown: unknown): string => {
  // what has no prototype, or a broken toString, is no string
  try {
    return String(thrown)
  } catch {
    return 'something that is no error was thrown'
  }
}

/** The thrown thing as an `Error`; foreign code throws anything. */
export const toError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(textOf(thrown), { cause: thrown }))

/**
 * Keeps a source running: an error becomes a value, and it starts over after a pause. Pauses grow until a run has been healthy
 * for `settle` ms from its first value: a success alone must not reset them, or what fails right after it would be retried at the first step for ever.
 */
export const recover =
  <A, B>({ backoff, fatal, interrupted, hasten }: RecoverOptions<B>): OperatorFunction<A, A | B> =>
  source =>
    defer(() => {
      let attempt = 0
      let healthySince: number | undefined
      let pause = 0
      return defer(() => {
        healthySince = undefined
        return source
      }).pipe(
        tap(() => (healthySince ??= now())),
        catchError((thrown: unknown) => {
          const error = toError(thrown)
          if (fatal(error)) return throwError(() => error)
          attempt = healthySince !== undefined && now() - healthySince >= backoff.settle ? 1 : attempt + 1
          pause = Math.round(backoff.delay(attempt)())
          return concat(interrupted({ error, attempt, retryAt: asyncScheduler.now() + pause }), throwError(() => error))
        }),
        retry({
          delay: (error: Error) =>
            fatal(error) ? throwError(() => error) : hasten === undefined ? timer(pause) : race(timer(pause), hasten),
        }),
      )
    })
