import { switchMap, timer, type Observable } from 'rxjs'

/** What timers take, ms: they fire at once when given more. */
export const longest = 2 ** 31 - 1

/** Emits once after `ms`, however many. */
export const wait = (ms: number): Observable<unknown> =>
  ms <= longest ? timer(Math.max(0, ms)) : timer(longest).pipe(switchMap(() => wait(ms - longest)))
