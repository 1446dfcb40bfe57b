import { AsyncSubject, catchError, defer, EMPTY, finalize, ignoreElements, lastValueFrom, merge, NEVER, throwError } from 'rxjs'
import { of, Subject, Subscription, takeUntil, tap, type Observable } from 'rxjs'
import { duration, invalidOptions } from '../../core/arguments.js'
import { Closed, Disconnected } from '../../core/errors.js'
import type { Change, Revision } from '../../core/store.js'
import { background as unattended, now } from '../../flow/clock.js'
import type { ClosableRegistry, CloseOptions } from '../../flow/registry.js'
import { withHosts } from '../../flow/registry-hosts.js'
import { withSignals } from '../../flow/registry-signals.js'
import { memoryLeases } from './memory-leases.js'
import { memoryStore } from './memory-store.js'
import { memoryWatches } from './memory-watches.js'
import { network, pause } from './network.js'

/** How many subscriptions to a registry are open now, by verb; `calls` are those that complete, such as `list` and `put`. */
export interface Subscriptions {
  readonly watches: number
  readonly leases: number
  readonly calls: number
}

/**
 * A registry in memory for tests: it behaves like etcd, also in virtual time, and has levers that cause faults. A lever that returns a function
 * lasts until that function is called.
 */
export interface MemoryRegistry extends ClosableRegistry {
  /** Cuts every open watch and call, and refuses new ones for `forMs` (ms), while leases go on expiring. @default 0 */
  readonly interrupt: (forMs?: number) => void
  /** Compacts the history up to the current revision. */
  readonly compact: () => void
  /** Ends a lease as if it had expired. */
  readonly expire: (leaseId: string) => void
  /** Stops answering. After 5 s, open watches and calls error `Disconnected`. */
  readonly freeze: () => () => void
  /**
   * Restarts with an older history: the content, history and leases of revision `to`. Watches are cut, a new raft term begins, and each lease has its
   * full TTL again. Throws `InvalidArgument` if there is no such revision. @default 1, the empty registry
   */
  readonly rewind: (to?: Revision) => void
  /** Denies every call; open watches continue, as those of etcd do. */
  readonly deny: () => () => void
  /** Delays what watches deliver; calls are answered. */
  readonly lag: () => () => void
  /** The next lease is granted, but the answer is lost. */
  readonly loseGrant: () => void
  /** Puts or deletes (`null`) a key at once, as another client would, without a guard and whatever the faults. @default no lease */
  readonly write: (key: string, value: string | null, options?: { readonly lease?: string }) => Revision
  /** The current revision. */
  readonly revision: () => Revision
  /** All keys, sorted. */
  readonly keys: () => readonly string[]
  /** The content of all keys, sorted by key. */
  readonly entries: () => readonly Change[]
  /** The ids of the leases that are alive. */
  readonly leases: () => readonly string[]
  readonly subscriptions: () => Subscriptions
}

/** Makes an empty registry, at revision 1. */
export const memoryRegistry = (): MemoryRegistry => {
  const open = { watches: 0, leases: 0, calls: 0 }
  const closing = { watches: new Subject<never>(), calls: new Subject<never>(), leases: new Subject<never>() }
  const revoking = new Subject<void>()
  let closed = false
  const revokes = new Set<Observable<never>>()
  const background = new Subscription()
  let granted = 0
  let grantsToLose = 0
  let alarm = { at: Infinity, timer: Subscription.EMPTY }

  const { watch, serve } = memoryWatches(() => store, () => wire)
  const store = memoryStore(serve)
  const expireDue = (): void => {
    if (now() < alarm.at) return
    store.expire(now())
    arm()
  }
  const wire = network(expireDue, serve)
  // one timer for all leases, at the earliest deadline
  const arm = (): void => {
    const at = store.deadline()
    if (at === alarm.at) return
    alarm.timer.unsubscribe()
    alarm = { at, timer: at === Infinity || background.closed ? Subscription.EMPTY : pause(at - now(), unattended).pipe(tap(ring)).subscribe() }
  }
  const ring = (): void => {
    // this timer is spent, also if it fired early
    alarm.at = Math.min(alarm.at, now())
    expireDue()
  }
  const detach = (revoke: Observable<unknown>): Observable<never> => {
    const over = new AsyncSubject<never>()
    revokes.add(over)
    background.add(revoke.pipe(finalize(() => revokes.delete(over)), ignoreElements()).subscribe(over))
    return over
  }
  const lease = memoryLeases({
    store,
    network: wire,
    detach,
    closing: revoking,
    changed: arm,
    nextId: () => String((granted += 1)),
    losesGrant: () => grantsToLose > 0 && (grantsToLose -= 1) >= 0,
  })
  const whileOpen = <T>(verb: keyof Subscriptions, source: Observable<T>): Observable<T> => defer(() => {
    open[verb] += 1
    return source.pipe(takeUntil(closing[verb]), finalize(() => (open[verb] -= 1)))
  })
  const current = (): readonly Change[] => {
    expireDue()
    return store.list('').changes
  }

  const registry: MemoryRegistry = {
    list: (range, { at } = {}) => whileOpen('calls', wire.call(() => store.list(range, at))),
    check: (range, since) => whileOpen('calls', wire.call(() => store.check(range, since))),
    remaining: id => whileOpen('calls', wire.call(() => store.remaining(id, now()))),
    put: (entries, { id }) => whileOpen('calls', wire.call(() => store.put(entries, id))),
    watch: (range, from) => whileOpen('watches', watch(range, from)),
    lease: (ttl, end) => defer(() => (closed ? throwError(() => new Closed()) : whileOpen('leases', lease(ttl, end)))),
    close: options => {
      const wrong = invalidOptions<CloseOptions>('close', options, { timeout: duration })
      if (wrong) return Promise.reject(wrong)
      const { timeout = 2_000 } = options ?? {}
      // in this order, so that no watch shows the revokes of its own registry
      closing.watches.error(new Closed())
      closing.calls.error(new Closed())
      closed = true
      revoking.next()
      let allAnswered = false
      const stopped = finalize<never>(() => {
        // If `close` was called inside the grant, or inside a write that it led to, the lease has not errored yet, although its revoke was answered.
        const cause = new Disconnected(`the revoke was not answered within ${timeout} ms`, { host: 'memory' })
        closing.leases.error(new Closed(undefined, allAnswered ? undefined : { cause }))
        background.unsubscribe()
        alarm.timer.unsubscribe()
      })
      const answered = [...revokes].map(over => over.pipe(catchError(() => EMPTY)))
      return lastValueFrom(merge(...answered).pipe(tap({ complete: () => (allAnswered = true) }), stopped, takeUntil(pause(timeout))), { defaultValue: undefined })
    },
    interrupt: (forMs = 0) => wire.interrupt(forMs),
    compact: store.compact,
    expire: id => {
      store.revoke(id)
      arm()
    },
    freeze: wire.freeze,
    rewind: (to = 1) => {
      store.rewind(to, now())
      arm()
      wire.interrupt(0, 'the registry restarted')
    },
    deny: wire.deny,
    lag: wire.lag,
    loseGrant: () => (grantsToLose += 1),
    write: (key, value, { lease = '0' } = {}) => {
      expireDue()
      return store.write(key, value, lease)
    },
    revision: store.revision,
    keys: () => current().map(({ key }) => key),
    entries: current,
    leases: () => {
      expireDue()
      return store.leases()
    },
    subscriptions: () => ({ ...open }),
  }
  return withHosts(withSignals(registry, { closed: defer(() => closing.calls), returned: NEVER }), of(['127.0.0.1']))
}
