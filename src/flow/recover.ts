import { asyncScheduler, concat, defer, NEVER, Observable, race, take, timer, type Observer, type OperatorFunction, type Subscription } from 'rxjs'
import type { Backoff } from '../core/backoff.js'
import { now } from './clock.js'
import { nothing, within } from './within.js'

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

/** Until the next try. */
const paused = (ms: number, hasten: Observable<unknown> | undefined): Observable<unknown> =>
  hasten === undefined ? timer(ms) : race(timer(ms), concat(hasten, NEVER)).pipe(take(1))

/**
 * Keeps a source running: an error becomes a value, and it starts over after a pause. Pauses grow until a run has been healthy
 * for `settle` ms from its first value: a success alone must not reset them, or what fails right after it would be retried at the first step for ever.
 */
export const recover =
  <A, B>({ backoff, fatal, interrupted, hasten }: RecoverOptions<B>): OperatorFunction<A, A | B> =>
  source =>
    new Observable<A | B>(subscriber => {
      let attempt = 0
      let pause = 0
      let healthySince: number | undefined
      // undefined while it is being subscribed: what fails meanwhile is dealt with after it has been left
      let run: Subscription | undefined
      let failure: Error | undefined

      const wait = (): void => {
        within(subscriber, paused(pause, hasten), { next: nothing, error: (thrown: unknown) => subscriber.error(thrown), complete: begin })
      }
      const fail = (error: Error): void => {
        if (fatal(error)) {
          subscriber.error(error)
          return
        }
        const told = defer(() => {
          attempt = healthySince !== undefined && now() - healthySince >= backoff.settle ? 1 : attempt + 1
          pause = Math.round(backoff.delay(attempt)())
          return interrupted({ error, attempt, retryAt: asyncScheduler.now() + pause })
        })
        within(subscriber, told, {
          next: value => subscriber.next(value),
          // what cannot be told is none the less tried again
          error: (thrown: unknown) => {
            if (fatal(toError(thrown))) subscriber.error(toError(thrown))
            else wait()
          },
          complete: wait,
        })
      }
      const leave = (failed: Subscription): void => {
        if (failure === undefined) return
        failed.unsubscribe()
        if (!subscriber.closed) fail(failure)
      }
      const observer: Observer<A> = {
        next: value => {
          healthySince ??= now()
          subscriber.next(value)
        },
        error: (thrown: unknown) => {
          failure = toError(thrown)
          if (run !== undefined) leave(run)
        },
        complete: () => {
          run?.unsubscribe()
          subscriber.complete()
        },
      }
      const begin = (): void => {
        run = failure = healthySince = undefined
        run = within(subscriber, source, observer)
        leave(run)
      }
      begin()
    })
