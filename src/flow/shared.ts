import { EMPTY, ReplaySubject, share, tap, timer, type MonoTypeOperatorFunction } from 'rxjs'

/** One run for all subscribers, its last value replayed to late ones, kept for `linger` ms after the last has left. */
export const shared =
  <A>(linger: number): MonoTypeOperatorFunction<A> =>
  source => {
    if (linger === 0) return source.pipe(share({ connector: () => new ReplaySubject(1), resetOnRefCountZero: true }))
    let ended = false
    const end = (): void => void (ended = true)
    return source.pipe(
      tap({ subscribe: () => (ended = false), error: end, complete: end }),
      // the subscribers of a source that ended leave too, and then there is nothing to keep
      share({ connector: () => new ReplaySubject(1), resetOnRefCountZero: () => (ended ? EMPTY : timer(linger)) }),
    )
  }
