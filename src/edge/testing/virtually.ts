import { TestScheduler, type RunHelpers } from 'rxjs/testing'
import { withClock } from '../../flow/clock.js'
import { assertEqual } from './equal.js'

const day = 24 * 60 * 60 * 1000
const standstill = 100_000

// RxJS runs timers that are due at once in the order of their making, not of their runs: when one of them stops another, a run is left over.
const isSurplus = (error: unknown): boolean => error instanceof Error && error.message === 'Expected a due immediate or interval'

/** What a virtual test is given: the marble helpers of RxJS, and time itself. */
export interface VirtualHelpers extends RunHelpers {
  /** Lets `ms` pass now and runs what is due in them. */
  readonly advance: (ms: number) => void
  /** Virtual milliseconds since the start. */
  readonly now: () => number
  /** How many timers wait. */
  readonly pending: () => number
}

/** RxJS's own, except that it ends: by a day, or when time does not move. */
class VirtualTime extends TestScheduler {
  runUntil(limit: number): void {
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- only `flush` sets them up otherwise, and that asserts as well
    for (const hot of this.hotObservables.splice(0)) hot.setup()
    let steps = 0
    for (let action = this.actions[0]; action && action.delay <= limit; action = this.actions[0]) {
      steps = action.delay > this.frame ? 0 : steps + 1
      if (steps > standstill) throw new Error(`virtual time stands still at ${this.frame} ms: something schedules itself without a delay`)
      this.actions.shift()
      this.frame = action.delay
      const error: unknown = action.execute(action.state, action.delay)
      if (error && !isSurplus(error)) throw error as Error
    }
  }

  override flush(): void {
    this.runUntil(this.frame + day)
    if (this.actions.length > 0)
      throw new Error(`one virtual day passed and ${this.actions.length} timers still wait: unsubscribe what renews or polls for ever`)
    super.flush()
  }
}

/**
 * Runs `test` in virtual time, durations included; fails past one virtual day. Not for promises: they take no virtual time.
 * `assertDeepEqual` is how marbles are compared, such as `(actual, expected) => expect(actual).toEqual(expected)`.
 */
export const virtually = (
  test: (helpers: VirtualHelpers) => void,
  assertDeepEqual: (actual: unknown, expected: unknown) => void = assertEqual,
): void => {
  const time = new VirtualTime(assertDeepEqual)
  const advance = (ms: number): void => {
    const target = time.frame + ms
    time.runUntil(target)
    time.frame = target
  }
  const run: (helpers: VirtualHelpers) => unknown = test
  withClock({ now: () => time.now() }, () =>
    time.run(helpers => {
      const returned = run({ ...helpers, advance, now: () => time.now(), pending: () => time.actions.length })
      if (returned instanceof Promise) throw new Error('a virtual test cannot be async: promises take no virtual time')
    }),
  )
}
