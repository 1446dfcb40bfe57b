import { BehaviorSubject, concat, NEVER, of } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { balance, peakEwma, serviceSet } from 'rx-discovery'
import { virtually } from 'rx-discovery/testing'
import { seeded } from '../../etcd/random-writes.js'
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

describe('another incarnation of an instance', () => {
  const process = (id: string, incarnation: string, more = {}) => node(id, { incarnation, ...more })
  const others = [process('b', '1'), process('c', '1'), process('d', '1'), process('e', '1')]
  const failingOn = (id: string) => (instance: { readonly id: string }) => (instance.id === id ? failing() : of(1))
  const ejectedFor = (web: ReturnType<typeof inTurn>, now: number): number | undefined => {
    const until = statesOf(web).get('a')?.ejectedUntil
    return until === undefined ? undefined : until - now
  }

  it('starts without statistics and without its ejection', () => virtually(({ advance, now }) => {
    const sets = new BehaviorSubject(nodes(process('a', '1'), ...others))
    const web = inTurn(sets)
    const { stop } = see(web.state$)
    for (let call = 0; call < 25; call += 1) see(web.use(failingOn('a')))
    expect(ejectedFor(web, now())).toBe(30_000)
    sets.next(nodes(process('a', '2'), ...others))
    expect(statesOf(web).get('a')).toEqual({ inFlight: 0, latency: undefined, failures: 0, ejectedUntil: undefined })
    advance(12_000)
    stop()
  }))

  it.each([['in place', false], ['after it left', true]])('gets a fair share within seconds: %s', (_, leaves) => virtually(({ advance }) => {
    const sets = new BehaviorSubject(nodes(process('a', '1'), ...others))
    const web = balance(sets, peakEwma(), { random: seeded(1) })
    const { stop } = see(web.state$)
    let dead = true
    const calls = new Map<string, number>()
    const load = (ms: number): void => {
      calls.clear()
      for (let at = 0; at < ms; at += 50) {
        see(web.use(({ id }) => {
          calls.set(id, (calls.get(id) ?? 0) + 1)
          return id === 'a' && dead ? failing(1) : answering(10)(node(id))
        }))
        advance(50)
      }
    }
    load(5_000)
    if (leaves) {
      sets.next(nodes(...others))
      load(7_000)
    }
    dead = false
    sets.next(nodes(process('a', '2'), ...others))
    load(5_000)
    expect(calls.get('a')).toBeGreaterThan(20 * 0.6)
    stop()
  }))

  it('gets one call at a time until its first success', () => virtually(({ advance }) => {
    const sets = new BehaviorSubject(nodes(process('a', '1'), 'b', 'c'))
    const web = inTurn(sets)
    const { stop } = see(web.state$)
    sets.next(nodes(process('a', '2'), 'b', 'c'))
    for (let call = 0; call < 30; call += 1) see(web.use(answering(100)))
    expect(inFlight(web)['a']).toBe(1)
    advance(100)
    for (let call = 0; call < 30; call += 1) see(web.use(answering(100)))
    expect(inFlight(web)['a']).toBe(10)
    advance(100)
    stop()
  }))

  it('serves all calls if there is no other instance', () => virtually(({ advance }) => {
    const sets = new BehaviorSubject(nodes(process('a', '1')))
    const web = inTurn(sets)
    const { stop } = see(web.state$)
    sets.next(nodes(process('a', '2')))
    const seen = Array.from({ length: 3 }, () => see(web.use(answering(100))))
    advance(100)
    expect(seen.map(({ values }) => values)).toEqual([['a'], ['a'], ['a']])
    stop()
  }))

  it('that fails before its first success is ejected at once, for `base` × the number of its ejections', () => virtually(({ advance, now }) => {
    const sets = new BehaviorSubject(nodes(process('a', '0'), ...others))
    const web = inTurn(sets)
    const { stop } = see(web.state$)
    let failed = 0
    const load = (): void => {
      for (let call = 0; call < 100; call += 1)
        see(web.use(({ id }) => {
          if (id === 'a') failed += 1
          return id === 'a' ? failing() : of(1)
        }))
    }
    load()
    expect([failed, ejectedFor(web, now())]).toEqual([5, 30_000])
    for (let restart = 1; restart <= 8; restart += 1) {
      advance(5_000)
      sets.next(nodes(process('a', String(restart)), ...others))
      load()
      expect([failed, ejectedFor(web, now())]).toEqual([5 + restart, Math.min(300_000, 30_000 * (restart + 1))])
    }
    stop()
  }))

  it('is not assumed after an update, a new lease of the same process, or without incarnations', () => virtually(({ advance, now }) => {
    for (const [before, after] of [['1', '1'], ['', ''], ['', '2'], ['1', '']] as const) {
      const sets = new BehaviorSubject(nodes(process('a', before), ...others))
      const web = inTurn(sets)
      const { stop } = see(web.state$)
      for (let call = 0; call < 25; call += 1) see(web.use(failingOn('a')))
      sets.next(nodes(process('a', after, { version: '2' }), ...others))
      sets.next(nodes(...others))
      advance(3_000)
      sets.next(nodes(process('a', after), ...others))
      expect([statesOf(web).get('a')?.failures, ejectedFor(web, now())]).toEqual([5, 27_000])
      stop()
    }
    advance(60_000)
  }))

  it('is not blamed for calls of the former one', () => virtually(({ advance }) => {
    const sets = new BehaviorSubject(nodes(process('a', '1'), ...others))
    const web = inTurn(sets, { outliers: { consecutive: 1 } })
    const { stop } = see(web.state$)
    for (let call = 0; call < 5; call += 1) see(web.use(({ id }) => (id === 'a' ? failing(50) : of(1))))
    sets.next(nodes(process('a', '2'), ...others))
    advance(50)
    expect(statesOf(web).get('a')).toEqual({ inFlight: 0, latency: undefined, failures: 0, ejectedUntil: undefined })
    stop()
  }))
})

describe('the order of the candidates', () => {
  it('stays the same when instances are updated', () => virtually(() => {
    const sets = new BehaviorSubject(nodes('a', 'b'))
    const web = inTurn(sets)
    const { stop } = see(web.state$)
    const counts = { a: 0, b: 0 }
    let [a, b] = [node('a'), node('b')]
    for (let turn = 0; turn < 1_000; turn += 1) {
      const more = { version: String(turn), weight: 1 + turn, zone: `z${turn % 7}` }
      if (turn % 2 === 0) a = node('a', more)
      else b = node('b', more)
      sets.next(nodes(a, b))
      counts[chosen(web) as 'a' | 'b'] += 1
    }
    expect(counts).toEqual({ a: 500, b: 500 })
    stop()
  }))
})

describe('ejections', () => {
  const load = (web: ReturnType<typeof inTurn>, fails: (id: string) => boolean, calls: number): void => {
    for (let call = 0; call < calls; call += 1) see(web.use(({ id }) => (fails(id) ? failing() : of(1))))
  }
  const isEjected = (web: ReturnType<typeof inTurn>, id: string): boolean => statesOf(web).get(id)?.ejectedUntil !== undefined

  it('do not count failures that arrive during them, nor those of calls that began before their end', () => virtually(({ advance }) => {
    const web = inTurn(of(nodes('a', 'b', 'c', 'd')), { outliers: { interval: 0 } })
    const { stop } = see(web.state$)
    for (let call = 0; call < 60; call += 1) see(web.use(({ id }) => (id === 'a' ? failing(call < 20 ? 10 : call < 40 ? 5_000 : 31_000) : of(1))))
    advance(10)
    expect(isEjected(web, 'a')).toBe(true)
    advance(31_000)
    expect(isEjected(web, 'a')).toBe(false)
    load(web, id => id === 'a', 16)
    expect(isEjected(web, 'a')).toBe(false)
    load(web, id => id === 'a', 4)
    expect(isEjected(web, 'a')).toBe(true)
    stop()
  }))

  it('do not happen with `share: 0`', () => virtually(({ advance }) => {
    const web = inTurn(of(nodes('a', 'b', 'c', 'd')), { outliers: { share: 0 } })
    const { stop } = see(web.state$)
    load(web, id => id === 'a', 100)
    advance(10_000)
    expect(isEjected(web, 'a')).toBe(false)
    stop()
  }))

  it('happen to one of four that fails 75 % of its calls, never five in a row', () => virtually(({ advance }) => {
    const web = inTurn(of(nodes('a', 'b', 'c', 'd')))
    const { stop } = see(web.state$)
    let calls = 0
    for (let turn = 0; turn < 50; turn += 1) {
      load(web, id => id === 'a' && ++calls % 4 !== 0, 4)
      advance(200)
    }
    advance(1)
    load(web, () => false, 1)
    expect(isEjected(web, 'a')).toBe(true)
    stop()
  }))
})
