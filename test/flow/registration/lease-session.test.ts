import { catchError, map, NEVER, of, Subject, switchMap, throwError, timer, type Observable } from 'rxjs'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { register, type Lease, type Registry } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'
import { backoff, key, node, see, scene, stored } from './scene.js'

describe('the local clock', () => {
  afterEach(() => void vi.useRealTimers())

  it('reports the loss in time if the wall clock was set back and expiresAt is too late', () => scene(({ registry, watch, advance }) => {
    const skewed: Registry = { ...registry, lease: (ttl, end) => registry.lease(ttl, end).pipe(map(lease => ({ ...lease, expiresAt: lease.expiresAt + 3_600_000 }))) }
    const registration = watch(register(skewed, node, { ttl: 6, backoff }))
    const thaw = registry.freeze()
    advance(6_000)
    expect(registration.last()).toMatchObject({ status: 'lost' })
    thaw()
  }))

  it('does not lose a lease of months, which is longer than a timer can wait', () => {
    vi.useFakeTimers()
    const ttl = 90 * 24 * 60 * 60
    const registration = see(register(memoryRegistry(), node, { ttl: { seconds: ttl } }))
    vi.advanceTimersByTime(10_000)
    expect(registration.statuses()).toEqual(['registering', 'registered'])
    registration.stop()
  })
})

describe('a lease that is renewed', () => {
  it('is lost one TTL after the last renewal, and uses one timer', () => scene(({ registry, watch, advance, pending }) => {
    const registration = watch(register(registry, node, { ttl: 6, backoff }))
    const timers = pending()
    for (let time = 0; time < 50; time += 1) {
      advance(1_111)
      expect(pending()).toBe(timers)
    }
    expect(registration.statuses()).not.toContain('lost')
    // renewed each 2 s, at 54 s the last time
    const thaw = registry.freeze()
    advance(60_000 - 55_550 - 1)
    expect(registration.last()).toMatchObject({ status: 'registered', renewals: 27 })
    advance(1)
    expect(registration.last()).toMatchObject({ status: 'lost', retryAt: 60_000 })
    thaw()
  }))

  it('is lost each time a renewal is late, and back when the renewal comes', () => scene(({ registry, watch, advance, now }) => {
    const leases = new Subject<Lease>()
    const renew = (renewals: number, lives: number): void => leases.next({ id: '1', ttl: 6, expiresAt: now() + lives, renewals })
    const mine = watch(register({ ...registry, lease: () => leases, put: () => of(2), watch: () => NEVER }, node, {}))
    renew(0, 6_000)
    advance(1_000)
    // the next one may also run out earlier than the one before
    renew(1, 500)
    advance(499)
    expect(mine.last()).toMatchObject({ status: 'registered', renewals: 1 })
    advance(1)
    expect(mine.last()).toMatchObject({ status: 'lost' })
    renew(2, 6_000)
    expect(mine.last()).toMatchObject({ status: 'registered', renewals: 2 })
    advance(6_000)
    expect(mine.last()).toMatchObject({ status: 'lost' })
    advance(60_000)
    expect(mine.statuses()).toEqual(['registering', 'registered', 'registered', 'lost', 'registered', 'lost'])
  }))

  it('reports the lost lease, not the deleted keys, if both happen at the same moment', () => scene(({ registry, watch, advance }) => {
    const registration = watch(register(registry, node, { ttl: 6, backoff }))
    const allow = registry.deny()
    advance(6_000)
    expect(registration.last()).toMatchObject({ status: 'lost', cause: { name: 'LeaseLost' } })
    expect(registration.statuses()).toEqual(['registering', 'registered', 'lost'])
    allow()
  }))
})

describe('leases that end', () => {
  it('go on without a write if etcd kept them alive through a pause of its own', () => scene(({ registry, watch, there, advance }) => {
    const registration = watch(register(registry, node, { ttl: 6, backoff }))
    const thaw = registry.freeze()
    advance(10_000)
    expect(registration.last()).toMatchObject({ status: 'lost' })
    // as a new leader does: everything is as it was, each lease at its full TTL
    registry.rewind(2)
    thaw()
    advance(100)
    expect(registration.last()).toMatchObject({ status: 'registered', leaseId: '1', revision: 2, renewals: 1 })
    advance(60_000)
    expect([there(), registry.revision(), registration.leaseId()]).toEqual([[[key, stored, '1']], 2, '1'])
  }))

  it('are one loss after an outage longer than their TTL, though the keys disappear as well', () => scene(({ registry, watch, advance }) => {
    const told = catchError<Lease, Observable<Lease>>((error: unknown) => timer(30).pipe(switchMap(() => throwError(() => error as Error))))
    const slow: Registry = { ...registry, lease: (ttl, end) => registry.lease(ttl, end).pipe(told) }
    const registration = watch(register(slow, node, { ttl: 6, backoff }))
    const thaw = registry.freeze()
    advance(10_000)
    thaw()
    advance(1_000)
    const causes = registration.states.flatMap(state => (state.status === 'lost' ? [state.cause.name] : []))
    expect([registration.last(), new Set(causes)]).toMatchObject([{ status: 'registered', leaseId: '2' }, new Set(['LeaseLost'])])
  }))

  it('are replaced each time they expire, and leave nothing', () => scene(({ registry, watch, there, advance }) => {
    const registration = watch(register(registry, node, { backoff }))
    for (let time = 1; time <= 100; time += 1) {
      registry.expire(String(time))
      advance(20_000)
      expect([there(), registry.leases()]).toEqual([[[key, stored, String(time + 1)]], [String(time + 1)]])
    }
    expect(registration.statuses()).not.toContain('taken')
  }))

  it('are replaced, and the key moves to the new lease, if the history was wiped', () => scene(({ registry, watch, there, advance }) => {
    for (let other = 0; other < 50; other += 1) registry.write(`/other/${other}`, 'x')
    const registration = watch(register(registry, node, { backoff }))
    registry.rewind()
    advance(20_000)
    expect([there(), registry.leases()]).toEqual([[[key, stored, '2']], ['2']])
    expect(registration.last()).toMatchObject({ status: 'registered', leaseId: '2' })
    registry.write(key, null)
    advance(100)
    expect(there()).toEqual([[key, stored, '2']])
  }))
})
