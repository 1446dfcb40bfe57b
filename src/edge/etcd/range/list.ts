import { catchError, concatMap, defer, map, throwError, type Observable } from 'rxjs'
import { Compacted } from '../../../core/errors.js'
import type { Listing, Range } from '../../../core/store.js'
import { asError } from '../connection/etcd-errors.js'
import type { Member, Members } from '../connection/member.js'
import { readChange } from '../wire/messages.js'
import { pages } from './pages.js'
import { rangeOf, readAll } from './range.js'

// Where history is compacted to the head all the time, a listing in pages never ends.
const pagedAttempts = 3

const parts = (member: Member, range: Range, attempt = 1): Observable<Listing> =>
  pages(member, rangeOf(range), attempt > pagedAttempts).pipe(
    concatMap(page => readAll(page, readChange).pipe(map(changes => ({ cluster: page.cluster, revision: page.revision, changes })))),
    catchError((error: unknown) =>
      error instanceof Compacted && attempt <= pagedAttempts ? parts(member, range, attempt + 1) : throwError(() => asError(error)),
    ),
  )

/** Everything in the range at one revision, in parts as they come: see `ReadableRegistry.list`. */
export const list = (members: Members, range: Range): Observable<Listing> => members.on(member => defer(() => parts(member, range)))
