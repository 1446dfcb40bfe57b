import { forkJoin, map, of, tap, type Observable } from 'rxjs'
import type { Change, Entry, Lease, Revision } from '../core/store.js'
import type { Registry } from './registry.js'

/** What a registration has learnt of its own keys; it outlives each of its leases. */
export interface OwnKeys {
  readonly found: ReadonlyMap<string, Change>
  /** Every change after this revision has been learnt, or is still to be watched for. */
  readonly base: () => Revision
  /** Takes a change in; `false` when it is not news. */
  readonly learn: (change: Change) => boolean
  readonly wrote: (entries: readonly Entry[], lease: Lease, revision: Revision) => void
  /** Takes in what a refused write found. */
  readonly refused: (there: readonly Change[]) => void
  /** Reads them anew, and `further` ones. */
  readonly read: (further: Iterable<string>) => Observable<unknown>
}

/** Nothing learnt yet: what is not known is taken for absent. */
export const ownKeys = (registry: Registry): OwnKeys => {
  const found = new Map<string, Change>()
  let base: Revision = 0
  const learn = (change: Change): boolean => {
    const news = change.revision > (found.get(change.key)?.revision ?? 0)
    if (news) found.set(change.key, change)
    return news
  }
  const one = (key: string) =>
    registry.list(key).pipe(
      map(({ revision, changes }) => ({
        revision,
        change: changes.find(change => change.key === key) ?? { key, value: null, lease: '0', revision },
      })),
    )
  return {
    found,
    base: () => base,
    learn,
    wrote: (entries, lease, revision) => {
      base = Math.max(base, revision)
      for (const { key, value } of entries) learn({ key, value, lease: value === null ? '0' : lease.id, revision })
    },
    refused: there => {
      base = Math.max(base, ...there.map(({ revision }) => revision))
      for (const change of there) found.set(change.key, change)
    },
    read: further => {
      const keys = [...new Set([...found.keys(), ...further])]
      if (keys.length === 0) return of([])
      return forkJoin(keys.map(one)).pipe(
        tap(answers => {
          base = Math.min(...answers.map(({ revision }) => revision))
          for (const { change } of answers) found.set(change.key, change)
        }),
      )
    },
  }
}
