import { BehaviorSubject, first, of, Subject, tap, throwError, timer } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { exponential, plain, register, type Registration, type ServiceInstanceInput } from 'rx-discovery'
import { key, node, scene, see, step, ttl } from './registration-scene.js'

describe('a registration with until', () => {
  it('drains, is revoked, and only then says so and completes', () =>
    scene(({ registry, registers, advance, value }) => {
      const until = new Subject<void>()
      const seen = registers({ until, drain: 1_000 })
      until.next()
      expect(value()).toMatchObject({ status: 'draining' })
      expect(seen.last()).toMatchObject({ status: 'draining', key, revision: registry.revision() })
      advance(999)
      expect(seen.end()).toBeUndefined()
      expect(registry.keys()).toEqual([key])
      advance(1)
      expect(seen.statuses()).toEqual(['registering', 'registered', 'draining', 'revoked'])
      expect(seen.end()).toBe('complete')
      expect(registry.leases()).toEqual([])
    }))

  it('drains from the moment at which etcd acknowledged it', () =>
    scene(({ registry, registers, advance }) => {
      const until = new Subject<void>()
      const seen = registers({ until, drain: 2_000 })
      const thaw = registry.freeze()
      until.next()
      advance(500)
      thaw()
      advance(1_999)
      expect(registry.keys()).toEqual([key])
      advance(1)
      expect([registry.keys(), seen.end()]).toEqual([[], 'complete'])
    }))

  it('awaits the revocation', () =>
    scene(({ registry, registers, advance }) => {
      const until = new Subject<void>()
      const seen = registers({ until, drain: 1_000 })
      until.next()
      const thaw = registry.freeze()
      advance(2_000)
      expect(seen.last()?.status).toBe('draining')
      expect(seen.end()).toBeUndefined()
      thaw()
      expect(seen.last()?.status).toBe('revoked')
      expect(seen.end()).toBe('complete')
      expect(registry.leases()).toEqual([])
    }))

  it('is over one TTL later at the latest, though etcd does not answer', () =>
    scene(({ registry, registers, advance }) => {
      const until = new Subject<void>()
      const seen = registers({ until, drain: 1_000 })
      const thaw = registry.freeze()
      until.next()
      advance(1_000 + ttl * 1_000)
      expect(seen.last()?.status).toBe('revoked')
      expect(seen.end()).toBe('complete')
      thaw()
    }))

  it('is revoked at once when it is unsubscribed while it drains', () =>
    scene(({ registry, registers }) => {
      const seen = registers({ until: of(0), drain: 60_000 })
      expect(registry.keys()).toEqual([key])
      seen.stop()
      expect(registry.leases()).toEqual([])
    }))

  it('leaves no lease when that comes during the grant', () =>
    scene(({ registry, registers, advance }) => {
      const thaw = registry.freeze()
      const seen = registers({ until: timer(100) })
      advance(200)
      thaw()
      advance(2_000)
      expect(seen.last()).toEqual({ status: 'revoked' })
      expect(seen.end()).toBe('complete')
      expect(registry.leases()).toEqual([])
    }))

  it('does not sit out the pause before the next attempt', () =>
    scene(({ registry, registers, advance }) => {
      registry.interrupt(60_000)
      const until = new Subject<void>()
      const seen = registers({ until, backoff: exponential({ first: 30_000, max: 30_000, jitter: 'none' }) })
      advance(1_000)
      expect(seen.last()).toMatchObject({ status: 'lost', attempt: 1 })
      until.next()
      advance(1_000)
      expect(seen.last()).toEqual({ status: 'revoked' })
      expect(seen.end()).toBe('complete')
    }))

  it('ends at once while its key is taken, and leaves the key alone', () =>
    scene(({ registry, registers, advance }) => {
      const until = new Subject<void>()
      const seen = registers({ until })
      registry.write(key, 'down')
      until.next()
      advance(1_000)
      expect(seen.statuses()).toEqual(['registering', 'registered', 'taken', 'revoked'])
      expect(seen.end()).toBe('complete')
      expect(registry.entries()).toMatchObject([{ key, value: 'down' }])
    }))

  it.each([['null', undefined], ['a format that carries no status', plain()]])('ends while it is withdrawn by %s', (_, format) =>
    scene(({ registry, registers, advance }) => {
      const until = new Subject<void>()
      const seen = registers({ until, ...(format && { format }) }, format ? { ...node, status: 'down' } : new BehaviorSubject(null))
      expect(seen.last()).toEqual({ status: 'withdrawn' })
      until.next()
      advance(1)
      expect(seen.last()).toEqual({ status: 'revoked' })
      expect(seen.end()).toBe('complete')
      expect(registry.leases()).toEqual([])
    }))

  it('leaves the readers of a format that carries no status at once, and is revoked after the drain', () =>
    scene(({ registry, registers, advance }) => {
      const until = new Subject<void>()
      const seen = registers({ until, drain: 1_000, format: plain() })
      until.next()
      expect(registry.keys()).toEqual([])
      expect(seen.last()).toMatchObject({ status: 'draining', key: '/web/node' })
      advance(999)
      expect(registry.leases()).toHaveLength(1)
      advance(1)
      expect(seen.end()).toBe('complete')
    }))

  it('that errors, errors; that only completes, goes on', () =>
    scene(({ registry, registers, advance, leaseOf }) => {
      const error = new Error('no signal')
      expect(registers({ until: throwError(() => error) }).end()).toBe(error)
      expect(registry.leases()).toEqual([])
      const seen = registers({ until: [] })
      advance(ttl * 10_000)
      expect(seen.end()).toBeUndefined()
      expect(leaseOf()).toBeDefined()
    }))
})

describe('the subscribers of a registration', () => {
  it('share it, late ones get its last state, and the last to leave revokes', () =>
    scene(({ registry }) => {
      const registration = register(registry, node, { ttl })
      const early = see(registration)
      const late = see(registration)
      expect(registry.leases()).toHaveLength(1)
      expect(late.states).toEqual([early.last()])
      early.stop()
      expect(registry.keys()).toEqual([key])
      late.stop()
      expect(registry.keys()).toEqual([])
      expect(registry.leases()).toEqual([])
    }))

  it.each(['registering', 'registered'] as const)('may leave inside next, at the first %s', status =>
    scene(({ registry, advance }) => {
      const seen = see(register(registry, node, { ttl }).pipe(first(state => state.status === status)))
      expect(seen.statuses()).toEqual([status])
      expect(seen.end()).toBe('complete')
      advance(ttl * 1_000)
      expect(registry.leases()).toEqual([])
    }))

  it('may change what is registered inside next', () =>
    scene(({ registry, value }) => {
      const instance = new BehaviorSubject<ServiceInstanceInput | null>({ ...node, version: '1' })
      const revisions: number[] = []
      const change = tap((state: Registration) => {
        if (state.status !== 'registered') return
        revisions.push(state.revision)
        if (revisions.length < 4) instance.next({ ...node, version: String(revisions.length + 1) })
      })
      const seen = see(register(registry, instance, { ttl }).pipe(change))
      expect(value()).toMatchObject({ version: '4' })
      expect(revisions).toEqual([2, 3, 4, 5])
      expect(seen.last()).toMatchObject({ status: 'registered', revision: 5 })
      seen.stop()
    }))

  it('may delete the key inside next, which is put back', () =>
    scene(({ registry, advance }) => {
      let deleted = false
      const meddle = tap((state: Registration) => {
        if (state.status !== 'registered' || deleted) return
        deleted = true
        registry.write(key, null)
      })
      const seen = see(register(registry, node, { ttl, backoff: exponential({ jitter: 'none' }) }).pipe(meddle))
      advance(step)
      expect(seen.statuses()).toEqual(['registering', 'registered', 'lost', 'registered'])
      expect(registry.keys()).toEqual([key])
      seen.stop()
    }))
})
