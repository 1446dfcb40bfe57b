import { EMPTY, of, ReplaySubject, share, type MonoTypeOperatorFunction, type Observable } from 'rxjs'
import { background, timer } from './clock.js'

/** One run for all subscribers, its last value replayed to late ones, kept for `linger` ms after the last has left. */
export const shareLatest =
  <A>(linger: number): MonoTypeOperatorFunction<A> =>
  source => {
    let ended = false
    const end = (): Observable<unknown> => {
      ended = true
      return of(ended)
    }
    return source.pipe(
      share({
        connector: () => {
          ended = false
          return new ReplaySubject(1)
        },
        resetOnError: end,
        resetOnComplete: end,
        // the subscribers of a source that ended leave too, and then there is nothing to keep
        resetOnRefCountZero: linger === 0 || (() => (ended ? EMPTY : timer(linger, background))),
      }),
    )
  }
