import { defer, forkJoin, ignoreElements, map, tap, type Observable } from 'rxjs'
import type { Change, Entry, Lease, Revision } from '../../core/store.js'
import { gatherListing } from '../gather-listing.js'
import type { Registry } from '../registry.js'

/** How many of its own leases a registration recognises. */
const remembered = 64

const unjudged: ReadonlyMap<string, never> = new Map<string, never>()

const read = (registry: Registry, key: string) =>
  registry.list({ key }).pipe(
    gatherListing(),
    map(({ revision, changes }) => ({ revision, change: changes.find(change => change.key === key) ?? { key, value: null, lease: '0', revision } })),
  )

/** What a key holds now. */
export const look = (registry: Registry, key: string): Observable<Change> => read(registry, key).pipe(map(({ change }) => change))

/** What a registration wrote to a key: the revision of its last confirmed write, and the values that it has sent since, that one included. */
interface Sent {
  readonly revision: Revision
  readonly values: readonly string[]
}

/** What a registration last saw of its own keys in the registry. It outlives each of its leases. */
export class Observed {
  readonly #found = new Map<string, Change>()
  /** Up to where every change of a key was seen. One revision for each key: a write says nothing of keys that are not in it, and their watches may be behind. */
  readonly #revisions = new Map<string, Revision>()
  /** The keys of writes that may have been carried out: they may be there or not. */
  #unanswered: readonly string[] = []
  readonly #sent = new Map<string, Sent>()
  /** The registration's own leases, the last ones. */
  #leases: readonly string[] = []
  /** Leases of other holders, and whether their holders live. */
  #holders: ReadonlyMap<string, 'lives' | 'dead'> = unjudged
  /** Whether the instance was present once. */
  established = false
  /** When the last write was sent, monotonic ms. */
  wroteAt = -Infinity

  /** What was last seen of each key; a key that is missing here counts as absent. */
  get found(): ReadonlyMap<string, Change> {
    return this.#found
  }

  /** The revision up to which every change of the key was seen. */
  revisionOf(key: string): Revision {
    return this.#revisions.get(key) ?? 0
  }

  /** The registration has another lease of its own. */
  leased({ id }: Lease): void {
    this.#leases = [...this.#leases, id].slice(-remembered)
  }

  /** Whether a lease is one of the registration's own. */
  isOwnLease(lease: string): boolean {
    return this.#leases.includes(lease)
  }

  /**
   * Whether the registration itself wrote this: it has a lease of ours, and a value that we sent since the last confirmed write. A delayed write of an older
   * value fails, since its guard does. In a history that was replaced by an older one, the lease alone decides.
   */
  isOurs({ key, value, lease, revision }: Change): boolean {
    if (!this.isOwnLease(lease)) return false
    const sent = this.#sent.get(key)
    return sent !== undefined && (revision <= sent.revision || (value !== null && sent.values.includes(value)))
  }

  /** Whether the holder of another lease lives, if that was found out. */
  holderOf(lease: string): 'lives' | 'dead' | undefined {
    return this.#holders.get(lease)
  }

  /** It was found out whether the holder of another lease lives. */
  judged(lease: string, holder: 'lives' | 'dead'): void {
    this.#holders = new Map([...this.#holders, [lease, holder]])
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
    for (const { key, value } of entries) {
      const { revision, values } = this.#sent.get(key) ?? { revision: 0, values: [] }
      if (value !== null && !values.includes(value)) this.#sent.set(key, { revision, values: [...values, value] })
    }
  }

  /** Takes in a write that was carried out. */
  wrote(entries: readonly Entry[], lease: Lease, revision: Revision): void {
    for (const { key, value } of entries) {
      this.learn({ key, value, lease: value === null ? '0' : lease.id, revision })
      this.reached(key, revision)
      this.#sent.set(key, { revision, values: value === null ? [] : [value] })
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
        this.#sent.delete(key)
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
