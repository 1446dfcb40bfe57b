import fc from 'fast-check'
import { expect, it } from 'vitest'
import { digestOf, digestText, noDigest, withoutPart, withPart } from '../../../src/core/wire/digest.js'

const entry = fc.tuple(fc.string(), fc.nat(), fc.string())

it('a digest depends on all entries, and not on their order', () => {
  fc.assert(
    fc.property(fc.uniqueArray(entry, { minLength: 1, maxLength: 20, selector: each => JSON.stringify(each) }), entries => {
      const parts = entries.map(each => digestOf(...each))
      const sum = parts.reduce(withPart, noDigest)
      expect([...parts].reverse().reduce(withPart, noDigest)).toEqual(sum)
      expect(parts.reduce(withoutPart, sum)).toEqual(noDigest)
      const [first = noDigest] = parts
      expect(digestText(withoutPart(sum, first))).not.toBe(digestText(sum))
      expect(digestText(sum)).toMatch(/^[\da-f]{16}$/)
    }),
  )
})
it('key, revision and value count, each for itself', () => {
  const all = [digestOf('a', 1, 'b'), digestOf('b', 1, 'a'), digestOf('a', 2, 'b'), digestOf('a1', 1, 'b'), digestOf('a', 11, 'b'), digestOf('a', 1, '1b')]
  expect(new Set(all.map(digestText)).size).toBe(all.length)
})
