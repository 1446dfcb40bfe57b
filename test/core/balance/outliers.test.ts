import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ejectable, ejectionTime, outlierOptions, outliersOf, outlying, type Tally } from '../../../src/core/balance/outliers.js'
import { invalidIf } from '../../../src/core/validation.js'

const defaults = outliersOf({})
const tallies = (...pairs: readonly (readonly [successes: number, failures: number])[]): readonly Tally[] => pairs.map(([successes, failures]) => ({ successes, failures }))
const worst = (all: readonly Tally[], options = {}): readonly number[] => outlying(all, outliersOf(options)).map(tally => all.indexOf(tally))
const same = (count: number, successes: number, failures: number) => Array.from({ length: count }, () => [successes, failures] as const)

describe('ejections', () => {
  it('last 30 s × the number of recent ejections, 300 s at most', () => {
    expect([1, 2, 9, 10, 11, 99].map(count => ejectionTime(count, defaults) / 1000)).toEqual([30, 60, 270, 300, 300, 300])
    expect(ejectionTime(1, { base: 600_000, max: 300_000 })).toBe(600_000)
  })
  it('affect at most 10 % of the instances that are up, but always one', () => {
    expect([1, 2, 9, 10, 19, 20, 100].map(up => ejectable(up, defaults))).toEqual([1, 1, 1, 1, 1, 2, 10])
    expect(ejectable(100, { share: 0 })).toBe(0)
  })
})

describe('a success rate', () => {
  it('is an outlier below mean − 1.9 σ', () => {
    // rates 1, 1, 1, 1, 0.9: mean 0.98, σ 0.04, the limit is 0.904
    expect(worst(tallies(...same(4, 100, 0), [90, 10]))).toEqual([4])
    // rates 1, 1, 1, 0.9, 0.9: mean 0.96, σ 0.049, the limit is 0.867
    expect(worst(tallies(...same(3, 100, 0), ...same(2, 90, 10)))).toEqual([])
  })
  it('is not compared among fewer than five instances with 100 calls each', () => {
    expect(worst(tallies(...same(3, 100, 0), [10, 90], [99, 0]), { failures: Infinity })).toEqual([])
    expect(worst(tallies(...same(4, 100, 0), [9, 90]), { failures: Infinity })).toEqual([])
  })
  it('is no outlier if all others are as low', () => {
    expect(worst(tallies(...same(9, 50, 50)))).toEqual([])
  })
})

describe('a failure percentage', () => {
  const only = { deviations: Infinity }
  it('is an outlier from 85 % of at least 50 calls', () => {
    expect(worst(tallies(...same(4, 50, 0), [15, 85]), only)).toEqual([4])
    expect(worst(tallies(...same(4, 50, 0), [16, 84]), only)).toEqual([])
    expect(worst(tallies(...same(4, 50, 0), [0, 49]), only)).toEqual([])
    expect(worst(tallies(...same(3, 50, 0), [0, 50]), { ...only, few: Infinity })).toEqual([])
  })
  it('lists the worst instance first', () => {
    expect(worst(tallies([10, 90], ...same(4, 50, 0), [0, 100], [5, 95]), only)).toEqual([5, 6, 0])
  })
})

describe('a failure percentage of fewer than five instances', () => {
  it('is an outlier from 50 % of at least 10 calls, if the others together fail less than half as often', () => {
    expect(worst(tallies(...same(3, 10, 0), [5, 5]))).toEqual([3])
    expect(worst(tallies([10, 0], [1, 9]))).toEqual([1])
    expect(worst(tallies(...same(3, 10, 0), [6, 5]))).toEqual([])
    expect(worst(tallies(...same(3, 10, 0), [4, 5]))).toEqual([])
    expect(worst(tallies(...same(3, 7, 3), [5, 5]))).toEqual([])
    expect(worst(tallies(...same(3, 8, 2), [5, 5]))).toEqual([3])
  })
  it('is not compared without others, nor with `few` or `failures` at Infinity', () => {
    expect(worst(tallies([0, 100]))).toEqual([])
    for (const off of [{ few: Infinity }, { failures: Infinity }]) expect(worst(tallies(...same(3, 10, 0), [0, 10]), off)).toEqual([])
  })
})

describe('outliersOf', () => {
  it('fills in the defaults, and switches every rule off for false', () => {
    expect(outliersOf(false)).toMatchObject({ consecutive: Infinity, deviations: Infinity, failures: Infinity })
    expect(outliersOf({ consecutive: undefined })).toEqual(defaults)
    expect(outliersOf({ consecutive: 3 })).toMatchObject({ consecutive: 3, deviations: 1.9, failures: 85, base: 30_000, max: 300_000, share: 10, hosts: 5, calls: 100 })
    expect(outlierOptions(defaults)).toBeUndefined()
    expect(outlierOptions(outliersOf(false))).toBeUndefined()
  })
  it.each([['consecutive', -1], ['share', NaN], ['base', -1], ['interval', Infinity], ['deviations', NaN]])('refuses %s = %d', (name, value) => {
    expect(invalidIf('outliers', outlierOptions, { [name]: value })?.message).toContain(`outliers.${name} must be a number`)
  })
})

it('outlying lists each instance at most once, and only instances that it was given', () => {
  const tally = fc.record({ successes: fc.nat(300), failures: fc.nat(300) })
  fc.assert(
    fc.property(fc.array(tally, { maxLength: 20 }), all => {
      const found = outlying(all, defaults)
      expect(new Set(found).size).toBe(found.length)
      expect(found.every(each => all.includes(each))).toBe(true)
    }),
  )
})
