import { catchError, defer, delayWhen, finalize, map, NEVER, of, raceWith, retry, share, switchMap, tap, type Observable } from 'rxjs'
import { Disconnected, toError } from '../../../core/errors.js'
import { now, timer } from '../../../flow/clock.js'

/** The state of a member: not called yet, answering, or not answering. */
export type MemberHealth = 'unknown' | 'up' | 'down'

/** Stops calls to a member that fails, until a probe is answered; then lets them go, spread over a short time. */
export interface Breaker {
  readonly health: () => MemberHealth
  readonly answered: () => void
  readonly failed: (error: Error) => void
  /**
   * Emits once when a call may go. If the member stays down, errors with its last failure after `timeout` ms; if the member has been silent
   * for longer than that, after up to twice as long.
   */
  readonly pass: (timeout: number) => Observable<unknown>
  /** Emits once when a member that was down answers again. Never emits if it is up, or if it answers the first probe: then it was not away. */
  readonly returned: Observable<unknown>
}

/** Over how long (ms) this many waiting calls are spread: etcd writes some thousands a second. */
const spread = (waiting: number): number => Math.min(1_000, waiting / 5)

/** The pause (ms) between two probes. While the channel is dialling, a probe fails at once. */
const pause = 25

/** A breaker that `probe`, a linearizable read, closes again. */
export const breaker = (host: string, probe: Observable<unknown>, random: () => number = Math.random): Breaker => {
  let health: MemberHealth = 'unknown'
  let lastError = new Error(`${host} did not answer`)
  let waiting = 0
  /** When the member last failed. Between two failures it is silent. */
  let lastErrorAt = now()
  const fail = (error: Error): void => {
    lastError = error
    lastErrorAt = now()
  }
  const recovered = probe.pipe(
    tap({ next: () => (health = 'up'), error: (error: unknown) => fail(toError(error)) }),
    retry({ delay: () => timer(pause) }),
    share(),
  )
  const timedOut = (timeout: number): Observable<never> =>
    timer(timeout).pipe(
      map(() => {
        throw new Disconnected(timeout === 0 ? lastError.message : `${lastError.message} (waited ${timeout} ms)`, { host, cause: lastError })
      }),
    )
  // Shared while the member is down only: whoever subscribes while it is up must not share a source that never emits with those to come.
  const returning = probe.pipe(
    switchMap(() => NEVER),
    catchError(() => recovered),
    share(),
  )
  const returned = defer(() => (health === 'down' ? returning : NEVER))
  return {
    returned,
    health: () => health,
    answered: () => (health = 'up'),
    failed: error => {
      health = 'down'
      fail(error)
    },
    pass: timeout =>
      defer(() => {
        if (health !== 'down') return of(undefined)
        // A silent member may only be slow, so it gets as long as it has been silent, but at most twice the timeout: another member may answer.
        const longer = Math.min(2 * timeout, Math.max(timeout, Math.round(now() - lastErrorAt)))
        const position = waiting++
        return recovered.pipe(
          raceWith(timedOut(longer)),
          delayWhen(() => (position === 0 ? of(0) : timer(random() * spread(waiting)))),
          finalize(() => waiting--),
        )
      }),
  }
}
