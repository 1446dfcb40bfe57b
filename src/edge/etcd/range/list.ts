import { catchError, concatMap, defer, identity, map, of, retry, throwError, type Observable } from 'rxjs'
import { Compacted, InvalidArgument, toError } from '../../../core/errors.js'
import type { Listing, Range, Revision } from '../../../core/store.js'
import { gatherListing } from '../../../flow/gather-listing.js'
import type { ListOptions } from '../../../flow/registry.js'
import { Ahead, isOutage } from '../connection/etcd-errors.js'
import type { Member } from '../connection/member.js'
import type { Members } from '../connection/changing-members.js'
import { readChange } from '../wire/messages.js'
import { failCompacted } from './fail-compacted.js'
import { onePage, pages, type PagesOptions } from './pages.js'
import { ahead, askedTwice, rangeOf } from './range.js'
import { readAll } from './read-all.js'

/** If etcd compacts to its latest revision all the time, a listing in pages never ends. After so many tries it is read in one message. */
const pagedAttempts = 3

const parts = (member: Member, range: Range, options: PagesOptions): Observable<Listing> =>
  pages(member, rangeOf(range), options).pipe(
    concatMap(page => readAll(page, readChange).pipe(map(changes => ({ cluster: page.cluster, revision: page.revision, changes })))),
  )

const latest = (member: Member, range: Range, local: boolean, attempt = 1): Observable<Listing> =>
  askedTwice(parts(member, range, { local, whole: attempt > pagedAttempts })).pipe(
    catchError((error: unknown) =>
      error instanceof Compacted && attempt <= pagedAttempts ? latest(member, range, local, attempt + 1) : throwError(() => toError(error)),
    ),
  )

/** After a range was refused as in the future: errors `Rewound` with the latest revision. The same range is asked, which this user may read. */
const failAhead = (member: Member, range: Range, local: boolean, at: Revision): Observable<never> =>
  onePage(member, { ...rangeOf(range), count_only: true, ...(local && { serializable: true }) }, { limit: 1 }).pipe(
    map(({ revision }) => {
      throw ahead(member.host, at, revision)
    }),
  )

const past = (member: Member, range: Range, local: boolean, at: Revision): Observable<Listing> =>
  askedTwice(parts(member, range, { local, at })).pipe(
    // The error of a range names neither the revision up to which etcd was compacted nor the latest one.
    catchError((error: unknown) => {
      if (error instanceof Compacted) return failCompacted(member, range)
      return error instanceof Ahead ? failAhead(member, range, local, at) : throwError(() => toError(error))
    }),
  )

/** Asks one member after the other until one answers: without quorum, the others may be down. The answer is joined, or the parts of two members could mix. */
const onAnyMember = ({ all }: Members) => (answer: Observable<Listing>): Observable<Listing> =>
  answer.pipe(gatherListing(), retry({ count: all.length - 1, delay: (error: unknown) => (isOutage(error) ? of(undefined) : throwError(() => toError(error))) }))

/** See `ReadableRegistry.list`. */
export const list = (members: Members, range: Range, { at, local = false }: ListOptions = {}): Observable<Listing> =>
  at !== undefined && !(Number.isSafeInteger(at) && at > 0)
    ? throwError(() => new InvalidArgument('at', `must be a revision, a whole number of 1 or more, got ${String(at)} (take it from a listing, a batch or a set)`))
    : members.on(member => defer(() => (at === undefined ? latest(member, range, local) : past(member, range, local, at)))).pipe(local ? onAnyMember(members) : identity)
