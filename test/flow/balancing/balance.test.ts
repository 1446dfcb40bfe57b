import { BehaviorSubject, concat, EMPTY, merge, NEVER, of, range, retry, Subject, take, tap, throwError, TimeoutError, timer } from 'rxjs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { balance, consistentHash, InvalidArgument, peakEwma, random, roundRobin, serviceSet, weightedRoundRobin, type Balancer, type Call, type ServiceInstance, type ServiceSet, type Status } from 'rx-discovery'
import { virtually } from 'rx-discovery/testing'
import { seeded } from '../../etcd/random-writes.js'
import { always, answering, chosen, failing, inFlight, inTurn, node, nodes, silent, statesOf } from './balance-scene.js'
import { see } from '../scene.js'

const idle = { a: 0, b: 0, c: 0 }

describe('a choice', () => {
  it('is made anew at each subscription, and completes', () => virtually(() => {
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

  it.each<Status>(['starting', 'draining', 'down'])('is never of one that is %s', status => virtually(() => {
    const web = inTurn(of(nodes(node('a', { status }), 'b')))
    expect([chosen(web), chosen(web)]).toEqual(['b', 'b'])
  }))

  it('is never of weight 0, unless all are', () => virtually(() => {
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

  it.each([NaN, -1, Infinity, 1e308])('takes a weight of %d in a set made by hand', weight => virtually(() => {
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

describe('a call', () => {
  const ends: Record<string, Call<unknown, unknown>> = {
    'that throws at once': () => { throw new Error('bug') },
    'that is no call at all': () => undefined as never,
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
  it.each(Object.entries(ends))('%s leaves no slot behind, however it is left', (_, call) => {
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

  it('of whose values only some are wanted is stopped at once', () => virtually(() => {
    let made = 0
    const web = inTurn(of(nodes('a')))
    expect(see(web.use(() => range(1, 1e9).pipe(tap(() => (made += 1)))).pipe(take(3))).values).toEqual([1, 2, 3])
    expect(made).toBe(3)
  }))

  it('has a signal that is aborted when nobody waits any more, and else is not', () => virtually(({ advance }) => {
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

  it('by a promise has ended once that has resolved, though it is left with its first value', async () => {
    let signal: AbortSignal | undefined
    const web = inTurn(of(nodes('a')), { linger: 0 })
    const seen = see(web.use((_, given) => { signal = given; return Promise.resolve('body') }).pipe(take(1)))
    await Promise.resolve()
    await Promise.resolve()
    expect([seen.values, seen.completed, signal?.aborted]).toEqual([['body'], true, false])
  })

  it('fails when it takes longer than its timeout: to its first value, or in all', () => virtually(({ advance }) => {
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

  it('tells its latency: to the first value, or to completion', () => virtually(({ advance }) => {
    const stream = () => concat(timer(20), timer(80))
    for (const [latency, ms] of [['first', 20], ['complete', 100]] as const) {
      const web = inTurn(of(nodes('a')))
      expect(statesOf(web).get('a')?.latency).toBeUndefined()
      see(web.use(stream, { latency }))
      advance(1_000)
      expect(statesOf(web).get('a')).toEqual({ inFlight: 0, latency: ms, failures: 0, ejectedUntil: undefined })
    }
  }))

  it('that is left before its first value tells how long it takes at least, and does not fail', () => virtually(({ advance }) => {
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

  it('that fails after its answer has been slow no longer than to its answer', () => virtually(({ advance }) => {
    const web = inTurn(of(nodes('a')))
    see(web.use(() => concat(timer(10), timer(5_000), failing())))
    advance(6_000)
    const { latency = NaN, failures } = statesOf(web).get('a') ?? {}
    expect([failures, latency <= 10]).toEqual([1, true])
  }))

  it('fails by its error, unless that is an answer; and errors with what says so if that throws', () => virtually(() => {
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
  it('goes to another instance each time, while there is one; then to anybody', () => virtually(() => {
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

  it('goes elsewhere too after it was left before its first value', () => virtually(({ advance }) => {
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

  it('forgets who failed after a success that began later', () => virtually(({ advance }) => {
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

  it('remembers a failure that came after the beginning of what succeeds', () => virtually(({ advance }) => {
    const asked: string[] = []
    const answers = [answering(5), () => failing(3), answering(1)]
    const web = balance(of(nodes('a', 'b')), always(0), { outliers: false })
    const call = web.use(instance => answers[asked.push(instance.id) - 1]?.(instance) ?? EMPTY)
    const first = see(call)
    const second = see(call.pipe(retry({ count: 1, delay: 10 })))
    advance(20)
    expect([asked, first.values, second.values]).toEqual([['a', 'a', 'b'], ['a'], ['b']])
  }))

  it('never reaches the dead one twice among many at once, whatever the others do meanwhile', () => virtually(({ advance }) => {
    const web = balance(of(nodes('a', 'b', 'c', 'd', 'e')), roundRobin(), { random: () => 0, outliers: false })
    const call = web.use(instance => (instance.id === 'c' ? failing(3) : answering(10)(instance)))
    const seen = Array.from({ length: 100 }, () => see(call.pipe(retry(1))))
    advance(50)
    expect(seen.filter(({ error }) => error !== undefined)).toEqual([])
    expect(seen.flatMap(({ values }) => values)).toHaveLength(100)
  }))

  it('of an answer that is none of the server’s failures may go to the same', () => virtually(() => {
    const asked: string[] = []
    const web = balance(of(nodes('a', 'b')), always(0), { failed: () => false })
    see(web.use(({ id }) => { asked.push(id); return failing() }).pipe(retry(2)))
    expect(asked).toEqual(['a', 'a', 'a'])
  }))
})

describe('slots', () => {
  interface Step {
    readonly call: number
    readonly latency: 'first' | 'complete'
    readonly leave: number
  }
  const step: fc.Arbitrary<Step> = fc.record({ call: fc.nat(7), latency: fc.constantFrom('first' as const, 'complete' as const), leave: fc.constantFrom(0, 1, 7, 1e6) })
  const calls: readonly Call<unknown, unknown>[] = [answering(0), answering(5), () => failing(), () => failing(5), silent, () => of(1, 2, 3), () => concat(timer(3), failing(3)), () => { throw new Error('bug') }]

  it('are never fewer than none, nor more than the calls that run; and none is left when none runs', () => {
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

describe('what is wrong', () => {
  it.each([1, -1, 0.5, NaN, Infinity])('a policy that chooses %s of one', index => virtually(() => {
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
    ['panic', { panic: 101 }], ['panic', { panic: 0.5 }], ['outliers.share', { outliers: { share: 0.1 } }], ['panic', { panic: NaN }], ['wait', { wait: -1 }], ['linger', { linger: Infinity }],
    ['outliers.base', { outliers: { base: NaN } }], ['outliers.share', { outliers: { share: -1 } }], ['random', { random: 7 as never }],
  ])('an option: %s', (argument, options) => virtually(() => {
    const subscribed = new Subject<ServiceSet>()
    const web = balance(subscribed, roundRobin(), options)
    for (const seen of [see(web.use(() => of(1))), see(web.select()), see(web.state$)]) expect((seen.error as Error).message).toContain(`${argument} must be a`)
    expect(subscribed.observed).toBe(false)
  }))
  it('no policy at all, and a timeout that is none', () => virtually(() => {
    for (const policy of [undefined as never, {} as never, { ...always(0), decay: 0 }, { ...always(0), decay: NaN }])
      expect((see(balance(of(nodes('a')), policy).select()).error as Error).message).toContain('policy must be a policy')
    expect((see(inTurn(of(nodes('a'))).use(() => of(1), { timeout: NaN })).error as Error).message).toContain('timeout must be a number')
  }))
})

describe('a policy of one’s own', () => {
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
  it('sees since when calls wait for a first answer while none comes', () => virtually(({ advance }) => {
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
  it('is given what the call was given', () => virtually(() => {
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
