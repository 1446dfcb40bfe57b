import { Observable, Subscription } from 'rxjs'
import { now, timers } from './clock.js'

/** For how long (ms) it is worked before the event loop gets its turn. */
const slice = 2

/** Runs a computation in slices between which the event loop goes on, a short one at once; emits its result, completes. */
export const inSlices = <A>(steps: Iterator<unknown, A>): Observable<A> =>
  new Observable(subscriber => {
    let turn = Subscription.EMPTY
    const work = (): void => {
      const until = now() + slice
      let step: IteratorResult<unknown, A>
      try {
        do step = steps.next()
        while (step.done !== true && now() < until)
      } catch (thrown) {
        subscriber.error(thrown)
        return
      }
      if (step.done === true) {
        subscriber.next(step.value)
        subscriber.complete()
      } else turn = timers.schedule(work, 0)
    }
    work()
    return () => turn.unsubscribe()
  })
