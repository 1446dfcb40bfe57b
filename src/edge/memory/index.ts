import { AsyncSubject, defer, finalize, from, ignoreElements, lastValueFrom, mergeAll, NEVER } from 'rxjs'
import { Subject, Subscription, takeUntil, tap, type Observable } from 'rxjs'
import { Closed } from '../../core/errors.js'
import type { Change, Revision } from '../../core/store.js'
import { now } from '../../flow/clock.js'
import type { ClosableRegistry } from '../../flow/registry.js'
import { withSignals } from '../../flow/registry-signals.js'
import { leases } from './memory-leases.js'
import { emptyStore } from './memory-store.js'
import { watches } from './memory-watches.js'
import { pause, wireTo } from './network.js'

/** How many subscriptions are open now, by verb. */
export interface Subscriptions {
  readonly watches: number
  readonly leases: number
  readonly calls: number
}

/** A registry in memory that behaves like etcd, also in virtual time, with levers for what goes wrong. */
export interface MemoryRegistry extends ClosableRegistry {
  /** Cuts every open watch and call; refuses new ones for `forMs`, while leases keep running down. */
  readonly interrupt: (forMs?: number) => void
  /** Forgets the history up to now. */
  readonly compact: () => void
  /** Lets a lease die as if it had run out. */
  readonly expire: (leaseId: string) => void
  /** Nothing answers until the returned function is called. */
  readonly freeze: () => () => void
  /** Replaces the history by an older one: everything as it was at `to` (by default, an empty registry), watches cut. */
  readonly rewind: (to?: Revision) => void
  /** Every call is denied until the returned function is called; open watches go on, as etcd's do. */
  readonly deny: () => () => void
  /** Watches deliver nothing until the returned function is called, then everything. */
  readonly lag: () => () => void
  /** The next lease is granted, but the answer is lost. */
  readonly loseGrant: () => void
  /** A plain put or delete by another hand, at once and whatever the wire is like; detaches the key from its lease unless given one. */
  readonly write: (key: string, value: string | null, options?: { readonly lease?: string }) => Revision
  readonly revision: () => Revision
  /** Every key there is, sorted. */
  readonly keys: () => readonly string[]
  /** Everything there is, sorted by key. */
  readonly entries: () => readonly Change[]
  /** The leases alive. */
  readonly leases: () => readonly string[]
  readonly subscriptions: () => Subscriptions
}

/** An empty registry at revision 1. */
export const memoryRegistry = (): MemoryRegistry => {
  const open = { watches: 0, leases: 0, calls: 0 }
  // in this order: a watch must not see its own registry's leases being revoked
  const closing = { watches: new Subject<never>(), calls: new Subject<never>(), leases: new Subject<never>() }
  const detached = new Set<Observable<never>>()
  const background = new Subscription()
  let granted = 0
  let grantsToLose = 0
  let alarm = { at: Infinity, timer: Subscription.EMPTY }

  const { watch, serve } = watches(() => store, () => wire)
  const store = emptyStore(serve)
  const settle = (): void => {
    if (now() < alarm.at) return
    store.expire(now())
    arm()
  }
  const wire = wireTo(settle, serve)
  // one timer for all leases, at the earliest deadline that there was when it was set
  const arm = (): void => {
    const at = store.deadline()
    if (at === alarm.at) return
    alarm.timer.unsubscribe()
    alarm = { at, timer: at === Infinity ? Subscription.EMPTY : pause(at - now()).pipe(tap(ring)).subscribe() }
  }
  const ring = (): void => {
    // this timer is spent, also when it came early
    alarm.at = Math.min(alarm.at, now())
    settle()
  }
  const detach = (work: Observable<unknown>): Observable<never> => {
    const over = new AsyncSubject<never>()
    detached.add(over)
    background.add(work.pipe(finalize(() => detached.delete(over)), ignoreElements()).subscribe(over))
    return over
  }
  const lease = leases({
    store,
    wire,
    detach,
    changed: arm,
    nextId: () => String((granted += 1)),
    losesGrant: () => grantsToLose > 0 && (grantsToLose -= 1) >= 0,
  })
  const whileOpen = <T>(verb: keyof Subscriptions, source: Observable<T>): Observable<T> => defer(() => {
    open[verb] += 1
    return source.pipe(takeUntil(closing[verb]), finalize(() => (open[verb] -= 1)))
  })

  const registry: MemoryRegistry = {
    list: range => whileOpen('calls', wire.call(() => store.list(range))),
    check: (range, since) => whileOpen('calls', wire.call(() => store.check(range, since))),
    remaining: id => whileOpen('calls', wire.call(() => store.remaining(id, now()))),
    put: (entries, { id }) => whileOpen('calls', wire.call(() => store.put(entries, id))),
    watch: (range, from) => whileOpen('watches', watch(range, from)),
    lease: (ttl, end) => whileOpen('leases', lease(ttl, end)),
    close: () => {
      for (const verb of Object.values(closing)) verb.error(new Closed())
      return lastValueFrom(from(detached).pipe(mergeAll()), { defaultValue: undefined })
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
      settle()
      return store.write(key, value, lease)
    },
    revision: store.revision,
    keys: () => store.list('').changes.map(({ key }) => key),
    entries: () => store.list('').changes,
    leases: store.leases,
    subscriptions: () => ({ ...open }),
  }
  return withSignals(registry, { closed: defer(() => closing.calls), returned: NEVER })
}
