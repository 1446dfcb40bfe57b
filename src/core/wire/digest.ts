import { hash } from '../balance/hash.js'
import type { Revision } from '../store.js'

/** A sum of 64 bits over entries, as two sums of 32 bits. Equal contents have equal sums, in whatever order their entries were added. */
export interface Digest {
  readonly high: number
  readonly low: number
}

/** The digest of no entries. */
export const noDigest: Digest = { high: 0, low: 0 }

/** The part of one entry in a digest. */
export const digestOf = (key: string, revision: Revision, value: string): Digest => {
  const text = `${key}\0${revision}\0${value}`
  return { high: hash(text, 0x9e3779b9), low: hash(text) }
}

/** A digest with one more part. */
export const withPart = (sum: Digest, part: Digest): Digest => ({ high: (sum.high + part.high) >>> 0, low: (sum.low + part.low) >>> 0 })

/** A digest with one part less. */
export const withoutPart = (sum: Digest, part: Digest): Digest => ({ high: (sum.high - part.high) >>> 0, low: (sum.low - part.low) >>> 0 })

const hex = (word: number): string => word.toString(16).padStart(8, '0')

/** A digest as 16 hexadecimal digits. */
export const digestText = ({ high, low }: Digest): string => hex(high) + hex(low)
