import { ReplaySubject, share, timer, type MonoTypeOperatorFunction } from 'rxjs'

/** One run for all subscribers, its last value replayed to late ones, kept for `linger` ms after the last has left. */
export const shared = <A>(linger: number): MonoTypeOperatorFunction<A> =>
  share({ connector: () => new ReplaySubject(1), resetOnRefCountZero: linger === 0 ? true : () => timer(linger) })
