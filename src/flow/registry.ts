import type { Observable } from 'rxjs'
import type { Batch, Check, Entry, Lease, Listing, Range, Remaining, Revision } from '../core/store.js'

/** Options of {@link ReadableRegistry.list}. */
export interface ListOptions {
  /** A past revision to list. Errors `Compacted` if it can no longer be read, `Rewound` if it is in the future. @default the latest */
  readonly at?: Revision
  /** Reads from one member without asking its leader (serializable): works without quorum, and may be behind. @default false */
  readonly local?: boolean
}

/** The verbs that discovery needs. Every verb is cold: nothing happens until it is subscribed. */
export interface ReadableRegistry {
  /**
   * Everything in the range at one revision, linearizable, in key order, in at least one part (also when empty), so that the first parts are processed
   * while the others are under way. A part of another revision than the part before begins the listing again. Completes.
   */
  readonly list: (range: Range, options?: ListOptions) => Observable<Listing>
  /**
   * The changes in the range after `from`, whole revisions at a time. Once it has delivered everything up to the registry's revision at subscription,
   * it emits a batch of at least that revision, empty if need be. An empty batch is progress. Never completes.
   * Errors `Compacted` or `Rewound` if it cannot follow from there, `Disconnected` or `Lagging` if it cannot follow now.
   */
  readonly watch: (range: Range, from: Revision) => Observable<Batch>
  /** How many keys the range holds and which of them changed after `since`, linearizable; emits once, completes. Errors `Rewound` if `since` is in the future. */
  readonly check: (range: Range, since: Revision) => Observable<Check>
}

/** The verbs that registration needs in addition. */
export interface Registry extends ReadableRegistry {
  /**
   * Grants on subscribe, emits at the grant and at each renewal, revokes on unsubscribe. After `expiresAt` the lease must be presumed lost. It is still
   * renewed: it emits again if it lives, and errors `LeaseLost` once the registry has reported that it is gone.
   * The first value of `end` revokes the lease; the Observable completes once the revoke is answered or the granted TTL has passed.
   */
  readonly lease: (ttlSeconds: number, end?: Observable<unknown>) => Observable<Lease>
  /** Writes under `lease` in one transaction, guarded by each entry's `expect`; emits its revision, completes. Errors `Taken` with the current content of the keys. */
  readonly put: (entries: readonly Entry[], lease: Lease) => Observable<Revision>
  /** How long a lease, of any client, has left; emits once, completes. */
  readonly remaining: (leaseId: string) => Observable<Remaining>
}

/** Options of {@link ClosableRegistry.close}. */
export interface CloseOptions {
  /** How long to wait for revokes that are not answered, ms. @default 2000 */
  readonly timeout?: number
}

/** A registry that holds resources. `close` revokes every lease, waits for the answers, and lets the process exit. */
export interface ClosableRegistry extends Registry {
  readonly close: (options?: CloseOptions) => Promise<void>
}
