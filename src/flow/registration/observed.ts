import { defer, forkJoin, ignoreElements, map, tap, type Observable } from 'rxjs'
import type { Change, Entry, Lease, Revision } from '../../core/store.js'
import { gatherListing } from '../gather-listing.js'
import type { Registry } from '../registry.js'

/** How many of its own leases a registration recognises. */
const remembered = 64

const read = (registry: Registry, key: string) =>
  registry.list({ key }).pipe(
    gatherListing(),
    map(({ revision, changes }) => ({ revision, change: changes.find(change => change.key === key) ?? { key, value: null, lease: '0', revision } })),
  )

/** What a key holds now. */
export const look = (registry: Registry, key: string): Observable<Change> => read(registry, key).pipe(map(({ change }) => change))

/** What a registration last saw of its own keys in the registry. It outlives each of its leases. */
export class Observed {
  readonly #found = new Map<string, Change>()
  /** Up to where every change of a key was seen. One revision for each key: a write says nothing of keys that are not in it, and their watches may be behind. */
  readonly #revisions = new Map<string, Revision>()
  /** The keys of writes that may have been carried out: they may be there or not. */
  #unanswered: readonly string[] = []
  /** The registration's own leases, the last ones: a key under one of them is its own. */
  leases: readonly string[] = []
  /** Whether the instance was present once. */
  established = false
  #rival: { readonly key: string; readonly by: string; readonly since: number } | undefined

  /** What was last seen of each key; a key that is missing here counts as absent. */
  get found(): ReadonlyMap<string, Change> {
    return this.#found
  }

  /** The revision up to which every change of the key was seen. */
  revisionOf(key: string): Revision {
    return this.#revisions.get(key) ?? 0
  }

  /** Since when (monotonic ms) another holder is known to have the key: whatever else changes, the registration waits for it once. */
  takenSince(key: string, by: string, now: number): number {
    if (this.#rival?.key !== key || this.#rival.by !== by) this.#rival = { key, by, since: now }
    return this.#rival.since
  }

  /** The registration has another lease of its own. */
  leased({ id }: Lease): void {
    this.leases = [...this.leases, id].slice(-remembered)
  }

  /** Every change of the key up to `revision` was seen. */
  reached(key: string, revision: Revision): void {
    this.#revisions.set(key, Math.max(this.revisionOf(key), revision))
  }

  /** Takes in a change; `false` if it is not newer than what was seen. */
  learn(change: Change): boolean {
    const news = change.revision > (this.#found.get(change.key)?.revision ?? 0)
    if (news) this.#found.set(change.key, change)
    return news
  }

  /** A write is about to be sent: until it is answered, its keys may be there or not. */
  sending(entries: readonly Entry[]): void {
    this.#unanswered = [...new Set([...this.#unanswered, ...entries.map(({ key }) => key)])]
  }

  /** Takes in a write that was carried out. */
  wrote(entries: readonly Entry[], lease: Lease, revision: Revision): void {
    for (const { key, value } of entries) {
      this.learn({ key, value, lease: value === null ? '0' : lease.id, revision })
      this.reached(key, revision)
    }
  }

  /** Takes in what a refused write found; it was sent when `before` was what had been seen. */
  refused(there: readonly Change[], before: ReadonlyMap<string, Change>): void {
    for (const change of there)
      // If the watch has reported a change since the write was sent, the answer may be older than that.
      if (this.#found.get(change.key) === before.get(change.key)) this.#accept(change, change.revision)
      else this.learn(change)
  }

  /** Whether anything was seen that is not in `before`. */
  differsFrom(before: ReadonlyMap<string, Change>): boolean {
    return [...this.#found].some(([key, { revision }]) => !Object.is(revision, before.get(key)?.revision ?? 0))
  }

  /** Every write is answered: forgets all keys but the `desired` ones. */
  keepOnly(desired: ReadonlyMap<string, unknown>): void {
    this.#unanswered = []
    for (const key of this.#found.keys())
      if (!desired.has(key)) {
        this.#found.delete(key)
        this.#revisions.delete(key)
      }
  }

  /** Reads again every key that was seen or may have been written; completes. */
  reread(registry: Registry): Observable<never> {
    return defer(() => forkJoin([...new Set([...this.#found.keys(), ...this.#unanswered])].map(key => read(registry, key)))).pipe(
      tap(answers => {
        for (const { change, revision } of answers) this.#accept(change, revision)
      }),
      ignoreElements(),
    )
  }

  // Also an older revision: the history may have been replaced.
  #accept(change: Change, revision: Revision): void {
    this.#found.set(change.key, change)
    this.#revisions.set(change.key, revision)
  }
}
