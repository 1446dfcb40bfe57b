const rotated = (word: number, bits: number): number => (word << bits) | (word >>> (32 - bits))

const stirred = (word: number): number => Math.imul(rotated(Math.imul(word, 0xcc9e2d51), 15), 0x1b873593)

/** Spreads each bit of a 32-bit number over all others, one to one (MurmurHash3, `fmix32`). */
export const spread = (word: number): number => {
  const half = Math.imul(word ^ (word >>> 16), 0x85ebca6b)
  const most = Math.imul(half ^ (half >>> 13), 0xc2b2ae35)
  return (most ^ (most >>> 16)) >>> 0
}

/**
 * The hash of a string, from 0 to 2³² − 1: MurmurHash3_x86_32 (A. Appleby, SMHasher) of its UTF-16 code units, the low byte first. Two seeds give two
 * independent hashes. Not for secrets: strings that collide can be found if the seed is known.
 */
export const hash = (text: string, seed = 0): number => {
  const paired = text.length & ~1
  let state = seed
  for (let at = 0; at < paired; at += 2)
    state = (Math.imul(rotated(state ^ stirred(text.charCodeAt(at) | (text.charCodeAt(at + 1) << 16)), 13), 5) + 0xe6546b64) | 0
  if (paired < text.length) state ^= stirred(text.charCodeAt(paired))
  return spread(state ^ (text.length * 2))
}
