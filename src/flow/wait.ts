import { switchMap, type Observable, type SchedulerLike } from 'rxjs'
import { longestDelay } from '../core/arguments.js'
import { timer, timers } from './clock.js'

/** Emits once after `ms`, which may be more than one timer can wait. */
export const wait = (ms: number, on: SchedulerLike = timers): Observable<unknown> =>
  ms <= longestDelay ? timer(Math.max(0, ms), on) : timer(longestDelay, on).pipe(switchMap(() => wait(ms - longestDelay, on)))
