import { describe, expect, it } from 'vitest'
import { Closed, exponential, register } from 'rx-discovery'
import { key, node, scene, see, ttl } from './registration-scene.js'

describe('closing the registry', () => {
  it('revokes what is registered, which says so and completes', () =>
    scene(({ registry, registers }) => {
      const seen = registers()
      void registry.close()
      expect(seen.statuses()).toEqual(['registering', 'registered', 'revoked'])
      expect(seen.end()).toBe('complete')
      expect(registry.leases()).toEqual([])
    }))

  it.each(['during an outage', 'while its key is taken', 'while it drains'] as const)('also %s', when =>
    scene(({ registry, registers, advance }) => {
      const seen = registers(when === 'while it drains' ? { until: [0], drain: 60_000 } : {})
      if (when === 'during an outage') registry.interrupt(1_000)
      if (when === 'while its key is taken') registry.write(key, 'another')
      void registry.close()
      advance(2_000)
      expect(seen.last()).toEqual({ status: 'revoked' })
      expect(seen.end()).toBe('complete')
      expect(registry.leases()).toEqual([])
    }))

  it('does not wait for the next try of one that waits for it', () =>
    scene(({ registry, registers, pending }) => {
      registry.interrupt(60_000)
      const seen = registers()
      expect(seen.last()).toMatchObject({ status: 'lost', cause: { name: 'Disconnected' } })
      void registry.close()
      expect([seen.last(), seen.end(), pending()]).toEqual([{ status: 'revoked' }, 'complete', 0])
    }))

  it('errors what is subscribed later', () =>
    scene(({ registry, registers }) => {
      void registry.close()
      expect(registers().end()).toBeInstanceOf(Closed)
    }))
})

describe('a hundred registrations', () => {
  it('come and go at once, through an outage, and leave nothing', () =>
    scene(({ registry, advance }) => {
      const ids = Array.from({ length: 100 }, (_, index) => `node${index}`)
      const all = ids.map(id => see(register(registry, { ...node, id }, { ttl, backoff: exponential({ jitter: 'none' }) })))
      expect(registry.keys()).toHaveLength(100)
      registry.interrupt(2 * ttl * 1_000)
      advance(3 * ttl * 1_000)
      expect(registry.keys()).toHaveLength(100)
      expect(registry.leases()).toHaveLength(100)
      expect(new Set(all.map(({ last }) => last()?.status))).toEqual(new Set(['registered']))
      for (const { stop } of all) stop()
      expect(registry.keys()).toEqual([])
      expect(registry.subscriptions()).toEqual({ watches: 0, leases: 0, calls: 0 })
    }))
})
