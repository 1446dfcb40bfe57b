import { Subject } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { Taken, type Status } from 'rx-discovery'
import type { MemoryRegistry } from 'rx-discovery/memory'
import { key, node, scene, stored } from './scene.js'

const foreign = '{"v":1,"address":"b:2"}'

/** Another process under our id, with a lease of `seconds`; it stops to renew, as after `kill -9`, by `die()`. */
const another = (registry: MemoryRegistry, seconds: number) => {
  const process = registry.lease(seconds).subscribe()
  const lease = registry.leases().at(-1) ?? ''
  registry.write(key, foreign, { lease })
  return {
    lease,
    stop: () => process.unsubscribe(),
    /** Its lease lives on, and nothing renews it. */
    die: () => {
      const thaw = registry.deny()
      process.unsubscribe()
      thaw()
    },
  }
}

const advice = "choose another id, end the process that holds it, or pass onTaken: 'replace'"

describe.each(['wait', 'fail'] as const)('onTaken: %s, at the start', onTaken => {
  it('replaces a dead holder at once if its lease was last renewed more than half its TTL ago', () =>
    scene(({ registry, registers, advance, there }) => {
      const dead = another(registry, 15)
      dead.die()
      // the answer is in whole seconds, rounded down
      advance(8_001)
      const seen = registers({ onTaken, ttl: 5 })
      expect(seen.statuses()).toEqual(['registering', 'taken', 'registered'])
      expect(there()).toEqual([[key, stored, seen.leaseId()]])
    }))

  it('replaces one that died right after a renewal after half of its TTL', () =>
    scene(({ registry, registers, advance }) => {
      another(registry, 15).die()
      const seen = registers({ onTaken, ttl: 5 })
      advance(7_499)
      expect(seen.statuses()).toEqual(['registering', 'taken'])
      advance(1_001)
      expect(seen.statuses()).toEqual(['registering', 'taken', 'registered'])
    }))

  it.each([2, 3, 5, 6, 10, 15, 60])('never replaces one that lives, at TTL %d', seconds =>
    scene(({ registry, registers, advance, there }) => {
      const living = another(registry, seconds)
      advance(seconds * 333)
      const seen = registers({ onTaken })
      advance(seconds * 10_000)
      expect(seen.end() === undefined ? seen.last() : seen.end()).toEqual(
        onTaken === 'wait' ? { status: 'taken', key, by: living.lease } : new Taken([{ key, value: foreign, lease: living.lease, revision: 2 }], advice),
      )
      expect(there()).toEqual([[key, foreign, living.lease]])
      living.stop()
    }))

  it('does not take a lease that etcd extends at a restart for one that lives', () =>
    scene(({ registry, registers, advance }) => {
      const dead = another(registry, 15)
      dead.die()
      advance(3_000)
      const seen = registers({ onTaken })
      advance(2_000)
      registry.rewind(registry.revision())
      advance(9_000)
      expect(seen.statuses()).toContain('registered')
      expect(seen.end()).toBeUndefined()
    }))

  it('takes a key without a lease for one that lives, since no crash leaves it', () =>
    scene(({ registry, registers, advance }) => {
      registry.write(key, foreign)
      const seen = registers({ onTaken })
      advance(60_000)
      expect(onTaken === 'wait' ? seen.last() : seen.end()).toEqual(onTaken === 'wait' ? { status: 'taken', key, by: '0' } : new Taken([{ key, value: foreign, lease: '0', revision: 2 }], advice))
    }))

  it('asks about a lease once for each verdict, however often health changes', () =>
    scene(({ registry, registers, advance }) => {
      const living = another(registry, 15)
      let asked = 0
      const health = new Subject<Status>()
      const counting = { ...registry, remaining: (id: string) => ((asked += 1), registry.remaining(id)) }
      registers({ onTaken, health }, node, counting)
      for (let time = 0; time < 60_000; time += 10) {
        health.next(time % 20 === 0 ? 'up' : 'down')
        advance(10)
      }
      expect(asked).toBeLessThan(4)
      living.stop()
    }))

  it('waits through an outage, and through a denied question', () =>
    scene(({ registry, registers, advance }) => {
      another(registry, 15).die()
      const seen = registers({ onTaken })
      const allow = registry.deny()
      advance(9_000)
      allow()
      advance(2_000)
      expect(seen.statuses()).toContain('registered')
    }))
})

describe('a crash loop on the same id', () => {
  it('never makes the living instance vanish', () =>
    scene(({ registers, advance, there }) => {
      const living = registers()
      const before = there()
      for (let crash = 0; crash < 20; crash += 1) {
        const copy = registers({}, { ...node, address: 'b:2' })
        advance(3_000)
        copy.stop()
        advance(500)
        expect(there()).toEqual(before)
      }
      expect(new Set(living.statuses())).toEqual(new Set(['registering', 'registered']))
    }))
})
