import { defer, EMPTY, filter, mergeMap, retry, Subject, take, takeUntil, tap, throwError, type Observable } from 'rxjs'
import { timeout, timer } from '../../../flow/clock.js'
import { Disconnected } from '../../../core/errors.js'
import { confirm, firstDue, type Held } from './kept-lease.js'
import { leaseGroup, type LeaseGroup } from './lease-group.js'
import type { Members } from '../connection/member.js'
import { pingAlone, type Pong } from './ping-stream.js'

/** What keeps leases alive. */
export interface KeepAlive {
  /** Pings `lease`, granted at `sentAt` (monotonic ms) for its TTL, until it is released or gone. */
  readonly hold: (lease: Held, sentAt: number) => void
  readonly release: (lease: Held) => void
  readonly close: () => void
}

/** At +20 ms to the leader a stream carries 47 pings a second, and a TTL of 10 s takes 30 for a hundred leases. */
const most = 100
/** How many leases are asked about on streams of their own at the same time. */
const atOnce = 32
/** How long such a stream may take, ms. */
const askFor = 3000

/** Keeps many leases alive on few streams, at most a hundred on each, more streams where answers queue. */
export const keepAlives = (members: Members, random: () => number = Math.random): KeepAlive => {
  const groups = new Set<LeaseGroup>()
  const separate$ = new Subject<Held>()
  const left$ = new Subject<Held>()

  const group = (capacity: number): LeaseGroup => {
    const created: LeaseGroup = leaseGroup(members, capacity, random, {
      separate,
      crowded: () => split(created),
      emptied: () => groups.delete(created),
    })
    groups.add(created)
    return created
  }

  const place = (lease: Held): void => {
    const withRoom = [...groups].find(({ leases, capacity }) => leases.size < capacity) ?? group(most)
    withRoom.add(lease)
  }

  const split = (crowded: LeaseGroup): void => {
    crowded.capacity = Math.ceil(crowded.leases.size / 2)
    const other = group(crowded.capacity)
    for (const lease of crowded.leases.values()) lease.late = false
    for (const lease of [...crowded.leases.values()].slice(crowded.capacity)) {
      crowded.remove(lease)
      other.add(lease)
    }
  }

  const apart = {
    remove: (lease: Held): void => {
      lease.home = undefined
      left$.next(lease)
    },
  }
  const separate = (lease: Held): void => {
    lease.home = apart
    separate$.next(lease)
  }

  const ask = (lease: Held): Observable<Pong> =>
    defer(() =>
      members.on(member =>
        pingAlone(member, lease.id).pipe(
          take(1),
          timeout({ each: askFor, with: () => throwError(() => new Disconnected('keep-alive unanswered', { host: member.host })) }),
        ),
      ),
    ).pipe(
      retry({ delay: () => timer(500 * (1 + random())) }),
      tap(pong => {
        lease.home = undefined
        if (pong.ttl > 0) {
          confirm(lease, pong)
          lease.due = firstDue(pong.sentAt, pong.ttl, random)
          place(lease)
        }
        lease.answered(pong)
      }),
      takeUntil(left$.pipe(filter(left => left === lease))),
    )

  // A ping for a lease that just expired is answered late, so it must not be in front of others; and an outage must not open a stream for each.
  const asking = separate$
    .pipe(mergeMap(lease => (lease.home === apart ? ask(lease) : EMPTY), atOnce))
    .subscribe({ error: () => undefined })

  return {
    hold: (lease, sentAt) => {
      lease.deadline = sentAt + lease.ttl * 1000
      lease.due = firstDue(sentAt, lease.ttl, random)
      place(lease)
    },
    release: lease => lease.home?.remove(lease),
    close: () => asking.unsubscribe(),
  }
}
