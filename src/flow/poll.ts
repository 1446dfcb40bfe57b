import { defer, distinctUntilChanged, map, repeat, scan, startWith, throwError, type Observable, type ObservableInput } from 'rxjs'
import { count, invalidArguments, invalidOptions, functionOf, period } from '../core/arguments.js'
import type { Status } from '../core/instance/instance.js'
import { now } from './clock.js'
import { passes } from './operators/probe.js'
import { wait } from './wait.js'

/** Options of {@link poll}. The defaults are those of `probe`. */
export interface PollOptions {
  /** From the start of one check to the start of the next, ms. No check starts before the last one has ended. @default 5000 */
  readonly interval?: number
  /** A check without a value for so long has failed, ms from its start. @default 1000 */
  readonly timeout?: number
  /** How many checks in a row must fail until the status is `down`. @default 3 */
  readonly fall?: number
  /** How many checks in a row must pass until it is `up` again. @default 2 */
  readonly rise?: number
}

/** The status, and how many of the latest checks in a row contradict it. */
interface Polled {
  readonly status: Status
  readonly contrary: number
}

const before: Polled = { status: 'starting', contrary: 0 }

/** The first check decides at once; later ones by how many agree. */
const polled = ({ status, contrary }: Polled, passed: boolean, fall: number, rise: number): Polled => {
  const shows = passed ? 'up' : 'down'
  if (shows === status) return { status, contrary: 0 }
  const enough = status === 'starting' || contrary + 1 >= (passed ? rise : fall)
  return enough ? { status: shows, contrary: 0 } : { status, contrary: contrary + 1 }
}

/**
 * A health check that is repeated and survives its failures, for the option `health` of `register`: `starting` until the first check has ended, then `up` or
 * `down`. A check fails if its first value is `'down'` or `false`, if it errors or throws, or if it emits nothing in time; it passes if it emits
 * anything else, or completes. Never completes. Errors only with `InvalidArgument`.
 *
 * @example register(registry, instance, { health: poll(() => pool.query('select 1')) })
 */
export const poll = (check: () => ObservableInput<unknown>, options?: PollOptions): Observable<Status> =>
  defer(() => {
    const wrong =
      invalidArguments('poll(check, options)', ['check', functionOf('a function that returns an Observable or a Promise'), check]) ??
      invalidOptions('poll', options, { interval: period, timeout: period, fall: count, rise: count })
    if (wrong !== undefined) return throwError(() => wrong)
    const { interval = 5_000, timeout = 1_000, fall = 3, rise = 2 } = options ?? {}
    let next = 0
    const once = defer(() => {
      next = now() + interval
      return passes(defer(check).pipe(map(value => value !== 'down' && value)), timeout)
    })
    return once.pipe(
      repeat({ delay: () => wait(next - now()) }),
      scan((state, passed) => polled(state, passed, fall, rise), before),
      map(({ status }) => status),
      startWith(before.status),
      distinctUntilChanged(),
    )
  })
