import { AsyncSubject, catchError, concat, defer, EMPTY, ignoreElements, map, share, switchMap, type Observable } from 'rxjs'
import { Disconnected, Rewound } from '../../../core/errors.js'
import { now } from '../../../flow/clock.js'
import { NeverSent } from '../connection/etcd-errors.js'
import { leaseId } from './lease-id.js'
import type { Members } from '../connection/member.js'
import { reached, revoke } from './revoke.js'

/** What etcd granted, and when it was asked to (monotonic ms). */
export interface Granted {
  readonly ttl: number
  readonly sentAt: number
}

/** A grant that is under way. */
export interface Grant {
  readonly id: string
  /** Starts at the first subscription, and goes on without any: what was asked for must be answered before it can be revoked. */
  readonly answer$: Observable<Granted>
  /** Revokes what was granted, or may have been; completes once that is settled, or the TTL has passed. */
  readonly undo: () => Observable<never>
}

/** Bytes of a grant that was given up can still be on their way for as long, ms. */
const straggling = 7000

/** Whether etcd may have granted all the same: its answer is missing, or came from a cluster that is another one now. */
const isUnknown = (error: unknown): boolean => (error instanceof Disconnected && !(error instanceof NeverSent)) || error instanceof Rewound

/** Grants a lease under an ID of ours, once: after an outage the next grant has another ID. */
export const grant = (members: Members, ttl: number): Grant => {
  const id = leaseId()
  let sentAt: number | undefined
  const answer$ = members
    .on(member =>
      // Those that have a lease come first, or of thousands at once it would run out before they are written.
      member.call(
        (client, options) => {
          sentAt ??= now()
          return client.leaseClient.leaseGrant({ TTL: ttl, ID: id }, options)
        },
        { last: true },
      ),
    )
    .pipe(
      map(({ TTL }) => ({ ttl: Number(TTL), sentAt: sentAt ?? now() })),
      share({ connector: () => new AsyncSubject(), resetOnComplete: false, resetOnError: false, resetOnRefCountZero: false }),
    )

  // Its bytes may arrive after those of the revoke, which then revokes nothing.
  const twice = (sent: number): Observable<never> => {
    const again = now() + Math.min(straggling, ttl * 1000)
    return concat(
      revoke(members, id, again),
      reached(again).pipe(ignoreElements()),
      defer(() => revoke(members, id, Math.max(again + 1000, sent + ttl * 1000))),
    )
  }

  return {
    id,
    answer$,
    undo: () =>
      answer$.pipe(
        switchMap(granted => revoke(members, id, granted.sentAt + granted.ttl * 1000)),
        catchError((error: unknown) => (sentAt !== undefined && isUnknown(error) ? twice(sentAt) : EMPTY)),
      ),
  }
}
