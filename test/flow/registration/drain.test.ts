import { BehaviorSubject, map, Observable, of, Subject, throwError, timer } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { Disconnected, exponential, plain, register, type Registry } from 'rx-discovery'
import { answeringLate, backoff, key, node, scene, ttl } from './scene.js'

describe('a registration with until', () => {
  it('drains, is revoked, and only then reports revoked and completes', () =>
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

  it('waits for the answer to the revoke', () =>
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

  it('ends within one TTL if etcd does not answer', () =>
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

  it('leaves no lease if until emits during the grant', () =>
    scene(({ registry, registers, advance }) => {
      const thaw = registry.freeze()
      const seen = registers({ until: timer(100) })
      advance(200)
      thaw()
      advance(2_000)
      expect(seen.last()).toEqual({ status: 'revoked', confirmed: true })
      expect(seen.end()).toBe('complete')
      expect(registry.leases()).toEqual([])
    }))

  it('ends a pause between two attempts early', () =>
    scene(({ registry, registers, advance }) => {
      registry.interrupt(60_000)
      const until = new Subject<void>()
      const seen = registers({ until, backoff: exponential({ first: 30_000, max: 30_000, jitter: 'none' }) })
      advance(1_000)
      expect(seen.last()).toMatchObject({ status: 'lost', attempt: 1 })
      until.next()
      advance(1_000)
      expect(seen.last()).toEqual({ status: 'revoked', confirmed: true })
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
      expect(seen.last()).toEqual({ status: 'revoked', confirmed: true })
      expect(seen.end()).toBe('complete')
      expect(registry.leases()).toEqual([])
    }))

  it('deletes the key at once if the format carries no status, and revokes the lease after the drain', () =>
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

  it('errors if until errors, and goes on if until only completes', () =>
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

describe('until', () => {
  it('is unsubscribed after its first value, and a lease gets an end only if there is an until', () => scene(({ registry, watch, advance }) => {
    const until = new Subject<void>()
    const ends: unknown[] = []
    const told: Registry = { ...registry, lease: (ttl, end) => (ends.push(end), registry.lease(ttl, end).pipe(map(lease => lease))) }
    watch(register(told, node, { backoff }))
    const ending = watch(register(told, { ...node, id: 'b' }, { backoff, until }))
    until.next()
    expect(until.observed).toBe(false)
    advance(1)
    expect([ending.statuses().at(-1), ends]).toEqual(['revoked', [undefined, expect.any(Observable)]])
  }))
})

describe('a graceful end', () => {
  it('drains for the whole time, counted from the acknowledgement, however late that is', () => scene(({ registry, watch, advance }) => {
    const until = new Subject<void>()
    const registration = watch(register(answeringLate(registry, 1_500), node, { ttl: 60, until, drain: 2_000 }))
    advance(1_500)
    until.next()
    advance(3_499)
    expect(registration.last()).toMatchObject({ status: 'draining' })
    advance(1)
    expect([registration.last(), registration.end()]).toEqual([{ status: 'revoked', confirmed: true }, 'complete'])
  }))

  it('is confirmed if the registry acknowledges draining so late that the whole pause would take too long', () => scene(({ registry, watch, advance }) => {
    const until = new Subject<void>()
    const registration = watch(register(registry, node, { ttl: 60, until, drain: 3_000, backoff }))
    advance(100)
    registry.interrupt(2_200)
    until.next()
    advance(4_499)
    expect(registration.last()).toMatchObject({ status: 'draining' })
    advance(1)
    expect([registration.last(), registration.end()]).toEqual([{ status: 'revoked', confirmed: true }, 'complete'])
  }))

  it('waits for the next attempt if the write of draining failed', () => scene(({ registry, watch, there, advance }) => {
    const until = new Subject<void>()
    const written = new Set<string>()
    let failures = 0
    const failing: Registry = {
      ...registry,
      put: (entries, lease) => {
        const draining = entries.some(entry => entry.value?.includes('draining'))
        if (draining && (failures += 1) === 1) {
          registry.write(key, null)
          return throwError(() => new Disconnected('connection reset'))
        }
        return registry.put(entries, lease).pipe(map(revision => (there().forEach(([, text]) => written.add(text)), revision)))
      },
    }
    const registration = watch(register(failing, node, { ttl: 60, until, backoff }))
    until.next()
    advance(100)
    expect([...written].at(-1)).toContain('"status":"draining"')
    expect(registration.last()).toEqual({ status: 'revoked', confirmed: true })
  }))
})
