import { EtcdLeaseInvalidError } from 'etcd3'
import { defer, EMPTY, retry, takeUntil, throwError, type Observable } from 'rxjs'
import { longestDelay } from '../../../core/arguments.js'
import { Closed, Denied, InvalidArgument, LeaseLost } from '../../../core/errors.js'
import { now, timer } from '../../../flow/clock.js'
import type { Members } from '../connection/changing-members.js'

const isAny = (error: unknown, ...classes: readonly (abstract new (...args: never[]) => unknown)[]): boolean => classes.some(each => error instanceof each)

/** Whether the lease is gone already. */
const isGone = (error: unknown): boolean => isAny(error, EtcdLeaseInvalidError, LeaseLost)

const isFinal = (error: unknown): boolean => isAny(error, Denied, Closed, InvalidArgument)

/** Emits at this time (monotonic ms), at once if it has passed. */
export const atTime = (at: number): Observable<unknown> => defer(() => timer(Math.min(Math.max(0, at - now()), longestDelay)))

/** How long (ms) the first try of an urgent revoke may take, so that another member is tried within the 2 s of `close`. */
const urgentWithin = 1_000

/**
 * Revokes a lease, with retries through outages. Emits when it is revoked; completes then, or at `expired` (monotonic ms), when nothing is left to
 * revoke; errors if etcd refuses. `urgent`: if the member is silent for a second, the next one is tried at once.
 */
export const revoke = (members: Members, id: string, expired: number, urgent = false): Observable<unknown> =>
  defer(() =>
    members.on(member => member.call((client, options) => client.leaseClient.leaseRevoke({ ID: id }, options), urgent ? { deadline: urgentWithin } : {})),
  ).pipe(
    retry({
      delay: (error: unknown, attempt) => {
        if (isGone(error)) return EMPTY
        return isFinal(error) ? throwError(() => error as Error) : timer(urgent && attempt === 1 ? 0 : 1000 * Math.random())
      },
    }),
    takeUntil(atTime(expired)),
  )
