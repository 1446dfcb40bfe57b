import { Observable, type MonoTypeOperatorFunction, type SchedulerAction } from 'rxjs'
import { background } from '../clock.js'
import { subscribeWithin } from '../subscribe-within.js'

/**
 * Emits the first value at once, then at most one value per `ms`, the latest.
 * `urgent(lastEmitted, value)`: emit `value` at once, also within the window.
 */
export const coalesce =
  <A>(ms: number, urgent: (lastEmitted: A, value: A) => boolean): MonoTypeOperatorFunction<A> =>
  source =>
    ms === 0
      ? source
      : new Observable<A>(subscriber => {
          let emitted: A | undefined
          let waiting: { readonly value: A } | undefined
          let window: SchedulerAction<undefined> | undefined
          const emit = (value: A): void => {
            waiting = undefined
            emitted = value
            window?.unsubscribe()
            window = background.schedule(flush, ms) as SchedulerAction<undefined>
            subscriber.next(value)
          }
          const flush = (): void => {
            window = undefined
            if (waiting !== undefined) emit(waiting.value)
          }
          subscribeWithin(subscriber, source, {
            next: value => {
              if (window === undefined || (emitted !== undefined && urgent(emitted, value))) emit(value)
              else waiting = { value }
            },
            complete: () => {
              if (waiting !== undefined) subscriber.next(waiting.value)
              subscriber.complete()
            },
          })
          subscriber.add(() => window?.unsubscribe())
        })
