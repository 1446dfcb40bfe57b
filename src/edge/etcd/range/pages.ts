import type { IRangeRequest } from 'etcd3'
import { defer, map, merge, mergeMap, of, tap, type Observable } from 'rxjs'
import type { Revision } from '../../../core/store.js'
import { now } from '../../../flow/clock.js'
import { isOutage } from '../connection/etcd-errors.js'
import type { Member } from '../connection/member.js'
import { readKey, readPage, type Page } from '../wire/messages.js'
import { bytes } from '../wire/protobuf.js'

/** The key right after the last one of a page. */
const successor = ({ bytes: page, bounds }: Page): Buffer =>
  Buffer.concat([readKey(page, bounds.at(-2) ?? 0, bounds.at(-1) ?? 0), Buffer.from('\0')])

/** One answer to a range, of so many keys and within so many ms as the line has proved to carry; 0: all keys. Its member learns of the line by it. */
export const onePage = (member: Member, range: IRangeRequest, given: { readonly limit?: number; readonly deadline?: number } = {}): Observable<Page> =>
  defer(() => {
    const { paging } = member
    const { limit = paging.limit(), deadline = paging.deadline() } = given
    let sentAt: number | undefined
    // It may have been held before it was sent.
    const took = (): number => (sentAt === undefined ? 0 : now() - sentAt)
    return member
      .call(
        (client, options) => {
          sentAt = now()
          return bytes(options, raw => client.kv.range({ ...range, limit }, raw))
        },
        { deadline },
      )
      .pipe(
        tap({
          next: () => paging.came(took()),
          error: (error: unknown) => isOutage(error) && paging.failed(took()),
        }),
        map(readPage),
      )
  })

/** The pages of a range in order, all at the first one's revision, or, if `whole`, the only one; while one is read, the next is under way. */
export const pages = (member: Member, range: IRangeRequest, whole = false): Observable<Page> => {
  const from = (key: IRangeRequest['key'], revision: Revision): Observable<Page> =>
    onePage(member, { ...range, ...(key && { key }), revision }, whole ? { limit: 0, deadline: 30_000 } : {}).pipe(
      mergeMap(page => {
        const pinned = revision === 0 ? page.revision : revision
        const one = of({ ...page, revision: pinned })
        return page.more && page.bounds.length > 0 ? merge(from(successor(page), pinned), one) : one
      }),
    )
  return from(range.key, 0)
}
