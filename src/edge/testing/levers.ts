import type { Revision } from '../../core/store.js'

type Eventually<T> = T | Promise<T>

/** Undoes a lever. */
export type Release = () => Eventually<void>

/**
 * What a contract case may do to a registry behind its back; each is optional, and the cases that need a missing one are skipped.
 * `memoryRegistry()` has all of them.
 */
export interface Levers {
  /** Cuts every connection, and refuses new ones for `forMs`. */
  readonly interrupt?: (forMs?: number) => Eventually<void>
  /** Compacts the history up to now. */
  readonly compact?: () => Eventually<void>
  /** Ends a lease behind its holder's back. */
  readonly expire?: (leaseId: string) => Eventually<void>
  /** Stops the registry from answering. */
  readonly freeze?: () => Eventually<Release>
  /** Replaces the history by an older one. */
  readonly rewind?: () => Eventually<void>
  /** Denies every call. */
  readonly deny?: () => Eventually<Release>
  /** Holds back what watches deliver. */
  readonly lag?: () => Eventually<Release>
  /** Lets the next lease be granted, but loses the answer. */
  readonly loseGrant?: () => Eventually<void>
  /** A plain put or delete by another hand. */
  readonly write?: (key: string, value: string | null, options?: { readonly lease?: string }) => Eventually<Revision | undefined>
  /** The leases alive in the registry, whoever holds them. */
  readonly leases?: () => Eventually<readonly string[]>
}
