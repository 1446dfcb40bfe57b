import { merge, NEVER, of, Subject, take, throwError, type Observable } from 'rxjs'
import { describe, expect, it } from 'vitest'
import {
  changes, discover, InvalidArgument, protect, register, serviceInstance, serviceSet, where,
  type ProtectOptions, type ServiceInstance, type ServiceSet, type Status,
} from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'
import { virtually, type VirtualHelpers } from 'rx-discovery/testing'
import { withClock } from '../../../src/flow/clock.js'
import { put, remove, see, steady } from '../scene.js'

const node = (id: string, { status = 'up', version = '' }: { status?: Status; version?: string } = {}): ServiceInstance =>
  serviceInstance({ service: 'web', id, address: `${id}:80`, status, version })
const several = (count: number, prefix = 'n'): readonly ServiceInstance[] =>
  Array.from({ length: count }, (_, index) => node(`${prefix}${String(index).padStart(3, '0')}`))
const trouble = { error: new Error('away'), since: 1, attempt: 1, retryAt: 2 }
const stale = (...instances: readonly ServiceInstance[]): ServiceSet => serviceSet('web', instances, { status: 'stale', trouble })
const live = (...instances: readonly ServiceInstance[]): ServiceSet => serviceSet('web', instances)
/** A set as text, with held instances in brackets. */
const shown = (set: ServiceSet): string =>
  [set.status, ...Array.from(set, ({ id, version }) => (set.held.has(id) ? `(${id}${version})` : `${id}${version}`))].join(' ')
const sizes = ({ size, held }: ServiceSet): readonly [number, number] => [size, held.size]

interface Play extends VirtualHelpers {
  readonly sets: Subject<ServiceSet>
  readonly source: Observable<ServiceSet>
  readonly next: (...instances: readonly ServiceInstance[]) => void
  readonly last: () => ServiceSet
  /** The sets emitted since the last call. */
  readonly since: () => readonly string[]
  readonly stop: () => void
}

const play = (options: ProtectOptions, scene: (helpers: Play) => void) => (): void =>
  virtually(helpers => {
    const sets = new Subject<ServiceSet>()
    const source = sets.pipe(protect(options))
    const { values, last, stop } = see(source)
    let seen = 0
    const since = (): readonly string[] => values.slice(seen, (seen = values.length)).map(shown)
    scene({ ...helpers, sets, source, last, since, stop, next: (...instances) => sets.next(live(...instances)) })
    stop()
    expect(helpers.pending()).toBe(0)
  })

const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(id => node(id)) as [ServiceInstance, ServiceInstance, ServiceInstance, ServiceInstance]

describe('protect', () => {
  it('passes on the same sets while losses are within the share', play({ maxLoss: 0.5 }, ({ sets, last }) => {
    for (const set of [serviceSet('web', [], { status: 'pending' }), live(a, b, c, d), stale(a, b, c, d), live(a, b, c, d), live(a, c, d), live(a, c)]) {
      sets.next(set)
      expect(last()).toBe(set)
    }
  }))

  it('keeps instances that vanish beyond the share, with their ids in `held`, and removes them after the grace, although its source is silent', play({ grace: 100, maxLoss: 0.5 }, ({ next, advance, since, last, pending }) => {
    next(a, b, c, d)
    next()
    expect(since()).toEqual(['live a b c d', 'live (b) (d)'])
    expect([last().get('b') === b, last().get('d') === d]).toEqual([true, true])
    advance(99)
    expect([since(), pending()]).toEqual([[], 1])
    advance(1)
    expect([since(), pending(), last().held.size]).toEqual([['live'], 0, 0])
  }))

  it('keeps and removes, as a marble diagram', () => virtually(({ cold, expectObservable }) => {
    const [all, left, none] = [live(a, b, c, d), live(a, b), live()]
    const held = serviceSet('web', [b], { held: new Set(['b']) })
    expectObservable(cold('x 9ms y 9ms z 9ms -', { x: all, y: left, z: none }).pipe(protect({ grace: 50, maxLoss: 0.75 })))
      .toBe('x 9ms y 9ms h 49ms z', { x: all, y: left, h: held, z: none })
  }, (actual, expected) => expect(actual).toEqual(expected)))

  it('recognises a mass loss that comes one by one', play({ grace: 1_000 }, ({ next, advance, last }) => {
    const all = several(100)
    next(...all)
    for (let left = 99; left >= 0; left -= 1) {
      advance(5)
      next(...all.slice(0, left))
      expect(sizes(last())).toEqual(left >= 75 ? [left, 0] : [75, 75 - left])
    }
    advance(499)
    expect(sizes(last())).toEqual([75, 75])
    // The 26th vanished after 130 ms, and so on; each has a grace of its own.
    for (let held = 75; held > 0; held -= 1) {
      advance(held === 75 ? 131 : 5)
      expect(sizes(last())).toEqual([held - 1, held - 1])
    }
  }))

  it('takes the accepted losses from all parts of the set', play({ maxLoss: 0.25 }, ({ next, last }) => {
    const zones = ['a', 'b', 'c', 'd'].flatMap(zone => several(8, zone))
    next(...zones)
    next()
    const count = (zone: string): number => [...last().held].filter(id => id.startsWith(zone)).length
    expect(['a', 'b', 'c', 'd'].map(count)).toEqual([6, 6, 6, 6])
  }))

  it('accepts the loss of one of few at once, since that may be a stop, but not the next within the grace', play({ grace: 100 }, ({ next, advance, since }) => {
    next(a)
    next()
    expect(since()).toEqual(['live a', 'live'])
    advance(100)
    next(a, b)
    next(a)
    next()
    expect(since()).toEqual(['live a b', 'live a', 'live (a)'])
    advance(100)
    expect(since()).toEqual(['live'])
  }))

  it('keeps even a single instance if the share is 0, and none if it is 1 or there is no grace', () => {
    for (const [options, expected] of [[{ maxLoss: 0 }, 'live (a)'], [{ maxLoss: 1 }, 'live'], [{ maxLoss: 0, grace: 0 }, 'live']] as const)
      play(options, ({ next, last }) => {
        next(a)
        next()
        expect(shown(last())).toBe(expected)
      })()
  })

  it('computes a share as written, without rounding errors', play({ maxLoss: 0.29 }, ({ next, last }) => {
    const all = several(100)
    next(...all)
    next(...all.slice(29))
    expect(sizes(last())).toEqual([71, 0])
  }))

  it('adds up only the losses within one grace', play({ grace: 100, maxLoss: 0.25 }, ({ next, advance, since }) => {
    next(a, b, c, d)
    next(b, c, d)
    advance(99)
    next(c, d)
    advance(1)
    next(d)
    expect(since()).toEqual(['live a b c d', 'live b c d', 'live (b) c d', 'live (b) d'])
    advance(98)
    next()
    advance(1)
    expect(since()).toEqual(['live (b) (d)', 'live (d)'])
    advance(98)
    expect(since()).toEqual([])
    advance(1)
    expect(since()).toEqual(['live'])
  }))

  it('shows an instance that comes back as it is now, and removes its id from `held`', play({ grace: 100, maxLoss: 0 }, ({ next, advance, since, last }) => {
    next(a, b)
    next()
    advance(50)
    next(node('a', { version: '2' }))
    expect(since()).toEqual(['live a b', 'live (a) (b)', 'live a2 (b)'])
    next(node('a', { version: '3' }), b)
    expect([since(), last().held.size]).toEqual([['live a3 b'], 0])
    advance(1_000)
    expect(since()).toEqual([])
  }))

  it('no longer counts the loss of an instance that comes back', play({ grace: 100, maxLoss: 0.25 }, ({ next, advance, last }) => {
    const all = several(9)
    next(...all)
    next(...all.slice(1))
    advance(60)
    next(...all.slice(2))
    next(...all.slice(1))
    advance(41)
    next(...all.slice(3))
    expect(sizes(last())).toEqual([6, 0])
  }))

  it('keeps an instance that vanishes again for another grace', play({ grace: 100, maxLoss: 0 }, ({ next, advance, since }) => {
    next(a)
    next()
    advance(60)
    next(a)
    next()
    advance(99)
    expect(since()).toEqual(['live a', 'live (a)', 'live a', 'live (a)'])
    advance(1)
    expect(since()).toEqual(['live'])
  }))

  it('never keeps an instance that was draining or down, nor counts it', play({ maxLoss: 0 }, ({ next, since }) => {
    next(a, b, c, node('d', { status: 'starting' }))
    next(node('a', { status: 'draining' }), node('b', { status: 'down' }), c, node('d', { status: 'starting' }))
    next(c)
    next()
    expect(since()).toEqual(['live a b c d', 'live a b c d', 'live c (d)', 'live (c) (d)'])
  }))

  it('counts the share of the instances that are up or starting', play({ maxLoss: 0.5 }, ({ next, last }) => {
    const all = several(10)
    const leaving = all.slice(4).map(({ id }) => node(id, { status: 'draining' }))
    next(...all)
    next(...all.slice(0, 4), ...leaving)
    next(...leaving)
    expect(sizes(last())).toEqual([8, 2])
  }))

  it('replaces the instances that vanished first by new ones: a deployment under new names leaves no held instances', play({ grace: 100, maxLoss: 0.25 }, ({ next, advance, since }) => {
    next(a, b, c, d)
    next(b, c)
    advance(1)
    next()
    expect(since()).toEqual(['live a b c d', 'live b c (d)', 'live (b) (c) (d)'])
    const [v, w, x, y, z] = ['v', 'w', 'x', 'y', 'z'].map(id => node(id)) as [ServiceInstance, ServiceInstance, ServiceInstance, ServiceInstance, ServiceInstance]
    next(v)
    next(v, w)
    next(v, w, x)
    next(v, w, x, y)
    next(v, w, x, y, z)
    expect(since()).toEqual(['live (b) (c) (d) v', 'live (b) (c) v w', 'live (c) v w x', 'live v w x y', 'live v w x y z'])
  }))

  it('keeps nothing in a deployment that replaces one after the other, or all at once', play({ maxLoss: 0.1 }, ({ next, since }) => {
    next(a, b)
    next(a, b, c)
    next(b, c)
    next(b, c, d)
    next(c, d)
    next(a, b)
    expect(since()).toEqual(['live a b', 'live a b c', 'live b c', 'live b c d', 'live c d', 'live a b'])
  }))

  it('counts no loss for instances that are replaced in the same set', play({ maxLoss: 0.25 }, ({ next, last }) => {
    const [old, young] = [several(8, 'a'), several(4, 'b')]
    next(...old)
    next(...old.slice(4), ...young)
    next(...old.slice(6), ...young)
    expect(sizes(last())).toEqual([6, 0])
  }))

  it('does not count a new instance that is draining as a replacement', play({ maxLoss: 0 }, ({ next, since }) => {
    next(a, b)
    next(b)
    next(b, node('c', { status: 'draining' }))
    next(b)
    next(b, c)
    expect(since()).toEqual(['live a b', 'live (a) b', 'live (a) b c', 'live (a) b', 'live b c'])
  }))

  it('passes on a change of status at once; held instances stay in `held`, and expire although the source is silent', play({ grace: 100, maxLoss: 0 }, ({ sets, next, advance, since, last }) => {
    next(a, b)
    next(a)
    advance(50)
    sets.next(stale(a))
    expect([since(), last().trouble]).toEqual([['live a b', 'live a (b)', 'stale a (b)'], trouble])
    advance(50)
    expect([since(), last().trouble]).toEqual([['stale a'], trouble])
    next(a)
    expect(since()).toEqual(['live a'])
  }))

  it('never shows fewer instances in between, when a set loses instances while it is stale or pending', play({ grace: 100, maxLoss: 0 }, ({ sets, next, since }) => {
    next(a, b)
    sets.next(stale(a, b))
    sets.next(stale(b))
    sets.next(serviceSet('web', [], { status: 'pending' }))
    next(a)
    expect(since()).toEqual(['live a b', 'stale a b', 'stale (a) b', 'pending (a) (b)', 'live a (b)'])
  }))

  it('emits once if a set arrives as the grace ends', play({ grace: 100, maxLoss: 0 }, ({ next, advance, cold, sets, since }) => {
    next(a, b)
    cold('100ms x', { x: live(b, c) }).subscribe(set => sets.next(set))
    next(b)
    advance(100)
    expect(since()).toEqual(['live a b', 'live (a) b', 'live b c'])
  }))

  it('completes and errors with its source, and leaves no timer', () => virtually(({ pending, advance }) => {
    const error = new Error('x')
    const lost = of(live(a, b), live())
    const failed = see(merge(lost, throwError(() => error)).pipe(protect({ maxLoss: 0 })))
    const completed = see(lost.pipe(protect({ maxLoss: 0 })))
    const taken = see(merge(lost, new Subject<ServiceSet>()).pipe(protect({ maxLoss: 0 }), take(2)))
    expect([failed.error, completed.completed, taken.completed, pending()]).toEqual([error, true, true, 0])
    advance(100_000)
    for (const { values } of [failed, completed, taken]) expect(values.map(shown)).toEqual(['live a b', 'live (a) (b)'])
  }))

  it('starts over for each subscriber, and for another service', play({ maxLoss: 0 }, ({ sets, source, next, last }) => {
    next(a, b)
    const late = see(source)
    next(a)
    expect([shown(last()), shown(late.last())]).toEqual(['live a (b)', 'live a'])
    late.stop()
    sets.next(serviceSet('db'))
    expect([last().service, shown(last())]).toEqual(['db', 'live'])
  }))

  it('does not keep instances that its source already held', () => virtually(({ advance, now, pending }) => {
    const sets = new Subject<ServiceSet>()
    const times: string[] = []
    const { stop } = see(sets.pipe(protect({ grace: 10, maxLoss: 0.25 }), protect({ grace: 100, maxLoss: 0.25 })), set => times.push(`${now()} ${shown(set)}`))
    sets.next(live(a, b, c, d))
    sets.next(live())
    advance(1_000)
    expect([times, pending()]).toEqual([['0 live a b c d', '0 live (b) (c) (d)', '10 live'], 0])
    stop()
  }))

  it('keeps the `held` ids of its source beside its own', play({ maxLoss: 0 }, ({ sets, since }) => {
    const held = new Set(['a'])
    sets.next(serviceSet('web', [a, b, c], { held }))
    sets.next(serviceSet('web', [a, c], { held }))
    sets.next(serviceSet('web', [c]))
    expect(since()).toEqual(['live (a) b c', 'live (a) (b) c', 'live (b) c'])
  }))

  it('sets its timer again if it fired early, and emits nothing then', () => virtually(({ advance, now, pending }) =>
    withClock({ now: () => now() * 0.999 }, () => {
      const { values, stop } = see(merge(of(live(a), live()), NEVER).pipe(protect({ grace: 1_000, maxLoss: 0 })))
      advance(1_001)
      expect([values.map(shown), pending()]).toEqual([['live a', 'live (a)'], 1])
      advance(1)
      expect([values.map(shown), pending()]).toEqual([['live a', 'live (a)', 'live'], 0])
      stop()
    }),
  ))

  it.each([[{ grace: -1 }, 'grace'], [{ grace: NaN }, 'grace'], [{ grace: Infinity }, 'grace'], [{ maxLoss: -0.1 }, 'maxLoss'], [{ maxLoss: 25 }, 'maxLoss'], [{ maxLoss: NaN }, 'maxLoss']])(
    'errors on %j, and does not subscribe', (options, argument) => {
      const sets = new Subject<ServiceSet>()
      const { error, values } = see(sets.pipe(protect(options)))
      expect([error, values, sets.observed]).toEqual([expect.any(InvalidArgument), [], false])
      expect(error).toMatchObject({ argument })
    },
  )

  it('works before `where` and `changes`, which then see held instances', play({}, ({ sets, advance, next }) => {
    const changed = see(sets.pipe(protect({ grace: 100, maxLoss: 0 }), changes()))
    const part = see(sets.pipe(protect({ grace: 100, maxLoss: 0 }), where(({ id }) => id !== 'a')))
    next(a, b, c)
    next(c)
    next(node('a'), c)
    advance(100)
    expect(changed.values.map(all => all.map(({ type, instance }) => `${type} ${instance.id}`))).toEqual([['joined a', 'joined b', 'joined c'], ['left b']])
    expect(part.values.map(shown)).toEqual(['live b c', 'live (b) c', 'live (b) c', 'live c'])
    for (const { stop } of [changed, part]) stop()
  }))
})

describe('protect on a registry', () => {
  it('keeps instances whose leases all expired until they have registered again', () => virtually(({ advance, pending }) => {
    const registry = memoryRegistry()
    const nodes = several(20).map(instance => see(register(registry, instance, { ttl: 10, backoff: steady })))
    const web$ = discover(registry, 'web')
    const [plain, safe] = [see(web$), see(web$.pipe(protect()))]
    for (const lease of registry.leases()) registry.expire(lease)
    expect([sizes(plain.last()), sizes(safe.last())]).toEqual([[0, 0], [15, 15]])
    advance(10_000)
    expect([sizes(plain.last()), sizes(safe.last())]).toEqual([[20, 0], [20, 0]])
    expect(Math.min(...safe.values.filter(({ status }) => status === 'live').slice(1).map(({ size }) => size))).toBe(15)
    expect(safe.last()).toBe(plain.last())
    for (const { stop } of [plain, safe, ...nodes]) stop()
    expect(pending()).toBe(0)
  }))

  it('keeps held instances in an outage, and in the last set of a closed registry', () => virtually(({ advance }) => {
    const registry = memoryRegistry()
    for (const id of ['a', 'b', 'c', 'd']) put(registry, id)
    const safe = see(discover(registry, 'web', { backoff: steady }).pipe(protect({ maxLoss: 0.5 })))
    for (const id of ['a', 'b', 'c']) remove(registry, id)
    registry.interrupt(2_000)
    advance(1_000)
    expect(shown(safe.last())).toBe('stale (c1) d1')
    void registry.close()
    advance(1_500)
    expect([shown(safe.last()), safe.completed]).toEqual(['stale (c1) d1', true])
  }))
})
