import { longestDelay } from '../core/arguments.js'
import { switchMap, timer, type Observable } from 'rxjs'

/** Emits once after `ms`, however many. */
export const wait = (ms: number): Observable<unknown> =>
  ms <= longestDelay ? timer(Math.max(0, ms)) : timer(longestDelay).pipe(switchMap(() => wait(ms - longestDelay)))
