import { concat, defer, map, NEVER, of, Subject, take, throwError, timer, type Observable } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { Closed, Denied, Disconnected, discover, exponential, InvalidArgument, type Backoff, type ServiceSet } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'
import { virtually } from 'rx-discovery/testing'
import { toError } from '../../src/core/errors.js'
import { recover, type Interruption } from '../../src/flow/recover.js'
import { put, recorded, remove, see, shown, steady } from './scene.js'

const idle = { watches: 0, leases: 0, calls: 0 }

describe('an outage', () => {
  it('makes a set stale, with the reason, since when, and when the next try begins', () => virtually(({ advance, now }) => {
    const registry = memoryRegistry()
    put(registry, 'a')
    const { last, stop } = see(discover(registry, 'web', { backoff: steady }))
    advance(1_000)
    registry.interrupt(10_000)
    expect([shown(last()), last().revision, last().asOf]).toEqual(['stale a@1', 2, 0])
    expect(last().trouble).toEqual({ error: new Disconnected('connection reset', { host: 'memory' }), since: 1_000, attempt: 1, retryAt: 1_050, host: 'memory' })
    advance(400)
    expect(last().trouble).toMatchObject({ error: { message: 'connection refused' }, since: 1_000, attempt: 4, retryAt: 1_750 })
    expect(last().trouble?.retryAt).toBeGreaterThan(now())
    stop()
  }))

  it('empties nothing, however long it lasts, and is over within one backoff step', () => virtually(({ advance, now }) => {
    const registry = memoryRegistry()
    for (const id of ['a', 'b']) put(registry, id)
    const { values, last, stop } = see(discover(registry, 'web', { backoff: steady }))
    const before = last()
    registry.interrupt(3_600_000)
    remove(registry, 'b')
    put(registry, 'c')
    advance(3_599_999)
    expect(new Set(values.slice(2).map(shown))).toEqual(new Set(['stale a@1 b@1']))
    expect([last().get('a') === before.get('a'), last().asOf, last().trouble?.since]).toEqual([true, 0, 0])
    advance(1_001)
    expect([shown(last()), last().trouble, last().get('a') === before.get('a')]).toEqual(['live a@1 c@1', undefined, true])
    expect(now() - last().asOf).toBeLessThanOrEqual(1_000)
    stop()
  }))

  it('at the very start leaves it pending, with the reason', () => virtually(({ advance }) => {
    const registry = memoryRegistry()
    put(registry, 'a')
    registry.interrupt(120)
    const { values, last, stop } = see(discover(registry, 'web', { backoff: steady }))
    expect([values.map(shown), last().trouble?.attempt, last().trouble?.since]).toEqual([['pending', 'pending'], 1, 0])
    advance(149)
    expect([last().status, last().trouble?.attempt, last().trouble?.since]).toEqual(['pending', 2, 0])
    advance(1)
    expect([shown(last()), last().trouble]).toEqual(['live a@1', undefined])
    stop()
  }))

  it('in which the registry does not answer begins after five seconds without an answer, and passes by itself', () => virtually(({ advance }) => {
    const registry = memoryRegistry()
    put(registry, 'a')
    const { values, last, stop } = see(discover(registry, 'web', { backoff: steady }))
    const thaw = registry.freeze()
    put(registry, 'b')
    advance(4_999)
    expect(values.map(shown)).toEqual(['pending', 'live a@1'])
    advance(1)
    expect([shown(last()), last().trouble?.error]).toEqual(['stale a@1', new Disconnected('memory did not answer in time', { host: 'memory' })])
    advance(30_000)
    thaw()
    expect(shown(last())).toBe('live a@1 b@1')
    stop()
  }))

  it('is one outage over its attempts, and the next one another', () => virtually(({ advance }) => {
    const registry = memoryRegistry()
    const { last, stop } = see(discover(registry, 'web', { backoff: steady }))
    advance(20_000)
    registry.interrupt(500)
    advance(1_000)
    expect(last().status).toBe('live')
    advance(20_000)
    registry.interrupt(500)
    expect([last().trouble?.since, last().trouble?.attempt]).toEqual([41_000, 1])
    stop()
  }))

  it('may be caused by anything that is thrown', () => virtually(({ advance }) => {
    const memory = memoryRegistry()
    for (const [thrown, message] of [['a string', 'a string'], [undefined, 'undefined'], [Object.create(null), 'a value that cannot be converted to a string'], [Symbol('x'), 'Symbol(x)']]) {
      const cut = new Subject<void>()
      const { registry } = recorded(memory, { watch: () => cut.pipe(map(() => { throw thrown })) })
      const seen = see(discover(registry, 'web', { backoff: steady }))
      cut.next()
      const { trouble } = seen.last()
      expect([seen.last().status, trouble?.error instanceof Error, trouble?.error.message, trouble?.error.cause]).toEqual(['stale', true, message, thrown])
      advance(50)
      expect([seen.last().status, seen.error]).toEqual(['live', undefined])
      seen.stop()
    }
  }))

  it('is not always an outage of the registry: a verb that throws when called is trouble too', () => virtually(({ advance }) => {
    const memory = memoryRegistry()
    let broken = true
    const { registry } = recorded(memory, {
      list: prefix => {
        if (broken) throw new TypeError('no function')
        return memory.list(prefix)
      },
    })
    const { last, error, stop } = see(discover(registry, 'web', { backoff: steady }))
    expect([last().status, last().trouble?.error.name, error]).toEqual(['pending', 'TypeError', undefined])
    broken = false
    advance(50)
    expect(last().status).toBe('live')
    stop()
  }))
})

describe('a refusal', () => {
  it('before the first live set is fatal', () => virtually(({ pending }) => {
    const registry = memoryRegistry()
    registry.deny()
    const seen = see(discover(registry, 'web'))
    expect([seen.values.map(shown), seen.error, pending(), registry.subscriptions()]).toEqual([['pending'], new Denied('permission denied', { host: 'memory' }), 0, idle])
  }))

  it('after it is trouble, and is tried again', () => virtually(({ advance }) => {
    const registry = memoryRegistry()
    put(registry, 'a')
    const seen = see(discover(registry, 'web', { backoff: steady }))
    const allow = registry.deny()
    registry.interrupt()
    advance(60_000)
    expect([shown(seen.last()), seen.last().trouble?.error, seen.error]).toEqual(['stale a@1', new Denied('permission denied', { host: 'memory' }), undefined])
    allow()
    advance(1_000)
    expect(shown(seen.last())).toBe('live a@1')
    seen.stop()
  }))

  it('after an outage, but before the first live set, is fatal still', () => virtually(({ advance }) => {
    const registry = memoryRegistry()
    registry.interrupt(100)
    registry.deny()
    const seen = see(discover(registry, 'web', { backoff: steady }))
    advance(1_000)
    expect([seen.last().status, (seen.error as Error).name]).toEqual(['pending', 'Denied'])
  }))

  it('of an argument is fatal at any time', () => virtually(({ advance }) => {
    const memory = memoryRegistry()
    const { registry } = recorded(memory, { check: () => throwError(() => new InvalidArgument('prefix', 'is unfit')) })
    const seen = see(discover(registry, 'web', { verify: 1_000 }))
    advance(1_000)
    expect([seen.last().status, seen.error, memory.subscriptions()]).toEqual(['live', new InvalidArgument('prefix', 'is unfit'), idle])
  }))
})

describe('the pauses', () => {
  /** The pauses of a source whose runs live for so many ms each, succeeding at once unless `barren`. */
  const pausesOf = (lives: readonly number[], { barren = false, backoff = steady }: { readonly barren?: boolean; readonly backoff?: Backoff } = {}): number[] => {
    const pauses: number[] = []
    virtually(({ now }) => {
      let run = 0
      const source = defer(() => {
        const life = lives[run]
        run += 1
        if (life === undefined) return NEVER
        const end = timer(life).pipe(map((): number => { throw new Error('gone') }))
        return barren ? end : concat(of(0), end)
      })
      const interrupted = ({ retryAt }: Interruption): Observable<number> => {
        pauses.push(retryAt - now())
        return of(1)
      }
      const { stop } = see(source.pipe(recover({ backoff, fatal: () => false, interrupted })))
      timer(10_000_000).subscribe(stop)
    })
    return pauses
  }

  it('grow to the longest while nothing succeeds, however long it takes to fail', () => {
    expect(pausesOf(Array.from({ length: 8 }, () => 0), { barren: true })).toEqual([50, 100, 200, 400, 800, 1_000, 1_000, 1_000])
    expect(pausesOf(Array.from({ length: 4 }, () => 60_000), { barren: true })).toEqual([50, 100, 200, 400])
  })

  it('grow also while runs succeed and fail right after', () => {
    expect(pausesOf([0, 1, 500, 9_999, 20])).toEqual([50, 100, 200, 400, 800])
  })

  it('start over after a run that was healthy for so long', () => {
    expect(pausesOf([0, 0, 0, 10_000, 0, 0, 50_000, 0])).toEqual([50, 100, 200, 50, 100, 200, 50, 100])
    expect(pausesOf([0, 300, 0], { backoff: exponential({ jitter: 'none', settle: 300 }) })).toEqual([50, 50, 100])
  })

  it('are drawn by the random numbers given', () => {
    const numbers = [0.5, 0.25, 0.999]
    expect(pausesOf([0, 0, 0], { backoff: exponential({ random: () => numbers.shift() ?? 0 }) })).toEqual([25, 25, 200])
  })

  it('of a discovery grow while the watch fails right after each listing', () => virtually(({ advance }) => {
    const memory = memoryRegistry()
    const { registry, verbs } = recorded(memory, { watch: () => throwError(() => new Error('no stream')) })
    const { values, stop } = see(discover(registry, 'web', { backoff: steady }))
    advance(2_549)
    const troubles = values.flatMap(({ trouble }) => (trouble === undefined ? [] : [trouble.attempt]))
    expect([troubles, verbs().filter(verb => verb === 'list').length]).toEqual([[1, 2, 3, 4, 5, 6], 6])
    stop()
  }))

  it('end early when they are hastened', () => virtually(({ now, advance }) => {
    const hasten = new Subject<void>()
    let runs = 0
    const source = defer(() => ((runs += 1) < 3 ? throwError(() => new Error('gone')) : of(now())))
    const seen = see(source.pipe(recover({ backoff: steady, fatal: () => false, interrupted: () => of(-1), hasten })))
    advance(20)
    hasten.next()
    expect(seen.values).toEqual([-1, -1])
    advance(100)
    expect([seen.values, seen.completed]).toEqual([[-1, -1, 120], true])
  }))

  it('end when they are unsubscribed, also inside the interruption', () => virtually(({ pending }) => {
    const failing = throwError(() => new Error('gone')).pipe(recover({ backoff: steady, fatal: () => false, interrupted: ({ attempt }) => of(attempt) }))
    const seen = see(failing)
    expect([seen.values, pending()]).toEqual([[1], 1])
    seen.stop()
    expect([pending(), see(failing.pipe(take(1))).values, pending()]).toEqual([0, [1], 0])
  }))

  it('are not made after a fatal error', () => virtually(({ pending }) => {
    const seen = see(throwError(() => new Closed()).pipe(recover({ backoff: steady, fatal: error => error instanceof Closed, interrupted: () => of(1) })))
    expect([seen.values, seen.error, pending()]).toEqual([[], new Closed(), 0])
  }))
})

describe('what is thrown', () => {
  it('becomes an Error, and an Error stays itself', () => {
    const error = new RangeError('x')
    expect(toError(error)).toBe(error)
    expect([toError('x').message, toError(7).message, toError(null).message]).toEqual(['x', '7', 'null'])
  })
})

describe('a set that comes back', () => {
  it('comes without its former trouble', () => virtually(({ advance }) => {
    const registry = memoryRegistry()
    const sets: ServiceSet[] = []
    const { stop } = see(discover(registry, 'web', { backoff: steady }), set => sets.push(set))
    registry.interrupt()
    advance(50)
    expect(sets.map(({ status, trouble }) => [status, trouble === undefined])).toEqual([['pending', true], ['live', true], ['stale', false], ['live', true]])
    stop()
  }))
})
