import { BehaviorSubject, defer, EMPTY, merge, NEVER, of, Subject, throwError, type Observable } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { Closed, Denied, Disconnected, exponential, native, type Format, type Registry, type Status } from 'rx-discovery'
import { withSignals } from '../../../src/flow/registry-signals.js'
import { key, node, scene, step, ttl } from './scene.js'

describe('denied access', () => {
  it('errors a registration that was never present', () =>
    scene(({ registry, registers }) => {
      const allow = registry.deny()
      const seen = registers()
      expect(seen.statuses()).toEqual(['registering'])
      expect(seen.end()).toBeInstanceOf(Denied)
      allow()
    }))

  it('errors a registration whose lease is granted and whose write is denied', () =>
    scene(({ registry, registers }) => {
      const readonly: Registry = { ...registry, put: () => throwError(() => new Denied('permission denied')) }
      expect(registers({}, node, readonly).end()).toBeInstanceOf(Denied)
      expect(registry.leases()).toEqual([])
    }))

  it('is lost if the key may be written but not read, since later changes could not be written', () =>
    scene(({ registry, registers, value, advance }) => {
      const health = new BehaviorSubject<Status>('up')
      let blind = true
      const denied = throwError(() => new Denied('permission denied'))
      const guarded: Registry = {
        ...registry,
        list: prefix => (blind ? denied : registry.list(prefix)),
        watch: (prefix, from) => (blind ? denied : registry.watch(prefix, from)),
      }
      const seen = registers({ health, backoff: exponential({ jitter: 'none' }) }, node, guarded)
      expect(seen.statuses()).toEqual(['registering', 'lost'])
      expect(seen.last()).toMatchObject({ cause: { name: 'Denied' }, attempt: 1 })
      health.next('down')
      advance(10_000)
      expect([seen.last(), value()]).toMatchObject([{ status: 'lost', cause: { name: 'Denied' } }, {}])
      blind = false
      advance(1_000)
      expect([seen.last()?.status, value()]).toMatchObject(['registered', { status: 'down' }])
    }))

  it('is not reported by a registration whose key is taken', () =>
    scene(({ registry, registers, advance }) => {
      const seen = registers()
      registry.write(key, 'theirs')
      const allow = registry.deny()
      registry.interrupt()
      advance(1_000)
      expect(seen.last()?.status).toBe('taken')
      expect(seen.statuses().filter(status => status === 'lost')).toEqual([])
      allow()
    }))

  it('is a lost value for a registration that was present, which comes back', () =>
    scene(({ registry, registers, advance }) => {
      const seen = registers()
      const allow = registry.deny()
      registry.expire(registry.leases()[0] ?? '')
      advance(10 * ttl * 1_000)
      expect(seen.last()).toMatchObject({ status: 'lost', cause: { name: 'Denied' } })
      allow()
      advance(1_000)
      expect(seen.last()?.status).toBe('registered')
    }))
})

describe('an outage', () => {
  it('at the start is reported at each attempt, and is overcome however long it is', () =>
    scene(({ registry, registers, advance }) => {
      registry.interrupt(60 * 60 * 1_000)
      const seen = registers()
      expect(seen.last()).toMatchObject({ status: 'lost', attempt: 1, retryAt: step, cause: { name: 'Disconnected' } })
      advance(step)
      expect(seen.last()).toMatchObject({ status: 'lost', attempt: 2, retryAt: 3 * step })
      advance(60 * 60 * 1_000 + 1_000)
      expect(seen.last()).toMatchObject({ status: 'registered' })
      expect(registry.leases()).toHaveLength(1)
    }))

  it('shorter than the lease causes no write and no state', () =>
    scene(({ registry, registers, advance }) => {
      const seen = registers()
      const before = registry.revision()
      advance(500)
      registry.interrupt(1_000)
      advance(10_000)
      expect(registry.revision()).toBe(before)
      expect(new Set(seen.statuses())).toEqual(new Set(['registering', 'registered']))
    }))

  it('does not hide what happened to the key meanwhile', () =>
    scene(({ registry, registers, advance, leaseOf }) => {
      const seen = registers()
      const [lease] = registry.leases()
      registry.interrupt(1_000)
      registry.write(key, null)
      advance(3_000)
      expect(leaseOf()).toBe(lease)
      registry.interrupt(1_000)
      registry.write(key, 'an operator')
      registry.compact()
      advance(3_000)
      expect(seen.last()).toEqual({ status: 'taken', key, by: '0' })
      registry.interrupt(1_000)
      registry.write(key, null)
      registry.compact()
      advance(3_000)
      expect(seen.last()).toMatchObject({ status: 'registered', leaseId: lease })
    }))

  it('that replaces the history registers again in the new one', () =>
    scene(({ registry, registers, advance }) => {
      for (let version = 0; version < 20; version += 1) registry.write('/other', String(version))
      const seen = registers()
      registry.rewind()
      advance(ttl * 1_000)
      expect(seen.last()).toMatchObject({ status: 'registered', revision: registry.revision() })
      expect(registry.keys()).toEqual([key])
    }))

  it('that loses the answer of a grant leaves one lease in the end', () =>
    scene(({ registry, registers, advance }) => {
      registry.loseGrant()
      const seen = registers()
      expect(seen.last()).toMatchObject({ status: 'lost', attempt: 1 })
      advance(ttl * 1_000)
      expect(seen.last()?.status).toBe('registered')
      expect(registry.leases()).toHaveLength(1)
    }))

  it.each([false, true])('during the grant, unsubscribed, leaves no lease (its answer lost: %s)', lost =>
    scene(({ registry, registers, advance }) => {
      const thaw = registry.freeze()
      if (lost) registry.loseGrant()
      const seen = registers()
      advance(100)
      seen.stop()
      thaw()
      advance(1)
      expect(registry.leases()).toEqual([])
    }))
})

describe('a registry that reports its return', () => {
  const slow = exponential({ first: 60_000, max: 60_000, jitter: 'none' })

  it.each(['lease', 'put'] as const)('ends the pause before the next %s, each time it is back', method =>
    scene(({ registry, registers, advance }) => {
      const returned = new Subject<void>()
      let away = true
      const outage = <A>(call: Observable<A>): Observable<A> => defer(() => (away ? throwError(() => new Disconnected('away')) : call))
      const through: Registry =
        method === 'lease'
          ? { ...registry, lease: (seconds, end) => outage(registry.lease(seconds, end)) }
          : { ...registry, put: (entries, lease) => outage(registry.put(entries, lease)) }
      const seen = registers({ backoff: slow, override: false }, node, withSignals(through, { closed: NEVER, returned }))
      advance(1_000)
      expect(seen.last()).toMatchObject({ status: 'lost', attempt: 1 })
      returned.next()
      expect(seen.last()).toMatchObject({ status: 'lost', attempt: 2 })
      away = false
      returned.next()
      expect(seen.last()?.status).toBe('registered')
      expect(returned.observed).toBe(false)
    }))

  it('waits for the revoke of its lease if the registry is closed during a pause', () =>
    scene(({ registry, registers, advance }) => {
      const returned = new Subject<void>()
      const through: Registry = { ...registry, put: () => throwError(() => new Disconnected('away')) }
      const seen = registers({ backoff: slow, override: false }, node, withSignals(through, { closed: NEVER, returned }))
      advance(1_000)
      returned.error(new Closed())
      expect([seen.last()?.status, seen.end()]).toEqual(['lost', undefined])
      void registry.close()
      advance(1_000)
      expect([seen.last()?.status, seen.end()]).toEqual(['revoked', 'complete'])
    }))
})

describe('an exception', () => {
  it.each(['key', 'encode'] as const)('in the %s of a format is a lost value, nothing is thrown', method =>
    scene(({ registry, registers }) => {
      const broken: Format = {
        ...native(),
        [method]: () => {
          throw new Error('a bug')
        },
      }
      const seen = registers({ format: broken })
      expect(seen.last()).toMatchObject({ status: 'lost', cause: { message: 'a bug' } })
      expect(registry.keys()).toEqual([])
    }))

  it('in a verb of the registry is a lost value, and is overcome', () =>
    scene(({ registry, registers, advance }) => {
      let calls = 0
      const throwing: Registry = {
        ...registry,
        put: (entries, lease) => {
          if ((calls += 1) === 1) throw new TypeError('a bug')
          return registry.put(entries, lease)
        },
      }
      const seen = registers({}, node, throwing)
      expect(seen.last()).toMatchObject({ status: 'lost', cause: { name: 'TypeError' } })
      advance(step)
      expect(seen.last()?.status).toBe('registered')
    }))
})

describe('a registry that emits invalid values', () => {
  it.each<[string, Observable<number>]>([
    ['nothing', EMPTY],
    ['no revision', of(null as unknown as number)],
    ['a revision that says nothing', of(NaN)],
  ])('answers a write with %s: the write is tried again once per backoff step', (_, answer) =>
    scene(({ registry, registers, advance }) => {
      let puts = 0
      const silent: Registry = { ...registry, put: () => defer(() => ((puts += 1), answer)) }
      const seen = registers({}, node, silent)
      expect(seen.last()).toMatchObject({ status: 'lost', cause: { message: 'a write was answered by nothing that it wrote' } })
      advance(7 * step)
      expect(puts).toBe(4)
    }))

  it('emits null as a lease or a batch, also late: the registration is lost and recovers', () =>
    scene(({ registry, registers, advance }) => {
      const leases = new Subject<never>()
      const unleased = registers({}, node, { ...registry, lease: () => leases })
      leases.next(null as never)
      expect(unleased.last()).toMatchObject({ status: 'lost', cause: { name: 'TypeError' } })
      unleased.stop()
      const batches = new Subject<never>()
      let watches = 0
      const seen = registers({ override: false }, node, { ...registry, watch: (prefix, from) => ((watches += 1), merge(batches, registry.watch(prefix, from))) })
      batches.next(null as never)
      advance(step)
      expect([seen.last()?.status, watches, batches.observed]).toEqual(['registered', 2, true])
    }))
})
