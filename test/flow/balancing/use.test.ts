import { BehaviorSubject, concat, EMPTY, merge, NEVER, of, range, retry, take, tap, throwError, TimeoutError, timer } from 'rxjs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { balance, consistentHash, peakEwma, random, roundRobin, type Call, type ServiceInstance } from 'rx-discovery'
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
