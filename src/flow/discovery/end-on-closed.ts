import { asyncScheduler, Observable, type MonoTypeOperatorFunction } from 'rxjs'
import { Closed, toError } from '../../core/errors.js'
import { withState, type ServiceSet } from '../../core/sets/service-set.js'
import { subscribeWithin } from '../subscribe-within.js'

/**
 * Emits `first`, if there is one, then the values of the source. If the source fails with `Closed`, emits `closed(last value)` and completes.
 * A source that fails with `Closed` while it is subscribed to was closed before, and fails with it.
 */
export const endOnClosed =
  <A>(first: A | undefined, closed: (last: A) => A): MonoTypeOperatorFunction<A> =>
  source =>
    new Observable(subscriber => {
      let last = first
      let opening = true
      if (first !== undefined) subscriber.next(first)
      if (!subscriber.closed)
        subscribeWithin(subscriber, source, {
          next: value => {
            last = value
            subscriber.next(value)
          },
          error: (thrown: unknown) => {
            if (opening || !(thrown instanceof Closed)) {
              subscriber.error(toError(thrown))
              return
            }
            if (last !== undefined) subscriber.next(closed(last))
            subscriber.complete()
          },
        })
      opening = false
    })

/** The last set after the registry was closed. */
export const closedSet = <M>(set: ServiceSet<M>): ServiceSet<M> => {
  const at = asyncScheduler.now()
  const trouble = { error: new Closed(), since: set.trouble?.since ?? at, attempt: 0, retryAt: at }
  return withState(set, { status: set.status === 'pending' ? 'pending' : 'stale', trouble })
}
