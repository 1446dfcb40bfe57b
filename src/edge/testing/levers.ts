import type { Revision } from '../../core/store.js'

type Eventually<T> = T | Promise<T>

/** Undoes a lever. */
export type Release = () => Eventually<void>

/**
 * Faults that a contract case causes in the registry under test. Each lever is optional: if one is missing, the cases that need it are reported as skipped.
 * `memoryRegistry()` has all of them, so it can be passed as its own levers.
 */
export interface Levers {
  /** Cuts every connection, and refuses new ones for `forMs` (ms). @default 0 */
  readonly interrupt?: (forMs?: number) => Eventually<void>
  /** Compacts the history up to the current revision. */
  readonly compact?: () => Eventually<void>
  /** Ends a lease as if it had expired; its client finds out at the next renewal. */
  readonly expire?: (leaseId: string) => Eventually<void>
  /** Stops the registry from answering, without closing connections, until released. */
  readonly freeze?: () => Eventually<Release>
  /** Replaces the history by an older one. */
  readonly rewind?: () => Eventually<void>
  /** Denies every call until released. */
  readonly deny?: () => Eventually<Release>
  /** Delays what watches deliver until released; other calls are answered. */
  readonly lag?: () => Eventually<Release>
  /** Lets the registry grant the next lease, but loses the answer. */
  readonly loseGrant?: () => Eventually<void>
  /** Puts or deletes (`null`) a key as another client would, without a guard. @default no lease */
  readonly write?: (key: string, value: string | null, options?: { readonly lease?: string }) => Eventually<Revision | undefined>
  /** The ids of all leases that are alive in the registry, of any client. */
  readonly leases?: () => Eventually<readonly string[]>
}
