import { asyncScheduler, catchError, concat, defer, EMPTY, finalize, map, merge, mergeMap, NEVER, of, repeat, takeUntil, tap, throwError, type Observable } from 'rxjs'
import { ttlSeconds } from '../../core/arguments.js'
import { invalidIf, throwIfInvalid } from '../../core/validation.js'
import { Closed, Denied, Disconnected, LeaseLost } from '../../core/errors.js'
import type { Lease } from '../../core/store.js'
import { now } from '../../flow/clock.js'
import type { Registry } from '../../flow/registry.js'
import type { MemoryStore } from './memory-store.js'
import { pause, type Network } from './network.js'

/** What the leases need of the registry around them. */
export interface LeaseContext {
  readonly store: MemoryStore
  readonly network: Network
  readonly nextId: () => string
  /** Whether the answer to this grant gets lost. */
  readonly losesGrant: () => boolean
  /** Called when a lease was granted or has ended. */
  readonly changed: () => void
  /** Runs `work` without a subscriber; completes when it is over, and errors if it fails. */
  readonly detach: (work: Observable<unknown>) => Observable<never>
  /** Emits when the registry is closed. */
  readonly closing: Observable<unknown>
}

/** Grants, renews every third of the TTL, revokes: see `Registry.lease`. */
export const memoryLeases = ({ store, network, nextId, losesGrant, changed, detach, closing }: LeaseContext): Registry['lease'] =>
  (ttl, end = NEVER) => defer(() => {
    throwIfInvalid(invalidIf('ttl', ttlSeconds, ttl))
    const id = nextId()
    let granted = false
    let deadline = Infinity
    let renewals = -1

    const confirmed = (request: () => void): Observable<Lease> => defer(() => {
      // counted from the sending, so that the client's deadline is never later than the registry's
      const sent = { at: now(), wall: asyncScheduler.now() }
      return network.call(request).pipe(map(() => {
        deadline = sent.at + ttl * 1000
        renewals += 1
        return { id, ttl, expiresAt: sent.wall + ttl * 1000, renewals }
      }))
    })
    const grant = confirmed(() => {
      store.grant(id, ttl, now())
      granted = true
      deadline = now() + ttl * 1000
      changed()
      if (losesGrant()) throw new Disconnected('connection reset while the lease was granted', { host: 'memory' })
    })
    const renewal = confirmed(() => {
      granted = store.renew(id, now())
      if (!granted) throw new LeaseLost(id)
    })
    let revoked: Observable<never> = EMPTY
    const revoke = (): Observable<never> => {
      if (!granted) return revoked
      granted = false
      const revocation = network.call(() => {
        store.revoke(id)
        changed()
      })
      // an outage is waited for, a refusal is final; once the TTL has passed, the lease has expired anyway
      const answered = network.insist(revocation.pipe(catchError((error: unknown) => (error instanceof Denied ? of(error) : throwError(() => error as Error)))))
      const refused = map((answer: unknown) => {
        if (answer instanceof Denied) throw answer
      })
      revoked = detach(answered.pipe(refused, takeUntil(pause(deadline - now()))))
      return revoked
    }
    const renewing = defer(() => pause(Math.floor(ttl * 1000 / 3))).pipe(mergeMap(() => network.insist(renewal)), repeat())
    let closed = false
    // At once: inside the grant, or a write that it led to, `concat` goes on only later, and `close` would find no revoke to wait for.
    const stopped = merge(end, closing.pipe(tap(() => (closed = true)))).pipe(tap(() => void revoke()))
    const refused = catchError<Lease, Observable<never>>((error: unknown) => throwError(() => (closed && !(error instanceof Closed) ? new Closed(undefined, { cause: error }) : (error as Error))))
    const ended = defer(() => (closed ? throwError(() => new Closed()) : EMPTY))
    return concat(concat(grant, renewing).pipe(takeUntil(stopped)), defer(revoke), ended).pipe(refused, finalize(() => void revoke()))
  })
