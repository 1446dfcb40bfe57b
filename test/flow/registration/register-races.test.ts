import { defer, delay, dematerialize, map, materialize, Subject, throwError } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { Disconnected, native, plain, register, Taken, type Format, type Registry, type ServiceInstanceInput, type Status } from 'rx-discovery'
import { backoff, key, node, stage, value } from './registration-stage.js'

const foreign = '{"v":1,"address":"localhost:2","status":"down"}'
/** A registry whose answers to writes are `ms` on their way. */
const answeringLate = (registry: Registry, ms: number): Registry => ({
  ...registry,
  put: (entries, lease) => registry.put(entries, lease).pipe(materialize(), delay(ms), dematerialize()),
})

describe('what a registration knows of its keys', () => {
  it('is not set back by a refusal that comes after newer news', () => stage(({ registry, watch, there, advance }) => {
    const instance = new Subject<ServiceInstanceInput>()
    const registration = watch(register(answeringLate(registry, 5), instance, { ttl: 60, backoff }))
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
    expect(there()).toEqual([[key, '{"v":1,"address":"localhost:1","zone":"a"}', '1']])
  }))

  it('misses nothing of one key while it writes another', () => stage(({ registry, watch, advance }) => {
    // one key that follows the status, and one that does not change
    const fixed: Format = { ...native({ prefix: '/fixed' }), encode: () => 'here' }
    const health = new Subject<Status>()
    const registration = watch(register(registry, node, { ttl: 60, backoff, health, format: [fixed, plain()] }))
    const flow = registry.lag()
    registry.write('/fixed/web/node', 'theirs')
    health.next('up')
    flow()
    advance(0)
    expect(registration.last()).toEqual({ status: 'taken', key: '/fixed/web/node', by: '0' })
  }))

  it('is no loss when it deleted the key itself, and it comes back', () => stage(({ registry, watch, there }) => {
    const instance = new Subject<ServiceInstanceInput>()
    const registration = watch(register(registry, instance, { backoff }))
    for (const id of ['node', 'other', 'node', 'other', 'node']) instance.next({ ...node, id })
    expect(registration.statuses()).toEqual(['registering', ...Array.from({ length: 5 }, () => 'registered')])
    expect(there()).toEqual([[key, value, '1']])
  }))

  it('is no loss either when that comes and goes while a write is under way', () => stage(({ registry, watch, there, advance }) => {
    const instance = new Subject<ServiceInstanceInput>()
    const registration = watch(register(answeringLate(registry, 5), instance, { ttl: 60, backoff }))
    instance.next(node)
    advance(5)
    instance.next({ ...node, id: 'other' })
    instance.next(node)
    advance(100)
    expect(registration.statuses()).not.toContain('lost')
    expect(there()).toEqual([[key, value, '1']])
  }))

  it('is a loss, and is told, when the key went while the watch was broken', () => stage(({ registry, watch, there, advance }) => {
    const registration = watch(register(registry, node, { ttl: 60, backoff }))
    registry.interrupt(10)
    registry.write(key, null)
    advance(1_000)
    expect(registration.statuses()).toEqual(['registering', 'registered', 'lost', 'registered'])
    expect(there()).toEqual([[key, value, '1']])
  }))

  it('is written at most once per backoff step, though it is deleted during each write', () => stage(({ registry, watch, advance }) => {
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
  it('is tried again once per backoff step, not at once for ever', () => stage(({ registry, watch, advance }) => {
    let puts = 0
    const refusing: Registry = { ...registry, put: () => defer(() => ((puts += 1), throwError(() => new Taken([])))) }
    const registration = watch(register(refusing, node, { ttl: 60, backoff }))
    advance(800)
    expect(puts).toBe(5)
    expect(registration.last()).toMatchObject({ status: 'lost', attempt: 5, cause: new Error('refused without a reason: a key is gone that was expected') })
  }))
})

describe('a registration that is told about twice', () => {
  it('is withdrawn once', () => stage(({ registry, watch }) => {
    const instance = new Subject<ServiceInstanceInput | null>()
    const registration = watch(register(registry, instance))
    instance.next(null)
    instance.next(null)
    expect(registration.statuses()).toEqual(['registering', 'withdrawn'])
  }))

  it('is present while any of its formats is, and known by that one', () => stage(({ registry, watch, there }) => {
    const health = new Subject<Status>()
    const registration = watch(register(registry, node, { format: [plain(), native()], health }))
    expect(there()).toEqual([[key, '{"v":1,"address":"localhost:1","status":"starting"}', '1']])
    expect(registration.last()).toMatchObject({ status: 'registered', key })
    health.next('up')
    expect(registration.last()).toMatchObject({ status: 'registered', key: '/web/node' })
  }))
})

describe("onTaken: 'fail'", () => {
  it('is not put off by a holder that keeps writing, or by health', () => stage(({ registry, watch, advance }) => {
    registry.write(key, foreign)
    const health = new Subject<Status>()
    const registration = watch(register(registry, node, { ttl: 6, onTaken: 'fail', backoff, health }))
    for (let second = 1; second < 6; second += 1) {
      advance(1_000)
      registry.write(key, `${foreign} `)
      health.next(second % 2 === 0 ? 'up' : 'down')
    }
    advance(999)
    expect(registration.error).toBeUndefined()
    advance(1)
    expect(registration.error).toEqual(new Taken([{ key, value: `${foreign} `, lease: '0', revision: 7 }]))
  }))

  it('does not take what it last heard for the truth: the holder may have gone while nothing was heard', () => stage(({ registry, watch, advance, there }) => {
    registry.write(key, foreign)
    const registration = watch(register(registry, node, { ttl: 6, onTaken: 'fail', backoff }))
    const flow = registry.lag()
    advance(5_000)
    registry.write(key, null)
    advance(1_100)
    expect(registration.error).toBeUndefined()
    flow()
    advance(100)
    expect([registration.last(), there()]).toMatchObject([{ status: 'registered' }, [[key, value, '1']]])
  }))
})

describe('a graceful end', () => {
  it('drains for as long as it was told, counted from the acknowledgement, however late that is', () => stage(({ registry, watch, advance }) => {
    const until = new Subject<void>()
    const registration = watch(register(answeringLate(registry, 1_500), node, { ttl: 60, until, drain: 2_000 }))
    advance(1_500)
    until.next()
    advance(3_499)
    expect(registration.last()).toMatchObject({ status: 'draining' })
    advance(1)
    expect([registration.last(), registration.completed]).toEqual([{ status: 'revoked' }, true])
  }))

  it('is not taken for acknowledged when the write failed: draining is written by the next attempt', () => stage(({ registry, watch, there, advance }) => {
    const until = new Subject<void>()
    const written = new Set<string>()
    let failures = 0
    const failing: Registry = {
      ...registry,
      put: (entries, lease) => {
        const draining = entries.some(entry => entry.value?.includes('draining'))
        if (draining && (failures += 1) === 1) {
          registry.write(key, null)
          return throwError(() => new Disconnected('connection reset'))
        }
        return registry.put(entries, lease).pipe(map(revision => (there().forEach(([, text]) => written.add(text ?? '')), revision)))
      },
    }
    const registration = watch(register(failing, node, { ttl: 60, until, backoff }))
    until.next()
    advance(100)
    expect([...written].at(-1)).toContain('"status":"draining"')
    expect(registration.last()).toEqual({ status: 'revoked' })
  }))
})
