import { BehaviorSubject, concat, NEVER, of } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { serviceSet } from 'rx-discovery'
import { virtually } from 'rx-discovery/testing'
import { answering, chosen, failing, inFlight, inTurn, node, nodes, silent, statesOf } from './balance-scene.js'
import { see } from '../scene.js'

describe('call statistics', () => {
  it('are kept across sets, and for a minute after the instance left', () => virtually(({ advance }) => {
    const sets = new BehaviorSubject(nodes('a', 'b'))
    const web = inTurn(sets)
    const states = see(web.state$)
    see(web.use(answering(30)))
    advance(30)
    sets.next(nodes(node('a', { version: '2' }), 'b', 'c'))
    sets.next(nodes('b', 'c'))
    expect([...statesOf(web).keys()]).toEqual(['b', 'c'])
    advance(60_000)
    sets.next(nodes('a', 'b', 'c'))
    expect(statesOf(web).get('a')?.latency).toBe(30)
    sets.next(nodes('b', 'c'))
    advance(60_001)
    sets.next(nodes('a', 'b', 'c'))
    expect(statesOf(web).get('a')?.latency).toBeUndefined()
    states.stop()
  }))

  it('outlive the subscription to the sets', () => virtually(({ advance }) => {
    const web = inTurn(new BehaviorSubject(nodes('a')), { linger: 0 })
    see(web.use(answering(30)))
    advance(30)
    advance(3_600_000)
    expect(statesOf(web).get('a')?.latency).toBe(30)
  }))

  it('still count the calls of an instance that drains, or that left and came back', () => virtually(({ advance }) => {
    const sets = new BehaviorSubject(nodes('a', 'b'))
    const web = inTurn(sets)
    const call = see(web.use(answering(100)))
    sets.next(nodes(node('a', { status: 'draining' }), 'b'))
    expect([inFlight(web), chosen(web), chosen(web)]).toEqual([{ a: 1, b: 0 }, 'b', 'b'])
    sets.next(nodes('b'))
    sets.next(nodes('a', 'b'))
    expect(inFlight(web)).toEqual({ a: 1, b: 0 })
    advance(100)
    expect([inFlight(web), call.values]).toEqual([{ a: 0, b: 0 }, ['a']])
  }))

  it('are shown while an answered call goes on', () => virtually(({ advance }) => {
    const web = inTurn(new BehaviorSubject(nodes('a')), { outliers: { interval: 0 } })
    const { last, stop } = see(web.state$)
    const call = see(web.use(() => concat(answering(1_500)(node('a')), NEVER)))
    advance(1_000)
    expect(last().get('a')?.latency).toBeUndefined()
    advance(1_000)
    expect(last().get('a')).toMatchObject({ inFlight: 1, latency: 1_500 })
    call.stop()
    stop()
  }))

  it('are emitted at subscription, and after a change at most once a second', () => virtually(({ advance }) => {
    const sets = new BehaviorSubject(nodes('a'))
    const web = inTurn(sets, { outliers: { interval: 0 } })
    const { values, stop } = see(web.state$)
    expect(values).toEqual([new Map([['a', { inFlight: 0, latency: undefined, failures: 0, ejectedUntil: undefined }]])])
    for (let turn = 0; turn < 20; turn += 1) {
      see(web.use(answering(10)))
      advance(90)
    }
    expect(values).toHaveLength(2)
    advance(200)
    expect(values).toHaveLength(3)
    advance(10_000)
    expect(values).toHaveLength(3)
    stop()
  }))
})

describe('an instance that fails', () => {
  const five = nodes('a', 'b', 'c', 'd', 'e')
  const all = (web: ReturnType<typeof inTurn>, count = 10) => new Set(Array.from({ length: count }, () => chosen(web)))
  const fail = (web: ReturnType<typeof inTurn>, id: string, times = 5): void => {
    for (let turn = 0; turn < times * 5; turn += 1) see(web.use(instance => (instance.id === id ? failing() : of(1))))
  }

  it('five times in a row is ejected for 30 s, the next time for 60 s', () => virtually(({ advance, now }) => {
    const web = inTurn(of(five))
    const { stop } = see(web.state$)
    fail(web, 'c', 4)
    expect(all(web).has('c')).toBe(true)
    fail(web, 'c', 1)
    expect([all(web).has('c'), statesOf(web).get('c')]).toEqual([false, { inFlight: 0, latency: 0, failures: 5, ejectedUntil: now() + 30_000 }])
    advance(29_999)
    expect(all(web).has('c')).toBe(false)
    advance(1)
    expect([all(web).has('c'), statesOf(web).get('c')?.ejectedUntil]).toEqual([true, undefined])
    fail(web, 'c')
    expect(statesOf(web).get('c')?.ejectedUntil).toBe(now() + 60_000)
    stop()
  }))

  it.each(['is watched', 'gets no calls'])('loses one ejection from its count in each clean interval, while it %s', how => virtually(({ advance, now }) => {
    const web = inTurn(of(five), { outliers: { base: 1_000 } })
    const looking = see(web.state$)
    fail(web, 'c')
    advance(1_000)
    fail(web, 'c')
    expect(statesOf(web).get('c')?.ejectedUntil).toBe(now() + 2_000)
    if (how !== 'is watched') looking.stop()
    advance(50_000)
    fail(web, 'c')
    expect(statesOf(web).get('c')?.ejectedUntil).toBe(now() + 1_000)
    looking.stop()
  }))

  it('too often in an interval is ejected from the end of that interval, however late it is checked', () => virtually(({ advance, now }) => {
    const web = inTurn(of(nodes('a', 'b', 'c', 'd', 'e', 'f')), { outliers: { consecutive: Infinity, calls: 10, base: 15_000 } })
    const held = see(web.use(silent))
    const count = (): void => {
      for (let turn = 0; turn < 120; turn += 1) see(web.use(({ id }) => (id === 'c' && turn % 12 !== 2 ? failing() : of(1))))
    }
    count()
    const looking = see(web.state$)
    advance(10_000)
    expect(looking.last().get('c')?.ejectedUntil).toBe(now() + 15_000)
    looking.stop()
    advance(40_000)
    expect(all(web).has('c')).toBe(true)
    count()
    advance(3_600_000)
    expect([all(web).has('c'), statesOf(web).get('c')?.ejectedUntil]).toEqual([true, undefined])
    held.stop()
  }))

  it('and has weight 0 does not return once another instance has a weight', () => virtually(({ advance }) => {
    const weightless = ['a', 'b', 'c'].map(id => node(id, { weight: 0 }))
    const sets = new BehaviorSubject(nodes(...weightless))
    const web = inTurn(sets, { outliers: { consecutive: 1, share: 100 } })
    const held = see(web.state$)
    see(web.use(({ id }) => (id === 'a' ? failing() : of(1))))
    sets.next(nodes(...weightless, 'd'))
    advance(60_000)
    expect(all(web)).toEqual(new Set(['d']))
    held.stop()
  }))

  it('is not ejected if a success came between, or if a tenth of all is ejected already', () => virtually(() => {
    const web = inTurn(of(five), { linger: 0 })
    const { stop } = see(web.state$)
    for (let turn = 0; turn < 50; turn += 1) see(web.use(({ id }) => (id === 'c' && turn % 2 === 0 ? failing() : of(1))))
    expect(all(web).size).toBe(5)
    fail(web, 'a')
    fail(web, 'b')
    expect(all(web)).toEqual(new Set(['b', 'c', 'd', 'e']))
    stop()
  }))

  it('stays ejected in the next sets, also after it left and came back', () => virtually(({ advance }) => {
    const sets = new BehaviorSubject(five)
    const web = inTurn(sets)
    const { stop } = see(web.state$)
    fail(web, 'c')
    sets.next(nodes('a', 'b', node('c', { version: '2' }), 'd', 'e'))
    expect(all(web).has('c')).toBe(false)
    sets.next(nodes('a', 'b', 'd', 'e'))
    fail(web, 'a')
    expect(all(web).has('a')).toBe(false)
    sets.next(nodes('b', 'c', 'd', 'e'))
    expect(all(web)).toEqual(new Set(['b', 'd', 'e']))
    advance(30_000)
    expect(all(web).has('c')).toBe(true)
    stop()
  }))

  it('is used again if fewer than half would be left: panic', () => virtually(() => {
    const broken = () => failing()
    const web = inTurn(of(nodes('a', 'b')), { outliers: { share: 100 } })
    const { stop } = see(web.state$)
    for (let turn = 0; turn < 10; turn += 1) see(web.use(broken))
    expect([...statesOf(web).values()].map(({ ejectedUntil }) => ejectedUntil !== undefined)).toEqual([true, true])
    expect(all(web)).toEqual(new Set(['a', 'b']))
    stop()
  }))

  it('far more often than the others is ejected after the interval', () => virtually(({ advance }) => {
    const web = inTurn(of(five), { outliers: { consecutive: Infinity } })
    const { stop } = see(web.state$)
    for (let turn = 0; turn < 500; turn += 1) see(web.use(({ id }) => (id === 'd' && turn % 2 === 0 ? failing() : of(1))))
    expect(all(web).has('d')).toBe(true)
    advance(10_000)
    expect(all(web).has('d')).toBe(false)
    stop()
  }))

  it('after it was forgotten does not count against a later instance of its id', () => virtually(({ advance }) => {
    const sets = new BehaviorSubject(nodes('a'))
    const web = inTurn(sets, { outliers: { consecutive: 1 }, panic: 0 })
    const call = see(web.use(() => failing(100_000)))
    sets.next(serviceSet('web'))
    advance(70_000)
    sets.next(nodes('a'))
    advance(30_000)
    expect(call.error).toBeDefined()
    expect([chosen(web), statesOf(web).get('a')]).toMatchObject(['a', { failures: 0, ejectedUntil: undefined }])
  }))

  it('is not ejected with `outliers: false`', () => virtually(() => {
    const web = inTurn(of(five), { outliers: false })
    const { stop } = see(web.state$)
    fail(web, 'c', 50)
    expect(all(web).size).toBe(5)
    stop()
  }))
})
