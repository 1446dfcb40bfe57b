import { BehaviorSubject, concat, defer, NEVER, of, Subject, throwError } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { balance, Closed, discover, known, leastRequest, NoInstance, roundRobin, serviceSet, slowStart, weightedRoundRobin, zoneAware, type Balancer, type ServiceSet } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'
import { virtually } from 'rx-discovery/testing'
import { always, answering, chosen, failing, inFlight, inTurn, node, nodes, silent, statesOf } from './balance-scene.js'
import { put, remove, see, steady } from '../scene.js'

const equal = (actual: unknown, expected: unknown): void => {
  expect(actual).toEqual(expected)
}
const pending = serviceSet('web', [], { status: 'pending' })
const trouble = { error: new Error('away'), since: 7, attempt: 1, retryAt: 2 }

describe('while there is nobody', () => {
  it('a choice waits for the first set that has somebody', () => virtually(({ cold, expectObservable }) => {
    const sets = { p: pending, e: serviceSet('web'), d: nodes(node('a', { status: 'down' })), a: nodes('a') }
    const set$ = concat(cold('p 1s e 1s d 1s (a|)', sets), NEVER)
    expectObservable(inTurn(set$).select(), '^ 5s !').toBe('3003ms (a|)', { a: node('a') })
  }, equal))

  it('all that wait are served by it, in turn', () => virtually(({ advance }) => {
    const sets = new BehaviorSubject<ServiceSet>(pending)
    const web = inTurn(sets)
    const seen = Array.from({ length: 4 }, () => see(web.use(answering(5))))
    advance(1_000)
    sets.next(nodes('a', 'b'))
    advance(5)
    expect(seen.map(({ values }) => values.join())).toEqual(['a', 'b', 'a', 'b'])
  }))

  it.each<[string, ServiceSet | undefined, object]>([
    ['no set at all', undefined, { service: '', reason: 'pending', staleSince: undefined }],
    ['a pending set', pending, { service: 'web', reason: 'pending', staleSince: undefined }],
    ['an empty set', serviceSet('web'), { reason: 'empty', message: 'no instance of web is registered' }],
    ['an empty stale set', serviceSet('web', [], { status: 'stale', trouble }), { reason: 'empty', staleSince: 7, cause: trouble.error }],
    ['a pending set in trouble', serviceSet('web', [], { status: 'pending', trouble }), { reason: 'pending', staleSince: 7, cause: trouble.error }],
    ['none that is up', nodes(node('a', { status: 'draining' })), { reason: 'none up', message: 'no instance of web is up' }],
  ])('it errors with what is known of %s after `wait`', (_, set, what) => virtually(({ advance }) => {
    const sets = set === undefined ? new Subject<ServiceSet>() : new BehaviorSubject(set)
    const web = inTurn(sets)
    const quick = inTurn(sets, { wait: 0 })
    const seen = [see(web.use(silent)), see(web.select())]
    const once = see(quick.select())
    advance(0)
    expect(once.error).toBeInstanceOf(NoInstance)
    advance(4_999)
    expect(seen.map(({ error }) => error)).toEqual([undefined, undefined])
    advance(1)
    for (const { error } of seen) {
      expect(error).toBeInstanceOf(NoInstance)
      expect(error).toMatchObject(what)
    }
  }))

  it('because a policy chooses nobody, or all are ejected and none is forgiven, it says so', () => virtually(({ advance }) => {
    const picky = see(balance(of(nodes('a')), always(undefined)).select())
    const web = inTurn(of(nodes('a')), { panic: 0, outliers: { consecutive: 1 } })
    see(web.use(() => failing()))
    const forlorn = see(web.select())
    advance(5_000)
    expect([picky.error, forlorn.error]).toMatchObject([{ reason: 'none chosen' }, { reason: 'all ejected' }])
  }))

  it('one that comes back from its ejection serves who waits', () => virtually(({ advance }) => {
    const web = inTurn(of(nodes('a')), { panic: 0, wait: 60_000, outliers: { consecutive: 1, base: 15_000 } })
    see(web.use(() => failing()))
    const seen = see(web.select())
    advance(14_999)
    expect(seen.values).toEqual([])
    advance(1)
    expect(seen.values.map(({ id }) => id)).toEqual(['a'])
  }))
})

describe('the connection', () => {
  it('begins with the first subscription and ends `linger` after the last', () => virtually(({ advance, pending: timers }) => {
    const sets = new BehaviorSubject(nodes('a'))
    const web = inTurn(sets)
    const call = web.use(answering(100))
    expect(sets.observed).toBe(false)
    see(call)
    advance(10_099)
    expect(sets.observed).toBe(true)
    see(web.select())
    advance(9_999)
    expect(sets.observed).toBe(true)
    advance(1)
    expect([sets.observed, timers()]).toEqual([false, 0])
  }))

  it.each(['use', 'select', 'state$'] as const)('is let go at once without a linger: %s', verb => virtually(({ pending: timers }) => {
    const sets = new BehaviorSubject(pending)
    const web = inTurn(sets, { linger: 0 })
    const seen = see<unknown>(verb === 'state$' ? web.state$ : web[verb](silent as never))
    expect(sets.observed).toBe(true)
    seen.stop()
    expect([sets.observed, timers()]).toEqual([false, 0])
  }))

  it('is let go when a policy throws', () => virtually(({ pending: timers }) => {
    const sets = new BehaviorSubject(nodes('a'))
    expect(see(balance(sets, always(7), { linger: 0 }).select()).error).toBeDefined()
    expect([sets.observed, timers()]).toEqual([false, 0])
  }))

  it('that fails errors all that wait and watch, leaves calls alone, and is tried again by the next', () => virtually(({ advance }) => {
    const denied = new Error('denied')
    const first = new Subject<ServiceSet>()
    let tries = 0
    const sets = new Subject<ServiceSet>()
    const web = inTurn(defer(() => (++tries === 1 ? first : tries === 2 ? throwError(() => denied) : sets)))
    const states = see(web.state$)
    first.next(nodes('a'))
    const call = see(web.use(answering(100)))
    first.next(serviceSet('web'))
    const waiting = see(web.use(silent))
    first.error(denied)
    expect([states.error, waiting.error, call.error]).toEqual([denied, denied, undefined])
    expect(see(web.select()).error).toBe(denied)
    const third = see(web.select())
    sets.next(nodes('b'))
    expect(third.values.map(({ id }) => id)).toEqual(['b'])
    advance(100)
    expect([call.values, call.error]).toEqual([['a'], undefined])
  }))

  it('follows a discovery through joining, leaving and an outage', () => virtually(({ advance }) => {
    const registry = memoryRegistry()
    const web = inTurn(discover(registry, 'web', { backoff: steady }))
    const seen = see(web.use(answering(1)))
    put(registry, 'a')
    advance(1)
    expect(seen.values).toEqual(['a'])
    registry.interrupt(2_000)
    expect(chosen(web)).toBe('a')
    advance(3_000)
    put(registry, 'b')
    expect([chosen(web), chosen(web)].sort()).toEqual(['a', 'b'])
    remove(registry, 'a')
    expect([chosen(web), chosen(web)]).toEqual(['b', 'b'])
    advance(20_000)
    expect(registry.subscriptions().watches).toBe(0)
  }))

  it('ends with the sets: no timer is left, however long it is to linger', () => virtually(({ pending: timers }) => {
    expect([chosen(inTurn(of(nodes('a')))), timers()]).toEqual(['a', 0])
  }))

  it('errors what waits once the registry is closed, and whoever comes later', async () => {
    const registry = memoryRegistry()
    const [forlorn, served] = ['none', 'web'].map(service => inTurn(discover(registry, service))) as [Balancer, Balancer]
    put(registry, 'a')
    expect(chosen(served)).toBe('a')
    const waiting = see(forlorn.select())
    const looking = see(served.state$)
    await registry.close()
    expect([looking.error, looking.completed]).toEqual([undefined, true])
    expect([waiting, see(forlorn.select()), see(served.select())].map(({ error }) => error)).toEqual([new Closed(), new Closed(), new Closed()])
  })

  it('waits no longer for sets that ended before there was one', () => virtually(({ pending: timers }) => {
    const closed = serviceSet('web', [], { status: 'pending', trouble: { ...trouble, error: new Closed() } })
    const web = inTurn(of(closed).pipe(known()))
    expect([see(web.select()).error, see(web.state$).completed, timers()]).toEqual([expect.any(NoInstance), true, 0])
  }))

  it('errors what wants an instance once the registry is closed from the start', async () => {
    const registry = memoryRegistry()
    await registry.close()
    const web = inTurn(discover(registry, 'web'), { linger: 0 })
    expect(see(web.select()).error).toBeInstanceOf(Closed)
  })
})

describe('what is known of an instance', () => {
  it('is kept across sets, and for a minute after it left', () => virtually(({ advance }) => {
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

  it('outlives the connection', () => virtually(({ advance }) => {
    const web = inTurn(new BehaviorSubject(nodes('a')), { linger: 0 })
    see(web.use(answering(30)))
    advance(30)
    advance(3_600_000)
    expect(statesOf(web).get('a')?.latency).toBe(30)
  }))

  it('goes on counting the calls of one that drains, or that has left and is back', () => virtually(({ advance }) => {
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

  it('is shown while a call goes on that was answered', () => virtually(({ advance }) => {
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

  it('is shown at subscription, and then at most once a second, when something happened', () => virtually(({ advance }) => {
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

describe('who fails', () => {
  const five = nodes('a', 'b', 'c', 'd', 'e')
  const all = (web: ReturnType<typeof inTurn>, count = 10) => new Set(Array.from({ length: count }, () => chosen(web)))
  const fail = (web: ReturnType<typeof inTurn>, id: string, times = 5): void => {
    for (let turn = 0; turn < times * 5; turn += 1) see(web.use(instance => (instance.id === id ? failing() : of(1))))
  }

  it('five times in a row is left out for 30 s, the next time for 60 s', () => virtually(({ advance, now }) => {
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

  it.each(['is looked at', 'is called by nobody'])('is forgiven once for each clean interval, while it %s', how => virtually(({ advance, now }) => {
    const web = inTurn(of(five), { outliers: { base: 1_000 } })
    const looking = see(web.state$)
    fail(web, 'c')
    advance(1_000)
    fail(web, 'c')
    expect(statesOf(web).get('c')?.ejectedUntil).toBe(now() + 2_000)
    if (how !== 'is looked at') looking.stop()
    advance(50_000)
    fail(web, 'c')
    expect(statesOf(web).get('c')?.ejectedUntil).toBe(now() + 1_000)
    looking.stop()
  }))

  it('by rates is left out as of the end of the interval, however late that is looked at', () => virtually(({ advance, now }) => {
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

  it('with weight 0 is not back from its ejection once another has weight', () => virtually(({ advance }) => {
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

  it('is not left out when a success was between, nor beyond a tenth of all', () => virtually(() => {
    const web = inTurn(of(five), { linger: 0 })
    const { stop } = see(web.state$)
    for (let turn = 0; turn < 50; turn += 1) see(web.use(({ id }) => (id === 'c' && turn % 2 === 0 ? failing() : of(1))))
    expect(all(web).size).toBe(5)
    fail(web, 'a')
    fail(web, 'b')
    expect(all(web)).toEqual(new Set(['b', 'c', 'd', 'e']))
    stop()
  }))

  it('stays left out in the next sets, also after having been away', () => virtually(({ advance }) => {
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

  it('is used again when fewer than half would be left: panic', () => virtually(() => {
    const broken = () => failing()
    const web = inTurn(of(nodes('a', 'b')), { outliers: { share: 100 } })
    const { stop } = see(web.state$)
    for (let turn = 0; turn < 10; turn += 1) see(web.use(broken))
    expect([...statesOf(web).values()].map(({ ejectedUntil }) => ejectedUntil !== undefined)).toEqual([true, true])
    expect(all(web)).toEqual(new Set(['a', 'b']))
    stop()
  }))

  it('far more often than others is left out after the interval', () => virtually(({ advance }) => {
    const web = inTurn(of(five), { outliers: { consecutive: Infinity } })
    const { stop } = see(web.state$)
    for (let turn = 0; turn < 500; turn += 1) see(web.use(({ id }) => (id === 'd' && turn % 2 === 0 ? failing() : of(1))))
    expect(all(web).has('d')).toBe(true)
    advance(10_000)
    expect(all(web).has('d')).toBe(false)
    stop()
  }))

  it('after it was forgotten does not count against another of its id', () => virtually(({ advance }) => {
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

  it('is not left out when nobody is to be', () => virtually(() => {
    const web = inTurn(of(five), { outliers: false })
    const { stop } = see(web.state$)
    fail(web, 'c', 50)
    expect(all(web).size).toBe(5)
    stop()
  }))
})

describe('policies in a balancer', () => {
  it('leastRequest sends where fewer calls are in flight, at once', () => virtually(({ advance }) => {
    const web = balance(of(nodes('a', 'b', 'c', 'd')), leastRequest({ choices: 10 }))
    for (let turn = 0; turn < 40; turn += 1) see(web.use(answering(10)))
    expect(Object.values(inFlight(web)).every(count => count >= 8 && count <= 12)).toBe(true)
    advance(10)
  }))

  it('zoneAware prefers its zone, as instances come and go in it', () => virtually(() => {
    const near = (id: string) => node(id, { zone: 'near' })
    const sets = new BehaviorSubject(nodes('a', near('b')))
    const web = balance(sets, zoneAware(roundRobin()), { zone: 'near', random: () => 0 })
    const { stop } = see(web.state$)
    const seen = () => [...new Set(Array.from({ length: 6 }, () => chosen(web)))].sort().join(' ')
    expect(seen()).toBe('b')
    sets.next(nodes('a', near('b'), near('c')))
    expect(seen()).toBe('b c')
    sets.next(nodes('a', node('b'), near('c')))
    expect(seen()).toBe('c')
    sets.next(nodes('a', node('b')))
    expect(seen()).toBe('a b')
    stop()
  }))

  it('zoneAware goes outside rather than to one that has just failed', () => virtually(() => {
    const web = balance(of(nodes('a', node('b', { zone: 'near' }))), zoneAware(roundRobin()), { zone: 'near' })
    const asked: string[] = []
    const call = web.use(({ id }) => { asked.push(id); return failing() })
    see(call)
    see(call)
    expect(asked).toEqual(['b', 'a'])
  }))

  it('slowStart spares those that come later, and not those that were there at first', () => virtually(({ advance }) => {
    const sets = new BehaviorSubject(nodes('a'))
    const web = balance(sets, slowStart(weightedRoundRobin()))
    const { stop } = see(web.state$)
    const share = (id: string): number => Array.from({ length: 110 }, () => chosen(web)).filter(each => each === id).length
    sets.next(nodes('a', 'b'))
    expect(share('b')).toBe(10)
    advance(30_000)
    expect(share('b')).toBe(55)
    stop()
  }))
})
