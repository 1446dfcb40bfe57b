import { asyncScheduler, Observable, type MonoTypeOperatorFunction } from 'rxjs'
import { Closed } from '../../core/errors.js'
import { withState, type ServiceSet } from '../../core/sets/service-set.js'
import { toError } from '../../core/errors.js'
import { subscribeWithin } from '../subscribe-within.js'

/**
 * Emits `first`, if there is one, then what comes, until `Closed` ends it with the last value as `closed` has it. What is subscribed when the
 * registry is closed already errors with it.
 */
export const endOnClosed =
  <A>(first: A | undefined, closed: (last: A) => A): MonoTypeOperatorFunction<A> =>
  source =>
    new Observable(subscriber => {
      let last = first
      let opening = true
      const complete = (): void => subscriber.complete()
      const next = (value: A): void => {
        last = value
        subscriber.next(value)
      }
      const error = (thrown: unknown): void => {
        if (opening || !(thrown instanceof Closed)) {
          subscriber.error(toError(thrown))
          return
        }
        if (last !== undefined) subscriber.next(closed(last))
        complete()
      }
      if (first !== undefined) subscriber.next(first)
      if (!subscriber.closed) subscribeWithin(subscriber, source, { next, error, complete })
      opening = false
    })

/** The last set of a discovery whose registry was closed. */
export const closedSet = <M>(set: ServiceSet<M>): ServiceSet<M> => {
  const at = asyncScheduler.now()
  const trouble = { error: new Closed(), since: set.trouble?.since ?? at, attempt: 0, retryAt: at }
  return withState(set, { status: set.status === 'pending' ? 'pending' : 'stale', trouble })
}
