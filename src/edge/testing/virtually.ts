import { TestScheduler, type RunHelpers } from 'rxjs/testing'
import { withClock } from '../../flow/clock.js'
import { assertEqual } from './equal.js'

const day = 24 * 60 * 60 * 1000
const standstill = 100_000

// RxJS runs timers that are due at the same time in the order in which they were made. If one of them stops another, one run is left over.
const isSurplus = (error: unknown): boolean => error instanceof Error && error.message === 'Expected a due immediate or interval'

/** The arguments of a test in virtual time: the marble helpers of RxJS, and the control of time. */
export interface VirtualHelpers extends RunHelpers {
  /** Lets `ms` pass, and runs the timers that are due within them. */
  readonly advance: (ms: number) => void
  /** Virtual milliseconds since the start. */
  readonly now: () => number
  /** How many timers are waiting. */
  readonly pending: () => number
}

/** The scheduler of RxJS, which fails after a virtual day, or if time does not advance. */
class VirtualTime extends TestScheduler {
  runUntil(limit: number): void {
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- only `flush` sets them up otherwise, and that asserts as well
    for (const hot of this.hotObservables.splice(0)) hot.setup()
    let steps = 0
    for (let action = this.actions[0]; action && action.delay <= limit; action = this.actions[0]) {
      steps = action.delay > this.frame ? 0 : steps + 1
      if (steps > standstill) throw new Error(`virtual time stands still at ${this.frame} ms: something schedules itself again and again without a delay`)
      this.actions.shift()
      this.frame = action.delay
      const error: unknown = action.execute(action.state, action.delay)
      if (error && !isSurplus(error)) throw error as Error
    }
  }

  override flush(): void {
    this.runUntil(this.frame + day)
    if (this.actions.length > 0)
      throw new Error(`one virtual day passed, and ${this.actions.length} timers are still waiting (unsubscribe everything that renews or polls for ever)`)
    super.flush()
  }
}

/**
 * Runs a test in virtual time: a day's outage takes a millisecond. Timers of RxJS and of this library are virtual; promises are not, so the test cannot be
 * async. Throws if timers are still waiting after one virtual day.
 * `assertDeepEqual` compares marbles, such as `(actual, expected) => expect(actual).toEqual(expected)`. @default deep equality, errors by class and message
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
      if (returned instanceof Promise) throw new Error('a test in virtual time cannot be async, since promises take no virtual time (use Observables, or a test without `virtually`)')
    }),
  )
}
