/** Milliseconds that only grow. `asyncScheduler.now()` is the wall clock, which can be set back. */
export interface Clock {
  readonly now: () => number
}

// eslint-disable-next-line no-restricted-globals -- the one place where durations come from
const monotonic: Clock = { now: () => performance.now() }
let current = monotonic

/** Monotonic milliseconds; virtual inside `virtually`. */
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
