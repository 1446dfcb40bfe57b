import { BehaviorSubject, concat, defer, delay, dematerialize, map, materialize, NEVER, of, Subject, throwError } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { native, plain, register, Taken, type Format, type Lease, type Registry, type ServiceInstanceInput, type Status } from 'rx-discovery'
import { answeringLate, backoff, key, node, scene, stored } from './scene.js'

const foreign = '{"v":1,"address":"localhost:2","status":"down"}'

describe('what a registration has observed of its keys', () => {
  it('is not overwritten by a refused write that is answered after a newer change', () => scene(({ registry, watch, there, advance }) => {
    const instance = new Subject<ServiceInstanceInput>()
    const registration = watch(register(answeringLate(registry, 5), instance, { ttl: 60, backoff, throttle: 0 }))
    instance.next(node)
    advance(5)
    const flow = registry.lag()
    registry.write(key, foreign)
    instance.next({ ...node, zone: 'a' })
    registry.write(key, null)
    flow()
    advance(5)
    expect(registration.statuses()).not.toContain('taken')
    advance(1_000)
    expect(there()).toEqual([[key, '{"v":1,"address":"a:1","zone":"a"}', '1']])
  }))

  it('misses no change of one key while it writes another', () => scene(({ registry, watch, advance }) => {
    // one key that follows the status, and one that does not change
    const fixed: Format = { ...native({ prefix: '/fixed' }), encode: () => 'here' }
    const health = new Subject<Status>()
    const registration = watch(register(registry, node, { ttl: 60, backoff, throttle: 0, health, format: [fixed, plain()] }))
    const flow = registry.lag()
    registry.write('/fixed/web/node', 'theirs')
    health.next('up')
    flow()
    advance(0)
    expect(registration.last()).toEqual({ status: 'taken', key: '/fixed/web/node', by: '0' })
  }))

  it('is no loss if the registration itself deleted the key', () => scene(({ registry, watch, there }) => {
    const instance = new Subject<ServiceInstanceInput>()
    const registration = watch(register(registry, instance, { backoff, throttle: 0 }))
    for (const id of ['node', 'other', 'node', 'other', 'node']) instance.next({ ...node, id })
    expect(registration.statuses()).toEqual(['registering', ...Array.from({ length: 5 }, () => 'registered')])
    expect(there()).toEqual([[key, stored, '1']])
  }))

  it('is no loss either if the key comes and goes while a write is under way', () => scene(({ registry, watch, there, advance }) => {
    const instance = new Subject<ServiceInstanceInput>()
    const registration = watch(register(answeringLate(registry, 5), instance, { ttl: 60, backoff, throttle: 0 }))
    instance.next(node)
    advance(5)
    instance.next({ ...node, id: 'other' })
    instance.next(node)
    advance(100)
    expect(registration.statuses()).not.toContain('lost')
    expect(there()).toEqual([[key, stored, '1']])
  }))

  it('is reported as a loss if the key was deleted while the watch was broken', () => scene(({ registry, watch, there, advance }) => {
    const registration = watch(register(registry, node, { ttl: 60, backoff }))
    registry.interrupt(10)
    registry.write(key, null)
    advance(1_000)
    expect(registration.statuses()).toEqual(['registering', 'registered', 'lost', 'registered'])
    expect(there()).toEqual([[key, stored, '1']])
  }))

  it('is written at most once per backoff step if it is deleted during each write', () => scene(({ registry, watch, advance }) => {
    let puts = 0
    const deleting: Registry = {
      ...registry,
      put: (entries, lease) => defer(() => {
        puts += 1
        return registry.put(entries, lease).pipe(map(revision => (registry.write(key, null), revision)), delay(1))
      }),
    }
    const registration = watch(register(deleting, node, { ttl: 60, backoff }))
    advance(10_000)
    // after 50, 100, 200, 400, 800 ms, then each second
    expect(puts).toBeGreaterThan(10)
    expect(puts).toBeLessThan(16)
    expect(registration.statuses()).toContain('lost')
  }))
})

describe('a write that is refused without a reason', () => {
  it('is tried again once per backoff step, not in a loop', () => scene(({ registry, watch, advance }) => {
    let puts = 0
    const refusing: Registry = { ...registry, put: () => defer(() => ((puts += 1), throwError(() => new Taken([])))) }
    const registration = watch(register(refusing, node, { ttl: 60, backoff }))
    advance(800)
    expect(puts).toBe(5)
    expect(registration.last()).toMatchObject({ status: 'lost', attempt: 5, cause: new Error('refused without a reason: a key that was expected does not exist any more') })
  }))
})

describe('the reported state', () => {
  it('is withdrawn once if null is emitted twice', () => scene(({ registry, watch }) => {
    const instance = new Subject<ServiceInstanceInput | null>()
    const registration = watch(register(registry, instance))
    instance.next(null)
    instance.next(null)
    expect(registration.statuses()).toEqual(['registering', 'withdrawn'])
  }))

  it('is registered while any format is present, with the key of that format', () => scene(({ registry, watch, there }) => {
    const health = new Subject<Status>()
    const registration = watch(register(registry, node, { format: [plain(), native()], health, throttle: 0 }))
    expect(there()).toEqual([[key, '{"v":1,"address":"a:1","status":"starting"}', '1']])
    expect(registration.last()).toMatchObject({ status: 'registered', key })
    health.next('up')
    expect(registration.last()).toMatchObject({ status: 'registered', key: '/web/node' })
  }))
})

describe('a change of a key', () => {
  it('counts also if it comes while the watch is being subscribed', () => scene(({ registry, watch }) => {
    // such as what happened between the write and the creation of the watch
    const foreign = { key, value: 'theirs', lease: '0', revision: 9 }
    const prompt: Registry = { ...registry, watch: () => concat(of({ cluster: '1', revision: 9, changes: [foreign] }), NEVER) }
    const registration = watch(register(prompt, node, { backoff }))
    expect(registration.statuses()).toEqual(['registering', 'registered', 'taken'])
  }))

  it('reports nothing twice if it is the echo of a write', () => scene(({ registry, watch, advance }) => {
    const until = new Subject<void>()
    // the watch tells of it before the answer does
    const late: Registry = { ...registry, put: (entries, lease) => registry.put(entries, lease).pipe(materialize(), delay(5), dematerialize()) }
    const registration = watch(register(late, node, { ttl: 6, backoff, format: plain(), until, drain: 1_000 }))
    advance(5)
    until.next()
    advance(500)
    expect(registration.states.filter(({ status }) => status === 'draining')).toMatchObject([{ revision: 3 }])
  }))
})

describe('a format', () => {
  it('encodes once for each desired state, whatever is renewed or changes', () => scene(({ registry, watch, advance }) => {
    let encoded = 0
    const counting: Format = { ...native(), encode: instance => ((encoded += 1), native().encode(instance)) }
    const instance = new BehaviorSubject<ServiceInstanceInput>(node)
    const registration = watch(register(registry, instance, { ttl: 6, backoff, format: counting }))
    registry.write(key, 'theirs')
    registry.write(key, null)
    advance(100_000)
    expect([registration.last()?.status, encoded]).toEqual(['registered', 1])
    instance.next({ ...node, zone: 'a' })
    expect(encoded).toBe(2)
  }))

  it('whose key depends on the lease is asked again for the next lease', () => scene(({ registry, watch, there, advance }) => {
    const byLease: Format = { ...native(), key: (_, { id }: Lease) => `/by/${id}` }
    watch(register(registry, node, { ttl: 6, backoff, format: byLease }))
    registry.expire('1')
    advance(10_000)
    expect(there()).toEqual([['/by/2', stored, '2']])
  }))
})
