import { from, Observable, type Observer, type Subscriber, type Subscription } from 'rxjs'

/** For an event that nothing follows from, such as the end of a source that only marks a moment. */
export const nothing = (): void => undefined

interface SubscribeWithin {
  /** For operators: what `handlers` leaves out goes to `destination`, as in RxJS's own operators. */
  <A>(destination: Subscriber<A>, source: Observable<A>, handlers?: Partial<Observer<A>>): Subscription
  <A>(destination: Subscriber<never>, source: Observable<A>, handlers: Partial<Observer<A>> & Pick<Observer<A>, 'next'>): Subscription
  /** For a scope that takes no values. */
  <A>(scope: Subscription, source: Observable<A>, handlers: Observer<A>): Subscription
}

/**
 * Subscribes to an inner source as RxJS's own operators do: `destination` owns the subscription before the first value can come, so that unsubscribing
 * inside `next` also stops a source that still emits inside `subscribe`. What `next` throws becomes the error.
 */
export const subscribeWithin: SubscribeWithin = <A>(destination: Subscription | Subscriber<unknown>, source: Observable<A>, handlers: Partial<Observer<A>> = {}): Subscription => {
  const outer = destination as Subscriber<unknown>
  const { next, error, complete } = handlers
  const fail = (thrown: unknown): void => {
    if (error === undefined) outer.error(thrown)
    else error.call(handlers, thrown)
  }
  let inner: Subscription | undefined
  const observer: Observer<A> = {
    next: value => {
      try {
        if (next === undefined) outer.next(value)
        else next.call(handlers, value)
      } catch (thrown) {
        inner?.unsubscribe()
        fail(thrown)
      }
    },
    error: fail,
    complete: () => {
      if (complete === undefined) outer.complete()
      else complete.call(handlers)
    },
  }
  // RxJS has no public way to own a subscription before it starts, but this: the subscriber that an Observable hands out is subscribed with as it is.
  new Observable<A>(subscriber => {
    inner = subscriber
    destination.add(subscriber)
    // `from`: the source may be an Observable of another RxJS
    if (!subscriber.closed) from(source).subscribe(subscriber)
  }).subscribe(observer)
  return inner as unknown as Subscription
}
