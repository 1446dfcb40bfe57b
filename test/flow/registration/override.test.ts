import { BehaviorSubject, Subject, throwError } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { Denied, plain, type Registry, type ServiceInstanceInput, type Status } from 'rx-discovery'
import { key, node, scene, ttl } from './scene.js'

const override = '/rx-discovery-overrides/web/node'

describe("an operator's override", () => {
  it('decides the status that is published, is shown, and is given back by deleting its key', () =>
    scene(({ registry, registers, value }) => {
      const health = new BehaviorSubject<Status>('up')
      const seen = registers({ health })
      registry.write(override, 'draining\n')
      expect(value()).toMatchObject({ status: 'draining' })
      expect(seen.last()).toMatchObject({ status: 'registered', published: 'draining', override: { key: override, status: 'draining' } })
      health.next('down')
      expect(value()).toMatchObject({ status: 'draining' })
      registry.write(override, 'up')
      expect(value()).not.toHaveProperty('status')
      registry.write(override, null)
      expect(value()).toMatchObject({ status: 'down' })
      expect(seen.last()).not.toHaveProperty('override')
    }))

  it('survives the restart of the process: the first write has its status already', () =>
    scene(({ registry, registers, value }) => {
      registry.write(override, 'down')
      for (let start = 0; start < 2; start += 1) {
        const seen = registers()
        expect(seen.states.slice(1)).toMatchObject([{ status: 'registered', published: 'down' }])
        expect(value()).toMatchObject({ status: 'down' })
        seen.stop()
      }
      registry.write(override, null)
    }))

  it('is obeyed in a format without a status, and shown then, too', () =>
    scene(({ registry, registers }) => {
      const seen = registers({ format: plain() })
      registry.write(override, 'draining')
      expect(registry.keys()).toEqual([override])
      expect(seen.last()).toEqual({ status: 'withdrawn', override: { key: override, status: 'draining' } })
      registry.write(override, null)
      expect(registry.keys()).toEqual(['/web/node'])
    }))

  it('does not keep a registration that ends from draining', () =>
    scene(({ registry, registers, value, advance }) => {
      const until = new Subject<void>()
      const seen = registers({ until, drain: 1_000 })
      registry.write(override, 'up')
      until.next()
      expect(value()).toMatchObject({ status: 'draining' })
      advance(1_000)
      expect(seen.end()).toBe('complete')
      registry.write(override, null)
    }))

  it('is that of the current id', () =>
    scene(({ registry, registers, value }) => {
      const instance = new BehaviorSubject<ServiceInstanceInput | null>(node)
      registry.write(override, 'down')
      const seen = registers({}, instance)
      instance.next({ ...node, id: 'other' })
      expect(value('/rx-discovery/web/other')).not.toHaveProperty('status')
      instance.next(null)
      instance.next(node)
      expect(seen.last()).toMatchObject({ published: 'down' })
      registry.write(override, null)
    }))

  it('stays as it is last known through an outage, and is read again after it', () =>
    scene(({ registry, registers, value, advance }) => {
      registers()
      registry.write(override, 'down')
      registry.interrupt(3_000)
      advance(2_000)
      expect(value()).toMatchObject({ status: 'down' })
      registry.write(override, null)
      advance(3_000)
      expect(value()).not.toHaveProperty('status')
    }))

  it('overrides nothing with a value that is no status', () =>
    scene(({ registry, registers, value }) => {
      const seen = registers()
      const before = registry.write(override, 'drained')
      expect(value()).not.toHaveProperty('status')
      expect([registry.revision(), seen.last()?.status]).toEqual([before, 'registered'])
      registry.write(override, null)
    }))

  it('that may not be read is no trouble, and is tried again once a minute', () =>
    scene(({ registry, registers, advance }) => {
      let asked = 0
      const narrow: Registry = {
        ...registry,
        list: (range, options) => (range === '/rx-discovery-overrides/' ? ((asked += 1), throwError(() => new Denied('permission denied'))) : registry.list(range, options)),
      }
      const seen = registers({}, node, narrow)
      advance(10 * 60_000)
      expect(new Set(seen.statuses())).toEqual(new Set(['registering', 'registered']))
      expect(asked).toBeLessThan(12)
    }))

  it('costs one watch for all registrations of a registry', () =>
    scene(({ registry, registers }) => {
      const all = Array.from({ length: 50 }, (_, index) => registers({}, { ...node, id: `n${index}` }))
      expect(registry.subscriptions().watches).toBe(51)
      registry.write('/rx-discovery-overrides/web/n7', 'down')
      expect(all.map(({ last }) => last()).filter(state => state?.status === 'registered' && state.published === 'down')).toHaveLength(1)
      expect(registry.revision()).toBe(53)
      registry.write('/rx-discovery-overrides/web/n7', null)
    }))

  it('is not read with override: false', () =>
    scene(({ registry, registers, value, advance }) => {
      registers({ override: false })
      registry.write(override, 'down')
      advance(ttl * 1_000)
      expect(value()).not.toHaveProperty('status')
      expect(registry.subscriptions().watches).toBe(1)
      registry.write(override, null)
      expect(registry.keys()).toEqual([key])
    }))
})
