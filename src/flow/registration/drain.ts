import { concat, filter, from, map, NEVER, race, shareReplay, startWith, Subject, switchMap, take, type Observable, type ObservableInput } from 'rxjs'
import type { RegistrationEvent } from '../../core/register/registration.js'
import { timer } from '../clock.js'

/** How long a graceful end waits for the registry to acknowledge `draining`, ms. */
const acknowledgeWithin = 1000

/** A graceful end: draining, a pause, the revoke. */
export interface Drain {
  /** Emits `false` at once, `true` when the registration begins to drain. */
  readonly draining: Observable<boolean>
  /** Emits when the lease is to be revoked; later subscribers get it again. Never completes. */
  readonly end: Observable<unknown>
  /** Takes the events of the registration: one of them acknowledges that it drains. */
  readonly events: Subject<RegistrationEvent>
}

// If no key of ours is there, no acknowledgement can come.
const acknowledges = (event: RegistrationEvent): boolean =>
  event.type === 'present' ? event.as === 'draining' : event.type === 'absent' && ['taken', 'withdrawn'].includes(event.registration.status)

/**
 * Begins to drain at the first value of `until`, and ends `ms` after the registry has acknowledged that; if it does not acknowledge within `ms`
 * (at least 1 s), at once. `end` must be subscribed before `draining`, so that it does not miss the acknowledgement.
 */
export const drain = (until: ObservableInput<unknown>, ms: number): Drain => {
  const events = new Subject<RegistrationEvent>()
  const draining = from(until).pipe(take(1), map(() => true), startWith(false), shareReplay({ bufferSize: 1, refCount: true }))
  const acknowledged = events.pipe(filter(acknowledges), map(() => ms))
  const unanswered = timer(Math.max(ms, acknowledgeWithin)).pipe(map(() => 0))
  const ended = draining.pipe(filter(Boolean), switchMap(() => race(acknowledged, unanswered)), take(1), switchMap(rest => timer(rest)))
  return { draining, end: concat(ended, NEVER).pipe(shareReplay({ bufferSize: 1, refCount: true })), events }
}
