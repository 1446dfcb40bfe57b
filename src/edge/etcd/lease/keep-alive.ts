import { catchError, defer, EMPTY, filter, mergeMap, retry, Subject, Subscription, take, takeUntil, tap, throwError, type Observable } from 'rxjs'
import { timeout, timer } from '../../../flow/clock.js'
import { nothing, subscribeWithin } from '../../../flow/subscribe-within.js'
import { Closed, Disconnected, toError } from '../../../core/errors.js'
import type { Members } from '../connection/changing-members.js'
import { confirm, firstDue, type KeptLease } from './kept-lease.js'
import { leaseGroup, type LeaseGroup } from './lease-group.js'
import { pingAlone, type Pong } from './ping-stream.js'

/** Keeps leases alive. */
export interface KeepAlive {
  /** Pings `lease`, granted at `sentAt` (monotonic ms) for its TTL, until it is removed or gone. */
  readonly add: (lease: KeptLease, sentAt: number) => void
  readonly remove: (lease: KeptLease) => void
  readonly close: () => void
}

/** How many leases a stream has at most: with 20 ms to the leader it carries 47 pings a second, and a TTL of 10 s takes 30 for a hundred leases. */
const perStream = 100
/** How many leases are pinged on streams of their own at the same time. */
const aloneAtOnce = 32
/** How long (ms) such a stream may take. */
const answerWithin = 3000

/** Keeps many leases alive on few streams: at most a hundred leases on each, fewer where answers queue. */
export const keepAlive = (members: Members, random: () => number = Math.random): KeepAlive => {
  const groups = new Set<LeaseGroup>()
  const isolated$ = new Subject<KeptLease>()
  const removed$ = new Subject<KeptLease>()

  const newGroup = (capacity: number): LeaseGroup => {
    const group: LeaseGroup = leaseGroup(members, capacity, random, {
      isolate,
      crowded: () => split(group),
      emptied: () => groups.delete(group),
    })
    groups.add(group)
    return group
  }

  const assign = (lease: KeptLease): void => {
    const withRoom = [...groups].find(({ leases, capacity }) => leases.size < capacity) ?? newGroup(perStream)
    withRoom.add(lease)
  }

  const split = (crowded: LeaseGroup): void => {
    // The answers of its only lease queued behind those of leases that have left: no split helps.
    if (crowded.leases.size < 2) return
    crowded.capacity = Math.ceil(crowded.leases.size / 2)
    const other = newGroup(crowded.capacity)
    for (const lease of crowded.leases.values()) lease.late = false
    for (const lease of [...crowded.leases.values()].slice(crowded.capacity)) {
      crowded.remove(lease)
      other.add(lease)
    }
  }

  const isolation = {
    remove: (lease: KeptLease): void => {
      lease.pinger = undefined
      removed$.next(lease)
    },
  }
  const isolate = (lease: KeptLease): void => {
    lease.pinger = isolation
    isolated$.next(lease)
  }

  const pingIsolated = (lease: KeptLease): Observable<Pong> =>
    defer(() =>
      members.on(member =>
        pingAlone(member, lease.id).pipe(
          take(1),
          timeout({
            each: answerWithin,
            with: () => throwError(() => new Disconnected(`${member.host} did not answer a keep-alive within ${answerWithin} ms`, { host: member.host })),
          }),
        ),
      ),
    ).pipe(
      retry({ delay: (error: unknown) => (error instanceof Closed ? throwError(() => error) : timer(500 * (1 + random()))) }),
      catchError((error: unknown) => {
        lease.pinger = undefined
        lease.failed(toError(error))
        return EMPTY
      }),
      tap(pong => {
        lease.pinger = undefined
        if (pong.ttl > 0) {
          confirm(lease, pong)
          lease.due = firstDue(pong.sentAt, pong.ttl, random)
          assign(lease)
        }
        lease.pong(pong)
      }),
      takeUntil(removed$.pipe(filter(removed => removed === lease))),
    )

  // etcd answers a ping for a lease that just expired late, so that ping must not be in front of others. An outage must not open a stream for each.
  const isolated = isolated$
    .pipe(mergeMap(lease => (lease.pinger === isolation ? pingIsolated(lease) : EMPTY), aloneAtOnce))
    .subscribe({ error: () => undefined })

  const moving = subscribeWithin(new Subscription(), members.moves, {
    next: member => {
      for (const group of [...groups]) group.move(member)
    },
    error: nothing,
    complete: nothing,
  })

  return {
    add: (lease, sentAt) => {
      lease.deadline = sentAt + lease.ttl * 1000
      lease.due = firstDue(sentAt, lease.ttl, random)
      assign(lease)
    },
    remove: lease => lease.pinger?.remove(lease),
    close: () => {
      isolated.unsubscribe()
      moving.unsubscribe()
    },
  }
}
