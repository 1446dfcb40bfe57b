import { BehaviorSubject, Subject } from 'rxjs'
import { describe, expect, it } from 'vitest'
import type { Registration, ServiceInstanceInput } from 'rx-discovery'
import { key, node, scene, step, ttl } from './registration-scene.js'

const renewal = (ttl * 1000) / 3

/** Each status once per row. */
const told = (statuses: readonly Registration['status'][]): readonly string[] => statuses.filter((status, index) => status !== statuses[index - 1])

describe('a registration', () => {
  it('is registering, then registered', () =>
    scene(({ registry, registers, advance, leaseOf }) => {
      const seen = registers()
      advance(1)
      const [lease] = registry.leases()
      expect(seen.states).toEqual([
        { status: 'registering' },
        { status: 'registered', leaseId: lease, key, revision: registry.revision(), ttl, expiresAt: ttl * 1000, renewals: 0 },
      ])
      expect(leaseOf()).toBe(lease)
    }))

  it('is told again at each renewal, which writes nothing', () =>
    scene(({ registry, registers, advance }) => {
      const seen = registers()
      const before = registry.revision()
      advance(3 * renewal)
      expect(seen.states.slice(1)).toMatchObject([0, 1, 2, 3].map(renewals => ({ status: 'registered', renewals, revision: before })))
      expect(seen.last()).toMatchObject({ expiresAt: 3 * renewal + ttl * 1000 })
      expect(registry.revision()).toBe(before)
    }))

  it('is lost one TTL after the sending of the last acknowledged renewal, though etcd does not answer', () =>
    scene(({ registry, registers, advance, now }) => {
      const seen = registers()
      advance(renewal)
      const thaw = registry.freeze()
      advance(ttl * 1000 - 1)
      expect(seen.last()).toMatchObject({ status: 'registered', renewals: 1 })
      advance(1)
      expect(seen.last()).toMatchObject({ status: 'lost', attempt: 1, retryAt: now(), cause: { name: 'LeaseLost' } })
      advance(60 * 60 * 1000)
      expect(seen.last()?.status).toBe('lost')
      thaw()
      advance(2 * step)
      expect(seen.last()).toMatchObject({ status: 'registered', renewals: 0 })
      expect(registry.leases()).toHaveLength(1)
    }))

  it('resumes by the same lease when that turns out to live', () =>
    scene(({ registry, registers, advance }) => {
      const seen = registers()
      const before = registry.revision()
      const [lease] = registry.leases()
      const thaw = registry.freeze()
      advance(ttl * 1000 - 1)
      // the renewal sent long ago arrives only now: etcd counts from now, we from then
      thaw()
      const refreeze = registry.freeze()
      advance(renewal + 1)
      expect(told(seen.statuses())).toEqual(['registering', 'registered', 'lost'])
      refreeze()
      expect(seen.last()).toMatchObject({ status: 'registered', leaseId: lease, revision: before })
      expect(registry.leases()).toEqual([lease])
    }))

  it('gets a new lease when the old one died, and the old one stays dead', () =>
    scene(({ registry, registers, advance, leaseOf }) => {
      const seen = registers()
      const [old = ''] = registry.leases()
      registry.expire(old)
      advance(renewal + step)
      expect(told(seen.statuses())).toEqual(['registering', 'registered', 'lost', 'registering', 'registered'])
      expect(registry.leases()).toHaveLength(1)
      expect(registry.leases()).not.toContain(old)
      expect(leaseOf()).toBe(registry.leases()[0])
    }))

  it('creates its key again when another hand deletes it, and says so', () =>
    scene(({ registry, registers, advance, leaseOf }) => {
      const seen = registers()
      const [lease] = registry.leases()
      registry.write(key, null)
      expect(seen.last()).toMatchObject({ status: 'lost', attempt: 1, retryAt: step })
      advance(step - 1)
      expect(leaseOf()).toBeUndefined()
      advance(1)
      expect(leaseOf()).toBe(lease)
      expect(told(seen.statuses())).toEqual(['registering', 'registered', 'lost', 'registered'])
    }))

  it('creates it at most once per backoff step, however often it is deleted', () =>
    scene(({ registry, registers, advance, leaseOf, now }) => {
      const seen = registers()
      const created: number[] = []
      while (now() < 1_000) {
        if (leaseOf() !== undefined) {
          created.push(now())
          registry.write(key, null)
        }
        advance(1)
      }
      expect(created).toEqual([0, 50, 150, 350, 750])
      expect(seen.states.flatMap(state => (state.status === 'lost' ? [state.retryAt] : []))).toEqual([50, 150, 350, 750, 1550])
      advance(1_000)
      expect(seen.last()?.status).toBe('registered')
    }))

  it('does not write equal content again, and a new value in place under the same lease', () =>
    scene(({ registry, registers, value, leaseOf }) => {
      const instance = new BehaviorSubject<ServiceInstanceInput | null>(node)
      const seen = registers({}, instance)
      const [lease] = registry.leases()
      const before = registry.revision()
      instance.next({ ...node })
      expect(registry.revision()).toBe(before)
      instance.next({ ...node, version: '2' })
      expect(registry.revision()).toBe(before + 1)
      expect(value()).toMatchObject({ version: '2' })
      expect(leaseOf()).toBe(lease)
      expect(seen.last()).toMatchObject({ status: 'registered', revision: before + 1, leaseId: lease })
    }))

  it('is withdrawn by null and registered again, under the same lease, by the next value', () =>
    scene(({ registry, registers, advance, leaseOf }) => {
      const instance = new BehaviorSubject<ServiceInstanceInput | null>(node)
      const seen = registers({}, instance)
      const [lease] = registry.leases()
      instance.next(null)
      expect(leaseOf()).toBeUndefined()
      advance(2 * ttl * 1000)
      expect(seen.last()).toEqual({ status: 'withdrawn' })
      instance.next(node)
      expect(leaseOf()).toBe(lease)
      expect(told(seen.statuses())).toEqual(['registering', 'registered', 'withdrawn', 'registered'])
    }))

  it('deletes its old key in the same transaction when its id changes', () =>
    scene(({ registry, registers }) => {
      const instance = new BehaviorSubject<ServiceInstanceInput | null>(node)
      const seen = registers({}, instance)
      const before = registry.revision()
      instance.next({ ...node, id: 'other' })
      expect(registry.keys()).toEqual(['/rx-discovery/web/other'])
      expect(registry.revision()).toBe(before + 1)
      expect(seen.last()).toMatchObject({ status: 'registered', key: '/rx-discovery/web/other' })
    }))

  it('waits for the first instance', () =>
    scene(({ registry, registers, advance }) => {
      const instance = new Subject<ServiceInstanceInput>()
      const seen = registers({}, instance)
      advance(10_000)
      expect(seen.statuses()).toEqual(['registering'])
      expect(registry.keys()).toEqual([])
      instance.next(node)
      expect(seen.last()?.status).toBe('registered')
    }))
})
