import { BehaviorSubject, of, Subject, throwError, defer } from 'rxjs'
import { describe, expect, it, vi } from 'vitest'
import { balance, serviceSet, type Balancer, type ServiceSet, Closed, discover, known } from 'rx-discovery'
import { virtually } from 'rx-discovery/testing'
import { always, answering, chosen, inTurn, nodes, silent, statesOf } from './balance-scene.js'
import { see, put, remove, steady } from '../scene.js'
import { memoryRegistry } from 'rx-discovery/memory'

const pending = serviceSet('web', [], { status: 'pending' })

const trouble = { error: new Error('away'), since: 7, attempt: 1, retryAt: 2 }

describe('the subscription to the sets', () => {
  it('begins with the first call and ends `linger` after the last', () => virtually(({ advance, pending: timers }) => {
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

  it.each(['use', 'select', 'state$'] as const)('ends at once without a linger: %s', verb => virtually(({ pending: timers }) => {
    const sets = new BehaviorSubject(pending)
    const web = inTurn(sets, { linger: 0 })
    const seen = see<unknown>(verb === 'state$' ? web.state$ : verb === 'select' ? web.select() : web.use(silent))
    expect(sets.observed).toBe(true)
    seen.stop()
    expect([sets.observed, timers()]).toEqual([false, 0])
  }))

  it('ends when a policy throws', () => virtually(({ pending: timers }) => {
    const sets = new BehaviorSubject(nodes('a'))
    expect(see(balance(sets, always(7), { linger: 0 }).select()).error).toBeDefined()
    expect([sets.observed, timers()]).toEqual([false, 0])
  }))

  it('errors waiting calls and state$ when it fails, leaves running calls alone, and is retried by the next call', () => virtually(({ advance }) => {
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

  it('follows a discovery through joins, leaves and an outage', () => virtually(({ advance }) => {
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

  it('leaves no timer when the sets end, whatever the linger', () => virtually(({ pending: timers }) => {
    expect([chosen(inTurn(of(nodes('a')))), timers()]).toEqual(['a', 0])
  }))

  it('errors waiting and later calls once the registry is closed', async () => {
    const registry = memoryRegistry()
    const [forlorn, served] = ['none', 'web'].map(service => inTurn(discover(registry, service))) as [Balancer, Balancer]
    put(registry, 'a')
    // A listing makes way for other work when the machine is busy.
    await vi.waitFor(() => expect(chosen(served)).toBe('a'))
    const waiting = see(forlorn.select())
    const looking = see(served.state$)
    await registry.close()
    expect([looking.error, looking.completed]).toEqual([undefined, true])
    await vi.waitFor(() => expect([waiting, see(forlorn.select()), see(served.select())].map(({ error }) => error)).toEqual([new Closed(), new Closed(), new Closed()]))
  })

  it('does not wait for sets that ended before the first one', () => virtually(({ pending: timers }) => {
    const closed = serviceSet('web', [], { status: 'pending', trouble: { ...trouble, error: new Closed() } })
    const web = inTurn(of(closed).pipe(known()))
    expect([see(web.select()).error, see(web.state$).completed, timers()]).toEqual([expect.any(Closed), true, 0])
  }))

  it('errors calls at once if the registry was closed before', async () => {
    const registry = memoryRegistry()
    await registry.close()
    const web = inTurn(discover(registry, 'web'), { linger: 0 })
    expect(see(web.select()).error).toBeInstanceOf(Closed)
  })
})

describe('an idle balancer', () => {
  it('keeps the last set through an outage that begins after its linger', () => virtually(({ advance }) => {
    const registry = memoryRegistry()
    put(registry, 'a')
    const web = inTurn(discover(registry, 'web', { backoff: steady }), { retryBudget: false })
    const call = (): unknown => {
      const seen = see(web.use(answering(1)))
      advance(5_000)
      return seen.error ?? seen.values[0]
    }
    const first = call()
    advance(3_000)
    const second = call()
    advance(13_000)
    expect(registry.subscriptions().watches).toBe(0)
    registry.interrupt(600_000)
    expect([first, second, call()]).toEqual(['a', 'a', 'a'])
    const through = Array.from({ length: 19 }, () => {
      advance(25_000)
      return call()
    })
    expect(new Set(through)).toEqual(new Set(['a']))
    advance(60_000)
    remove(registry, 'a')
    put(registry, 'b')
    advance(60_000)
    expect(call()).toBe('b')
    advance(60_000)
  }))

  it('prefers a newer set that comes within 250 ms, and then uses the last one: a pending set does not replace it', () => virtually(({ advance }) => {
    let sets = new BehaviorSubject(nodes('old'))
    const web = inTurn(defer(() => sets), { linger: 0 })
    see(web.use(answering(30)))
    advance(30)
    sets = new BehaviorSubject(pending)
    const newer = see(web.select())
    expect(newer.values).toEqual([])
    sets.next(nodes('new'))
    expect(newer.values.map(({ id }) => id)).toEqual(['new'])
    sets = new BehaviorSubject(pending)
    const stale = see(web.select())
    advance(249)
    expect(stale.values).toEqual([])
    advance(1)
    expect(stale.values.map(({ id }) => id)).toEqual(['new'])
    sets = new BehaviorSubject(serviceSet('web', [], { status: 'pending', trouble }))
    expect(chosen(web)).toBe('new')
    sets = new BehaviorSubject(serviceSet('web'))
    const none = see(web.select())
    advance(5_000)
    expect(none.error).toMatchObject({ reason: 'empty' })
  }))

  it('keeps the statistics with the last set', () => virtually(({ advance }) => {
    let sets = new BehaviorSubject(nodes('a'))
    const web = inTurn(defer(() => sets), { linger: 0 })
    see(web.use(answering(30)))
    advance(3_600_000)
    sets = new BehaviorSubject(serviceSet('web', [], { status: 'pending', trouble }))
    expect(statesOf(web).get('a')?.latency).toBe(30)
    sets = new BehaviorSubject(nodes('a'))
    expect(statesOf(web).get('a')?.latency).toBe(30)
  }))

  it('uses the last set after an error of its sets, and subscribes again with each call; not after `Closed`', () => virtually(() => {
    let subscriptions = 0
    let error: Error = new Error('denied')
    const first = new BehaviorSubject(nodes('a'))
    const web = inTurn(defer(() => (++subscriptions === 1 ? first : throwError(() => error))), { linger: 0 })
    expect(chosen(web)).toBe('a')
    expect([chosen(web), chosen(web), subscriptions]).toEqual(['a', 'a', 3])
    error = new Closed()
    expect([see(web.select()).error, see(web.use(answering(1))).error]).toEqual([error, error])
    error = new Error('denied')
    expect(see(web.select()).error).toBe(error)
  }))

  it('follows its sets for ever with `linger: Infinity`, without a timer', () => virtually(({ advance, pending: timers }) => {
    const sets = new BehaviorSubject(nodes('a'))
    const web = inTurn(sets, { linger: Infinity })
    expect(chosen(web)).toBe('a')
    advance(3_600_000)
    expect([sets.observed, timers()]).toEqual([true, 0])
  }))

  it.each(['complete', 'error'] as const)('leaves no timer when its sets end while it is idle: %s', end => virtually(({ pending: timers }) => {
    const sets = new BehaviorSubject(nodes('a'))
    const web = inTurn(sets)
    expect([chosen(web), timers()]).toEqual(['a', 1])
    if (end === 'error') sets.error(new Error('denied'))
    else sets.complete()
    expect(timers()).toBe(0)
  }))

  it('starts no timer per call', () => virtually(({ advance, pending: timers }) => {
    const web = inTurn(new BehaviorSubject(nodes('a')))
    for (let call = 0; call < 100; call += 1) {
      see(web.use(() => of(1)))
      expect(timers()).toBe(1)
    }
    advance(20_000)
    expect(timers()).toBe(0)
  }))
})
