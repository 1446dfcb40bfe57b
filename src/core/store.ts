/** A point in a registry's history (etcd's `mod_revision` or header revision), always below 2^53. */
export type Revision = number

/** A guarded write of one key: `value: null` deletes it; `expect` is the revision at which the writer last saw it, 0 if it was absent. */
export interface Entry {
  readonly key: string
  readonly value: string | null
  readonly expect: Revision
}

/** The content of a key since `revision`, and its lease (`'0'`: none); `value: null` if it was deleted. */
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

// In a `u` pattern \p{Cs} matches only surrogates without their partner.
const loneSurrogate = /\p{Cs}/u
// Most strings have none, and this test is five times as fast where characters take two bytes.
const anySurrogate = /[\ud800-\udfff]/

/** Whether a text has no lone surrogate. etcd stores bytes: a key or value that is not UTF-8 is read as a text with lone surrogates. */
export const isUnicode = (text: string): boolean => !anySurrogate.test(text) || !loneSurrogate.test(text)

/** The printable form of a text: each lone surrogate becomes `\ufffd`. */
export const wellFormed = (text: string): string => (isUnicode(text) ? text : text.replace(/\p{Cs}/gu, '\ufffd'))

/** The content of a range at one revision, or one part of it, sorted by key. */
export interface Listing {
  /** The id of the cluster that answered. */
  readonly cluster: string
  readonly revision: Revision
  readonly changes: readonly Change[]
}

/** The changes of whole revisions, in order; `revision` is the last of them. A batch without changes reports progress. */
export interface Batch {
  /** The id of the cluster that answered. */
  readonly cluster: string
  readonly revision: Revision
  readonly changes: readonly Change[]
}

/** The state of a range at `revision`: the number of its keys, and those that changed after the requested revision. */
export interface Check {
  readonly revision: Revision
  readonly count: number
  readonly changed: readonly { readonly key: string; readonly revision: Revision; readonly lease: string }[]
}

/** How long a lease lasts unless it is renewed. */
export interface Remaining {
  /** The granted TTL, seconds; 0 if there is no such lease. */
  readonly granted: number
  /** Whole seconds until the lease expires; -1 if there is no such lease. */
  readonly left: number
  /** The raft term of the answer. A new leader extends every lease, so compare answers within one term only. */
  readonly term: string
}

/** A lease as of its last confirmed renewal: `id` in decimal, `ttl` as granted in seconds, `expiresAt` in epoch ms. */
export interface Lease {
  readonly id: string
  readonly ttl: number
  readonly expiresAt: number
  readonly renewals: number
}
