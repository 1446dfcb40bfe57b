import { forkJoin, map, of, tap, type Observable } from 'rxjs'
import type { Change, Entry, Lease, Revision } from '../../core/store.js'
import { gatherListing } from '../gather-listing.js'
import type { Registry } from '../registry.js'

/** What a registration has learnt of its own keys; it outlives each of its leases. Nothing learnt yet: what is not known is taken for absent. */
export interface OwnKeys {
  readonly found: Map<string, Change>
  /** Up to where every change of a key has been learnt; one for each: a write tells nothing of the keys that are not in it, whose watches may be behind. */
  readonly bases: Map<string, Revision>
  /** The keys of writes that may have been carried out: they may be there or not. */
  unanswered: readonly string[]
}

const none: readonly never[] = []

/** What is known at first. */
export const ownKeys = (): OwnKeys => ({ found: new Map(), bases: new Map(), unanswered: none })

/** Every change of the key up to this revision has been learnt; what comes after is to be watched for. */
export const baseOf = ({ bases }: OwnKeys, key: string): Revision => bases.get(key) ?? 0

/** Everything that happened to the key up to `revision` has been learnt. */
export const reached = (keys: OwnKeys, key: string, revision: Revision): void => void keys.bases.set(key, Math.max(baseOf(keys, key), revision))

/** Takes a change in; `false` when it is not news. */
export const learn = ({ found }: OwnKeys, change: Change): boolean => {
  const news = change.revision > (found.get(change.key)?.revision ?? 0)
  if (news) found.set(change.key, change)
  return news
}

// Also backwards: this is how a replaced history is taken in.
const accept = ({ found, bases }: OwnKeys, change: Change, revision: Revision): void => {
  found.set(change.key, change)
  bases.set(change.key, revision)
}

/** Is about to write: until that is answered, these keys may be there or not. */
export const writes = (keys: OwnKeys, entries: readonly Entry[]): void => void (keys.unanswered = [...new Set([...keys.unanswered, ...entries.map(({ key }) => key)])])

/** Takes in what was written. */
export const wrote = (keys: OwnKeys, entries: readonly Entry[], lease: Lease, revision: Revision): void => {
  for (const { key, value } of entries) {
    learn(keys, { key, value, lease: value === null ? '0' : lease.id, revision })
    reached(keys, key, revision)
  }
}

/** Takes in what a refused write found, sent when `before` was known. */
export const refused = (keys: OwnKeys, there: readonly Change[], before: ReadonlyMap<string, Change>): void => {
  for (const change of there)
    // The watch may have told more since the write was sent: then the answer is old.
    if (keys.found.get(change.key) === before.get(change.key)) accept(keys, change, change.revision)
    else learn(keys, change)
}

/** Whether anything else is known than was `before`. */
export const isNews = ({ found }: OwnKeys, before: ReadonlyMap<string, Change>): boolean =>
  [...found].some(([key, { revision }]) => !Object.is(revision, before.get(key)?.revision ?? 0))

/** All writes are answered: forgets what is not `wanted`. */
export const answered = (keys: OwnKeys, wanted: ReadonlyMap<string, unknown>): void => {
  const { found, bases } = keys
  keys.unanswered = none
  for (const key of found.keys())
    if (!wanted.has(key)) {
      found.delete(key)
      bases.delete(key)
    }
}

const read = (registry: Registry, key: string) =>
  registry.list({ key }).pipe(
    gatherListing(),
    map(({ revision, changes }) => ({
      revision,
      change: changes.find(change => change.key === key) ?? { key, value: null, lease: '0', revision },
    })),
  )

/** What a key holds now, without taking it in. */
export const look = (registry: Registry, key: string): Observable<Change> => read(registry, key).pipe(map(({ change }) => change))

/** Reads them anew, and `further` ones. */
export const reread = (keys: OwnKeys, registry: Registry, further: Iterable<string>): Observable<unknown> => {
  const all = new Set([...keys.found.keys(), ...keys.unanswered, ...further])
  if (all.size === 0) return of([])
  return forkJoin([...all].map(key => read(registry, key))).pipe(
    tap(answers => {
      for (const { change, revision } of answers) accept(keys, change, revision)
    }),
  )
}
