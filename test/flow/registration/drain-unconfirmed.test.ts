import { BehaviorSubject, Subject } from 'rxjs'
import { describe, expect, it } from 'vitest'
import type { ServiceInstanceInput } from 'rx-discovery'
import { key, node, scene, ttl } from './scene.js'

describe('an end that the registry does not confirm', () => {
  it('is draining with the refusal as its cause, then revoked but not confirmed, with the time by which the key expires', () =>
    scene(({ registry, registers, advance, now }) => {
      const until = new Subject<void>()
      const seen = registers({ until, drain: 1_000 })
      until.next()
      advance(999)
      const allow = registry.deny()
      advance(1)
      const expiresAt = now() + ttl * 1_000
      expect(seen.states.slice(-2)).toMatchObject([
        { status: 'draining', cause: { name: 'Denied' }, published: 'draining' },
        { status: 'revoked', confirmed: false, cause: { name: 'Denied' }, expiresAt },
      ])
      expect(seen.end()).toBe('complete')
      expect(registry.keys()).toEqual([key])
      allow()
      advance(ttl * 1_000)
      expect(registry.keys()).toEqual([])
    }))

  it('is draining, not lost, if the role is taken away before it begins', () =>
    scene(({ registry, registers, advance, now }) => {
      const until = new Subject<void>()
      const seen = registers({ until, drain: 5_000 })
      const allow = registry.deny()
      until.next()
      const first = { status: 'draining', cause: { name: 'Denied' }, published: 'up', key }
      expect(seen.states.slice(1)).toMatchObject([{ status: 'registered' }, first])
      advance(5_000)
      expect(seen.states.slice(2)).toMatchObject([
        // Once for `draining`, however often that is tried, and once for the revoke.
        first,
        first,
        { status: 'revoked', confirmed: false, cause: { name: 'Denied' }, expiresAt: now() + ttl * 1_000 },
      ])
      expect(seen.end()).toBe('complete')
      allow()
    }))

  it('is draining with the cause of the loss if the role was found missing before it begins, until the role is back', () =>
    scene(({ registry, registers, advance }) => {
      const [until, instances] = [new Subject<void>(), new BehaviorSubject<ServiceInstanceInput>(node)]
      const seen = registers({ until, drain: 3_000 }, instances)
      const allow = registry.deny()
      instances.next({ ...node, zone: 'b' })
      const loss = seen.last()
      expect(loss).toMatchObject({ status: 'lost', cause: { name: 'Denied' } })
      until.next()
      expect(seen.last()).toMatchObject({ status: 'draining', cause: loss?.status === 'lost' && loss.cause, published: 'up' })
      advance(1_000)
      allow()
      advance(1_000)
      expect(seen.last()).toMatchObject({ status: 'draining', published: 'draining' })
      expect(seen.last()).not.toHaveProperty('cause')
      advance(5_000)
      expect([seen.last(), seen.end()]).toEqual([{ status: 'revoked', confirmed: true }, 'complete'])
    }))

  it.each([
    ['the default', undefined, 2_000],
    ['endWithin', 500, 500],
  ])('takes drain and %s at most while the registry is silent', (_, endWithin, least) =>
    scene(({ registry, registers, advance }) => {
      const until = new Subject<void>()
      const seen = registers({ until, drain: 3_000, endWithin, ttl: 60 })
      const thaw = registry.freeze()
      until.next()
      advance(3_000 + least - 1)
      expect(seen.end()).toBeUndefined()
      advance(1)
      expect(seen.states.slice(-2)).toMatchObject([
        { status: 'draining', cause: { name: 'Disconnected' }, published: 'up' },
        { status: 'revoked', confirmed: false, cause: { name: 'Disconnected' } },
      ])
      expect(seen.end()).toBe('complete')
      thaw()
      expect(registry.leases()).toEqual([])
    }))

  it('is confirmed if no lease was granted, since nothing is there', () =>
    scene(({ registry, registers, advance }) => {
      registry.interrupt(60_000)
      const until = new Subject<void>()
      const seen = registers({ until })
      until.next()
      advance(2_000)
      expect([seen.last(), seen.end()]).toEqual([{ status: 'revoked', confirmed: true }, 'complete'])
    }))

  it('is not confirmed while its key is taken or withdrawn, since the lease lives', () =>
    scene(({ registry, registers, advance }) => {
      const until = new Subject<void>()
      const taken = registers({ until })
      registry.write(key, 'theirs')
      const withdrawn = registers({ until }, new BehaviorSubject<ServiceInstanceInput | null>(null))
      const allow = registry.deny()
      until.next()
      advance(2_000)
      for (const seen of [taken, withdrawn]) expect(seen.last()).toMatchObject({ status: 'revoked', confirmed: false })
      expect([taken, withdrawn].flatMap(({ statuses }) => statuses()).filter(status => status === 'draining')).toEqual([])
      allow()
    }))

  it.each(['refused', 'not answered'])('by close is reported alike if the revoke is %s', how =>
    scene(({ registry, registers, advance }) => {
      const seen = registers()
      const release = how === 'refused' ? registry.deny() : registry.freeze()
      void registry.close({ timeout: 1_500 })
      advance(1_499)
      if (how !== 'refused') expect(seen.last()).toMatchObject({ status: 'registered' })
      advance(1)
      expect(seen.states.slice(-2)).toMatchObject([
        { status: 'draining', cause: { name: how === 'refused' ? 'Denied' : 'Disconnected' } },
        { status: 'revoked', confirmed: false },
      ])
      expect(seen.end()).toBe('complete')
      release()
    }))
})
