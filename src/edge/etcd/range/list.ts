import { catchError, concatMap, defer, map, throwError, type Observable } from 'rxjs'
import { Compacted } from '../../../core/errors.js'
import type { Listing } from '../../../core/store.js'
import { gathered } from '../../../flow/discovery/listing.js'
import { asError } from '../connection/etcd-errors.js'
import type { Member, Members } from '../connection/member.js'
import { readChange } from '../wire/messages.js'
import { pages } from './pages.js'
import { rangeOf, readAll } from './range.js'

// Where history is compacted to the head all the time, a listing in pages never ends.
const pagedAttempts = 3

const parts = (member: Member, prefix: string, attempt = 1): Observable<Listing> =>
  pages(member, rangeOf(prefix), attempt > pagedAttempts).pipe(
    concatMap(page => readAll(page, readChange).pipe(map(changes => ({ revision: page.revision, changes })))),
    catchError((error: unknown) =>
      error instanceof Compacted && attempt <= pagedAttempts ? parts(member, prefix, attempt + 1) : throwError(() => asError(error)),
    ),
  )

/** Everything under `prefix` at one revision, linearizable, in key order, in parts as they come; one of another revision than before begins anew. */
export const listed = (members: Members, prefix: string): Observable<Listing> => members.on(member => defer(() => parts(member, prefix)))

/** The same in one; emits once, completes. */
export const list = (members: Members, prefix: string): Observable<Listing> =>
  listed(members, prefix).pipe(
    map(({ revision, changes }) => ({ revision, all: changes })),
    gathered(),
    map(({ revision, all }) => ({ revision, changes: all })),
  )
