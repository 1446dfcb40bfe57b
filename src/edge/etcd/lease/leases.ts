import { asyncScheduler, finalize, ignoreElements, lastValueFrom, Observable, race, startWith, switchMap, take, type Subscriber, type Unsubscribable } from 'rxjs'
import { ttlSeconds } from '../../../core/arguments.js'
import { Closed, Disconnected, LeaseLost } from '../../../core/errors.js'
import type { Lease } from '../../../core/store.js'
import { invalidIf } from '../../../core/validation.js'
import { now, timer } from '../../../flow/clock.js'
import type { CloseOptions } from '../../../flow/registry.js'
import type { Members } from '../connection/changing-members.js'
import { grant, type Grant, type Granted } from './grant.js'
import { keepAlive, type KeepAlive } from './keep-alive.js'
import type { KeptLease } from './kept-lease.js'
import { pendingRevokes, type PendingRevokes } from './pending-revokes.js'
import type { Pong } from './ping-stream.js'
import { revoke } from './revoke.js'

/** How long (ms) the revoke of an overdue lease is tried. It may live, since etcd extends all leases when it restarts. */
const revokeOverdueFor = 1500

/** The leases of a registry. */
export interface Leases {
  /** See `Registry.lease`. */
  readonly lease: (ttl: number, end?: Observable<unknown>) => Observable<Lease>
  /** Revokes every lease; its subscribers then get `Closed`, with a `cause` if that was refused or given up. Resolves once all revokes have ended. If none ends within `timeout`, the rest is given up. */
  readonly close: (options?: CloseOptions) => Promise<void>
}

/** What the leases of a registry share. */
interface Shared {
  readonly members: Members
  readonly keepAlive: KeepAlive
  readonly open: Set<EtcdLease>
  readonly revokes: PendingRevokes
  closing: boolean
}

/** One lease for one subscriber, from its grant to its revoke. A class with few fields: a lease costs 7 kB of heap, an etcd3 lease 13 (docs/performance.md). */
class EtcdLease implements KeptLease, Unsubscribable {
  id = ''
  ttl: number
  due = 0
  deadline = 0
  late = false
  pinger: KeptLease['pinger'] = undefined
  readonly #subscriber: Subscriber<Lease>
  readonly #shared: Shared
  #renewals = 0
  #grant: Grant | undefined
  #over = false

  constructor(subscriber: Subscriber<Lease>, ttl: number, shared: Shared) {
    this.ttl = ttl
    this.#subscriber = subscriber
    this.#shared = shared
  }

  begin(end?: Observable<unknown>): void {
    const fail = (error: unknown): void => {
      if (!this.#over) this.#subscriber.error(error)
    }
    this.#shared.open.add(this)
    this.#subscriber.add(this)
    if (end) this.#subscriber.add(end.subscribe({ next: () => this.revokeThen((to, refused) => (refused === undefined ? to.complete() : to.error(refused))), error: fail }))
    if (this.#over) return
    this.#grant = grant(this.#shared.members, this.ttl)
    this.id = this.#grant.id
    this.#subscriber.add(this.#grant.answer$.subscribe({ next: granted => this.#granted(granted), error: fail }))
  }

  pong({ ttl }: Pong): void {
    if (ttl > 0) {
      this.#renewals += 1
      this.#emit()
    } else {
      this.#finish()
      this.#subscriber.error(new LeaseLost(this.id))
    }
  }

  failed(error: Error): void {
    if (this.#over) return
    this.#finish()
    this.#subscriber.error(error)
  }

  /** Runs when the subscriber unsubscribes. */
  unsubscribe(): void {
    if (this.#over) return
    this.#finish()
    const { members, revokes, closing } = this.#shared
    if (this.#grant) revokes.run(this.id, this.#grant.undo())
    else if (this.id) revokes.run(this.id, revoke(members, this.id, Math.max(this.deadline, now() + revokeOverdueFor), closing))
  }

  /** Revokes the lease, and notifies its subscriber when that has ended, or of what refused it. */
  revokeThen(notify: (subscriber: Subscriber<Lease>, refused?: unknown) => void): void {
    if (this.#over) return
    this.unsubscribe()
    const ended = this.#shared.revokes.ended(this.id)
    this.#subscriber.add(ended.subscribe({ error: (error: unknown) => notify(this.#subscriber, error), complete: () => notify(this.#subscriber) }))
  }

  #granted({ ttl, sentAt }: Granted): void {
    if (this.#over) return
    this.#grant = undefined
    this.ttl = ttl
    this.#shared.keepAlive.add(this, sentAt)
    this.#emit()
  }

  #emit(): void {
    const left = this.deadline - now()
    // If the grant took longer than its TTL, the lease may be gone already: the first ping decides.
    if (left > 0) this.#subscriber.next({ id: this.id, ttl: this.ttl, expiresAt: Math.round(asyncScheduler.now() + left), renewals: this.#renewals })
  }

  #finish(): void {
    this.#over = true
    this.#shared.open.delete(this)
    this.#shared.keepAlive.remove(this)
  }
}

/** Grants, keeps alive and revokes leases. */
export const leases = (members: Members): Leases => {
  const shared: Shared = { members, keepAlive: keepAlive(members), open: new Set(), revokes: pendingRevokes(), closing: false }
  let closed: Promise<void> | undefined
  const close = (timeout: number): Promise<void> => {
    shared.closing = true
    for (const lease of [...shared.open]) lease.revokeThen((to, refused) => to.error(new Closed(undefined, refused === undefined ? undefined : { cause: refused })))
    // The timeout counts from the last revoke, since etcd may need longer for a thousand of them.
    const silence = shared.revokes.revoked.pipe(
      startWith(undefined),
      switchMap(() => timer(timeout)),
    )
    const ended = race(shared.revokes.allEnded, silence.pipe(take(1))).pipe(
      ignoreElements(),
      finalize(() => {
        shared.revokes.cancel(new Disconnected(`etcd did not answer the revoke within ${timeout} ms`))
        shared.keepAlive.close()
      }),
    )
    return lastValueFrom(ended, { defaultValue: undefined })
  }
  return {
    lease: (ttl, end) =>
      new Observable(subscriber => {
        const refused = shared.closing ? new Closed() : invalidIf('ttl', ttlSeconds, ttl)
        if (refused) subscriber.error(refused)
        else new EtcdLease(subscriber, ttl, shared).begin(end)
      }),
    close: ({ timeout = 2_000 } = {}) => (closed ??= close(timeout)),
  }
}
