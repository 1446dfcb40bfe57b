import { concatMap, map, reduce, type Observable } from 'rxjs'
import { Rewound } from '../../core/errors.js'
import type { Check, Revision } from '../../core/store.js'
import type { Member, Members } from './member.js'
import { readChange } from './messages.js'
import { pages } from './pages.js'
import { askedTwice, rangeOf, readAll } from './range.js'

const changedAfter = (member: Member, prefix: string, since: Revision): Observable<Check> =>
  // etcd's count is that of the whole range: it filters by revision only what it sends.
  pages(member, { ...rangeOf(prefix), keys_only: true, min_mod_revision: since + 1 }).pipe(
    concatMap((page, index) => {
      if (page.revision < since) throw new Rewound(`${member.host}: revision ${since} is a future revision, the last is ${page.revision}`)
      return readAll(page, readChange).pipe(map(changes => ({ ...page, changes, index })))
    }),
    reduce((all: Check & { readonly changed: Check['changed'][number][] }, { revision, count, changes, index }) => {
      for (const { key, revision: at, lease } of changes) all.changed.push({ key, revision: at, lease })
      // Of a further page etcd counts what is left.
      return { revision, count: index === 0 ? count : all.count, changed: all.changed }
    }, { revision: 0, count: 0, changed: [] }),
  )

/** How many keys `prefix` holds and which changed after `since`, linearizable; emits once, completes. */
export const check = (members: Members, prefix: string, since: Revision): Observable<Check> =>
  members.on(member => askedTwice(changedAfter(member, prefix, since)))
