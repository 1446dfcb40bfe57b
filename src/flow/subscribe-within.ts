import { from, Subscriber, type Observable, type Observer, type Subscription } from 'rxjs'

/**
 * Subscribes as RxJS's own operators do: `scope` owns it before anything can come, so that whoever unsubscribes inside `next` stops it there,
 * also while the source still emits inside `subscribe`. Lighter than `subscribe` with an observer; what the observer throws is not caught.
 */
export const subscribeWithin = <A>(scope: Subscription, source: Observable<A>, observer: Observer<A>): Subscription => {
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- there is no other way to have it before `subscribe` returns
  const subscriber = new Subscriber<A>(observer)
  scope.add(subscriber)
  // `from`: it may be an Observable of another RxJS
  return from(source).subscribe(subscriber)
}

/** For what has no end, or whose end says nothing. */
export const nothing = (): void => undefined
