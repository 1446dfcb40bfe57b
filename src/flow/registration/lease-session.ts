import { asyncScheduler, Observable, Subscription, type Observer, type Subscriber } from 'rxjs'
import { longestDelay } from '../../core/arguments.js'
import type { RegistrationEvent } from '../../core/register/registration.js'
import type { Lease } from '../../core/store.js'
import { now, timers } from '../clock.js'
import { nothing, subscribeWithin } from '../subscribe-within.js'

type Reconcile = (lease: Lease) => Observable<RegistrationEvent>

// A class and a bare timer: closures and the `timer` of RxJS take 0.6 kB of heap more for each registration.
class LeaseSession implements Observer<Lease> {
  readonly #to: Subscriber<RegistrationEvent>
  readonly #reconcile: Reconcile
  /** What reconciles the keys. */
  readonly #keys = new Subscription()
  #granted = false
  /** When the TTL has passed since the last renewal, monotonic ms. */
  #due = Infinity
  #timer: Subscription | undefined

  constructor(to: Subscriber<RegistrationEvent>, reconcile: Reconcile) {
    this.#to = to
    this.#reconcile = reconcile
    // Before the lease: the keys that disappear with its revoke are no loss to report.
    to.add(this.#keys)
    to.add(() => this.#timer?.unsubscribe())
  }

  begin(leases: Observable<Lease>, end: Observable<unknown> | undefined): void {
    if (end) subscribeWithin(this.#to, end, { next: () => this.#keys.unsubscribe(), complete: nothing })
    if (this.#keys.closed) this.#to.complete()
    else subscribeWithin(this.#to, leases, this)
  }

  next(lease: Lease): void {
    // At most one TTL from now, in case the wall clock was set back after the renewal was sent.
    const left = Math.min(lease.ttl * 1000, lease.expiresAt - asyncScheduler.now())
    this.#to.next({ type: 'leased', lease })
    if (this.#to.closed) return
    this.#due = now() + left
    this.#wait(left)
    if (this.#granted) return
    this.#granted = true
    const next = (event: RegistrationEvent): void => {
      this.#overdueFirst()
      this.#to.next(event)
    }
    subscribeWithin(this.#keys, this.#reconcile(lease), { next, error: (thrown: unknown) => this.error(thrown), complete: nothing })
  }

  error(thrown: unknown): void {
    this.#overdueFirst()
    this.#to.error(thrown)
  }

  complete(): void {
    this.#overdueFirst()
    this.#to.complete()
  }

  #wait(ms: number): void {
    this.#timer?.unsubscribe()
    this.#timer = timers.schedule(() => {
      if (ms > longestDelay) this.#wait(ms - longestDelay)
      else this.#overdue()
    }, Math.min(Math.max(0, ms), longestDelay))
  }

  // The timer may fire after other news of the same moment: these are reported after the loss.
  #overdueFirst(): void {
    if (this.#due <= now()) this.#overdue()
  }

  #overdue(): void {
    this.#due = Infinity
    this.#timer?.unsubscribe()
    this.#to.next({ type: 'overdue', at: asyncScheduler.now() })
  }
}

/**
 * One lease from its grant to its end: emits each renewal, the moment at which the TTL passes without one, and what `reconcile` emits from the
 * grant until `end`. Completes without a grant if `end` has emitted already.
 */
export const leaseSession = (leases: Observable<Lease>, reconcile: Reconcile, end?: Observable<unknown>): Observable<RegistrationEvent> =>
  new Observable(subscriber => new LeaseSession(subscriber, reconcile).begin(leases, end))
