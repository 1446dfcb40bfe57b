import { asyncScheduler, lastValueFrom, Observable, type Subscriber, type Unsubscribable } from 'rxjs'
import { longestTtl } from '../../../core/arguments.js'
import { Closed, InvalidArgument, LeaseLost } from '../../../core/errors.js'
import type { Lease } from '../../../core/store.js'
import { now } from '../../../flow/clock.js'
import { detached, type Detached } from './detached.js'
import { grant, type Grant, type Granted } from './grant.js'
import type { Held } from './kept-lease.js'
import { keepAlives, type KeepAlive } from './keep-alive.js'
import type { Members } from '../connection/member.js'
import type { Pong } from './ping-stream.js'
import { revoke } from './revoke.js'

/** A lease past its deadline may live, since etcd extends all when it restarts: it is revoked if etcd answers within this, ms. */
const lastTry = 1500

/** The leases of a registry. */
export interface Leases {
  /** See `Registry.lease`. */
  readonly lease: (ttl: number, end?: Observable<unknown>) => Observable<Lease>
  /** Revokes every lease, whose subscribers then get `Closed`; resolves once nothing is left to do, at the latest when the TTLs have passed. */
  readonly close: () => Promise<void>
}

const refusal = (ttl: number): InvalidArgument | undefined =>
  Number.isInteger(ttl) && ttl >= 1 && ttl <= longestTtl
    ? undefined
    : new InvalidArgument('ttl', `must be a whole number of seconds, 1 to ${longestTtl}, not ${ttl}`)

/** What the leases of a registry have in common. */
interface Desk {
  readonly members: Members
  readonly keepAlive: KeepAlive
  readonly tenures: Set<Tenure>
  readonly afterwards: Detached
}

/** A lease and its subscriber, from the grant on. What granted it is dropped once that is answered: there may be thousands. */
class Tenure implements Held, Unsubscribable {
  id = ''
  ttl: number
  due = 0
  deadline = 0
  late = false
  home: Held['home'] = undefined
  readonly #subscriber: Subscriber<Lease>
  readonly #desk: Desk
  #renewals = 0
  #granting: Grant | undefined
  #over = false

  constructor(subscriber: Subscriber<Lease>, ttl: number, desk: Desk) {
    this.ttl = ttl
    this.#subscriber = subscriber
    this.#desk = desk
  }

  begin(end?: Observable<unknown>): void {
    const failed = (error: unknown): void => {
      if (!this.#over) this.#subscriber.error(error)
    }
    this.#desk.tenures.add(this)
    this.#subscriber.add(this)
    if (end) this.#subscriber.add(end.subscribe({ next: () => this.leaveThen(to => to.complete()), error: failed }))
    if (this.#over) return
    this.#granting = grant(this.#desk.members, this.ttl)
    this.id = this.#granting.id
    this.#subscriber.add(this.#granting.answer$.subscribe({ next: granted => this.#hold(granted), error: failed }))
  }

  answered({ ttl }: Pong): void {
    if (ttl > 0) {
      this.#renewals += 1
      this.#emit()
    } else {
      this.#finish()
      this.#subscriber.error(new LeaseLost(this.id))
    }
  }

  /** Its subscriber left. */
  unsubscribe(): void {
    if (this.#over) return
    this.#finish()
    const { members, afterwards } = this.#desk
    if (this.#granting) afterwards.run(this.id, this.#granting.undo())
    else if (this.id) afterwards.run(this.id, revoke(members, this.id, Math.max(this.deadline, now() + lastTry)))
  }

  /** Revokes it, and only then has its subscriber told. */
  leaveThen(told: (to: Subscriber<Lease>) => void): void {
    if (this.#over) return
    this.unsubscribe()
    const settled = this.#desk.afterwards.settled(this.id)
    this.#subscriber.add(settled.subscribe({ error: () => undefined, complete: () => told(this.#subscriber) }))
  }

  #hold({ ttl, sentAt }: Granted): void {
    if (this.#over) return
    this.#granting = undefined
    this.ttl = ttl
    this.#desk.keepAlive.hold(this, sentAt)
    this.#emit()
  }

  #emit(): void {
    const left = this.deadline - now()
    // A grant that took longer than its TTL says nothing yet: the first ping will.
    if (left > 0) this.#subscriber.next({ id: this.id, ttl: this.ttl, expiresAt: Math.round(asyncScheduler.now() + left), renewals: this.#renewals })
  }

  #finish(): void {
    this.#over = true
    this.#desk.tenures.delete(this)
    this.#desk.keepAlive.release(this)
  }
}

/** Grants, keeps alive and revokes leases. */
export const leases = (members: Members): Leases => {
  const desk: Desk = { members, keepAlive: keepAlives(members), tenures: new Set(), afterwards: detached() }
  let closing = false
  let closed: Promise<void> | undefined
  return {
    lease: (ttl, end) =>
      new Observable(subscriber => {
        const refused = closing ? new Closed() : refusal(ttl)
        if (refused) subscriber.error(refused)
        else new Tenure(subscriber, ttl, desk).begin(end)
      }),
    close: () => {
      closing = true
      for (const tenure of [...desk.tenures]) tenure.leaveThen(to => to.error(new Closed()))
      closed ??= lastValueFrom(desk.afterwards.idle, { defaultValue: undefined }).then(desk.keepAlive.close)
      return closed
    },
  }
}
