import { asyncScheduler, interval as intervalOf, timeout as timeoutOf, timer as timerOf } from 'rxjs'
import type { Observable, OperatorFunction, SchedulerAction, SchedulerLike, Subscription, TimeoutConfig } from 'rxjs'

/** Milliseconds that only ever grow. `asyncScheduler.now()` is the wall clock, which is set back and forth. */
export interface Clock {
  readonly now: () => number
}

/** The part of zone.js that is needed here; it is a global where it is loaded. */
interface Zone {
  readonly parent: Zone | null
  readonly getZoneWith: (key: string) => Zone | null
  readonly run: <A>(body: () => A) => A
}
const zones = globalThis as { readonly Zone?: { readonly current: Zone } }

/**
 * A real timer fires at most this many ms before it is due: delays are rounded, and browsers make `performance.now()` coarse. One that fires earlier is a
 * fake one, and `performance.now()` is not.
 */
const coarseness = 20
let faked = false
let ahead = 0

// eslint-disable-next-line no-restricted-globals -- the one place where durations come from
const monotonic: Clock = { now: () => performance.now() + ahead }
let current = monotonic

/** Monotonic milliseconds; virtual inside `virtually`. When a fake timer fires, its due time counts as reached. */
export const now = (): number => current.now()

/** Runs `body` by another clock. */
export const withClock = <A>(clock: Clock, body: () => A): A => {
  const before = current
  current = clock
  try {
    return body()
  } finally {
    current = before
  }
}

/** Moves the clock on, but not for real timers: the fraction by which each is early would add up. */
const reach = (due: number): void => {
  const early = due - monotonic.now()
  faked ||= early >= coarseness
  if (faked && early > 0) ahead += early
}

/**
 * The parent of Angular's zone, if this runs inside Angular's. There a timer keeps the application from being stable, so that a server never finishes
 * rendering; in the root zone Angular's `fakeAsync` would not see it.
 */
const outside = (): Zone | null | undefined => zones.Zone?.current.getZoneWith('isAngularZone')?.parent

/**
 * Starts `body` outside Angular's zone, so that what it waits for, such as a response, does not keep the application from being stable. `inside` calls back
 * in the zone of the caller.
 */
export const startOutside = <A>(body: (inside: (work: () => void) => void) => A): A => {
  const around = outside()
  if (!around) return body(work => work())
  const zone = zones.Zone?.current
  return around.run(() => body(work => (zone ? zone.run(work) : work())))
}

/** What is needed of an action of RxJS. It is `pending` if its work has scheduled it again. */
interface Action<S> extends SchedulerAction<S> {
  readonly id?: { readonly unref?: () => void } | number
  readonly delay: number
  readonly pending: boolean
}

/** A scheduler whose timers start outside Angular's zone, call back in the zone in which they were asked for, and make their due time count as reached. */
const scheduler = (keepsAlive: boolean): SchedulerLike => ({
  now: () => asyncScheduler.now(),
  schedule: <S>(work: (this: SchedulerAction<S>, state?: S) => void, delay = 0, state?: S): Subscription => {
    if (current !== monotonic) return asyncScheduler.schedule(work, delay, state)
    const around = outside()
    const zone = around && zones.Zone?.current
    let due = now() + delay
    const release = (): void => {
      if (!keepsAlive && typeof action.id === 'object') action.id.unref?.()
    }
    const fire = function (this: SchedulerAction<S>, given?: S): void {
      reach(due)
      // An interval counts from here, however long the work takes.
      const firedAt = now()
      if (zone) zone.run(() => work.call(this, given))
      else work.call(this, given)
      if (!action.pending) return
      due = firedAt + action.delay
      release()
    }
    const start = (): Action<S> => asyncScheduler.schedule(fire, delay, state) as Action<S>
    const action = around ? around.run(start) : start()
    if (around) {
      const again = action.schedule.bind(action)
      action.schedule = (next, later) => around.run(() => again(next, later))
    }
    release()
    return action
  },
})

/** For timers on whose end something waits: a call, a registration, the end of an outage. They keep a Node process alive. */
export const timers = scheduler(true)

/** For timers that only look after something, such as `verify` and `linger`. They do not keep a Node process alive. */
export const background = scheduler(false)

/** RxJS's `timer`: emits after `due` ms, and then every `period` ms if there is one. */
export const timer = (due: number, on: SchedulerLike = timers, period = -1): Observable<number> => timerOf(due, period, on)

/** RxJS's `interval`. */
export const interval = (period: number, on: SchedulerLike = background): Observable<number> => intervalOf(period, on)

/** RxJS's `timeout`. */
export const timeout = <A, B>(config: Omit<TimeoutConfig<A, Observable<B>>, 'scheduler'>, on: SchedulerLike = timers): OperatorFunction<A, A | B> =>
  timeoutOf({ ...config, scheduler: on })

/** Makes sure that `now()` reaches `at` with fake timers that leave `performance.now()` alone, for what compares the two and has no timer of its own. */
export const wakeAt = (at: number): void => {
  if (current === monotonic) background.schedule(() => undefined, Math.max(0, at - now()))
}
