import { asyncScheduler, Observable, type Observer, type Subscriber, type Subscription } from 'rxjs'
import type { RegistrationEvent } from '../../core/register/registration.js'
import type { Lease } from '../../core/store.js'
import { deadline, type Deadline } from './deadline.js'
import type { Registry } from '../registry.js'
import { nothing, subscribeWithin } from '../subscribe-within.js'

// A class, not closures: there may be thousands.
class Tenure implements Observer<Lease> {
  readonly #to: Subscriber<RegistrationEvent>
  readonly #hold: (lease: Lease) => Observable<RegistrationEvent>
  readonly #overdue: Deadline
  #held = false
  #holding: Subscription | undefined

  constructor(to: Subscriber<RegistrationEvent>, registry: Registry, hold: (lease: Lease) => Observable<RegistrationEvent>) {
    this.#to = to
    this.#hold = hold
    this.#overdue = deadline(registry, () => to.next({ type: 'overdue', at: asyncScheduler.now() }))
    // the keys first: that they go as the lease is revoked is nobody's hand
    to.add(() => {
      this.#holding?.unsubscribe()
      this.#overdue.cancel()
    })
  }

  next(renewed: Lease): void {
    try {
      this.#leased(renewed)
    } catch (thrown) {
      // what is no lease
      this.#to.error(thrown)
    }
  }

  error(thrown: unknown): void {
    this.#overdue.check()
    this.#to.error(thrown)
  }

  complete(): void {
    this.#overdue.check()
    this.#to.complete()
  }

  /** Holds no keys from now on. */
  stop(): void {
    this.#held = true
    this.#holding?.unsubscribe()
  }

  #leased(renewed: Lease): void {
    this.#to.next({ type: 'leased', lease: renewed })
    if (this.#to.closed) return
    // not later than a TTL from now, should the wall clock have been set back since the sending
    this.#overdue.in(Math.min(renewed.ttl * 1000, renewed.expiresAt - asyncScheduler.now()))
    if (this.#held) return
    this.#held = true
    this.#holding = subscribeWithin(this.#to, this.#hold(renewed), {
      next: event => {
        this.#overdue.check()
        this.#to.next(event)
      },
      error: (thrown: unknown) => this.error(thrown),
      complete: nothing,
    })
  }
}

/** One lease from its grant until it is over: each renewal, its passing unrenewed, and what becomes of the keys that are held from the grant to the `end`. */
export const tenure = (
  registry: Registry,
  lease: Observable<Lease>,
  hold: (lease: Lease) => Observable<RegistrationEvent>,
  end?: Observable<unknown>,
): Observable<RegistrationEvent> =>
  new Observable(subscriber => {
    const held = new Tenure(subscriber, registry, hold)
    // likewise, before the lease hears of it
    if (end) subscribeWithin(subscriber, end, { next: () => held.stop(), error: (thrown: unknown) => held.error(thrown), complete: nothing })
    subscribeWithin(subscriber, lease, held)
  })
