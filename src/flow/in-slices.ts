import { Observable, Subscription } from 'rxjs'
import { now, timers } from './clock.js'

/** How long a slice may take before the event loop continues, ms. */
const sliceMs = 2

/** Runs a computation in slices, between which the event loop continues; a short one runs at once. Emits its result, completes. */
export const inSlices = <A>(parts: Iterator<unknown, A>): Observable<A> =>
  new Observable(subscriber => {
    let next = Subscription.EMPTY
    const work = (): void => {
      const until = now() + sliceMs
      let part: IteratorResult<unknown, A>
      try {
        do part = parts.next()
        while (part.done !== true && now() < until)
      } catch (thrown) {
        subscriber.error(thrown)
        return
      }
      if (part.done === true) {
        subscriber.next(part.value)
        subscriber.complete()
      } else next = timers.schedule(work, 0)
    }
    work()
    return () => next.unsubscribe()
  })
