import { forkJoin, map, of, tap, type Observable } from 'rxjs'
import type { Change, Entry, Lease, Revision } from '../core/store.js'
import type { Registry } from './registry.js'

/** What a registration has learnt of its own keys; it outlives each of its leases. */
export interface OwnKeys {
  readonly found: ReadonlyMap<string, Change>
  /** Every change of the key up to this revision has been learnt; what comes after is to be watched for. */
  readonly base: (key: string) => Revision
  /** Everything that happened to the key up to `revision` has been learnt. */
  readonly reached: (key: string, revision: Revision) => void
  /** Takes a change in; `false` when it is not news. */
  readonly learn: (change: Change) => boolean
  /** Is about to write: until that is answered, these keys may be there or not. */
  readonly writes: (entries: readonly Entry[]) => void
  readonly wrote: (entries: readonly Entry[], lease: Lease, revision: Revision) => void
  /** Takes in what a refused write found, sent when `before` was known; `false` when it explains nothing. */
  readonly refused: (there: readonly Change[], before: ReadonlyMap<string, Change>) => boolean
  /** What a key holds now, without taking it in. */
  readonly look: (key: string) => Observable<Change>
  /** Reads them anew, and `further` ones. */
  readonly read: (further: Iterable<string>) => Observable<unknown>
  /** All writes are answered: forgets what is not `wanted`. */
  readonly settle: (wanted: ReadonlySet<string>) => void
}

/** Nothing learnt yet: what is not known is taken for absent. */
export const ownKeys = (registry: Registry): OwnKeys => {
  const found = new Map<string, Change>()
  // One for each key: a write tells nothing of the keys that are not in it, whose watches may be behind.
  const bases = new Map<string, Revision>()
  const unanswered = new Set<string>()
  const base = (key: string): Revision => bases.get(key) ?? 0
  const reached = (key: string, revision: Revision): void => void bases.set(key, Math.max(base(key), revision))
  const learn = (change: Change): boolean => {
    const news = change.revision > (found.get(change.key)?.revision ?? 0)
    if (news) found.set(change.key, change)
    return news
  }
  // Also backwards: this is how a replaced history is taken in.
  const accept = (change: Change, revision: Revision): void => {
    found.set(change.key, change)
    bases.set(change.key, revision)
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
    base,
    reached,
    learn,
    writes: entries => entries.forEach(({ key }) => unanswered.add(key)),
    wrote: (entries, lease, revision) => {
      for (const { key, value } of entries) {
        learn({ key, value, lease: value === null ? '0' : lease.id, revision })
        reached(key, revision)
      }
    },
    refused: (there, before) => {
      for (const change of there)
        // The watch may have told more since the write was sent: then the answer is old.
        if (found.get(change.key) === before.get(change.key)) accept(change, change.revision)
        else learn(change)
      return [...found].some(([key, { revision }]) => revision !== (before.get(key)?.revision ?? 0))
    },
    look: key => one(key).pipe(map(({ change }) => change)),
    read: further => {
      const keys = [...new Set([...found.keys(), ...unanswered, ...further])]
      if (keys.length === 0) return of([])
      return forkJoin(keys.map(one)).pipe(
        tap(answers => {
          for (const { change, revision } of answers) accept(change, revision)
        }),
      )
    },
    settle: wanted => {
      unanswered.clear()
      for (const key of found.keys())
        if (!wanted.has(key)) {
          found.delete(key)
          bases.delete(key)
        }
    },
  }
}
