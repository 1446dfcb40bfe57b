import type { IRangeRequest } from 'etcd3'
import { defer, map, merge, mergeMap, of, tap, type Observable } from 'rxjs'
import type { Revision } from '../../../core/store.js'
import { now } from '../../../flow/clock.js'
import { isOutage } from '../connection/etcd-errors.js'
import type { Member } from '../connection/member.js'
import { readKey, readPage, type Page } from '../wire/messages.js'
import { bytes } from '../wire/raw-answers.js'

/** The key right after the last one of a page. */
const successor = ({ bytes: page, bounds }: Page): Buffer =>
  Buffer.concat([readKey(page, bounds.at(-2) ?? 0, bounds.at(-1) ?? 0), Buffer.from('\0')])

/**
 * One page of a range. How many keys it asks for (0: all), and how long it waits (ms), follow from the pages that this member answered before,
 * unless they are given.
 */
export const onePage = (member: Member, range: IRangeRequest, given: { readonly limit?: number; readonly deadline?: number } = {}): Observable<Page> =>
  defer(() => {
    const { paging } = member
    const { limit = paging.limit(), deadline = paging.deadline() } = given
    // A page of another size shows nothing about the sizes that `paging` chooses, and with another deadline nothing about its deadlines.
    const sized = given.limit === undefined
    const timed = given.deadline === undefined
    let sentAt: number | undefined
    // The call may have waited before it was sent.
    const took = (): number => (sentAt === undefined ? 0 : now() - sentAt)
    return member
      .call(
        (client, options) => {
          sentAt = now()
          return bytes(options, raw => client.kv.range({ ...range, limit }, raw))
        },
        { deadline, local: range.serializable === true },
      )
      .pipe(
        tap({
          next: () => timed && paging.came(took(), sized),
          error: (error: unknown) => timed && isOutage(error) && paging.failed(took(), sized),
        }),
        map(readPage),
      )
  })

/** Options of {@link pages}. */
export interface PagesOptions {
  /** The revision to read. @default the latest */
  readonly at?: Revision
  /** Whether one member may answer without its leader. @default false */
  readonly local?: boolean
  /** Whether everything comes in one page. @default false */
  readonly whole?: boolean
}

/** The pages of a range in order, all at the revision of the first one. While one page is read, the next one is under way. */
export const pages = (member: Member, range: IRangeRequest, { at = 0, local = false, whole = false }: PagesOptions = {}): Observable<Page> => {
  const from = (key: IRangeRequest['key'], revision: Revision): Observable<Page> =>
    onePage(
      member,
      { ...range, ...(key && { key }), revision, ...(local && { serializable: true }) },
      whole ? { limit: 0, deadline: 30_000 } : {},
    ).pipe(
      mergeMap(page => {
        const pinned = revision === 0 ? page.revision : revision
        const one = of({ ...page, revision: pinned })
        return page.more && page.bounds.length > 0 ? merge(from(successor(page), pinned), one) : one
      }),
    )
  return from(range.key, at)
}
