import { asyncScheduler, Observable, type MonoTypeOperatorFunction } from 'rxjs'
import { Closed, toError } from '../../core/errors.js'
import { subscribeWithin } from '../subscribe-within.js'

/**
 * Emits `first`, if there is one, then the values of the source. If the source errors `Closed`, emits `closed(last value, now)`, with `now` in epoch ms,
 * and completes.
 * If the source errors `Closed` inside `subscribe`, the registry was already closed; the error is passed on.
 */
export const endOnClosed =
  <A>(first: A | undefined, closed: (last: A, now: number) => A): MonoTypeOperatorFunction<A> =>
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
            if (last !== undefined) subscriber.next(closed(last, asyncScheduler.now()))
            subscriber.complete()
          },
        })
      opening = false
    })
