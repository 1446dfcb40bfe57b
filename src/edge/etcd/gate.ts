import { defer, delayWhen, finalize, map, merge, of, raceWith, retry, share, Subject, tap, timer, type Observable } from 'rxjs'
import { Disconnected } from '../../core/errors.js'
import { asError } from './errors.js'

/** What is known of a member: nothing yet, that it answers, or that it does not. */
export type Health = 'unknown' | 'up' | 'down'

/** Holds calls while a member is down, so that they go as soon as it is back, and not all at once. */
export interface Gate {
  readonly health: () => Health
  readonly answered: () => void
  readonly failed: (error: Error) => void
  /** Emits once when a call may go; errors with the last outage after `patience` ms. */
  readonly pass: (patience: number) => Observable<unknown>
}

/** Over how long (ms) so many waiting calls are spread: etcd writes some thousands a second. */
const spread = (waiting: number): number => Math.min(1_000, waiting / 5)

/** How soon (ms) a member that is down is asked again; it fails at once while the channel, by itself, goes on dialling. */
const pause = 25
/** How long (ms) a probe that is not answered goes on after those who waited have left: over a slow line the answer may come before they are back. */
const linger = 8_000

/** A gate that `probe` opens, a linearizable read. */
export const gate = (host: string, probe: Observable<unknown>, random: () => number = Math.random): Gate => {
  let health: Health = 'unknown'
  let last = new Error(`${host} did not answer`)
  let waiting = 0
  let asking = false
  const refused = new Subject<void>()
  const recovered = probe.pipe(
    tap({
      subscribe: () => (asking = true),
      next: () => (health = 'up'),
      error: (error: unknown) => {
        asking = false
        last = asError(error)
        refused.next()
      },
    }),
    retry({ delay: () => timer(pause) }),
    share({ resetOnRefCountZero: () => (asking ? merge(refused, timer(linger)) : of(undefined)) }),
  )
  const expired = (patience: number): Observable<never> =>
    timer(patience).pipe(
      map(() => {
        throw new Disconnected(patience === 0 ? last.message : `${last.message} (waited ${patience} ms)`, { host, cause: last })
      }),
    )
  return {
    health: () => health,
    answered: () => (health = 'up'),
    failed: error => {
      health = 'down'
      last = error
    },
    pass: patience =>
      defer(() => {
        if (health !== 'down') return of(undefined)
        const position = waiting++
        return recovered.pipe(
          raceWith(expired(patience)),
          delayWhen(() => (position === 0 ? of(0) : timer(random() * spread(waiting)))),
          finalize(() => waiting--),
        )
      }),
  }
}
