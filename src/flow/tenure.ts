import { asyncScheduler, Observable, type Observer, type Subscription } from 'rxjs'
import type { RegistrationEvent } from '../core/registration.js'
import type { Lease } from '../core/store.js'
import { deadline } from './deadline.js'
import type { Registry } from './registry.js'
import { nothing, within } from './within.js'

/** One lease from its grant until it is over: each renewal, its passing unrenewed, and what becomes of the keys that are held from the grant to the `end`. */
export const tenure = (
  registry: Registry,
  lease: Observable<Lease>,
  hold: (lease: Lease) => Observable<RegistrationEvent>,
  end?: Observable<unknown>,
): Observable<RegistrationEvent> =>
  new Observable(subscriber => {
    let held = false
    let holding: Subscription | undefined
    const overdue = deadline(registry, () => subscriber.next({ type: 'overdue', at: asyncScheduler.now() }))
    // the keys first: that they go as the lease is revoked is nobody's hand
    subscriber.add(() => {
      holding?.unsubscribe()
      overdue.cancel()
    })
    const events: Observer<RegistrationEvent> = {
      next: event => {
        overdue.check()
        subscriber.next(event)
      },
      error: (thrown: unknown) => {
        overdue.check()
        subscriber.error(thrown)
      },
      complete: nothing,
    }
    const leased = (renewed: Lease): void => {
      subscriber.next({ type: 'leased', lease: renewed })
      if (subscriber.closed) return
      // not later than a TTL from now, should the wall clock have been set back since the sending
      overdue.in(Math.min(renewed.ttl * 1000, renewed.expiresAt - asyncScheduler.now()))
      if (held) return
      held = true
      holding = within(subscriber, hold(renewed), events)
    }
    const stop = (): void => {
      held = true
      holding?.unsubscribe()
    }
    const complete = (): void => {
      overdue.check()
      subscriber.complete()
    }
    // likewise, before the lease hears of it
    if (end) within(subscriber, end, { next: stop, error: events.error, complete: nothing })
    const attempt = (renewed: Lease): void => {
      try {
        leased(renewed)
      } catch (thrown) {
        // what is no lease
        subscriber.error(thrown)
      }
    }
    within(subscriber, lease, { next: attempt, error: events.error, complete })
  })
