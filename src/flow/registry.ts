import type { Observable } from 'rxjs'
import type { Batch, Check, Entry, Lease, Listing, Range, Remaining, Revision } from '../core/store.js'

/** Options of {@link ReadableRegistry.list}. */
export interface ListOptions {
  /** A past revision to list. Errors `Compacted` if it can no longer be read, `Rewound` if it is in the future. @default the latest */
  readonly at?: Revision
  /** Reads from one member without asking its leader (serializable): it works without quorum, and may be behind. @default false */
  readonly local?: boolean
}

/** A registry that can be read: what `discover` and `catalog` need. Every verb is cold: nothing happens until it is subscribed. */
export interface ReadableRegistry {
  /**
   * Lists everything in the range at one revision, linearizable, in key order. It emits at least one part, also if the range is empty; the first parts can
   * be processed while the others are under way. A part of another revision than the part before begins the listing again. Completes.
   */
  readonly list: (range: Range, options?: ListOptions) => Observable<Listing>
  /**
   * Emits the changes in the range after `from`, whole revisions at a time. Once it has delivered everything up to the registry's revision at subscription,
   * it emits a batch of at least that revision, empty if need be. Later empty batches report progress. Never completes.
   * Errors `Compacted` or `Rewound` if the history after `from` is gone, `Disconnected` or `Lagging` if it cannot be followed now.
   */
  readonly watch: (range: Range, from: Revision) => Observable<Batch>
  /**
   * Emits how many keys the range has, and which of them changed after `since`, linearizable; completes. Errors `Rewound` if `since` is in the future.
   */
  readonly check: (range: Range, since: Revision) => Observable<Check>
}

/** A registry that can be written: what `register` needs. */
export interface Registry extends ReadableRegistry {
  /**
   * Grants a lease of `ttlSeconds` on subscribe, emits it at the grant and at each renewal, and revokes it on unsubscribe. After `expiresAt` the lease must
   * be presumed lost. It is still renewed: it emits again if it is alive, and errors `LeaseLost` once the registry has reported that it is gone.
   * The first value of `end` revokes the lease: the Observable completes once that is done or the granted TTL has passed, and errors with what refused the
   * revoke, such as `Denied`. If the registry is closed, it errors `Closed` once the lease is revoked, or `Closed` with a `cause` if that was refused or
   * not answered within the timeout of `close`.
   */
  readonly lease: (ttlSeconds: number, end?: Observable<unknown>) => Observable<Lease>
  /**
   * Writes `entries` under `lease` in one transaction, each guarded by its `expect`; emits the revision, completes. Errors `Taken` with the current content
   * of all keys if a guard fails, and `LeaseLost` if the lease is gone.
   */
  readonly put: (entries: readonly Entry[], lease: Lease) => Observable<Revision>
  /** Emits the granted TTL of a lease, of any client, and what is left of it; completes. */
  readonly remaining: (leaseId: string) => Observable<Remaining>
}

/** Options of {@link ClosableRegistry.close}. */
export interface CloseOptions {
  /** How long to wait for revokes that are not answered, ms; the leases then expire at the end of their TTL. @default 2000 */
  readonly timeout?: number
}

/** A registry that holds resources such as connections. */
export interface ClosableRegistry extends Registry {
  /**
   * Ends every subscription with `Closed`, revokes every lease, waits for the answers, and lets the process exit. Resolves after `timeout` at the latest;
   * rejects with `InvalidArgument` if that is not a duration. May be called again.
   */
  readonly close: (options?: CloseOptions) => Promise<void>
}
