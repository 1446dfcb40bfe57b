import { interval, map, Subject } from 'rxjs'
import { describe, expect, it } from 'vitest'
import type { Status } from 'rx-discovery'
import { withClock } from '../../../src/flow/clock.js'
import { key, node, scene, ttl } from './scene.js'

describe('throttle', () => {
  it('writes a status that flaps each millisecond once per 100 ms', () =>
    scene(({ registry, registers, advance }) => {
      registers({ throttle: undefined, health: interval(1).pipe(map((n): Status => (n % 2 === 0 ? 'up' : 'down'))) })
      const before = registry.revision()
      advance(5_000)
      expect(registry.revision() - before).toBeGreaterThan(40)
      expect(registry.revision() - before).toBeLessThan(51)
    }))

  it('writes the last of several updates, and the first write and draining at once', () =>
    scene(({ registry, registers, value, advance }) => {
      const health = new Subject<Status>()
      const until = new Subject<void>()
      registers({ throttle: 1_000, health, until, drain: 60_000 })
      const before = registry.revision()
      expect(value()).toMatchObject({ status: 'starting' })
      for (const status of ['up', 'down', 'starting', 'down'] as const) health.next(status)
      advance(999)
      expect(registry.revision()).toBe(before)
      advance(1)
      expect([value()?.['status'], registry.revision()]).toEqual(['down', before + 1])
      health.next('up')
      until.next()
      expect(value()).toMatchObject({ status: 'draining' })
      advance(10_000)
      expect(registry.revision()).toBe(before + 2)
    }))

  it('writes an update although its timer fires a fraction of a millisecond early', () =>
    scene(({ registers, value, advance, now }) =>
      withClock({ now: () => now() * 0.9999 }, () => {
        const health = new Subject<Status>()
        registers({ throttle: 1_000, health })
        health.next('up')
        advance(1_001)
        expect(value()).not.toHaveProperty('status')
      }),
    ))

  it('writes nothing if the status is back before it may be written', () =>
    scene(({ registry, registers, advance }) => {
      const health = new Subject<Status>()
      const seen = registers({ throttle: 1_000, health })
      const before = registry.revision()
      health.next('up')
      health.next('starting')
      advance(5_000)
      expect([registry.revision(), new Set(seen.statuses())]).toEqual([before, new Set(['registering', 'registered'])])
    }))
})

describe('a value that another client writes under our lease', () => {
  const foreign = '{"v":1,"address":"c:3"}'

  it('is taken and left alone, while the lease is renewed, until the key is deleted', () =>
    scene(({ registry, registers, advance, there }) => {
      const seen = registers()
      const lease = seen.leaseId() ?? ''
      for (let time = 0; time < 5_000; time += 1) {
        registry.write(key, `${foreign}${' '.repeat(time % 7)}`, { lease })
        advance(1)
      }
      registry.write(key, foreign, { lease })
      advance(3 * ttl * 1_000)
      expect(seen.last()).toEqual({ status: 'taken', key, by: lease })
      expect(there()).toEqual([[key, foreign, lease]])
      expect(registry.leases()).toEqual([lease])
      registry.write(key, null)
      advance(50)
      expect(seen.last()).toMatchObject({ status: 'registered', leaseId: lease })
    }))

  it('ends when the key holds a value of ours again, and what changed meanwhile is written then', () =>
    scene(({ registry, registers, advance, value }) => {
      const health = new Subject<Status>()
      const seen = registers({ health })
      const lease = seen.leaseId() ?? ''
      const ours = registry.entries()[0]?.value ?? ''
      registry.write(key, foreign, { lease })
      health.next('up')
      advance(10_000)
      expect(seen.last()).toMatchObject({ status: 'taken' })
      registry.write(key, ours, { lease })
      advance(100)
      expect(seen.last()).toMatchObject({ status: 'registered', published: 'up' })
      expect(value()).not.toHaveProperty('status')
    }))

  it('is not what a write of ours left whose answer was lost', () =>
    scene(({ registry, registers, advance, value }) => {
      const health = new Subject<Status>()
      const seen = registers({ health })
      const thaw = registry.freeze()
      health.next('up')
      advance(5_000)
      thaw()
      advance(1_000)
      expect(seen.statuses()).not.toContain('taken')
      expect(value()).not.toHaveProperty('status')
    }))
})

describe('a key that changes faster than it can be written', () => {
  it('is written at the pace of the backoff', () =>
    scene(({ registry, registers, advance }) => {
      let puts = 0
      const racing = {
        ...registry,
        put: (...[entries, lease]: Parameters<typeof registry.put>) => {
          puts += 1
          if (puts > 1) registry.write(key, registry.entries()[0]?.value ?? '', { lease: lease.id })
          return registry.put(entries, lease)
        },
      }
      const health = new Subject<Status>()
      const seen = registers({ health }, node, racing)
      health.next('up')
      advance(10_000)
      expect(puts).toBeLessThan(80)
      expect(seen.last()?.status).not.toBe('taken')
    }))
})
