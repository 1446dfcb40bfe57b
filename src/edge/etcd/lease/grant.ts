import { randomBytes } from 'node:crypto'
import { AsyncSubject, catchError, concat, defer, EMPTY, ignoreElements, map, share, Subject, switchMap, takeUntil, type Observable } from 'rxjs'
import { Disconnected, Rewound } from '../../../core/errors.js'
import { now } from '../../../flow/clock.js'
import { NeverSent } from '../connection/etcd-errors.js'
import type { Members } from '../connection/changing-members.js'
import { atTime, revoke } from './revoke.js'

/** What etcd granted, and when the request was sent (monotonic ms). */
export interface Granted {
  readonly ttl: number
  readonly sentAt: number
}

/** A grant that is under way. */
export interface Grant {
  readonly id: string
  /** Starts at the first subscription and continues without subscribers until `undo`: a lease can be revoked only after its grant was answered. */
  readonly answer$: Observable<Granted>
  /** Revokes the lease, or what may have become one. Emits at each revoke; completes once all is answered, or the TTL has passed. A grant that was not sent yet is given up at once. */
  readonly undo: () => Observable<unknown>
}

/** For how long (ms) the bytes of a grant that was given up may still be on their way. */
const underWayFor = 7000

/** A new lease ID: 63 random bits, above 0, in decimal. Chosen here, so that a grant whose answer is lost can be revoked; never used twice. */
export const leaseId = (): string => {
  const id = BigInt.asUintN(63, randomBytes(8).readBigUInt64BE())
  return id === 0n ? leaseId() : id.toString()
}

/** Whether etcd may have granted the lease although the call failed: the answer is missing, or it came from a replaced cluster. */
const mayBeGranted = (error: unknown): boolean => (error instanceof Disconnected && !(error instanceof NeverSent)) || error instanceof Rewound

/** Grants a lease under a new ID, once. After an outage, the next grant uses another ID. */
export const grant = (members: Members, ttl: number): Grant => {
  const id = leaseId()
  let sentAt: number | undefined
  const unsent = new Subject<void>()
  const answer$ = members
    .on(member =>
      // Calls for leases that are granted already go first; otherwise, with many at once, a lease would expire before its keys are written.
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
      takeUntil(unsent),
      share({ connector: () => new AsyncSubject(), resetOnComplete: false, resetOnError: false, resetOnRefCountZero: false }),
    )

  // The bytes of the grant may arrive after those of the first revoke, which then finds no lease.
  const revokeTwice = (sent: number): Observable<unknown> => {
    const again = now() + Math.min(underWayFor, ttl * 1000)
    return concat(
      revoke(members, id, again),
      atTime(again).pipe(ignoreElements()),
      defer(() => revoke(members, id, Math.max(again + 1000, sent + ttl * 1000))),
    )
  }

  return {
    id,
    answer$,
    undo: () =>
      defer(() => {
        const sent = sentAt
        if (sent === undefined) {
          unsent.next()
          return EMPTY
        }
        return answer$.pipe(
          switchMap(granted => revoke(members, id, granted.sentAt + granted.ttl * 1000)),
          catchError((error: unknown) => (mayBeGranted(error) ? revokeTwice(sent) : EMPTY)),
        )
      }),
  }
}
