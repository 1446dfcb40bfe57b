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

/**
 * Subscribes to an inner source as RxJS's own operators do. `destination` owns the subscription before the first value can come, so that unsubscribing
 * inside `next` also stops a source that still emits inside `subscribe`. If `next` or `complete` throws, the source is stopped, and what was thrown
 * becomes the error.
 */
export const subscribeWithin: SubscribeWithin = <A>(destination: Subscription | Subscriber<unknown>, source: Observable<A>, handlers: Partial<Observer<A>> = {}): Subscription => {
  // a scope comes with all three handlers, so only the destination of an operator is ever called
  const outer = destination as Subscriber<unknown>
  let inner: Subscription = Subscription.EMPTY
  const fail = (thrown: unknown): void => (handlers.error ? handlers.error(thrown) : outer.error(thrown))
  const stop = (thrown: unknown): void => {
    inner.unsubscribe()
    fail(thrown)
  }
  // RxJS has no other public way to own a subscription before it starts: the function of an Observable gets the very subscriber that `subscribe` returns
  return new Observable<A>(subscriber => {
    inner = subscriber
    destination.add(subscriber)
    // `from`: the source may be an Observable of another RxJS
    if (!subscriber.closed) from(source).subscribe(subscriber)
  }).subscribe({
    next: value => {
      try {
        if (handlers.next) handlers.next(value)
        else outer.next(value)
      } catch (thrown) {
        stop(thrown)
      }
    },
    error: fail,
    complete: () => {
      try {
        if (handlers.complete) handlers.complete()
        else outer.complete()
      } catch (thrown) {
        stop(thrown)
      }
    },
  })
}
