import { randomUUID } from 'node:crypto'
import type { IWatchRequest } from 'etcd3'
import { concat, NEVER, of, switchMap, throwError, type Observable } from 'rxjs'
import { Compacted, Disconnected } from '../../../core/errors.js'
import type { Range } from '../../../core/store.js'
import { timeout } from '../../../flow/clock.js'
import type { Member } from '../connection/member.js'
import { readWatch } from '../wire/messages.js'
import { inBytes } from '../wire/raw-answers.js'
import { rangeOf } from './range.js'

/** How long (ms) etcd may take: it looks at new watches ten times a second. */
const answerWithin = 5_000

/**
 * After a range was refused as compacted: errors `Compacted` with the oldest revision that can still be read.
 * Only a watch reports that revision: etcd cancels a watch from revision 1, since that one is compacted, and names it.
 * It watches a key of its own: `etcd grpc-proxy` serves all watches of a range by one. If etcd has cancelled that one, the others receive nothing.
 */
export const failCompacted = (member: Member, range: Range): Observable<never> => {
  const watched = typeof range === 'string' ? { key: `${range}\0${randomUUID()}` } : range
  const request: IWatchRequest = { create_request: { ...rangeOf(watched), start_revision: 1 } }
  return member
    .stream<IWatchRequest, Buffer>((client, options) => client.watchClient.watch(inBytes(options)) as never, concat(of(request), NEVER))
    .pipe(
      switchMap(message => {
        const { canceled, compacted } = readWatch(message)
        if (compacted > 0) return throwError(() => new Compacted(compacted))
        return canceled ? throwError(() => new Disconnected(`${member.host} cancelled a watch from revision 1 without naming the oldest one`, { host: member.host })) : NEVER
      }),
      timeout({
        each: answerWithin,
        with: () => throwError(() => new Disconnected(`${member.host} did not name its oldest revision within ${answerWithin} ms`, { host: member.host })),
      }),
    )
}
