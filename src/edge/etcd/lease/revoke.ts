import { EtcdLeaseInvalidError } from 'etcd3'
import { defer, EMPTY, ignoreElements, retry, takeUntil, type Observable } from 'rxjs'
import { Closed, Denied, InvalidArgument, LeaseLost } from '../../../core/errors.js'
import { now, timer } from '../../../flow/clock.js'
import { longestDelay } from '../../../core/arguments.js'
import type { Members } from '../connection/member.js'

const isFinal = (error: unknown): boolean =>
  [EtcdLeaseInvalidError, LeaseLost, Denied, Closed, InvalidArgument].some(known => error instanceof known)

/** Emits at `at` (monotonic ms). */
export const reached = (at: number): Observable<unknown> => defer(() => timer(Math.min(Math.max(0, at - now()), longestDelay)))

/** Revokes a lease, through outages; completes once etcd has answered, or at `dead` (monotonic ms), when there is nothing left to revoke. */
export const revoke = (members: Members, id: string, dead: number): Observable<never> =>
  defer(() => members.on(member => member.call((client, options) => client.leaseClient.leaseRevoke({ ID: id }, options)))).pipe(
    ignoreElements(),
    retry({ delay: error => (isFinal(error) ? EMPTY : timer(1000 * Math.random())) }),
    takeUntil(reached(dead)),
  )
