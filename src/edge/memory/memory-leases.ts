import { asyncScheduler, concat, defer, EMPTY, finalize, map, mergeMap, NEVER, repeat, takeUntil, throwError, type Observable } from 'rxjs'
import { longestTtl } from '../../core/arguments.js'
import { Disconnected, InvalidArgument, LeaseLost } from '../../core/errors.js'
import type { Lease } from '../../core/store.js'
import { now } from '../../flow/clock.js'
import type { Store } from './memory-store.js'
import { pause, type Wire } from './network.js'

/** What a lease needs of the registry around it. */
export interface Leasing {
  readonly store: Store
  readonly wire: Wire
  readonly nextId: () => string
  /** Whether this grant's answer gets lost. */
  readonly losesGrant: () => boolean
  /** Called when a lease was granted or is gone. */
  readonly changed: () => void
  /** Carries on without a subscriber; completes when `work` is over. */
  readonly detach: (work: Observable<unknown>) => Observable<never>
}

/** Grants, renews every third of the TTL, revokes: see `Registry.lease`. */
export const leases = ({ store, wire, nextId, losesGrant, changed, detach }: Leasing) =>
  (ttl: number, end: Observable<unknown> = NEVER): Observable<Lease> => defer(() => {
    if (!Number.isInteger(ttl) || ttl < 1 || ttl > longestTtl)
      return throwError(() => new InvalidArgument('ttl', `must be a whole number of seconds from 1 to ${longestTtl}, got ${ttl}`))
    const id = nextId()
    let held = false
    let deadline = Infinity
    let renewals = -1

    const confirmed = (request: () => void): Observable<Lease> => defer(() => {
      // counted from the sending: what we believe ends before what the registry knows
      const sent = { at: now(), wall: asyncScheduler.now() }
      return wire.call(request).pipe(map(() => {
        deadline = sent.at + ttl * 1000
        renewals += 1
        return { id, ttl, expiresAt: sent.wall + ttl * 1000, renewals }
      }))
    })
    const grant = confirmed(() => {
      store.grant(id, ttl, now())
      held = true
      deadline = now() + ttl * 1000
      changed()
      if (losesGrant()) throw new Disconnected('connection reset while the lease was granted', { host: 'memory' })
    })
    const renewal = confirmed(() => {
      held = store.renew(id, now())
      if (!held) throw new LeaseLost(id)
    })
    const release = (): Observable<never> => {
      if (!held) return EMPTY
      held = false
      const revocation = wire.call(() => {
        store.revoke(id)
        changed()
      })
      // once the TTL has passed the lease is gone anyway
      return detach(wire.insist(revocation).pipe(takeUntil(pause(deadline - now()))))
    }
    const renewing = defer(() => pause(Math.floor(ttl * 1000 / 3))).pipe(mergeMap(() => wire.insist(renewal)), repeat())
    return concat(concat(grant, renewing).pipe(takeUntil(end)), defer(release)).pipe(finalize(() => void release()))
  })
