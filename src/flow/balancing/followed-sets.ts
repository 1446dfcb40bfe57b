import { Subject, Subscription, type Observable } from 'rxjs'
import { background, now } from '../clock.js'
import { subscribeWithin } from '../subscribe-within.js'

/** What to do with the sets. */
export interface Following<A> {
  /** Before each subscription to the source. */
  readonly start: () => void
  readonly next: (value: A) => void
  /** After an error of the source. */
  readonly error: (error: unknown) => void
  /** After the end of the source; may throw what all users are to fail with. */
  readonly complete: () => void
}

/** One subscription to a source while it has users, and for `linger` ms after the last of them. */
export class FollowedSets<A> {
  readonly #source: Observable<A>
  readonly #linger: number
  readonly #following: Following<A>
  #users = 0
  #subscription: Subscription | undefined
  #ended = false
  #timer: Subscription | undefined
  #idleSince = 0
  #usedSince = false
  /** The error of the source, until it is subscribed again. */
  failure: { readonly error: unknown } | undefined
  readonly #news = new Subject<void>()
  /** Emits after each value, and after an error. */
  readonly news = this.#news.asObservable()

  constructor(source: Observable<A>, linger: number, following: Following<A>) {
    this.#source = source
    this.#linger = linger
    this.#following = following
  }

  /** Begins a use: subscribes unless the source is followed already. */
  enter(): void {
    this.#users += 1
    this.#usedSince = true
    if (this.#subscription === undefined || this.failure !== undefined) this.#subscribe()
  }

  /** Ends a use. */
  leave(): void {
    this.#users -= 1
    if (this.#users > 0) return
    if (this.#linger === 0 || this.#ended) {
      this.#unsubscribe()
      return
    }
    this.#idleSince = now()
    // a timer that is under way checks this again when it fires, so that a call costs no timer
    if (this.#timer === undefined && this.#linger !== Infinity) this.#schedule(this.#linger)
  }

  #subscribe(): void {
    const scope = new Subscription()
    this.#subscription?.unsubscribe()
    this.#subscription = scope
    this.failure = undefined
    this.#ended = false
    const end = (): void => {
      this.#ended = true
      if (this.#users === 0) this.#unsubscribe()
    }
    const fail = (error: unknown): void => {
      this.failure = { error }
      this.#following.error(error)
      end()
      this.#news.next()
    }
    this.#following.start()
    subscribeWithin(scope, this.#source, {
      next: value => {
        this.#following.next(value)
        this.#news.next()
      },
      error: fail,
      complete: () => {
        try {
          this.#following.complete()
          end()
        } catch (error) {
          fail(error)
        }
      },
    })
  }

  #unsubscribe(): void {
    this.#timer?.unsubscribe()
    this.#timer = undefined
    this.#subscription?.unsubscribe()
    this.#subscription = undefined
  }

  #schedule(ms: number): void {
    this.#usedSince = false
    this.#timer = background.schedule(() => {
      this.#timer = undefined
      if (this.#users > 0) return
      const left = this.#linger - (now() - this.#idleSince)
      if (this.#usedSince && left > 0) this.#schedule(left)
      else this.#unsubscribe()
    }, ms)
  }
}
