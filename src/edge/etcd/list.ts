import { catchError, concatMap, defer, map, merge, mergeMap, of, reduce, throwError, type Observable } from 'rxjs'
import { Compacted } from '../../core/errors.js'
import type { Change, Listing, Revision } from '../../core/store.js'
import { asError } from './errors.js'
import type { Member, Members } from './member.js'
import { readChange, readKey, readPage, type Page } from './messages.js'
import { rangeOf, readAll } from './range.js'
import { bytes } from './wire.js'

// etcd counts the rest of the range anew for every page, so small ones are slow; this many are two megabytes.
const pageSize = 10_000
// Where history is compacted to the head all the time, a listing in pages never ends.
const pagedAttempts = 3

/** The key right after the last one of a page. */
const successor = ({ bytes: page, bounds }: Page): Buffer =>
  Buffer.concat([readKey(page, bounds.at(-2) ?? 0, bounds.at(-1) ?? 0), Buffer.from('\0')])

/** The pages of a listing in order, all at the first one's revision; while one is read, the next is under way. */
const pages = (member: Member, prefix: string, limit: number): Observable<Page> => {
  const range = rangeOf(prefix)
  const from = (key: Buffer, revision: Revision): Observable<Page> =>
    member
      .call((client, options) => bytes(options, raw => client.kv.range({ ...range, key, limit, revision }, raw)), { deadline: limit > 0 ? 5_000 : 30_000 })
      .pipe(
        map(readPage),
        mergeMap(page => {
          const pinned = revision === 0 ? page.revision : revision
          const one = of({ ...page, revision: pinned })
          return page.more && page.bounds.length > 0 ? merge(from(successor(page), pinned), one) : one
        }),
      )
  return from(range.key, 0)
}

const listing = (member: Member, prefix: string, attempt = 1): Observable<Listing> =>
  pages(member, prefix, attempt > pagedAttempts ? 0 : pageSize).pipe(
    concatMap(page => readAll(page, readChange).pipe(map(changes => ({ revision: page.revision, changes })))),
    reduce((all: { readonly revision: Revision; readonly changes: Change[] }, { revision, changes }) => {
      for (const change of changes) all.changes.push(change)
      return { revision, changes: all.changes }
    }, { revision: 0, changes: [] }),
    catchError((error: unknown) =>
      error instanceof Compacted && attempt <= pagedAttempts ? listing(member, prefix, attempt + 1) : throwError(() => asError(error)),
    ),
  )

/** Everything under `prefix` at one revision, linearizable, in key order; emits once, completes. */
export const list = (members: Members, prefix: string): Observable<Listing> => members.on(member => defer(() => listing(member, prefix)))
