import { asyncScheduler, concat, endWith, filter, map, merge, mergeMap, NEVER, race, ReplaySubject, shareReplay, startWith, Subject, switchMap, take, takeWhile, tap } from 'rxjs'
import type { MonoTypeOperatorFunction, Observable } from 'rxjs'
import { Disconnected } from '../../core/errors.js'
import type { RegistrationEvent } from '../../core/register/registration.js'
import { timer } from '../clock.js'

/** How long a graceful end waits for the registry to acknowledge `draining`, ms. */
const acknowledgeWithin = 1000

/** How much of `endWithin` is kept for the revoke, ms; at most half of it. */
const revokeWithin = 500

/** A graceful end: draining, a pause, the revoke. */
export interface Drain {
  /** Emits `false` at once, `true` when the registration begins to drain. */
  readonly draining: Observable<boolean>
  /** Emits when the lease is to be revoked; later subscribers get it again. Never completes. */
  readonly end: Observable<unknown>
  /** Takes the events of the registration, of which one acknowledges that it drains, adds `ending`, and ends them in time: the last one is `revoked`. */
  readonly bounded: MonoTypeOperatorFunction<RegistrationEvent>
}

/** Options of {@link drain}, ms. */
export interface DrainOptions {
  readonly drain: number
  readonly endWithin: number
}

// If no key of ours is there, no acknowledgement can come.
const acknowledges = (event: RegistrationEvent): boolean =>
  event.type === 'present' ? event.as === 'draining' : event.type === 'absent' && ['taken', 'withdrawn'].includes(event.registration.status)

const ending: RegistrationEvent = { type: 'ending' }
const revoked: RegistrationEvent = { type: 'revoked' }

const unanswered = (ms: number): readonly RegistrationEvent[] => {
  const cause = new Disconnected(`the registry did not confirm the end of the registration within ${ms} ms`)
  return [{ type: 'unconfirmed', cause, at: asyncScheduler.now() }, revoked]
}

/**
 * Begins to drain at the first value of `until`, and revokes `drain` ms after the registry has acknowledged that; if it does not acknowledge within `drain`
 * (at least 1 s), at once. All of it takes at most `drain` + `endWithin`. If the acknowledgement is late, the pause is
 * shorter, so that half a second is left for the revoke. `end` must be subscribed before `draining`, so that it does not miss the acknowledgement.
 */
export const drain = (until: Observable<unknown>, { drain: ms, endWithin }: DrainOptions): Drain => {
  const acknowledgements = new Subject<unknown>()
  const beginning = new ReplaySubject<RegistrationEvent>(1)
  // Before anything that drains can fail.
  const draining = until.pipe(take(1), tap(() => beginning.next(ending)), map(() => true), startWith(false), shareReplay({ bufferSize: 1, refCount: true }))
  const begun = draining.pipe(filter(Boolean))
  const late = timer(Math.max(ms, acknowledgeWithin)).pipe(map(() => 0))
  const paused = race(acknowledgements.pipe(map(() => ms)), late).pipe(take(1), switchMap(rest => timer(rest)))
  const ended = begun.pipe(switchMap(() => race(paused, timer(ms + endWithin - Math.min(revokeWithin, endWithin / 2)))), take(1))
  const overdue = begun.pipe(switchMap(() => timer(ms + endWithin)), mergeMap(() => unanswered(endWithin)))
  const acknowledged = tap((event: RegistrationEvent) => {
    if (acknowledges(event)) acknowledgements.next(event)
  })
  return {
    draining,
    end: concat(ended, NEVER).pipe(shareReplay({ bufferSize: 1, refCount: true })),
    bounded: events => merge(beginning, overdue, events.pipe(acknowledged, endWith(revoked))).pipe(takeWhile(({ type }) => type !== 'revoked', true)),
  }
}
