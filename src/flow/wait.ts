import { longestDelay } from '../core/arguments.js'
import { switchMap, timer, type Observable } from 'rxjs'

/** Emits once after `ms`, which may be more than one timer can wait. */
export const wait = (ms: number): Observable<unknown> =>
  ms <= longestDelay ? timer(Math.max(0, ms)) : timer(longestDelay).pipe(switchMap(() => wait(ms - longestDelay)))
