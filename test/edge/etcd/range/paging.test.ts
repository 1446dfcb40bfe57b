import { describe, expect, it } from 'vitest'
import { paging } from '../../../../src/edge/etcd/range/paging.js'

/** Lists so many keys over a line that carries so many a second, after a delay; ms, or `undefined` when it never ends. */
const list = (keys: number, perSecond: number, delay: number, pages = paging()): number | undefined => {
  let total = 0
  for (let attempt = 0; attempt < 20; attempt++) {
    let left = keys
    while (left > 0) {
      const page = Math.min(left, pages.limit())
      const needed = delay + (page * 1_000) / perSecond
      const took = Math.min(needed, pages.deadline())
      total += took
      if (took < needed) {
        pages.failed(took)
        break
      }
      pages.came(took)
      left -= page
    }
    if (left <= 0) return total
  }
  return undefined
}

describe('paging', () => {
  it('asks for large pages on a fast line, and after a failure that does not depend on the size', () => {
    const pages = paging()
    pages.failed(20)
    expect(list(100_000, 200_000, 1, pages)).toBeCloseTo(510)
    expect([pages.limit(), pages.deadline()]).toEqual([10_000, 5_000])
  })
  it('reads 2,000 keys over a line of 70 keys a second, in little more time than the line needs', () => {
    const took = list(2_000, 70, 1) ?? Infinity
    expect(took).toBeGreaterThan((2_000 / 70) * 1_000)
    expect(took).toBeLessThan((2_000 / 70) * 1_000 * 1.6)
  })
  it('also reads a key of a megabyte over it', () => {
    expect(list(1, 0.02, 1)).toBeDefined()
  })
  it('keeps large pages on a line with a long delay', () => {
    const pages = paging()
    expect(list(5_000, 1_000_000, 1_400, pages)).toBeCloseTo(1_405)
    expect(pages.limit()).toBe(10_000)
  })
  it('keeps large pages on a line with a delay that alone is longer than a slow page', () => {
    const pages = paging()
    for (let listing = 0; listing < 10; listing++) expect(list(15_000, 1_000_000, 2_200, pages)).toBeLessThan(4 * 2_300)
    expect(pages.limit()).toBe(10_000)
  })
  it('asks for large pages after the first call to a member that is far away failed', () => {
    const pages = paging()
    pages.failed(1_500)
    expect(pages.limit()).toBe(10_000)
  })
  it('asks for larger pages again when the line is faster again', () => {
    const pages = paging()
    list(2_000, 70, 1, pages)
    list(20_000, 200_000, 1, pages)
    expect(pages.limit()).toBe(10_000)
  })
})
