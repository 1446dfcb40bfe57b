import { asyncScheduler, concat, defer, NEVER, Observable, race, take, timer, type Observer, type OperatorFunction, type Subscriber, type Subscription } from 'rxjs'
import type { Backoff } from '../core/backoff.js'
import { toError } from '../core/errors.js'
import { now } from './clock.js'
import { nothing, subscribeWithin } from './subscribe-within.js'

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

/** Until the next try. */
const paused = (ms: number, hasten: Observable<unknown> | undefined): Observable<unknown> =>
  hasten === undefined ? timer(ms) : race(timer(ms), concat(hasten, NEVER)).pipe(take(1))

// A class, not closures: a registration has two, and there may be thousands.
class Recovery<A, B> implements Observer<A> {
  readonly #to: Subscriber<A | B>
  readonly #source: Observable<A>
  readonly #options: RecoverOptions<B>
  #attempt = 0
  #pause = 0
  #healthySince: number | undefined
  /** `undefined` while it is being subscribed: what fails meanwhile is dealt with after it has been left. */
  #run: Subscription | undefined
  #failure: Error | undefined

  constructor(to: Subscriber<A | B>, source: Observable<A>, options: RecoverOptions<B>) {
    this.#to = to
    this.#source = source
    this.#options = options
  }

  begin(): void {
    this.#run = this.#failure = this.#healthySince = undefined
    this.#run = subscribeWithin(this.#to, this.#source, this)
    this.#leave(this.#run)
  }

  next(value: A): void {
    this.#healthySince ??= now()
    this.#to.next(value)
  }

  error(thrown: unknown): void {
    this.#failure = toError(thrown)
    if (this.#run !== undefined) this.#leave(this.#run)
  }

  complete(): void {
    this.#run?.unsubscribe()
    this.#to.complete()
  }

  #leave(failed: Subscription): void {
    if (this.#failure === undefined) return
    failed.unsubscribe()
    if (!this.#to.closed) this.#fail(this.#failure)
  }

  #fail(error: Error): void {
    const { fatal } = this.#options
    if (fatal(error)) {
      this.#to.error(error)
      return
    }
    subscribeWithin(this.#to, defer(() => this.#told(error)), {
      next: value => this.#to.next(value),
      // what cannot be told is none the less tried again
      error: (thrown: unknown) => {
        if (fatal(toError(thrown))) this.#to.error(toError(thrown))
        else this.#wait()
      },
      complete: () => this.#wait(),
    })
  }

  #told(error: Error): Observable<B> {
    const { backoff, interrupted } = this.#options
    const healthy = this.#healthySince !== undefined && now() - this.#healthySince >= backoff.settle
    this.#attempt = healthy ? 1 : this.#attempt + 1
    this.#pause = Math.round(backoff.delay(this.#attempt)())
    return interrupted({ error, attempt: this.#attempt, retryAt: asyncScheduler.now() + this.#pause })
  }

  #wait(): void {
    subscribeWithin(this.#to, paused(this.#pause, this.#options.hasten), {
      next: nothing,
      error: (thrown: unknown) => this.#to.error(thrown),
      complete: () => this.begin(),
    })
  }
}

/**
 * Keeps a source running: an error becomes a value, and it starts over after a pause. Pauses grow until a run has been healthy
 * for `settle` ms from its first value: a success alone must not reset them, or what fails right after it would be retried at the first step for ever.
 */
export const recover =
  <A, B>(options: RecoverOptions<B>): OperatorFunction<A, A | B> =>
  source =>
    new Observable<A | B>(subscriber => new Recovery(subscriber, source, options).begin())
