import { defer, finalize, Subject, switchMap, take, tap, type MonoTypeOperatorFunction, type Observable } from 'rxjs'
import { exponential } from '../../core/backoff.js'
import { toError } from '../../core/errors.js'
import { now } from '../../flow/clock.js'
import { wait } from '../../flow/wait.js'
import { Busy } from './events-of.js'

/** When requests to a bridge make sense: not in a pause after a failure, and not while the bridge has reported that its registry does not answer. */
export interface Pacing {
  /** Emits when a request makes sense: all that wait are then one request. */
  readonly ready: Observable<unknown>
  /** Watches the events of a request: whether the bridge answers. */
  readonly paced: <A>() => MonoTypeOperatorFunction<A>
  readonly failed: (error: Error) => void
  /** The registry behind the bridge does not answer, until `over` is called. */
  readonly interrupted: () => void
  readonly over: () => void
  readonly isInterrupted: () => boolean
  /** How many wait for the end of an interruption. */
  readonly waiting: () => number
  /** Sets what is called when one of them has left, or the interruption is over. */
  readonly whenWaited: (call: () => void) => void
  /** Emits when the bridge, or the registry behind it, answers again. */
  readonly returned: Observable<unknown>
}

/** Paces the requests of one registry. */
export const pacing = (): Pacing => {
  const backoff = exponential()
  const returned = new Subject<void>()
  const restored = new Subject<void>()
  let waited = (): void => undefined
  let failures = 0
  let notBefore = -Infinity
  let interruption = false
  let waiting = 0

  const untilOver = defer(() => {
    waiting += 1
    return restored.pipe(
      take(1),
      finalize(() => {
        waiting -= 1
        waited()
      }),
    )
  })
  const ready: Observable<unknown> = defer(() => (interruption ? untilOver.pipe(switchMap(() => ready)) : wait(notBefore - now())))
  const failed = (error: Error): void => {
    failures += 1
    notBefore = now() + (error instanceof Busy ? error.retryAfter : backoff.delay(failures)())
  }
  const answered = (): void => {
    if (failures === 0) return
    failures = 0
    returned.next()
  }
  return {
    ready,
    failed,
    paced: () => tap({ next: answered, error: (thrown: unknown) => failed(toError(thrown)) }),
    interrupted: () => {
      interruption = true
    },
    over: () => {
      const was = interruption
      interruption = false
      restored.next()
      if (was) returned.next()
    },
    isInterrupted: () => interruption,
    waiting: () => waiting,
    whenWaited: call => {
      waited = call
    },
    returned,
  }
}
