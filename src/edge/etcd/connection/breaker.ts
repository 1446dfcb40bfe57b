import { catchError, defer, delayWhen, finalize, map, NEVER, of, raceWith, retry, share, switchMap, tap, type Observable } from 'rxjs'
import { Disconnected } from '../../../core/errors.js'
import { now, timer } from '../../../flow/clock.js'
import { asError } from './etcd-errors.js'

/** What is known of a member: nothing yet, that it answers, or that it does not. */
export type Health = 'unknown' | 'up' | 'down'

/** Holds calls while a member is down, so that they go as soon as it is back, and not all at once. */
export interface Breaker {
  readonly health: () => Health
  readonly answered: () => void
  readonly failed: (error: Error) => void
  /** Emits once when a call may go; errors with the last outage after `patience` ms, or up to twice that when it has been silent for longer. */
  readonly pass: (patience: number) => Observable<unknown>
  /** Emits once a member that was away answers again; never while it is there, or answers at the first question: then it was not away. */
  readonly returned: Observable<unknown>
}

/** Over how long (ms) so many waiting calls are spread: etcd writes some thousands a second. */
const spread = (waiting: number): number => Math.min(1_000, waiting / 5)

/** How soon (ms) a member that is down is asked again; it fails at once while the channel, by itself, goes on dialling. */
const pause = 25

/** A gate that `probe` opens, a linearizable read. */
export const breaker = (host: string, probe: Observable<unknown>, random: () => number = Math.random): Breaker => {
  let health: Health = 'unknown'
  let last = new Error(`${host} did not answer`)
  let waiting = 0
  let heardAt = now()
  const heard = (): void => void (heardAt = now())
  const recovered = probe.pipe(
    tap({
      next: () => (health = 'up'),
      error: (error: unknown) => {
        last = asError(error)
        heard()
      },
    }),
    retry({ delay: () => timer(pause) }),
    share(),
  )
  const expired = (patience: number): Observable<never> =>
    timer(patience).pipe(
      map(() => {
        throw new Disconnected(patience === 0 ? last.message : `${last.message} (waited ${patience} ms)`, { host, cause: last })
      }),
    )
  const returned = defer(() =>
    health !== 'down'
      ? NEVER
      : probe.pipe(
          switchMap(() => NEVER),
          catchError(() => recovered),
        ),
  ).pipe(share())
  return {
    returned,
    health: () => health,
    answered: () => (health = 'up'),
    failed: error => {
      health = 'down'
      last = error
      heard()
    },
    pass: patience =>
      defer(() => {
        if (health !== 'down') return of(undefined)
        // A line may be slow: as long as it has been silent already, and no longer than twice the patience, since there may be others to ask.
        const longer = Math.min(2 * patience, Math.max(patience, Math.round(now() - heardAt)))
        const position = waiting++
        return recovered.pipe(
          raceWith(expired(longer)),
          delayWhen(() => (position === 0 ? of(0) : timer(random() * spread(waiting)))),
          finalize(() => waiting--),
        )
      }),
  }
}
