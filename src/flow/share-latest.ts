import { EMPTY, of, ReplaySubject, share, type MonoTypeOperatorFunction, type Observable } from 'rxjs'
import { background, timer } from './clock.js'

/** Shares one run among all subscribers and replays its last value to late ones. The run is kept for `linger` ms after the last subscriber has left. */
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
        // when a source ends, its subscribers leave as well: there is nothing to keep then
        resetOnRefCountZero: linger === 0 || (() => (ended ? EMPTY : timer(linger, background))),
      }),
    )
  }
