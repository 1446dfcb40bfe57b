import type { Observable } from 'rxjs'
import type { Batch, Check, Entry, Lease, Listing, Revision } from '../core/store.js'

/** What discovery asks of a registry. Every verb is cold: nothing happens until it is subscribed. */
export interface ReadableRegistry {
  /** Everything under `prefix` at one revision, linearizable, sorted by key; emits once, completes. */
  readonly list: (prefix: string) => Observable<Listing>
  /**
   * The same in parts as they come, in key order and at least one, so that the first are worked at while the others are under way; a part of another
   * revision than before begins anew. @default list
   */
  readonly pages?: (prefix: string) => Observable<Listing>
  /**
   * The changes under `prefix` after `from`, whole revisions at a time; an empty batch is progress. Never completes;
   * errors `Compacted` or `Rewound` when it cannot follow from there, `Disconnected` or `Lagging` when it cannot now.
   */
  readonly watch: (prefix: string, from: Revision) => Observable<Batch>
  /** How many keys `prefix` holds and which changed after `since`, linearizable; emits once, completes; errors `Rewound` when `since` is in the future. */
  readonly check: (prefix: string, since: Revision) => Observable<Check>
  /** Emits nothing, and errors `Closed` once the registry is closed, so that a pause between two tries ends with it. @default never */
  readonly closed?: Observable<never>
  /** Emits when a registry that was away answers again, so that a pause between two tries ends with it; never while it is there. @default never */
  readonly returned?: Observable<unknown>
}

/** What registration asks of a registry, besides. */
export interface Registry extends ReadableRegistry {
  /**
   * Grants on subscribe, emits at the grant and at each renewal, revokes on unsubscribe. Past `expiresAt` it must be presumed lost,
   * and is still pinged: it emits again if it lives, and errors `LeaseLost` once the registry has said that it is gone.
   * The first value of `end` revokes, and completes once that is answered or the granted TTL has passed.
   */
  readonly lease: (ttlSeconds: number, end?: Observable<unknown>) => Observable<Lease>
  /** Writes under `lease` in one transaction, guarded by each entry's `expect`; emits its revision, completes; errors `Taken` with what is there. */
  readonly put: (entries: readonly Entry[], lease: Lease) => Observable<Revision>
}

/** A registry that holds resources. `close` revokes what is registered, awaits it, and lets the process exit. */
export interface ClosableRegistry extends Registry {
  readonly close: () => Promise<void>
}
