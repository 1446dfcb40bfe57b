import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hash } from '../../../src/core/balance/hash.js'

/** The text whose UTF-16 code units, the low byte first, are these bytes. */
const textOf = (bytes: readonly number[]): string =>
  String.fromCharCode(...bytes.flatMap((low, at) => (at % 2 === 0 ? [low | ((bytes[at + 1] ?? 0) << 8)] : [])))
const ascii = (text: string): readonly number[] => Array.from(text, letter => letter.charCodeAt(0))
const utf8 = (text: string): readonly number[] => [...new TextEncoder().encode(text)]

const count = (counts: number[], at: number, by = 1): void => {
  counts[at] = (counts[at] ?? 0) + by
}

/** Seeds in a fixed order without a visible pattern. */
const seeds = (length: number): readonly number[] => Array.from({ length }, (_, at) => Math.imul(at + 1, 0x9e3779b9) >>> 0)

/** Pearson's statistic of counts that should be equal, as standard deviations from its mean. */
const excess = (counts: readonly number[]): number => {
  const mean = counts.reduce((a, b) => a + b, 0) / counts.length
  const degrees = counts.length - 1
  return (counts.reduce((sum, each) => sum + (each - mean) ** 2 / mean, 0) - degrees) / Math.sqrt(2 * degrees)
}

describe('hash', () => {
  // what MurmurHash3_x86_32 gives for an even number of bytes: https://stackoverflow.com/questions/14747343/murmurhash3-test-vectors
  it.each([
    [[], 0, 0],
    [[], 1, 0x514e28b7],
    [[], 0xffffffff, 0x81f16f39],
    [[0xff, 0xff, 0xff, 0xff], 0, 0x76293b50],
    [[0x21, 0x43, 0x65, 0x87], 0, 0xf55b516b],
    [[0x21, 0x43, 0x65, 0x87], 0x5082edee, 0x2362f9de],
    [[0x21, 0x43], 0, 0xa0f7b07a],
    [[0, 0, 0, 0], 0, 0x2362f9de],
    [[0, 0], 0, 0x30f4c306],
    [ascii('aaaa'), 0x9747b28c, 0x5a97808a],
    [ascii('aa'), 0x9747b28c, 0x5d211726],
    [ascii('abcd'), 0x9747b28c, 0xf0478627],
    [ascii('ab'), 0x9747b28c, 0x74875592],
    [ascii('abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq'), 0, 0xee925b90],
    [ascii('a'.repeat(256)), 0x9747b28c, 0x37405bdc],
    [utf8('π'.repeat(8)), 0x9747b28c, 0xd58063c1],
  ])('is MurmurHash3_x86_32 of the code units: %j, seed %i', (bytes, seed, expected) => {
    expect(hash(textOf(bytes), seed)).toBe(expected)
  })

  it('returns the same unsigned 32-bit integer each time, for any string and seed', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 40 }), fc.double(), (units, seed) => {
        const text = String.fromCharCode(...units)
        const value = hash(text, seed)
        expect(value >>> 0 === value && hash(text, seed) === value).toBe(true)
      }),
    )
  })

  it('gives different hashes to strings that differ only in a lone surrogate or a trailing zero', () => {
    expect(new Set(['', '\0', '\0\0', '\ud800', '\ud801', 'a', 'a\0'].map(text => hash(text))).size).toBe(7)
  })

  it('spreads similar names evenly over tables of every size', () => {
    for (const size of [2, 7, 64, 1000, 10_007])
      for (const seed of seeds(3)) {
        const counts = Array.from({ length: size }, () => 0)
        for (let index = 0; index < size * 10; index += 1)
          count(counts, hash(`10.0.${index >> 8}.${index & 255}:8000`, seed) % size)
        expect(Math.abs(excess(counts))).toBeLessThan(4)
      }
  })

  it('flips each output bit with probability one half when one bit of the string or the seed changes', () => {
    const trials = 2_000
    const flips = (other: (text: string, seed: number) => number): readonly number[] => {
      const counts = Array.from({ length: 32 }, () => 0)
      for (const [index, seed] of seeds(trials).entries()) {
        const text = `key-${index}`
        const changed = hash(text, seed) ^ other(text, seed)
        for (let bit = 0; bit < 32; bit += 1) count(counts, bit, (changed >>> bit) & 1)
      }
      return counts.map(flipped => flipped / trials)
    }
    const within = 5 * Math.sqrt(0.25 / trials)
    const flippedAt = (text: string, at: number, bit: number): string =>
      text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ (1 << bit)) + text.slice(at + 1)
    for (let bit = 0; bit < 16; bit += 1)
      for (const at of [0, 3, 4])
        for (const share of flips((text, seed) => hash(flippedAt(text, at, bit), seed))) expect(Math.abs(share - 0.5)).toBeLessThan(within)
    for (let bit = 0; bit < 32; bit += 1)
      for (const share of flips((text, seed) => hash(text, seed ^ (1 << bit)))) expect(Math.abs(share - 0.5)).toBeLessThan(within)
  })

  it('gives two independent hashes with two seeds', () => {
    const side = 16
    const counts = Array.from({ length: side * side }, () => 0)
    for (let index = 0; index < 100 * side * side; index += 1)
      count(counts, (hash(`node${index}`, 0) % side) * side + (hash(`node${index}`, 1) % side))
    expect(Math.abs(excess(counts))).toBeLessThan(4)
  })
})
