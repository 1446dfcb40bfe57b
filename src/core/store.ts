/** A point in a registry's history (etcd's `mod_revision` or header revision), always below 2^53. */
export type Revision = number

/** A write: `value: null` deletes; `expect` is the revision last seen at the key, 0 when it was absent. */
export interface Entry {
  readonly key: string
  readonly value: string | null
  readonly expect: Revision
}

/** What a key holds since `revision`, and under which lease (`'0'`: none); `value: null` when it was deleted. */
export interface Change {
  readonly key: string
  readonly value: string | null
  readonly lease: string
  readonly revision: Revision
}

/** A range of keys: every key that starts with a string, or exactly one key. An exact key needs fewer permissions and reads no siblings. */
export type Range = string | { readonly key: string }

/** Whether a key lies in a range. */
export const covers = (range: Range, key: string): boolean => (typeof range === 'string' ? key.startsWith(range) : key === range.key)

/** Everything in a range at one revision, or one part of it, sorted by key. */
export interface Listing {
  /** The id of the cluster that answered. */
  readonly cluster: string
  readonly revision: Revision
  readonly changes: readonly Change[]
}

/** Whole revisions of changes, in order; `revision` is the last one delivered whole. Without changes it is progress. */
export interface Batch {
  /** The id of the cluster that answered. */
  readonly cluster: string
  readonly revision: Revision
  readonly changes: readonly Change[]
}

/** What a prefix held at `revision`: how many keys, and which of them changed after the revision asked about. */
export interface Check {
  readonly revision: Revision
  readonly count: number
  readonly changed: readonly { readonly key: string; readonly revision: Revision; readonly lease: string }[]
}

/** What is left of a lease, in whole seconds; `left` is -1 if there is no such lease. */
export interface Remaining {
  /** The TTL that was granted, seconds. */
  readonly granted: number
  /** Seconds until the lease expires unless it is renewed; -1: it does not exist. */
  readonly left: number
  /** The raft term of the answer: a new leader extends every lease, so two answers compare only within one term. */
  readonly term: string
}

/** A lease as last confirmed: `id` in decimal, `ttl` as granted in seconds, `expiresAt` in epoch ms. */
export interface Lease {
  readonly id: string
  readonly ttl: number
  readonly expiresAt: number
  readonly renewals: number
}
