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

/** Everything under a prefix at one revision, sorted by key. */
export interface Listing {
  readonly revision: Revision
  readonly changes: readonly Change[]
}

/** Whole revisions of changes, in order; `revision` is the last one delivered whole. Without changes it is progress. */
export interface Batch {
  readonly revision: Revision
  readonly changes: readonly Change[]
}

/** What a prefix held at `revision`: how many keys, and which of them changed after the revision asked about. */
export interface Check {
  readonly revision: Revision
  readonly count: number
  readonly changed: readonly { readonly key: string; readonly revision: Revision; readonly lease: string }[]
}

/** A lease as last confirmed: `id` in decimal, `ttl` as granted in seconds, `expiresAt` in epoch ms. */
export interface Lease {
  readonly id: string
  readonly ttl: number
  readonly expiresAt: number
  readonly renewals: number
}
