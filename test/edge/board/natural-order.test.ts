import fc from 'fast-check'
import { expect, it } from 'vitest'
import { naturalOrder } from '../../../src/edge/board/natural-order.js'

it('orders names as people count', () => {
  const names = ['service-100', 'service-20', 'service-3', 'service-020', 'Service-3', 'a/b', 'a']
  expect(names.sort(naturalOrder)).toEqual(['a', 'a/b', 'service-3', 'Service-3', 'service-020', 'service-20', 'service-100'])
})

it('is a total order: only the same text is equal', () => {
  const name = fc.oneof(fc.string(), fc.stringMatching(/^[a-c0-2-]{0,6}$/))
  fc.assert(
    fc.property(name, name, name, (a, b, c) => {
      expect(Math.sign(naturalOrder(a, b))).toBe(0 - Math.sign(naturalOrder(b, a)))
      expect(naturalOrder(a, b) === 0).toBe(a === b)
      if (naturalOrder(a, b) <= 0 && naturalOrder(b, c) <= 0) expect(naturalOrder(a, c)).toBeLessThanOrEqual(0)
    }),
  )
})
