import { map, throwError, type Observable } from 'rxjs'
import { InvalidArgument } from '../../../core/errors.js'
import type { Remaining } from '../../../core/store.js'
import type { Members } from '../connection/changing-members.js'

/** See `Registry.remaining`. The leader answers, since it alone counts the time of leases. */
export const remaining = (members: Members, leaseId: string): Observable<Remaining> =>
  /^\d{1,19}$/.test(leaseId)
    ? members
        .on(member => member.call((client, options) => client.leaseClient.leaseTimeToLive({ ID: leaseId }, options)))
        .pipe(map(({ TTL, grantedTTL, header }) => ({ granted: Number(grantedTTL), left: Number(TTL), term: header.raft_term })))
    : throwError(() => new InvalidArgument('leaseId', `must be a lease ID in decimal, got ${JSON.stringify(leaseId)} (take it from a lease or a change; etcdctl prints it in hex)`))
