import { BehaviorSubject, defer, merge, mergeMap, ReplaySubject, Subject, Subscription, throwError } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { Disconnected, LeaseLost, Taken, type Lease, type Registry, type ServiceInstanceInput } from 'rx-discovery'
import type { MemoryRegistry } from 'rx-discovery/memory'
import { key, node, scene, step, ttl } from './scene.js'

const foreign = JSON.stringify({ v: 1, address: 'b:2' })
const down = JSON.stringify({ v: 1, address: 'a:1', status: 'down' })

/** Writes the key by the lease of another process, which dies with `holder.unsubscribe()`. */
const heldByAnother = (registry: MemoryRegistry) => {
  const holder = registry.lease(60).subscribe()
  const lease = registry.leases().at(-1) ?? ''
  registry.write(key, foreign, { lease })
  return { lease, leave: () => holder.unsubscribe() }
}

describe('a key that another holder has taken', () => {
  it('is left alone if an operator overwrote it, until it is deleted', () =>
    scene(({ registry, registers, advance, value, leaseOf }) => {
      const seen = registers()
      const before = registry.write(key, down)
      expect(seen.last()).toEqual({ status: 'taken', key, by: '0' })
      advance(60 * 60 * 1000)
      expect(registry.revision()).toBe(before)
      expect(value()).toMatchObject({ status: 'down' })
      registry.write(key, null)
      advance(step)
      expect(seen.last()).toMatchObject({ status: 'registered' })
      expect(leaseOf()).toBe(registry.leases()[0])
    }))

  it('is left alone if another process took it, until that lease ends', () =>
    scene(({ registry, registers, advance, leaseOf }) => {
      const seen = registers()
      const other = heldByAnother(registry)
      expect(seen.last()).toEqual({ status: 'taken', key, by: other.lease })
      advance(ttl * 10_000)
      expect(leaseOf()).toBe(other.lease)
      other.leave()
      advance(step)
      expect(seen.last()).toMatchObject({ status: 'registered' })
    }))

  it('is reported once, and again when a third holder takes it', () =>
    scene(({ registry, registers, advance }) => {
      const instance = new BehaviorSubject<ServiceInstanceInput | null>(node)
      const seen = registers({}, instance)
      registry.write(key, down)
      registry.write(key, foreign)
      instance.next({ ...node, version: '2' })
      advance(ttl * 2_000)
      const other = heldByAnother(registry)
      expect(seen.states.flatMap(state => (state.status === 'taken' ? [state.by] : []))).toEqual(['0', other.lease])
      other.leave()
    }))

  it('is not written while it is taken, whatever the registration desires', () =>
    scene(({ registry, registers, advance }) => {
      const instance = new BehaviorSubject<ServiceInstanceInput | null>(node)
      const seen = registers({}, instance)
      const before = registry.write(key, down)
      instance.next({ ...node, version: '2' })
      instance.next(null)
      instance.next({ ...node, version: '3' })
      advance(ttl * 2_000)
      registry.interrupt()
      advance(ttl * 2_000)
      expect(registry.revision()).toBe(before)
      expect(seen.last()).toEqual({ status: 'taken', key, by: '0' })
    }))

  it('does not stop a new id from being registered, and is not deleted then', () =>
    scene(({ registry, registers, advance, leaseOf }) => {
      const instance = new BehaviorSubject<ServiceInstanceInput | null>(node)
      const seen = registers({}, instance)
      registry.write(key, down)
      instance.next({ ...node, id: 'other' })
      advance(step)
      expect(seen.last()).toMatchObject({ status: 'registered', key: '/rx-discovery/web/other' })
      expect(leaseOf()).toBe('0')
      registry.write(key, null)
    }))

  it('survives the end of the registration', () =>
    scene(({ registry, registers, advance, leaseOf }) => {
      const seen = registers()
      registry.write(key, down)
      seen.stop()
      advance(ttl * 1_000)
      expect(leaseOf()).toBe('0')
      expect(registry.leases()).toEqual([])
    }))

  it("is taken over at the start by onTaken: 'replace', once only", () =>
    scene(({ registry, registers, advance, leaseOf }) => {
      const other = heldByAnother(registry)
      const seen = registers({ onTaken: 'replace' })
      advance(step)
      expect(seen.statuses()).toEqual(['registering', 'registered'])
      expect(leaseOf()).not.toBe(other.lease)
      registry.write(key, foreign, { lease: other.lease })
      advance(ttl * 2_000)
      expect(seen.last()).toEqual({ status: 'taken', key, by: other.lease })
      expect(leaseOf()).toBe(other.lease)
      other.leave()
    }))
})

describe("with onTaken: 'fail', a key that is taken at the start", () => {
  it('errors Taken as soon as its holder is known to live', () =>
    scene(({ registry, registers, advance, leaseOf }) => {
      const other = heldByAnother(registry)
      const seen = registers({ onTaken: 'fail' })
      advance(29_999)
      expect(seen.statuses()).toEqual(['registering', 'taken'])
      advance(1_001)
      expect(seen.end()).toBeInstanceOf(Taken)
      expect((seen.end() as Taken).found).toMatchObject([{ key, lease: other.lease }])
      expect(leaseOf()).toBe(other.lease)
      expect(registry.leases()).toEqual([other.lease])
      other.leave()
    }))

  it('is registered if the other holder leaves meanwhile', () =>
    scene(({ registry, registers, advance }) => {
      const other = heldByAnother(registry)
      const seen = registers({ onTaken: 'fail' })
      advance(20_000)
      other.leave()
      advance(10 * ttl * 1_000)
      expect(seen.end()).toBeUndefined()
      expect(seen.last()).toMatchObject({ status: 'registered' })
    }))

  it('does not error later: a registration that was present once stands down', () =>
    scene(({ registry, registers, advance }) => {
      const seen = registers({ onTaken: 'fail' })
      registry.write(key, down)
      advance(10 * ttl * 1_000)
      expect(seen.end()).toBeUndefined()
      expect(seen.last()).toEqual({ status: 'taken', key, by: '0' })
    }))
})

describe('our own key', () => {
  it.each(['replace', 'fail'] as const)('is never taken, though the answer to its write was lost (onTaken: %s)', onTaken =>
    scene(({ registry, registers, advance }) => {
      let losing = 2
      const lossy: Registry = {
        ...registry,
        put: (entries, lease) => {
          losing -= 1
          const written = registry.put(entries, lease)
          return losing < 0 ? written : written.pipe(mergeMap(() => throwError(() => new Disconnected('connection reset'))))
        },
      }
      const seen = registers({ onTaken }, node, lossy)
      advance(20 * step)
      expect(seen.statuses()).not.toContain('taken')
      expect(seen.last()).toMatchObject({ status: 'registered' })
      expect(registry.leases()).toHaveLength(1)
    }))

  it('is never taken if it is still under a former lease, which lives on', () =>
    scene(({ registry, registers, advance, leaseOf }) => {
      // the registry says that the lease is lost though it lives, as after a failover
      const lost = new Subject<never>()
      const former = new Subscription()
      let grants = 0
      const forgetful: Registry = {
        ...registry,
        lease: (seconds, end) => {
          const granted = registry.lease(seconds, end)
          if ((grants += 1) > 1) return granted
          const kept = new ReplaySubject<Lease>(1)
          return defer(() => {
            former.add(granted.subscribe(kept))
            return merge(kept, lost)
          })
        },
      }
      const seen = registers({ onTaken: 'fail' }, node, forgetful)
      const [old = ''] = registry.leases()
      lost.error(new LeaseLost(old))
      advance(2 * step)
      expect(registry.leases()).toHaveLength(2)
      expect(leaseOf()).toBe(registry.leases()[1])
      expect(seen.statuses()).toEqual(['registering', 'registered', 'lost', 'registering', 'registered'])
      former.unsubscribe()
      advance(step)
      expect(seen.statuses()).toHaveLength(5)
    }))
})
