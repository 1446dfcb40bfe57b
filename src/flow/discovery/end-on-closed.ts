import { asyncScheduler, Observable, type MonoTypeOperatorFunction } from 'rxjs'
import { Closed, toError } from '../../core/errors.js'
import { isClosed } from '../registry-signals.js'
import { subscribeWithin } from '../subscribe-within.js'

/**
 * Emits `first`, if there is one, then the values of the source. If the source errors `Closed`, emits `closed(last value, now)`, with `now` in epoch ms,
 * and completes.
 * If the registry was closed before, the error is passed on. Its signals show that; without signals, it was closed if the source errors inside `subscribe`
 * before its first value.
 */
export const endOnClosed =
  <A>(registry: object, first: A | undefined, closed: (last: A, now: number) => A): MonoTypeOperatorFunction<A> =>
  source =>
    new Observable(subscriber => {
      let last = first
      // Before `first`: its subscriber may close the registry.
      let wasClosed = isClosed(registry) ?? true
      if (first !== undefined) subscriber.next(first)
      if (!subscriber.closed)
        subscribeWithin(subscriber, source, {
          next: value => {
            wasClosed = false
            last = value
            subscriber.next(value)
          },
          error: (thrown: unknown) => {
            if (wasClosed || !(thrown instanceof Closed)) {
              subscriber.error(toError(thrown))
              return
            }
            if (last !== undefined) subscriber.next(closed(last, asyncScheduler.now()))
            subscriber.complete()
          },
        })
      wasClosed = false
    })
