import { BehaviorSubject, concat, NEVER, of, Subject, timer } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { balance, consistentHash, InvalidArgument, peakEwma, roundRobin, serviceSet, weightedRoundRobin, type Balancer, type ServiceInstance, type ServiceSet, type Status, leastRequest, NoInstance, slowStart, zoneAware } from 'rx-discovery'
import { virtually } from 'rx-discovery/testing'
import { always, answering, chosen, failing, inFlight, inTurn, node, nodes, silent } from './balance-scene.js'
import { see } from '../scene.js'

const idle = { a: 0, b: 0, c: 0 }

const equal = (actual: unknown, expected: unknown): void => {
  expect(actual).toEqual(expected)
}

const pending = serviceSet('web', [], { status: 'pending' })

const trouble = { error: new Error('away'), since: 7, attempt: 1, retryAt: 2 }

describe('a choice', () => {
  it('is made again at each subscription, and completes', () => virtually(() => {
    const one = inTurn(of(nodes('a', 'b', 'c'))).select()
    const seen = [see(one), see(one), see(one), see(one)]
    expect(seen.map(({ values, completed }) => [values[0]?.id, completed])).toEqual([['a', true], ['b', true], ['c', true], ['a', true]])
  }))

  it('reserves nothing; a call does, until it ends', () => virtually(({ advance }) => {
    const web = inTurn(of(nodes('a', 'b', 'c')))
    see(web.select())
    expect(inFlight(web)).toEqual(idle)
    const seen = see(web.use(answering(10)))
    expect(inFlight(web)).toEqual({ ...idle, b: 1 })
    advance(10)
    expect([inFlight(web), seen.values, seen.completed]).toEqual([idle, ['b'], true])
  }))

  it.each<Status>(['starting', 'draining', 'down'])('is never an instance that is %s', status => virtually(() => {
    const web = inTurn(of(nodes(node('a', { status }), 'b')))
    expect([chosen(web), chosen(web)]).toEqual(['b', 'b'])
  }))

  it('never has weight 0, unless all instances have', () => virtually(() => {
    const light = { weight: 0 }
    const sets = new BehaviorSubject(nodes(node('a', light), node('b', light)))
    const web = inTurn(sets)
    const holding = see(web.state$)
    expect([chosen(web), chosen(web)]).toEqual(['a', 'b'])
    sets.next(nodes(node('a', light), 'b', node('c', light)))
    expect([chosen(web), chosen(web)]).toEqual(['b', 'b'])
    sets.next(nodes(node('a', light), node('b', { ...light, zone: 'x' }), node('c', light)))
    expect([chosen(web), chosen(web), chosen(web)].sort()).toEqual(['a', 'b', 'c'])
    holding.stop()
  }))

  it.each([NaN, -1, Infinity, 1e308])('accepts a weight of %d in a hand-made set', weight => virtually(() => {
    const odd: ServiceInstance = { ...node('a'), weight }
    const sets = of(nodes(odd, 'b'))
    const seen = (web: Balancer): Set<string | undefined> => new Set(Array.from({ length: 50 }, () => chosen(web)))
    expect(seen(inTurn(sets))).toEqual(new Set(weight > 0 ? ['a', 'b'] : ['b']))
    expect(seen(balance(sets, weightedRoundRobin())).has('a')).toBe(weight > 0)
    expect(seen(balance(sets, peakEwma())).has('a')).toBe(weight > 0)
  }))

  it('uses a stale set', () => virtually(() => {
    const trouble = { error: new Error('away'), since: 1, attempt: 1, retryAt: 2 }
    expect(chosen(inTurn(of(serviceSet('web', [node('a')], { status: 'stale', trouble }))))).toBe('a')
  }))
})

describe('without an instance to choose', () => {
  it('a choice waits for the first set with an instance that is up', () => virtually(({ cold, expectObservable }) => {
    const sets = { p: pending, e: serviceSet('web'), d: nodes(node('a', { status: 'down' })), a: nodes('a') }
    const set$ = concat(cold('p 1s e 1s d 1s (a|)', sets), NEVER)
    expectObservable(inTurn(set$).select(), '^ 5s !').toBe('3003ms (a|)', { a: node('a') })
  }, equal))

  it('that set serves all waiting calls, in turn', () => virtually(({ advance }) => {
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
    ['an empty stale set', serviceSet('web', [], { status: 'stale', trouble }), { reason: 'empty', staleSince: 7, cause: trouble.error, message: `no instance of web is registered (the set is stale: ${trouble.error.message})` }],
    ['a pending set in trouble', serviceSet('web', [], { status: 'pending', trouble }), { reason: 'pending', staleSince: undefined, cause: trouble.error, message: `no instance of web is known yet: the registry has not been listed (${trouble.error.message})` }],
    ['none that is up', nodes(node('a', { status: 'draining' })), { reason: 'none up', message: 'no instance of web is up' }],
  ])('a call errors after `wait`, with the reason and the cause of %s', (_, set, what) => virtually(({ advance }) => {
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

  it('the error says whether the policy chose none or all are ejected', () => virtually(({ advance }) => {
    const picky = see(balance(of(nodes('a')), always(undefined)).select())
    const web = inTurn(of(nodes('a')), { panic: 0, outliers: { consecutive: 1 } })
    see(web.use(() => failing()))
    const forlorn = see(web.select())
    advance(5_000)
    expect([picky.error, forlorn.error]).toMatchObject([{ reason: 'none chosen' }, { reason: 'all ejected' }])
  }))

  it('an instance whose ejection ends serves waiting calls', () => virtually(({ advance }) => {
    const web = inTurn(of(nodes('a')), { panic: 0, wait: 60_000, outliers: { consecutive: 1, base: 15_000 } })
    see(web.use(() => failing()))
    const seen = see(web.select())
    advance(14_999)
    expect(seen.values).toEqual([])
    advance(1)
    expect(seen.values.map(({ id }) => id)).toEqual(['a'])
  }))
})

describe('policies in a balancer', () => {
  it('leastRequest chooses the instance with fewer calls in flight, at once', () => virtually(({ advance }) => {
    const web = balance(of(nodes('a', 'b', 'c', 'd')), leastRequest({ choices: 10 }))
    for (let turn = 0; turn < 40; turn += 1) see(web.use(answering(10)))
    expect(Object.values(inFlight(web)).every(count => count >= 8 && count <= 12)).toBe(true)
    advance(10)
  }))

  it('zoneAware prefers its zone while instances join and leave it', () => virtually(() => {
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

  it('zoneAware leaves its zone rather than call an instance that has just failed', () => virtually(() => {
    const web = balance(of(nodes('a', node('b', { zone: 'near' }))), zoneAware(roundRobin()), { zone: 'near' })
    const asked: string[] = []
    const call = web.use(({ id }) => { asked.push(id); return failing() })
    see(call)
    see(call)
    expect(asked).toEqual(['b', 'a'])
  }))

  it.each(['', [''], ['', 'z']])('zoneAware takes the zone %j as no zone where it is empty', zone => virtually(() => {
    const web = balance(of(nodes('a', node('b', { zone: 'z' }))), zoneAware(roundRobin()), { zone })
    expect(new Set(Array.from({ length: 6 }, () => chosen(web)))).toEqual(new Set(zone[1] === 'z' ? ['b'] : ['a', 'b']))
  }))

  it('consistentHash moves only the keys of an ejected instance, of 65', () => virtually(() => {
    const web = balance(of(nodes(...Array.from({ length: 65 }, (_, at) => `n${at}`))), consistentHash(), { outliers: { consecutive: 1 } })
    const { stop } = see(web.state$)
    const keys = Array.from({ length: 500 }, (_, at) => `k${at}`)
    const before = keys.map(key => chosen(web, key))
    see(web.use(() => failing(), { key: 'k0' }))
    const after = keys.map(key => chosen(web, key))
    expect(after[0]).not.toBe(before[0])
    expect(before.flatMap((id, at) => (id === after[at] ? [] : [id])).every(id => id === before[0])).toBe(true)
    stop()
  }))

  it('slowStart reduces the weight of instances that join later, not of the first set', () => virtually(({ advance }) => {
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

describe('refuses', () => {
  it.each([1, -1, 0.5, NaN, Infinity])('a policy that chooses index %s of one instance', index => virtually(() => {
    const seen = see(balance(of(nodes('a')), always(index)).use(() => of(1)))
    expect(seen.error).toEqual(new InvalidArgument('policy', `chose number ${String(index)} of 1, counted from 0`))
  }))
  it('a policy that throws', () => virtually(() => {
    const error = new Error('bug')
    expect(see(balance(of(nodes('a')), { initial: 0, choose: () => { throw error } }).use(() => of(1))).error).toBe(error)
  }))
  it.each([1, null, {}, Symbol('s')])('a key that is no string: %s', key => virtually(() => {
    const web = balance(of(nodes('a')), consistentHash())
    for (const seen of [see(web.use(() => of(1), { key: key as never })), see(web.select({ key: key as never }))]) expect((seen.error as Error).message).toContain('key must be a string')
  }))
  it.each([
    ['panic', { panic: 101 }], ['panic', { panic: 0.5 }], ['outliers.share', { outliers: { share: 0.1 } }], ['panic', { panic: NaN }], ['wait', { wait: -1 }], ['linger', { linger: -1 }], ['retryBudget.share', { retryBudget: { share: -1 } }], ['retryBudget.window', { retryBudget: { window: 0 } }], ['outliers.few', { outliers: { few: NaN } }], ['failed', { failed: 7 as never }],
    ['outliers.base', { outliers: { base: NaN } }], ['outliers.share', { outliers: { share: -1 } }], ['random', { random: 7 as never }],
    ['retryBudget.perSecond', { retryBudget: { perSecond: '5' as never } }],
  ])('the option %s', (argument, options) => virtually(() => {
    const subscribed = new Subject<ServiceSet>()
    const web = balance(subscribed, roundRobin(), options)
    for (const seen of [see(web.use(() => of(1))), see(web.select()), see(web.state$)]) expect((seen.error as Error).message).toContain(`${argument} must be a`)
    expect(subscribed.observed).toBe(false)
  }))
  it.each([
    [{ retryBudget: null as never }, 'retryBudget must be an object of options'], [{ outliers: null as never }, 'outliers must be an object of options'], [{ outliers: true as never }, 'outliers must be an object of options'],
    [{ retryBudget: { percent: 5 } as never }, 'retryBudget.percent is not an option of retryBudget'], [{ outliers: { consecutiveErrors: 3 } as never }, 'did you mean consecutive?'],
  ])('nested options %j', (options, message) => virtually(() => {
    expect((see(balance(of(nodes('a')), roundRobin(), options).select()).error as Error).message).toContain(message)
  }))
  it('an object that is not a policy, and a timeout that is not a number', () => virtually(() => {
    for (const policy of [undefined as never, {} as never, { ...always(0), decay: 0 }, { ...always(0), decay: NaN }])
      expect((see(balance(of(nodes('a')), policy).select()).error as Error).message).toContain('policy must be a policy')
    expect((see(inTurn(of(nodes('a'))).use(() => of(1), { timeout: NaN })).error as Error).message).toContain('timeout must be a number')
  }))
})

describe('a custom policy', () => {
  it('learns from outcomes', () => virtually(({ advance }) => {
    const told: string[] = []
    const web = balance(of(nodes('a')), {
      initial: 0,
      choose: (_, state) => [0, state],
      learn: (state, { candidate, result, latency, now }) => {
        told.push(`${state} ${candidate.id} ${result} ${latency} at ${now}`)
        return state + 1
      },
    })
    see(web.use(answering(10)))
    advance(10)
    see(web.use(() => failing(5)))
    advance(5)
    const left = see(web.use(silent))
    advance(7)
    left.stop()
    expect(told).toEqual(['0 a success 10 at 10', '1 a failure 5 at 15', '2 a abandoned 7 at 22'])
  }))
  it('sees since when calls wait for a first answer', () => virtually(({ advance }) => {
    const since: (number | undefined)[] = []
    const web = balance(of(nodes('a')), { initial: 0, choose: ({ at }, state) => { since.push(at(0)?.waitingSince); return [0, state] } })
    const silence = see(web.use(silent))
    advance(100)
    const stream = see(web.use(() => concat(timer(50), NEVER)))
    see(web.select())
    advance(50)
    see(web.select())
    silence.stop()
    see(web.select())
    stream.stop()
    expect(since).toEqual([Infinity, 0, 0, 150, Infinity])
  }))
  it('is given the key, the zones and the calls in flight', () => virtually(() => {
    const contexts: unknown[] = []
    const web = balance(
      of(nodes('a')),
      { initial: 0, choose: (_, state, { random: draw, ...context }) => { contexts.push([context, draw()]); return [0, state] } },
      { zone: ['z1', 'z2'], random: () => 0.25 },
    )
    const open = see(web.use(silent, { key: 'k' }))
    see(web.use(() => of(1)))
    open.stop()
    expect(contexts).toEqual([[{ now: 0, inFlight: 0, key: 'k', zones: ['z1', 'z2'] }, 0.25], [{ now: 0, inFlight: 1, key: undefined, zones: ['z1', 'z2'] }, 0.25]])
  }))
})
