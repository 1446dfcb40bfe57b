import { map, type Observable } from 'rxjs'
import type { Remaining } from '../../../core/store.js'
import type { Members } from '../connection/member.js'

/** How long a lease has left, by the member in use: see `Registry.remaining`. */
export const remaining = (members: Members, id: string): Observable<Remaining> =>
  members
    .on(member => member.call((client, options) => client.leaseClient.leaseTimeToLive({ ID: id }, options)))
    .pipe(map(({ TTL, grantedTTL, header }) => ({ granted: Number(grantedTTL), left: Number(TTL), term: header.raft_term })))
