import { concatMap, interval, map, of, reduce, take, type Observable, type OperatorFunction } from 'rxjs'
import type { Change, Listing, Revision } from '../../core/store.js'
import type { ReadableRegistry } from '../registry.js'

/** What was made of everything under a prefix, at one revision. */
export interface Listed<A> {
  readonly revision: Revision
  readonly all: readonly A[]
}

/** How many entries are read in one turn of the event loop. */
const slice = 2_000

/** Joins the pages of a listing; one of another revision than before begins anew. Emits once, when all have come. */
export const gathered = <A>(): OperatorFunction<Listed<A>, Listed<A>> =>
  reduce<Listed<A>, { readonly revision: Revision; readonly all: A[] }>((so, { revision, all }) => {
    if (revision !== so.revision) return { revision, all: [...all] }
    for (const one of all) so.all.push(one)
    return so
  }, { revision: 0, all: [] })

/** Lists a prefix, in pages where the registry has them, and reads each entry. Emits once, completes. */
export const listing = <A>(registry: ReadableRegistry, prefix: string, read: (change: Change) => A): Observable<Listed<A>> => {
  const readings = ({ changes }: Listing): Observable<readonly A[]> => {
    const part = (index: number): A[] => changes.slice(index * slice, (index + 1) * slice).map(read)
    return changes.length <= slice ? of(part(0)) : interval(0).pipe(take(Math.ceil(changes.length / slice)), map(part))
  }
  return registry.list(prefix).pipe(
    concatMap(page => readings(page).pipe(map(all => ({ revision: page.revision, all })))),
    gathered(),
  )
}
