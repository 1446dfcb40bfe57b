import { defer, interval, map, NEVER, of, repeat, Subscription, timer } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { memoryRegistry } from 'rx-discovery/memory'
import { virtually } from 'rx-discovery/testing'
import { LeaseLost } from '../../../src/core/errors.js'
import { now } from '../../../src/flow/clock.js'

describe('virtually', () => {
  it('makes durations virtual, and real again after the test', () => {
    const seen: number[] = []
    virtually(({ advance }) => {
      seen.push(now())
      advance(1500)
      seen.push(now())
      timer(500).subscribe(() => seen.push(now()))
    })
    expect(seen).toEqual([0, 1500, 2000])
    expect(now()).not.toBe(2000)
  })

  it('compares marbles of the registry', () => virtually(({ cold, expectObservable }) => {
    const registry = memoryRegistry()
    const renewals = registry.lease(3).pipe(map(lease => lease.renewals))
    expectObservable(renewals, '^ 2500ms !').toBe('0 999ms 1 999ms 2', [0, 1, 2])
    expectObservable(registry.lease(3, cold('1500ms x')).pipe(map(lease => lease.renewals))).toBe('0 999ms 1 499ms |', [0, 1])
    cold('5s x').subscribe(() => expect(registry.leases()).toEqual([]))
  }))

  it('compares values by content, errors by class and message', () => {
    const lost = (id: string) => virtually(({ cold, expectObservable }) =>
      expectObservable(cold('a#', { a: { set: new Set([1]), map: new Map([['a', [1]]]), absent: undefined } }, new LeaseLost('1')))
        .toBe('a#', { a: { set: new Set([1]), map: new Map([['a', [1]]]) } }, new LeaseLost(id)))
    expect(() => lost('1')).not.toThrow()
    expect(() => lost('2')).toThrow('- at 1: error LeaseLost: lease 2 is lost: expired or revoked\n+ at 1: error LeaseLost: lease 1')
  })

  it.each([
    ['another value', { a: 1 }, { a: 2 }],
    ['another class', new LeaseLost('1'), new Error(new LeaseLost('1').message)],
    ['a field less', { a: 1, b: 1 }, { a: 1 }],
    ['an element less', [1, 2], [1]],
    ['another set', new Set([1]), new Set([2])],
    ['null', {}, null],
  ])('finds %s', (_, actual, expected) => {
    expect(() => virtually(({ expectObservable }) => expectObservable(of(actual)).toBe('(a|)', { a: expected }))).toThrow('not what was expected')
  })

  it('accepts another comparison', () => {
    const compared: unknown[] = []
    virtually(({ expectObservable }) => expectObservable(NEVER).toBe('a'), (actual, expected) => compared.push(actual, expected))
    expect(compared).toEqual([[], [{ frame: 0, notification: { kind: 'N', value: 'a', error: undefined } }]])
  })

  it('starts hot Observables when the test advances time', () => virtually(({ hot, advance }) => {
    const seen: string[] = []
    hot('-a-b').subscribe(value => seen.push(value))
    advance(2)
    expect(seen).toEqual(['a'])
  }))

  it('lets one of two timers that are due at the same time stop the other', () => virtually(({ advance, now }) => {
    const seen: number[] = []
    const other = new Subscription()
    const ticking = interval(1000).subscribe(count => {
      seen.push(now())
      if (count === 1) other.unsubscribe()
    })
    advance(500)
    other.add(timer(1500).subscribe(() => seen.push(-1)))
    advance(2500)
    ticking.unsubscribe()
    expect(seen).toEqual([1000, 2000, 3000])
  }))

  it('fails after one virtual day, if time stands still, and for promises', () => {
    const registry = memoryRegistry()
    expect(() => virtually(() => void registry.lease(5).subscribe())).toThrow('one virtual day passed')
    expect(() => virtually(() => void defer(() => timer(0)).pipe(repeat()).subscribe())).toThrow('virtual time stands still at 0 ms')
    // eslint-disable-next-line @typescript-eslint/no-misused-promises -- what is tested
    expect(() => virtually(async () => undefined)).toThrow('cannot be async')
  })
})
