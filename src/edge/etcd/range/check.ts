import { map, mergeMap, reduce, type Observable } from 'rxjs'
import type { Change, Check, Range, Revision } from '../../../core/store.js'
import type { Member } from '../connection/member.js'
import type { Members } from '../connection/changing-members.js'
import { readChange } from '../wire/messages.js'
import { onePage } from './pages.js'
import { ahead, askedTwice, rangeOf } from './range.js'
import { readAll } from './read-all.js'

const changedAfter = (member: Member, range: Range, since: Revision): Observable<Check> =>
  // etcd counts the whole range and filters by revision only the keys that it sends. For keys alone, 3.7 reads its index, which knows no leases;
  // sorting by value makes it read the keys. Sorted by value there are no pages, since a page starts after a key.
  onePage(member, { ...rangeOf(range), keys_only: true, sort_target: 'Value', min_mod_revision: since + 1 }, { limit: 0 }).pipe(
    mergeMap(page => {
      if (page.revision < since) throw ahead(member.host, since, page.revision)
      return readAll(page, readChange).pipe(
        reduce<readonly Change[], Check['changed'][number][]>((all, part) => {
          for (const { key, revision, lease } of part) all.push({ key, revision, lease })
          return all
        }, []),
        map(changed => ({ revision: page.revision, count: page.count, changed })),
      )
    }),
  )

/** See `ReadableRegistry.check`. */
export const check = (members: Members, range: Range, since: Revision): Observable<Check> =>
  members.on(member => askedTwice(changedAfter(member, range, since)))
