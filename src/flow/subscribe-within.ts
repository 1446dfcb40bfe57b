import { from, Observable, Subscription, type Observer, type Subscriber } from 'rxjs'

/** A handler for an event that needs no reaction, such as the end of a source that only marks a moment. */
export const nothing = (): void => undefined

interface SubscribeWithin {
  /** For operators: what `handlers` leaves out goes to `destination`, as in RxJS's own operators. */
  <A>(destination: Subscriber<A>, source: Observable<A>, handlers?: Partial<Observer<A>>): Subscription
  <A>(destination: Subscriber<never>, source: Observable<A>, handlers: Partial<Observer<A>> & Pick<Observer<A>, 'next'>): Subscription
  /** For a scope that takes no values. */
  <A>(scope: Subscription, source: Observable<A>, handlers: Observer<A>): Subscription
}

// A class, not closures: it takes 0.35 kB of heap less, and each registration keeps six of them.
class Within<A> implements Observer<A> {
  inner: Subscription | undefined
  readonly #outer: Subscriber<unknown>
  readonly #handlers: Partial<Observer<A>>

  constructor(outer: Subscriber<unknown>, handlers: Partial<Observer<A>>) {
    this.#outer = outer
    this.#handlers = handlers
  }

  next(value: A): void {
    try {
      if (this.#handlers.next === undefined) this.#outer.next(value)
      else this.#handlers.next(value)
    } catch (thrown) {
      this.#stop(thrown)
    }
  }

  error(thrown: unknown): void {
    if (this.#handlers.error === undefined) this.#outer.error(thrown)
    else this.#handlers.error(thrown)
  }

  complete(): void {
    try {
      if (this.#handlers.complete === undefined) this.#outer.complete()
      else this.#handlers.complete()
    } catch (thrown) {
      this.#stop(thrown)
    }
  }

  #stop(thrown: unknown): void {
    this.inner?.unsubscribe()
    this.error(thrown)
  }
}

/**
 * Subscribes to an inner source as RxJS's own operators do. `destination` owns the subscription before the first value can come, so that unsubscribing
 * inside `next` also stops a source that still emits inside `subscribe`. If `next` or `complete` throws, the source is stopped, and what was thrown
 * becomes the error.
 */
export const subscribeWithin: SubscribeWithin = <A>(destination: Subscription | Subscriber<unknown>, source: Observable<A>, handlers: Partial<Observer<A>> = {}): Subscription => {
  const within = new Within(destination as Subscriber<unknown>, handlers)
  // RxJS has no public way to own a subscription before it starts, but this: the subscriber that an Observable hands out is subscribed with as it is.
  return new Observable<A>(subscriber => {
    within.inner = subscriber
    destination.add(subscriber)
    // `from`: the source may be an Observable of another RxJS
    if (!subscriber.closed) from(source).subscribe(subscriber)
  }).subscribe(within)
}
