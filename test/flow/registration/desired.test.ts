import { BehaviorSubject, concat, NEVER, of, Subject } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { InvalidArgument, native, plain, type ServiceInstanceInput, type Status } from 'rx-discovery'
import { key, node, scene, step, ttl } from './scene.js'

describe('the status of a registration', () => {
  it('is starting until health emits, then what health emitted last', () =>
    scene(({ registers, value }) => {
      const health = new Subject<Status>()
      registers({ health })
      expect(value()).toMatchObject({ status: 'starting' })
      health.next('up')
      expect(value()).toEqual({ v: 1, address: 'a:1' })
      health.next('down')
      expect(value()).toMatchObject({ status: 'down' })
    }))

  it('is not written again when health repeats itself', () =>
    scene(({ registry, registers }) => {
      const health = new BehaviorSubject<Status>('up')
      registers({ health })
      const before = registry.revision()
      health.next('up')
      expect(registry.revision()).toBe(before)
    }))

  it('is down once health errors, and the error is reported until the end', () =>
    scene(({ registers, value, advance }) => {
      const health = new Subject<Status>()
      const seen = registers({ health })
      health.next('up')
      const broken = new Error('no disk')
      health.error(broken)
      expect(value()).toMatchObject({ status: 'down' })
      expect(seen.last()).toMatchObject({ status: 'registered', healthError: broken })
      advance(ttl * 1_000)
      expect(seen.last()).toMatchObject({ status: 'registered', healthError: broken, renewals: 3 })
    }))

  it('is down, with healthError, while the last value of health is not a status', () =>
    scene(({ registers, value }) => {
      const health = new Subject<Status>()
      const seen = registers({ health })
      health.next('UP' as Status)
      expect(value()).toMatchObject({ status: 'down' })
      expect(seen.last()).toMatchObject({ status: 'registered', healthError: new InvalidArgument('health', 'must be starting, up, draining or down, not UP') })
      health.next(Object.create(null) as Status)
      expect(seen.last()).toMatchObject({ healthError: { name: 'InvalidArgument' } })
      health.next('up')
      expect(value()).not.toHaveProperty('status')
      expect(seen.last()).not.toHaveProperty('healthError')
    }))

  it('reports an error of health also when the status was down before, without a write', () =>
    scene(({ registry, registers }) => {
      const health = new BehaviorSubject<Status>('down')
      const seen = registers({ health })
      const before = registry.revision()
      health.error(new TypeError('x is not a function'))
      expect(seen.last()).toMatchObject({ status: 'registered', healthError: { name: 'TypeError' } })
      expect(registry.revision()).toBe(before)
    }))

  it('keeps the last value of health when health completes', () =>
    scene(({ registers, value, advance, leaseOf }) => {
      const seen = registers({ health: of('down' as const) })
      advance(10 * ttl * 1_000)
      expect(value()).toMatchObject({ status: 'down' })
      expect(leaseOf()).toBeDefined()
      expect(seen.end()).toBeUndefined()
    }))

  it("is decided by until, then by health, then by the instance", () =>
    scene(({ registers, value }) => {
      const until = new Subject<void>()
      const health = new Subject<Status>()
      const instance = new BehaviorSubject<ServiceInstanceInput | null>({ ...node, status: 'down' })
      registers({ health, until, drain: 1_000 }, instance)
      expect(value()).toMatchObject({ status: 'starting' })
      health.next('up')
      instance.next({ ...node, status: 'down', version: '2' })
      expect(value()).toEqual({ v: 1, address: 'a:1', version: '2' })
      until.next()
      health.next('down')
      instance.next({ ...node, status: 'up', version: '3' })
      expect(value()).toMatchObject({ status: 'draining', version: '3' })
    }))

  it('withdraws the key if the format cannot carry it, and up writes the key again', () =>
    scene(({ registry, registers }) => {
      const health = new BehaviorSubject<Status>('up')
      const seen = registers({ health, format: plain() })
      expect(registry.entries()).toMatchObject([{ key: '/web/node', value: 'a:1' }])
      health.next('down')
      expect(registry.keys()).toEqual([])
      expect(seen.last()).toEqual({ status: 'withdrawn' })
      health.next('up')
      expect(registry.keys()).toEqual(['/web/node'])
      expect(seen.last()).toMatchObject({ status: 'registered', key: '/web/node' })
    }))
})

describe('several formats', () => {
  it('are written, changed and deleted in one transaction each', () =>
    scene(({ registry, registers, there }) => {
      const instance = new BehaviorSubject<ServiceInstanceInput | null>(node)
      const before = registry.revision()
      const seen = registers({ format: [native(), plain()] }, instance)
      const rows = () => registry.entries().map(({ key: at, revision }, index) => [at, there()[index]?.[1], revision])
      expect(rows()).toEqual([[key, '{"v":1,"address":"a:1"}', before + 1], ['/web/node', 'a:1', before + 1]])
      expect(seen.last()).toMatchObject({ status: 'registered', key, revision: before + 1 })
      instance.next({ ...node, address: 'b:2' })
      expect(rows()).toEqual([[key, '{"v":1,"address":"b:2"}', before + 2], ['/web/node', 'b:2', before + 2]])
      instance.next({ ...node, status: 'down' })
      expect(registry.keys()).toEqual([key])
      instance.next(null)
      expect(registry.keys()).toEqual([])
      expect(registry.revision()).toBe(before + 4)
    }))

  it('are written again if any of their keys is deleted, and stand down if any is taken', () =>
    scene(({ registry, registers, advance }) => {
      const seen = registers({ format: [native(), plain()] })
      registry.write('/web/node', null)
      advance(step)
      expect(registry.keys()).toEqual([key, '/web/node'])
      registry.write('/web/node', 'c:3')
      expect(seen.last()).toEqual({ status: 'taken', key: '/web/node', by: '0' })
      registry.write('/web/node', null)
      advance(2 * step)
      expect(seen.last()).toMatchObject({ status: 'registered', key })
    }))

  it('error InvalidArgument if two of them write the same key', () =>
    scene(({ registers, registry }) => {
      const seen = registers({ format: [native(), native()] })
      expect(seen.end()).toBeInstanceOf(InvalidArgument)
      expect(registry.keys()).toEqual([])
    }))
})

describe('the instance Observable', () => {
  it('errors the registration if it errors, and the lease is revoked', () =>
    scene(({ registry, registers }) => {
      const instance = new BehaviorSubject<ServiceInstanceInput | null>(node)
      const seen = registers({}, instance)
      const error = new Error('no address')
      instance.error(error)
      expect(seen.end()).toBe(error)
      expect(registry.leases()).toEqual([])
    }))

  it('keeps its last instance registered when it completes', () =>
    scene(({ registers, advance, leaseOf }) => {
      const seen = registers({}, of(node))
      advance(10 * ttl * 1_000)
      expect(seen.end()).toBeUndefined()
      expect(leaseOf()).toBeDefined()
    }))

  it('errors the registration at the first invalid instance, and nothing is thrown', () =>
    scene(({ registry, registers }) => {
      const seen = registers({}, concat(of(node, { ...node, address: 'no port' }), NEVER))
      expect(seen.end()).toMatchObject({ name: 'InvalidArgument', argument: 'address' })
      expect(registry.keys()).toEqual([])
    }))
})

describe('an invalid argument', () => {
  it.each([0, -1, NaN, 1e12, 2.5, Infinity])('ttl %d errors, nothing is thrown', wrong =>
    scene(({ registers }) => expect(registers({ ttl: wrong }).end()).toMatchObject({ name: 'InvalidArgument', argument: 'ttl' })))

  it.each([-1, NaN, Infinity])('drain %d errors, nothing is thrown', wrong =>
    scene(({ registers }) => expect(registers({ drain: wrong }).end()).toMatchObject({ name: 'InvalidArgument', argument: 'drain' })))

  it.each([{ address: '' }, { id: '..' }, { service: 'a//b' }, { weight: NaN }, { status: 'gone' as Status }])('an instance with %j errors', wrong =>
    scene(({ registers }) =>
      expect(registers({}, { ...node, ...wrong }).end()).toMatchObject({ name: 'InvalidArgument', argument: Object.keys(wrong)[0] })))

  it('an empty list of formats, or one of wrong types, errors', () =>
    scene(({ registers }) => {
      for (const format of [[], 'plain' as never, [native, plain()] as never]) expect(registers({ format }).end()).toMatchObject({ name: 'InvalidArgument', argument: expect.stringMatching(/^format\b/) })
    }))
})
