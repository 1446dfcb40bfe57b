import { Controller, Get, Inject, type DynamicModule, type INestApplicationContext } from '@nestjs/common'
import { HealthCheckService, TerminusModule } from '@nestjs/terminus'
import { describe, expect, it, vi } from 'vitest'
import { InvalidArgument } from 'rx-discovery'
import { memoryRegistry, type MemoryRegistry } from 'rx-discovery/memory'
import { ServiceDiscoveryIndicator, ServiceDiscoveryModule, ServiceRegistration, type IndicatorOptions } from 'rx-discovery/nest'
import { bareApp, httpApp, named } from './scene.js'

const rootOf = (registry: MemoryRegistry, more: Partial<DynamicModule> = {}): DynamicModule =>
  named({
    ...more,
    imports: [
      ServiceDiscoveryModule.forRoot({ registry, registration: { service: 'web', address: '10.0.0.1:80', drain: 300 }, manualRegistration: true }),
      ServiceDiscoveryModule.forFeature([{ service: 'orders', discover: { verify: 0 } }, 'users']),
      ...(more.imports ?? []),
    ],
  })
const started = async (registry = memoryRegistry()) => {
  const app = await bareApp(rootOf(registry))
  const registration = app.get(ServiceRegistration)
  registration.start()
  await vi.waitUntil(() => registration.state?.status === 'registered')
  return { registry, app, registration }
}
const checked = async (app: INestApplicationContext, options?: IndicatorOptions) => (await app.get(ServiceDiscoveryIndicator).isReady('discovery', options)).discovery

describe('isReady', () => {
  it('is up while the app is registered, and before the registration has begun', async () => {
    expect(await checked(await bareApp(rootOf(memoryRegistry())))).toEqual({ status: 'up' })
    expect(await checked((await started()).app)).toEqual({ status: 'up', registration: 'registered' })
  })

  it('is down as soon as the app drains', async () => {
    const { app, registration } = await started()
    const drained = registration.drain()
    expect(await checked(app)).toMatchObject({ status: 'down' })
    await drained
    expect(await checked(app)).toEqual({ status: 'down', registration: 'revoked' })
  })

  it('is up while the registration is lost, unless asked for', async () => {
    const { app, registry, registration } = await started()
    registry.deny()
    registry.leases().forEach(registry.expire)
    await vi.waitUntil(() => registration.state?.status === 'lost')
    expect([await checked(app), await checked(app, { lost: 'down' })]).toEqual([
      { status: 'up', registration: 'lost' },
      { status: 'down', registration: 'lost' },
    ])
  })

  it('is up with stale sets, and shows since when', async () => {
    const { app, registry } = await started()
    registry.write('/rx-discovery/orders/a', '{"v":1,"address":"10.0.0.2:80"}')
    expect(await checked(app, { services: ['orders', 'users'] })).toMatchObject({ status: 'up', services: { orders: { status: 'live', instances: 1 }, users: { status: 'live', instances: 0 } } })
    registry.interrupt(60_000)
    await vi.waitUntil(async () => (await checked(app, { services: ['orders'] })).services?.['orders']?.status === 'stale')
    expect(await checked(app, { services: ['orders'] })).toEqual({
      status: 'up',
      registration: 'registered',
      services: { orders: { status: 'stale', instances: 1, since: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) as string, message: expect.any(String) as string } },
    })
  })

  it('is down until a service has been listed once', async () => {
    const registry = memoryRegistry()
    const thaw = registry.freeze()
    const app = await bareApp(rootOf(registry))
    expect(await checked(app, { services: ['orders'] })).toEqual({ status: 'down', services: { orders: { status: 'pending', instances: 0, message: 'the registry has not been listed' } } })
    thaw()
    await vi.waitUntil(async () => (await checked(app, { services: ['orders'] })).status === 'up')
  })

  it('names the reason if etcd has not answered since the start', async () => {
    const registry = memoryRegistry()
    registry.interrupt(60_000)
    const app = await bareApp(rootOf(registry))
    expect(await checked(app, { services: ['orders'] })).toEqual({
      status: 'down',
      services: { orders: { status: 'pending', instances: 0, since: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) as string, message: 'connection refused' } },
    })
  })

  it('is down if a service cannot be discovered at all', async () => {
    const registry = memoryRegistry()
    registry.deny()
    const app = await bareApp(rootOf(registry))
    expect(await checked(app, { services: ['orders'] })).toMatchObject({ status: 'down', services: { orders: { status: 'failed', message: expect.any(String) as string } } })
  })

  it('follows each service once, however often it is checked, and not after the shutdown', async () => {
    const { app, registry } = await started()
    await checked(app, { services: ['orders'] })
    const { watches } = registry.subscriptions()
    await Promise.all([1, 2, 3].map(() => checked(app, { services: ['orders'] })))
    expect(registry.subscriptions().watches).toBe(watches)
    await app.close()
    expect(registry.subscriptions()).toEqual({ watches: 0, leases: 0, calls: 0 })
  })

  it('rejects with InvalidArgument for a service that no feature has', async () => {
    const { app } = await started()
    await expect(checked(app, { services: ['other'] })).rejects.toThrow(InvalidArgument)
    await expect(checked(app, { services: ['other'] })).rejects.toThrow('services must be services of ServiceDiscoveryModule.forFeature, got "other" (add it there)')
  })
})

it('Terminus answers 200 while the app is ready, and 503 while it drains', async () => {
  class Health {
    readonly #health: HealthCheckService
    readonly #discovery: ServiceDiscoveryIndicator
    constructor(health: HealthCheckService, discovery: ServiceDiscoveryIndicator) {
      this.#health = health
      this.#discovery = discovery
    }
    ready(): Promise<unknown> {
      return this.#health.check([() => this.#discovery.isReady('discovery', { services: ['orders'] })])
    }
  }
  Inject(HealthCheckService)(Health, undefined, 0)
  Inject(ServiceDiscoveryIndicator)(Health, undefined, 1)
  Get('ready')(Health.prototype, 'ready', Object.getOwnPropertyDescriptor(Health.prototype, 'ready') ?? {})
  Controller()(Health)
  const app = await httpApp(rootOf(memoryRegistry(), { imports: [TerminusModule.forRoot({ logger: false })], controllers: [Health] }))
  await app.listen(0, '127.0.0.1')
  const ready = async (): Promise<number> => (await fetch(`${await app.getUrl()}/ready`)).status
  app.get(ServiceRegistration).start()
  await vi.waitUntil(() => app.get(ServiceRegistration).state?.status === 'registered')
  expect(await ready()).toBe(200)
  const drained = app.get(ServiceRegistration).drain()
  expect(await ready()).toBe(503)
  await drained
})
