import { BehaviorSubject, concat, EMPTY, merge, NEVER, of, range, retry, take, tap, throwError, TimeoutError, timer } from 'rxjs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { balance, Closed, InvalidArgument, NoInstance, consistentHash, peakEwma, random, roundRobin, type Call, type ServiceInstance, type Balancer } from 'rx-discovery'
import { virtually } from 'rx-discovery/testing'
import { seeded } from '../../etcd/random-writes.js'
import { always, answering, failing, inFlight, inTurn, nodes, silent, statesOf } from './balance-scene.js'
import { see } from '../scene.js'

const idle = { a: 0, b: 0, c: 0 }

describe('a call', () => {
  const ends: Record<string, Call<unknown, unknown>> = {
    'that throws at once': () => { throw new Error('bug') },
    'that returns undefined': () => undefined as never,
    'that errors at once': () => failing(),
    'that errors later': () => failing(5),
    'that emits and errors': ({ id }) => concat(of(id), failing()),
    'that completes without a value': () => EMPTY,
    'that emits at once': ({ id }) => of(id, id),
    'that emits later': answering(5),
    'that never emits': silent,
    'that emits and goes on': ({ id }) => concat(of(id), NEVER),
    'that emits a list': () => [1, 2, 3],
  }
  it.each(Object.entries(ends))('%s leaves no call in flight, however it ends', (_, call) => {
    for (const latency of ['first', 'complete'] as const)
      for (const timeout of [undefined, 3, 30])
        for (const leave of [take(1), take(2), take<unknown>(1_000)])
          virtually(({ advance }) => {
            const web = inTurn(of(nodes('a', 'b', 'c')), { outliers: false })
            const options = { latency, ...(timeout !== undefined && { timeout }) }
            const seen = see(web.use(call, options).pipe(leave))
            advance(100)
            seen.stop()
            expect(inFlight(web)).toEqual(idle)
            advance(20_000)
          })
  })

  it('is stopped at once when a consumer takes only some of its values', () => virtually(() => {
    let made = 0
    const web = inTurn(of(nodes('a')))
    expect(see(web.use(() => range(1, 1e9).pipe(tap(() => (made += 1)))).pipe(take(3))).values).toEqual([1, 2, 3])
    expect(made).toBe(3)
  }))

  it('has a signal that is aborted when the caller unsubscribes, and by an error, but not by success', () => virtually(({ advance }) => {
    const signals: AbortSignal[] = []
    const web = inTurn(of(nodes('a')))
    const calls = (options = {}, answer = silent) => see(web.use((_, signal) => { signals.push(signal); return answer() }, options))
    calls().stop()
    calls({ timeout: 10 })
    calls({}, () => failing(10))
    calls({}, () => EMPTY)
    const waiting = calls()
    advance(10)
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true, true, false, false])
    waiting.stop()
  }))

  it('by a promise has ended when the promise resolves, and its signal is not aborted', async () => {
    let signal: AbortSignal | undefined
    const web = inTurn(of(nodes('a')), { linger: 0 })
    const seen = see(web.use((_, given) => { signal = given; return Promise.resolve('body') }).pipe(take(1)))
    await Promise.resolve()
    await Promise.resolve()
    expect([seen.values, seen.completed, signal?.aborted]).toEqual([['body'], true, false])
  })

  it('fails if it takes longer than its timeout: to its first value, or to its end', () => virtually(({ advance }) => {
    const web = inTurn(of(nodes('a')), { outliers: false })
    const slow = (first: number, whole: number) => () => merge(timer(first), timer(whole))
    const seen = [
      see(web.use(slow(20, 30), { timeout: 10 })),
      see(web.use(slow(5, 30), { timeout: 10 })),
      see(web.use(slow(5, 30), { timeout: 10, latency: 'complete' })),
      see(web.use(slow(5, 8), { timeout: 10, latency: 'complete' })),
    ]
    advance(50)
    expect(seen.map(({ error, completed }) => completed ?? error)).toEqual([expect.any(TimeoutError), true, expect.any(TimeoutError), true])
    for (const { error } of [seen[0], seen[2]] as { readonly error: Error }[]) expect(error.message).toBe('a (a:80) took longer than 10 ms')
    expect(statesOf(web).get('a')).toMatchObject({ failures: 2, inFlight: 0 })
  }))

  it('reports its latency: to the first value, or to completion', () => virtually(({ advance }) => {
    const stream = () => concat(timer(20), timer(80))
    for (const [latency, ms] of [['first', 20], ['complete', 100]] as const) {
      const web = inTurn(of(nodes('a')))
      expect(statesOf(web).get('a')?.latency).toBeUndefined()
      see(web.use(stream, { latency }))
      advance(1_000)
      expect(statesOf(web).get('a')).toEqual({ inFlight: 0, latency: ms, failures: 0, ejectedUntil: undefined })
    }
  }))

  it('that is unsubscribed before its first value raises the latency to at least that long, and is no failure', () => virtually(({ advance }) => {
    const web = inTurn(of(nodes('a')))
    see(web.use(answering(10)))
    advance(10)
    const left = see(web.use(silent))
    advance(300)
    left.stop()
    const early = see(web.use(silent))
    early.stop()
    expect(statesOf(web).get('a')).toMatchObject({ latency: 300, failures: 0 })
  }))

  it('that fails after its answer counts the latency to its answer only', () => virtually(({ advance }) => {
    const web = inTurn(of(nodes('a')))
    see(web.use(() => concat(timer(10), timer(5_000), failing())))
    advance(6_000)
    const { latency = NaN, failures } = statesOf(web).get('a') ?? {}
    expect([failures, latency <= 10]).toEqual([1, true])
  }))

  it('fails by its error unless `failed` returns false; what `failed` throws becomes the error', () => virtually(() => {
    const failed = (error: unknown): boolean => {
      if (error === 'odd') throw new RangeError('odd')
      return error !== 404
    }
    const web = inTurn(of(nodes('a')), { failed })
    // eslint-disable-next-line rxjs-x/throw-error -- foreign code errors with anything
    const seen = [404, 500, 'odd'].map(error => see(web.use(() => throwError(() => error))))
    expect(seen.map(({ error }) => error)).toEqual([404, 500, new RangeError('odd')])
    expect(statesOf(web).get('a')).toMatchObject({ failures: 2, inFlight: 0 })
  }))
})

describe('a retry', () => {
  it('goes to another instance each time while there is one, then to any', () => virtually(() => {
    const asked: string[] = []
    const sets = of(nodes('a', 'b', 'c'))
    const options = { random: seeded(7), outliers: false } as const
    for (const web of [balance(sets, roundRobin(), options), balance(sets, random(), options), balance(sets, peakEwma(), options), balance(sets, consistentHash(), options)]) {
      const seen = see(web.use(({ id }) => { asked.push(id); return failing() }, { key: 'same' }).pipe(retry(3)))
      expect(seen.error).toEqual(new Error('down'))
      const [first, ...others] = asked.splice(0)
      expect([first, ...others.slice(0, 2)].sort()).toEqual(['a', 'b', 'c'])
      expect(others).toHaveLength(3)
    }
  }))

  it('also goes elsewhere after an unsubscribe before the first value', () => virtually(({ advance }) => {
    const asked: string[] = []
    const web = inTurn(of(nodes('a', 'b')))
    const call = web.use(({ id }) => { asked.push(id); return NEVER })
    for (let turn = 0; turn < 2; turn += 1) {
      const seen = see(call)
      see(web.select())
      advance(10)
      seen.stop()
    }
    expect(asked).toEqual(['a', 'b'])
  }))

  it('forgets failed instances after a success that began later', () => virtually(({ advance }) => {
    const asked: string[] = []
    const broken = new Set(['a'])
    const web = balance(of(nodes('a', 'b')), always(0), { outliers: false })
    const call = web.use(({ id }) => { asked.push(id); return broken.has(id) ? failing(1) : answering(10)({ id } as ServiceInstance) })
    const concurrent = see(web.use(answering(5)))
    see(call.pipe(retry(1)))
    advance(5)
    expect([asked, concurrent.values]).toEqual([['a', 'b'], ['a']])
    broken.clear()
    advance(20)
    see(call)
    advance(20)
    expect(asked).toEqual(['a', 'b', 'a'])
  }))

  it('remembers a failure that came after the successful call had begun', () => virtually(({ advance }) => {
    const asked: string[] = []
    const answers = [answering(5), () => failing(3), answering(1)]
    const web = balance(of(nodes('a', 'b')), always(0), { outliers: false })
    const call = web.use(instance => answers[asked.push(instance.id) - 1]?.(instance) ?? EMPTY)
    const first = see(call)
    const second = see(call.pipe(retry({ count: 1, delay: 10 })))
    advance(20)
    expect([asked, first.values, second.values]).toEqual([['a', 'a', 'b'], ['a'], ['b']])
  }))

  it('never reaches the dead instance twice while many calls run at once', () => virtually(({ advance }) => {
    const web = balance(of(nodes('a', 'b', 'c', 'd', 'e')), roundRobin(), { random: () => 0, outliers: false })
    const call = web.use(instance => (instance.id === 'c' ? failing(3) : answering(10)(instance)))
    const seen = Array.from({ length: 100 }, () => see(call.pipe(retry(1))))
    advance(50)
    expect(seen.filter(({ error }) => error !== undefined)).toEqual([])
    expect(seen.flatMap(({ values }) => values)).toHaveLength(100)
  }))

  it('may go to the same instance after an error that is not a failure', () => virtually(() => {
    const asked: string[] = []
    const web = balance(of(nodes('a', 'b')), always(0), { failed: () => false })
    see(web.use(({ id }) => { asked.push(id); return failing() }).pipe(retry(2)))
    expect(asked).toEqual(['a', 'a', 'a'])
  }))
})

describe('calls in flight', () => {
  interface Step {
    readonly call: number
    readonly latency: 'first' | 'complete'
    readonly leave: number
  }
  const step: fc.Arbitrary<Step> = fc.record({ call: fc.nat(7), latency: fc.constantFrom('first' as const, 'complete' as const), leave: fc.constantFrom(0, 1, 7, 1e6) })
  const calls: readonly Call<unknown, unknown>[] = [answering(0), answering(5), () => failing(), () => failing(5), silent, () => of(1, 2, 3), () => concat(timer(3), failing(3)), () => { throw new Error('bug') }]

  it('are never negative, never more than the running calls, and 0 in the end', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(step, fc.nat(10), fc.subarray(['a', 'b', 'c', 'd'])), { maxLength: 30 }), steps => virtually(({ advance }) => {
        const sets = new BehaviorSubject(nodes('a', 'b', 'c'))
        const web = balance(sets, peakEwma(), { random: seeded(steps.length) })
        const holding = see(web.state$)
        const running = steps.map(([{ call, latency, leave }, ms, there]) => {
          sets.next(nodes(...there))
          let open = 1
          const seen = see(web.use(calls[call] ?? silent, { latency }))
          const stop = (): void => {
            open = 0
            seen.stop()
          }
          timer(leave).subscribe(stop)
          advance(ms)
          const flying = Object.values(inFlight(web)).reduce((sum, count) => sum + count, 0)
          expect([flying >= 0, Object.values(inFlight(web)).every(count => count >= 0)]).toEqual([true, true])
          return { stop, open: () => open }
        })
        expect(Object.values(inFlight(web)).reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(running.filter(({ open }) => open() === 1).length)
        for (const { stop } of running) stop()
        sets.next(nodes('a', 'b', 'c', 'd'))
        expect(Object.values(inFlight(web))).toEqual([0, 0, 0, 0])
        holding.stop()
        advance(2e6)
      })),
      { numRuns: 100 },
    )
  })
})

describe('retries', () => {
  const three = () => of(nodes('a', 'b', 'c'))

  it('call another instance each time, while there is one', () => virtually(() => {
    const asked: string[] = []
    const web = inTurn(three(), { outliers: false })
    const seen = see(web.use(({ id }) => { asked.push(id); return id === 'c' ? of(id) : failing() }, { retries: 2 }))
    expect([asked, seen.values, seen.completed]).toEqual([['a', 'b', 'c'], ['c'], true])
    const failed = see(web.use(({ id }) => { asked.push(id); return failing() }, { retries: 3 }))
    expect([failed.error, asked.length]).toEqual([new Error('down'), 7])
  }))

  it('are none by default', () => virtually(() => {
    let calls = 0
    expect(see(inTurn(three()).use(() => { calls += 1; return failing() })).error).toEqual(new Error('down'))
    expect(calls).toBe(1)
  }))

  it('never repeat a call that has emitted', () => virtually(() => {
    const asked: string[] = []
    const seen = see(inTurn(three()).use(({ id }) => { asked.push(id); return concat(of(1), failing()) }, { retries: 5 }))
    expect([asked, seen.values, seen.error]).toEqual([['a'], [1], new Error('down')])
  }))

  it('follow `failed`, or `retryable` instead', () => virtually(() => {
    const count = (options: object, use: object, error: unknown): number => {
      let calls = 0
      // eslint-disable-next-line rxjs-x/throw-error -- foreign code errors with anything
      see(inTurn(three(), options).use(() => { calls += 1; return throwError(() => error) }, { retries: 2, ...use }))
      return calls
    }
    const failed = (error: unknown): boolean => error !== 404
    expect([count({ failed }, {}, 404), count({ failed }, {}, 500)]).toEqual([1, 3])
    expect([count({ failed }, { retryable: () => true }, 404), count({ failed }, { retryable: () => false }, 500)]).toEqual([3, 1])
    expect(count({}, { retryable: () => { throw new RangeError('odd') } }, 500)).toBe(1)
  }))

  it.each([new NoInstance('web', 'empty'), new InvalidArgument('id', 'must be a string'), new Closed()])('never follow a $name', error => virtually(() => {
    let calls = 0
    const seen = see(inTurn(three()).use(() => { calls += 1; return throwError(() => error) }, { retries: 5, retryable: () => true }))
    expect([calls, seen.error]).toEqual([1, error])
  }))

  it('follow a timeout of one try', () => virtually(({ advance }) => {
    const web = inTurn(three(), { outliers: false })
    const seen = see(web.use(({ id }) => (id === 'c' ? of(id) : NEVER), { timeout: 10, retries: 2 }))
    advance(20)
    expect(seen.values).toEqual(['c'])
    expect([...statesOf(web).values()].map(({ failures }) => failures)).toEqual([1, 1, 0])
  }))

  it('do not overflow the stack', () => virtually(() => {
    const web = inTurn(three(), { outliers: false, retryBudget: false })
    let calls = 0
    see(web.use(() => { calls += 1; return failing() }, { retries: 50_000 }))
    expect(calls).toBe(50_001)
  }))

  it('stay within the retry budget of the balancer, and then return the original error', () => virtually(({ advance }) => {
    const web = inTurn(three(), { outliers: false })
    let calls = 0
    const call = () => { calls += 1; return failing() }
    const load = (count: number): number => {
      calls = 0
      for (let each = 0; each < count; each += 1) expect(see(web.use(call, { retries: 2 })).error).toEqual(new Error('down'))
      return calls - count
    }
    expect(load(1_000)).toBe(100 + 200)
    expect(load(1_000)).toBe(200)
    advance(20_000)
    expect(load(10)).toBe(20)
    expect(load(1_000)).toBe(100 - 20 + 2 + 200)
    advance(20_000)
    const strict = inTurn(three(), { outliers: false, retryBudget: { share: 0, perSecond: 0 } })
    calls = 0
    see(strict.use(call, { retries: 5 }))
    expect(calls).toBe(1)
  }))
})

describe('a deadline', () => {
  it('bounds all tries, and is not the failure of the instance', () => virtually(({ advance }) => {
    const web = inTurn(of(nodes('a', 'b', 'c')), { outliers: false })
    const seen = see(web.use(silent, { timeout: 40, deadline: 100, retries: 9 }))
    advance(100)
    expect((seen.error as Error).message).toBe('the call took longer than its deadline of 100 ms: try number 3 was with c (c:80)')
    expect(seen.error).toBeInstanceOf(TimeoutError)
    expect([...statesOf(web).values()].map(({ failures, inFlight: flying }) => [failures, flying])).toEqual([[1, 0], [1, 0], [0, 0]])
  }))
  it('bounds the time without an instance', () => virtually(({ advance }) => {
    const seen = see(inTurn(of(nodes())).use(silent, { deadline: 100 }))
    advance(100)
    expect((seen.error as Error).message).toBe('the call took longer than its deadline of 100 ms: it found no instance')
    advance(10_000)
  }))
  it('lasts to the first value, or to the completion', () => virtually(({ advance }) => {
    const web = inTurn(of(nodes('a')))
    const stream = () => merge(timer(50), timer(200))
    const seen = (['first', 'complete'] as const).map(latency => see(web.use(stream, { deadline: 100, latency })))
    advance(200)
    expect(seen.map(({ completed, error }) => completed ?? error)).toEqual([true, expect.any(TimeoutError)])
  }))
})

describe('a signal of the caller', () => {
  it('ends the call with its reason, without a failure, and aborts the signal of the call', () => virtually(({ advance }) => {
    const web = inTurn(of(nodes('a')))
    const controller = new AbortController()
    let inner: AbortSignal | undefined
    const seen = see(web.use((_, signal) => { inner = signal; return NEVER }, { signal: controller.signal, retries: 5 }))
    const reason = new Error('left')
    controller.abort(reason)
    expect([seen.error, inner?.aborted, statesOf(web).get('a')]).toMatchObject([reason, true, { failures: 0, inFlight: 0 }])
    let calls = 0
    expect(see(web.use(() => { calls += 1; return of(1) }, { signal: controller.signal })).error).toBe(reason)
    expect([calls, inFlight(web)]).toEqual([0, { a: 0 }])
    const waiting = new AbortController()
    const forlorn = see(inTurn(of(nodes())).use(silent, { signal: waiting.signal }))
    waiting.abort()
    expect(forlorn.error).toMatchObject({ name: 'AbortError' })
    advance(10_000)
  }))
  it('keeps no listener of a call that has ended', () => virtually(() => {
    const { signal } = new AbortController()
    let listeners = 0
    const counted = new Proxy(signal, {
      get: (target, name) => {
        if (name === 'addEventListener') return () => (listeners += 1)
        if (name === 'removeEventListener') return () => (listeners -= 1)
        return Reflect.get(target, name) as unknown
      },
    })
    const web = inTurn(of(nodes('a')))
    see(web.use(() => of(1), { signal: counted }))
    see(web.use(() => failing(), { signal: counted }))
    see(web.use(silent, { signal: counted })).stop()
    expect(listeners).toBe(0)
  }))
})

describe('the signal of a call', () => {
  it('is made only for a function that declares it', () => virtually(() => {
    const web = inTurn(of(nodes('a')))
    const given: unknown[] = []
    see(web.use((...args) => { given.push(args[1]); return of(1) }))
    see(web.use((_, signal) => { given.push(signal); return of(1) }))
    expect(given).toEqual([undefined, expect.any(AbortSignal)])
  }))
})

describe('a retry after NoInstance', () => {
  it.each([
    ['of RxJS', (web: Balancer) => web.use(silent).pipe(retry(2))],
    ['of select', (web: Balancer) => web.select().pipe(retry(2))],
  ])('%s fails at once while there is still no instance', (_, make) => virtually(({ advance }) => {
    const seen = see<unknown>(make(inTurn(of(nodes()))))
    advance(4_999)
    expect(seen.error).toBeUndefined()
    advance(1)
    expect(seen.error).toMatchObject({ name: 'NoInstance', reason: 'empty' })
  }))
  it('calls an instance that has come, and waits again later', () => virtually(({ advance }) => {
    const sets = new BehaviorSubject(nodes())
    const web = inTurn(sets)
    const call = web.use(answering(1))
    const first = see(call)
    advance(5_000)
    expect(first.error).toMatchObject({ name: 'NoInstance' })
    expect(see(call).error).toMatchObject({ name: 'NoInstance' })
    advance(5_000)
    const later = see(call)
    advance(4_000)
    sets.next(nodes('a'))
    advance(1)
    expect(later.values).toEqual(['a'])
    advance(20_000)
  }))
})

describe('the memory of a call', () => {
  it('keeps 64 failed instances at most', () => virtually(() => {
    const many = Array.from({ length: 2_000 }, (_, at) => `n${at}`)
    const web = inTurn(of(nodes(...many)), { outliers: false, linger: 0 })
    const asked: string[] = []
    const tried: number[] = []
    const counting = balance(of(nodes(...many)), { initial: 0, choose: ({ size }, at: number) => { tried.push(many.length - size); return [at % size, at + 1] } }, { outliers: false })
    const call = counting.use(({ id }) => { asked.push(id); return failing() })
    for (let turn = 0; turn < 500; turn += 1) see(call)
    expect(Math.max(...tried)).toBe(64)
    expect(see(web.use(() => of(1))).values).toEqual([1])
  }))
})

describe('use refuses', () => {
  it.each<[string, object]>([
    ['timeout', { timeout: NaN }], ['deadline', { deadline: -1 }], ['retries', { retries: -1 }], ['retries', { retries: NaN }], ['retryable', { retryable: true }], ['signal', { signal: new AbortController() }], ['key', { key: 1 }],
  ])('%s: %j', (argument, options) => virtually(() => {
    expect((see(inTurn(of(nodes('a'))).use(() => of(1), options)).error as Error).message).toContain(`${argument} must be a`)
  }))
  it('a call that is not a function', () => virtually(() => {
    expect((see(inTurn(of(nodes('a'))).use(of(1) as never)).error as Error).message).toBe('call must be a function of an instance, such as instance => fetch(url), got an Observable')
  }))
})
