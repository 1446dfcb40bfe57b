import { EtcdLeaseInvalidError } from 'etcd3'
import { defer, EMPTY, retry, takeUntil, throwError, timer, type Observable } from 'rxjs'
import { longestDelay } from '../../../core/arguments.js'
import { Closed, Denied, InvalidArgument, LeaseLost } from '../../../core/errors.js'
import { now } from '../../../flow/clock.js'
import type { Members } from '../connection/members.js'

const isAny = (error: unknown, ...classes: readonly (abstract new (...args: never[]) => unknown)[]): boolean => classes.some(each => error instanceof each)

/** Whether the lease is gone already. */
const isGone = (error: unknown): boolean => isAny(error, EtcdLeaseInvalidError, LeaseLost)

const isFinal = (error: unknown): boolean => isAny(error, Denied, Closed, InvalidArgument)

/** Emits at this time (monotonic ms), at once if it has passed. */
export const atTime = (at: number): Observable<unknown> => defer(() => timer(Math.min(Math.max(0, at - now()), longestDelay)))

/** How long (ms) one try may take. A revoke can be repeated safely, and within 2 s of `close` another member should be tried. */
const answerWithin = 1_000

/** Revokes a lease, with retries through outages. Emits when it is revoked; completes then, or at `expired` (monotonic ms), when nothing is left to revoke; errors if etcd refuses. */
export const revoke = (members: Members, id: string, expired: number): Observable<unknown> =>
  defer(() => members.on(member => member.call((client, options) => client.leaseClient.leaseRevoke({ ID: id }, options), { deadline: answerWithin }))).pipe(
    retry({
      delay: (error: unknown, attempt) => {
        if (isGone(error)) return EMPTY
        return isFinal(error) ? throwError(() => error as Error) : timer(attempt === 1 ? 0 : 1000 * Math.random())
      },
    }),
    takeUntil(atTime(expired)),
  )
