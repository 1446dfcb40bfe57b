import { BehaviorSubject, defer, finalize, first, Subject, take, tap } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { Closed, register, type Registration, type Registry, type Revision, type ServiceInstanceInput } from 'rx-discovery'
import { backoff, key, node, scene, see, step, stored, ttl } from './scene.js'

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
        { status: 'registered', leaseId: lease, key, revision: registry.revision(), ttl, expiresAt: ttl * 1000, renewals: 0, published: 'up' },
      ])
      expect(leaseOf()).toBe(lease)
    }))

  it('emits at each renewal, which writes nothing', () =>
    scene(({ registry, registers, advance }) => {
      const seen = registers()
      const before = registry.revision()
      advance(3 * renewal)
      expect(seen.states.slice(1)).toMatchObject([0, 1, 2, 3].map(renewals => ({ status: 'registered', renewals, revision: before })))
      expect(seen.last()).toMatchObject({ expiresAt: 3 * renewal + ttl * 1000 })
      expect(registry.revision()).toBe(before)
    }))

  it('is lost one TTL after the last acknowledged renewal was sent, if etcd does not answer', () =>
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

  it('resumes with the same lease if that still lives', () =>
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

  it('gets a new lease if the old one expired, and the old one stays gone', () =>
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

  it('creates its key again if something else deletes it, and reports the loss', () =>
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

  it('creates its key at most once per backoff step, however often it is deleted', () =>
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

  it('writes an equal instance not again, and a changed one in place under the same lease', () =>
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

describe('the subscribers of a registration', () => {
  it('share it; late ones get its last state, and the last one to unsubscribe revokes the lease', () =>
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

  it.each(['registering', 'registered'] as const)('may unsubscribe inside next, at the first %s', status =>
    scene(({ registry, advance }) => {
      const seen = see(register(registry, node, { ttl }).pipe(first(state => state.status === status)))
      expect(seen.statuses()).toEqual([status])
      expect(seen.end()).toBe('complete')
      advance(ttl * 1_000)
      expect(registry.leases()).toEqual([])
    }))

  it('may change the instance inside next', () =>
    scene(({ registry, value }) => {
      const instance = new BehaviorSubject<ServiceInstanceInput | null>({ ...node, version: '1' })
      const revisions: number[] = []
      const change = tap((state: Registration) => {
        if (state.status !== 'registered') return
        revisions.push(state.revision)
        if (revisions.length < 4) instance.next({ ...node, version: String(revisions.length + 1) })
      })
      const seen = see(register(registry, instance, { ttl, throttle: 0 }).pipe(change))
      expect(value()).toMatchObject({ version: '4' })
      expect(revisions).toEqual([2, 3, 4, 5])
      expect(seen.last()).toMatchObject({ status: 'registered', revision: 5 })
      seen.stop()
    }))

  it('may delete the key inside next, and it is written again', () =>
    scene(({ registry, advance }) => {
      let deleted = false
      const meddle = tap((state: Registration) => {
        if (state.status !== 'registered' || deleted) return
        deleted = true
        registry.write(key, null)
      })
      const seen = see(register(registry, node, { ttl, backoff: backoff }).pipe(meddle))
      advance(step)
      expect(seen.statuses()).toEqual(['registering', 'registered', 'lost', 'registered'])
      expect(registry.keys()).toEqual([key])
      seen.stop()
    }))
})

describe('a subscriber that unsubscribes early', () => {
  it('during a write, with another one waiting, leaves nothing under way', () => scene(({ registry, watch }) => {
    const instance = new BehaviorSubject<ServiceInstanceInput>(node)
    const answers: Subject<Revision>[] = []
    let left = 0
    const slow: Registry = {
      ...registry,
      put: () => defer(() => {
        const answer = new Subject<Revision>()
        answers.push(answer)
        return answer.pipe(finalize(() => (left += 1)))
      }),
    }
    const registration = watch(register(slow, instance, { backoff }))
    instance.next({ ...node, zone: 'a' })
    instance.next({ ...node, zone: 'b' })
    registration.stop()
    expect([answers.length, left, instance.observed, registry.leases()]).toEqual([1, 1, false, []])
    answers[0]?.next(2)
    answers[0]?.complete()
    expect([answers.length, registration.statuses()]).toEqual([1, ['registering']])
  }))

  it('does not end the registration of a second subscriber', () => scene(({ registry, watch, advance, there }) => {
    const thaw = registry.freeze()
    const registration = register(registry, node, { backoff })
    const [first, second] = [watch(registration), watch(registration)]
    first.stop()
    thaw()
    advance(1)
    expect([first.statuses(), second.statuses(), there()]).toEqual([['registering'], ['registering', 'registered'], [[key, stored, '1']]])
    second.stop()
    expect([there(), registry.leases()]).toEqual([[], []])
  }))

  it('at the first state writes nothing', () => scene(({ registry, watch }) => {
    let puts = 0
    const counted: Registry = { ...registry, put: (entries, lease) => ((puts += 1), registry.put(entries, lease)) }
    watch(register(counted, node, { backoff }).pipe(take(1)))
    expect([puts, registry.leases(), registry.revision()]).toEqual([0, [], 1])
  }))

  it('at a loss, inside next, leaves no second lease', () => scene(({ registry, advance, pending, watch }) => {
    const registration = watch(register(registry, node, { ttl: 6, backoff }), ({ status }) => {
      if (status === 'lost') registration.stop()
    })
    registry.expire('1')
    advance(10_000)
    expect([registration.statuses().at(-1), registry.leases(), pending()]).toEqual(['lost', [], 0])
  }))
})

describe('closing the registry', () => {
  it('revokes the lease; the registration reports revoked and completes', () =>
    scene(({ registry, registers }) => {
      const seen = registers()
      void registry.close()
      expect(seen.statuses()).toEqual(['registering', 'registered', 'revoked'])
      expect(seen.end()).toBe('complete')
      expect(registry.leases()).toEqual([])
    }))

  it.each(['during an outage', 'while its key is taken', 'while it drains'] as const)('revokes also %s', when =>
    scene(({ registry, registers, advance }) => {
      const seen = registers(when === 'while it drains' ? { until: [0], drain: 60_000 } : {})
      if (when === 'during an outage') registry.interrupt(1_000)
      if (when === 'while its key is taken') registry.write(key, 'another')
      void registry.close()
      advance(2_000)
      expect(seen.last()).toEqual({ status: 'revoked', confirmed: true })
      expect(seen.end()).toBe('complete')
      expect(registry.leases()).toEqual([])
    }))

  it('ends a pause between two attempts early', () =>
    scene(({ registry, registers, pending }) => {
      registry.interrupt(60_000)
      const seen = registers()
      expect(seen.last()).toMatchObject({ status: 'lost', cause: { name: 'Disconnected' } })
      void registry.close()
      expect([seen.last(), seen.end(), pending()]).toEqual([{ status: 'revoked', confirmed: true }, 'complete', 0])
    }))

  it.each(['registering', 'registered'])('ends a registration that closes it inside %s as any other', status =>
    scene(({ registry, watch, there, pending }) => {
      const seen = watch(register(registry, node, { ttl, override: false }), state => {
        if (state.status === status) void registry.close()
      })
      expect([seen.statuses().at(-2), seen.last(), seen.end(), there(), pending()]).toEqual([status, { status: 'revoked', confirmed: true }, 'complete', [], 0])
    }))

  it('errors a registration that is subscribed later', () =>
    scene(({ registry, registers }) => {
      void registry.close()
      expect(registers().end()).toBeInstanceOf(Closed)
    }))
})

describe('a hundred registrations', () => {
  it('survive an outage and leave nothing', () =>
    scene(({ registry, advance }) => {
      const ids = Array.from({ length: 100 }, (_, index) => `node${index}`)
      const all = ids.map(id => see(register(registry, { ...node, id }, { ttl, backoff: backoff })))
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

describe('the incarnation of a registration', () => {
  const incarnationOf = (text: string | null | undefined): unknown => (JSON.parse(text ?? '{}') as { readonly incarnation?: unknown }).incarnation

  it('is drawn once per subscription and kept across its leases', () =>
    scene(({ registry, registers, advance }) => {
      const draws = [0.1, 0.2]
      const random = (): number => draws.shift() ?? NaN
      const incarnations = [0, 1].map(() => {
        const seen = registers({ random })
        const first = incarnationOf(registry.entries()[0]?.value)
        registry.expire(registry.leases()[0] ?? '')
        advance(2 * renewal)
        expect(seen.statuses()).toContain('lost')
        expect(incarnationOf(registry.entries()[0]?.value)).toBe(first)
        seen.stop()
        return first
      })
      expect(incarnations).toEqual([expect.stringMatching(/^[0-9a-z]+$/), expect.stringMatching(/^[0-9a-z]+$/)])
      expect(incarnations[0]).not.toBe(incarnations[1])
    }))

  it('is that of the instance if it brings one', () =>
    scene(({ registry, registers }) => {
      registers({}, { ...node, incarnation: 'mine' })
      expect(incarnationOf(registry.entries()[0]?.value)).toBe('mine')
    }))

  it('is never empty', () =>
    scene(({ registry, registers }) => {
      registers({ random: () => 0 })
      expect(incarnationOf(registry.entries()[0]?.value)).toBe('0')
    }))
})
