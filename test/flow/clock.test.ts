import { execFileSync } from 'node:child_process'
import { asyncScheduler, BehaviorSubject, of, throwError, timer as timerOf, type Subscription } from 'rxjs'
import { TestScheduler } from 'rxjs/testing'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { balance, discover, protect, register, roundRobin, serviceInstance, serviceSet, type ServiceInstance } from 'rx-discovery'
import { sseRegistry } from 'rx-discovery/browser'
import { memoryRegistry } from 'rx-discovery/memory'
import { virtually } from 'rx-discovery/testing'
import { now, startOutside, timers } from '../../src/flow/clock.js'

const node = (id: string): ServiceInstance => serviceInstance({ service: 'web', id, address: `${id}:1` })
const all = ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate', 'clearImmediate', 'Date'] as const

/** As Jest's legacy fake timers: only timers, whose ids are numbers; neither `Date` nor `performance` is faked. */
const onlyTimers = (): ((ms: number) => void) => {
  const waiting = new Map<number, { due: number; period: number; run: () => void }>()
  let time = 0
  let ids = 0
  const set = (run: () => void, ms = 0, period = NaN): number => (waiting.set((ids += 1), { due: time + ms, period, run }), ids)
  const clear = (id: number): void => void waiting.delete(id)
  vi.stubGlobal('setTimeout', set)
  vi.stubGlobal('setInterval', (run: () => void, ms = 0) => set(run, ms, Math.max(1, ms)))
  vi.stubGlobal('clearTimeout', clear)
  vi.stubGlobal('clearInterval', clear)
  return ms => {
    const end = time + ms
    for (;;) {
      const [next] = [...waiting].sort(([, a], [, b]) => a.due - b.due)
      if (next === undefined || next[1].due > end) break
      const [id, entry] = next
      time = entry.due
      if (entry.period > 0) entry.due += entry.period
      else waiting.delete(id)
      entry.run()
    }
    time = end
  }
}

const fakes: Readonly<Record<string, () => (ms: number) => void>> = {
  'the fake timers of vitest, sinon and Jest without `performance`': () => {
    vi.useFakeTimers({ toFake: [...all] })
    return ms => vi.advanceTimersByTime(ms)
  },
  'these fake timers without `performance` and `Date`': () => {
    vi.useFakeTimers({ toFake: all.filter(name => name !== 'Date') })
    return ms => vi.advanceTimersByTime(ms)
  },
  'these fake timers with `performance`': () => {
    vi.useFakeTimers()
    return ms => vi.advanceTimersByTime(ms)
  },
  'the legacy fake timers of Jest': onlyTimers,
}

afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

describe.each(Object.keys(fakes))('with %s', name => {
  const faked = (test: (advance: (ms: number) => void) => void) => () => test(fakes[name]?.() ?? (() => undefined))

  it('a registration is lost at its TTL', faked(advance => {
    const registry = memoryRegistry()
    const seen: string[] = []
    const registration = register(registry, node('a'), { ttl: 10 }).subscribe(({ status }) => seen.push(status))
    registry.freeze()
    advance(9_000)
    expect(seen.at(-1)).toBe('registered')
    advance(1_001)
    expect(seen.at(-1)).toBe('lost')
    registration.unsubscribe()
  }))

  it('a registration is renewed for an hour, and lost at no time', faked(advance => {
    const seen = new Set<string>()
    const registration = register(memoryRegistry(), node('a'), { ttl: 10 }).subscribe(({ status }) => seen.add(status))
    advance(3_600_000)
    expect([...seen]).toEqual(['registering', 'registered'])
    registration.unsubscribe()
  }))

  it('an ejection ends, also while nothing follows the sets', faked(advance => {
    const web = balance(new BehaviorSubject(serviceSet('web', [node('a'), node('b')])), roundRobin(), { outliers: { consecutive: 1, base: 30_000 }, linger: 1_000 })
    const calls = (): string => {
      const called = new Set<string>()
      for (let i = 0; i < 10; i++) web.use(({ id }) => (called.add(id), of(id))).subscribe()
      return [...called].sort().join()
    }
    let broken = ''
    web.use(({ id }) => throwError(() => new Error((broken = id)))).subscribe({ error: () => undefined })
    advance(29_000)
    expect(calls()).not.toContain(broken)
    advance(1_001)
    expect(calls()).toBe('a,b')
  }))

  it('the grace of `protect` ends', faked(advance => {
    const sets = new BehaviorSubject(serviceSet('web', ['a', 'b', 'c', 'd'].map(node)))
    const sizes: number[] = []
    const subscription = sets.pipe(protect({ grace: 30_000 })).subscribe(({ size }) => sizes.push(size))
    sets.next(serviceSet('web', []))
    expect(sizes.at(-1)).toBe(3)
    advance(29_000)
    expect(sizes.at(-1)).toBe(3)
    advance(1_001)
    expect(sizes.at(-1)).toBe(0)
    subscription.unsubscribe()
  }))

  it('`verify` finds what the watch did not deliver', faked(advance => {
    const registry = memoryRegistry()
    const sizes: number[] = []
    const subscription = discover(registry, 'web', { verify: 60_000 }).subscribe(({ size }) => sizes.push(size))
    registry.lag()
    registry.write('/rx-discovery/web/a', '{"v":1,"address":"a:1"}')
    advance(59_000)
    expect(sizes.at(-1)).toBe(0)
    advance(10_000)
    expect(sizes.at(-1)).toBe(1)
    subscription.unsubscribe()
  }))

  it('`linger` ends', faked(advance => {
    const registry = memoryRegistry()
    discover(registry, 'web', { linger: 10_000 }).subscribe().unsubscribe()
    advance(9_999)
    expect(registry.subscriptions().watches).toBe(1)
    advance(2)
    expect(registry.subscriptions().watches).toBe(0)
  }))
})

describe('the clock', () => {
  const fired = (delay: number): Promise<number> =>
    new Promise(resolve => {
      const due = now() + delay
      timers.schedule(() => resolve(now() - due), delay)
    })
  const real = (test: string): string => execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', test], { encoding: 'utf8' })

  it('is `performance.now()` with real timers, though these fire a fraction of a millisecond early', () => {
    const differences = real(`
      import { now, timers } from './src/flow/clock.ts'
      const chain = left => timers.schedule(() => left > 0 ? chain(left - 1) : console.log(now() - performance.now() < 1e-3), 1.9)
      chain(50)
      for (let i = 0; i < 500; i++) timers.schedule(() => undefined, i / 7 + 0.3)
    `)
    expect(differences.trim()).toBe('true')
  })

  it('goes on from there when the real timers are back', async () => {
    vi.useFakeTimers({ toFake: [...all] })
    const start = now()
    timers.schedule(() => undefined, 60_000)
    vi.advanceTimersByTime(60_000)
    vi.useRealTimers()
    const later = now()
    expect(later - start).toBeGreaterThanOrEqual(60_000)
    await fired(20)
    expect(now() - later).toBeGreaterThanOrEqual(18)
    expect(now() - later).toBeLessThan(5_000)
  })

  it('counts an interval from when it fired, however long the work took', () => {
    vi.useFakeTimers({ toFake: [...all] })
    const at: number[] = []
    const start = now()
    const interval: Subscription = timers.schedule(function (this: { schedule: (state: undefined, delay: number) => unknown }) {
      at.push(Math.round((now() - start) / 100) * 100)
      if (at.length < 3) this.schedule(undefined, 1_000)
    }, 1_000)
    vi.advanceTimersByTime(5_000)
    expect(at).toEqual([1_000, 2_000, 3_000])
    interval.unsubscribe()
  })

  it('lets an error of the work reach the caller of the timer', () => {
    vi.useFakeTimers({ toFake: [...all] })
    timers.schedule(() => {
      throw new Error('of the work')
    }, 10)
    expect(() => vi.advanceTimersByTime(10)).toThrow('of the work')
  })

  it('is virtual in `virtually`, where its timers are those of RxJS', () => {
    const real = now()
    virtually(({ advance, pending }) => {
      const seen: string[] = []
      timers.schedule(() => seen.push(`ours at ${now()}`), 60_000)
      asyncScheduler.schedule(() => seen.push(`RxJS's at ${now()}`), 60_000)
      expect(pending()).toBe(2)
      advance(60_000)
      expect(seen).toEqual(['ours at 60000', "RxJS's at 60000"])
    })
    expect(now() - real).toBeLessThan(50_000)
  })

  it('counts the due time as reached in a bare TestScheduler, too', () => {
    new TestScheduler(() => undefined).run(({ expectObservable }) => {
      const start = now()
      let passed = 0
      timers.schedule(() => (passed = now() - start), 10_000)
      expectObservable(timerOf(10_000))
      queueMicrotask(() => expect(passed).toBeGreaterThanOrEqual(10_000))
    })
  })
})

describe('inside the zone of Angular', () => {
  interface Zone {
    readonly parent: Zone | null
    readonly getZoneWith: (key: string) => Zone | null
    readonly run: <A>(body: () => A) => A
  }
  /** As much of zone.js as the clock uses: the root, a proxy for tests, Angular's zone, and a zone inside it. */
  const zones = () => {
    const state = { current: undefined as Zone | undefined }
    const fork = (parent: Zone | null, isAngular = false): Zone => {
      const zone: Zone = {
        parent,
        getZoneWith: key => (isAngular && key === 'isAngularZone' ? zone : (parent?.getZoneWith(key) ?? null)),
        run: body => {
          const before = state.current
          state.current = zone
          try {
            return body()
          } finally {
            state.current = before
          }
        },
      }
      return zone
    }
    const root = fork(null)
    const proxy = fork(root)
    const angular = fork(proxy, true)
    const inner = fork(angular)
    state.current = root
    vi.stubGlobal('Zone', state)
    const nameOf = (): string => (['root', 'proxy', 'angular', 'inner'] as const)[[root, proxy, angular, inner].findIndex(zone => zone === state.current)] ?? 'none'
    const started: string[] = []
    const { setInterval } = globalThis
    vi.stubGlobal('setInterval', (...args: Parameters<typeof setInterval>) => (started.push(nameOf()), setInterval(...args)))
    return { root, proxy, angular, inner, nameOf, started }
  }
  const faked = (): ReturnType<typeof zones> => {
    vi.useFakeTimers({ toFake: [...all] })
    return zones()
  }

  it.each(['angular', 'inner'] as const)('a timer of the zone %s starts in the parent of the zone of Angular, and calls back in its own', name => {
    const { [name]: zone, nameOf, started } = faked()
    const fired: string[] = []
    zone.run(() => timers.schedule(function (this: { schedule: (state: undefined, delay: number) => unknown }) {
      fired.push(nameOf())
      if (fired.length < 3) this.schedule(undefined, fired.length * 100)
    }, 100))
    vi.advanceTimersByTime(1_000)
    expect(fired).toEqual([name, name, name])
    expect(new Set(started)).toEqual(new Set(['proxy']))
    expect(nameOf()).toBe('root')
  })

  it.each(['root', 'proxy'] as const)('a timer of the zone %s, which is not inside it, starts there', name => {
    const { [name]: zone, started } = faked()
    zone.run(() => timers.schedule(() => undefined, 100))
    expect(started).toEqual([name])
  })

  it('a discovery, a balancer and a registration start no timer, and emit there', () => {
    const { angular, nameOf, started } = faked()
    const emitted = new Set<string>()
    const registry = memoryRegistry()
    const subscriptions = angular.run(() => [
      register(registry, node('a'), { ttl: 10 }).subscribe(() => emitted.add(nameOf())),
      discover(registry, 'web').subscribe(() => emitted.add(nameOf())),
      balance(discover(registry, 'web'), roundRobin()).state$.subscribe(() => emitted.add(nameOf())),
    ])
    vi.advanceTimersByTime(1_000)
    emitted.clear()
    vi.advanceTimersByTime(130_000)
    expect(new Set(started)).toEqual(new Set(['proxy']))
    expect([...emitted]).toEqual(['angular'])
    for (const subscription of subscriptions) subscription.unsubscribe()
  })

  it.each([['angular', 'proxy', 'angular'], ['inner', 'proxy', 'inner'], ['root', 'root', 'root']] as const)('startOutside called in the zone %s starts in %s, and calls back in %s', (name, start, back) => {
    const { [name]: zone, nameOf, root } = faked()
    const begun: string[] = []
    const inside = zone.run(() => startOutside(callBack => (begun.push(nameOf()), callBack)))
    const called: string[] = []
    root.run(() => inside(() => called.push(nameOf())))
    expect([begun, called]).toEqual([[start], [back]])
  })

  it('an sseRegistry makes its requests outside, and emits and errors there', async () => {
    const { angular, nameOf, started } = faked()
    const asked = new Set<string>()
    const emitted = new Set<string>()
    const noteZone = (): unknown => emitted.add(nameOf())
    const listing = 'event: listing\ndata: {"cluster":"1","revision":1,"changes":[]}\nid: 1.0000000000000000\n\n'
    const bodies = [': rx-discovery heartbeat=400\n\n', listing]
    const registry = sseRegistry('http://bridge/discovery', {
      headers: () => (asked.add(nameOf()), {}),
      fetch: () => Promise.resolve(new Response(new ReadableStream({ start: to => to.enqueue(new TextEncoder().encode(bodies.pop() ?? '')) }), { headers: { 'content-type': 'text/event-stream' } })),
    })
    const [done, failed] = [vi.fn(noteZone), vi.fn(noteZone)]
    angular.run(() => registry.list('/rx-discovery/web/').subscribe({ next: noteZone, complete: done }))
    await vi.advanceTimersByTimeAsync(100)
    angular.run(() => registry.list('/rx-discovery/web/').subscribe({ error: failed }))
    await vi.advanceTimersByTimeAsync(2_000)
    expect([done.mock.calls.length, failed.mock.calls.length]).toEqual([1, 1])
    expect([[...asked], [...emitted]]).toEqual([['proxy'], ['angular']])
    // These zones do not follow promises, so a timer after one starts in the root.
    expect(started).not.toContain('angular')
  })
})
