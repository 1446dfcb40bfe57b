import type { AddressInfo, Server } from 'node:net'
import type { INestApplicationContext } from '@nestjs/common'
import { Transport } from '@nestjs/microservices'
import { BehaviorSubject, filter, firstValueFrom, lastValueFrom, map, toArray } from 'rxjs'
import { describe, expect, it, vi } from 'vitest'
import { InvalidArgument, poll, type Status } from 'rx-discovery'
import { memoryRegistry, type MemoryRegistry } from 'rx-discovery/memory'
import { ServiceDiscoveryModule, ServiceRegistration, type ForRootOptions, type RegistrationOptions } from 'rx-discovery/nest'
import { bareApp, httpApp, named, recorder, tcpApp } from './scene.js'

const rootOf = (registry: MemoryRegistry, registration: RegistrationOptions | undefined, options: ForRootOptions = {}) =>
  named({ imports: [ServiceDiscoveryModule.forRoot({ registry, registration, manualRegistration: true, ...options })] })
const web: RegistrationOptions = { service: 'web', drain: 0 }
const registered = (app: INestApplicationContext): Promise<void> => vi.waitUntil(() => app.get(ServiceRegistration).state?.status === 'registered').then(() => undefined)
const stored = (registry: MemoryRegistry): readonly unknown[] => registry.entries().map(({ value }) => JSON.parse(value ?? 'null') as unknown)

describe('start', () => {
  it('registers the given address with the fields and options of the registration', async () => {
    const registry = memoryRegistry()
    const app = await bareApp(rootOf(registry, { ...web, id: 'node1', zone: 'a', weight: 2, tags: ['x'], metadata: { rack: 'r1' }, ttl: 30 }))
    app.get(ServiceRegistration).start({ address: '10.0.0.5:50051' })
    await registered(app)
    expect(registry.keys()).toEqual(['/rx-discovery/web/node1'])
    expect(stored(registry)).toEqual([expect.objectContaining({ address: '10.0.0.5:50051', zone: 'a', weight: 2, tags: ['x'], metadata: { rack: 'r1' } })])
    expect(app.get(ServiceRegistration).state).toMatchObject({ ttl: 30 })
  })

  it('registers a TCP microservice on port 0 under its own port, and drain ends it before close', async () => {
    const registry = memoryRegistry()
    const app = await tcpApp(rootOf(registry, web))
    await app.listen()
    const server = app.unwrap<Server>()
    const { port } = server.address() as AddressInfo
    const registration = app.get(ServiceRegistration)
    registration.start({ server })
    await registered(app)
    expect(registry.keys()).toEqual([`/rx-discovery/web/127.0.0.1:${port}`])
    await registration.drain()
    expect([registry.keys(), server.listening]).toEqual([[], true])
    await app.close()
  })

  it('registers a hybrid app under the port of HTTP, or under that of a microservice', async () => {
    const [registry, other] = [memoryRegistry(), memoryRegistry()]
    const app = await httpApp(named({ imports: [rootOf(registry, web), ServiceDiscoveryModule.forRoot({ name: 'other', registry: other })] }))
    const microservice = app.connectMicroservice({ transport: Transport.TCP, options: { host: '127.0.0.1', port: 0 } })
    await app.startAllMicroservices()
    await app.listen(0, '127.0.0.1')
    app.get(ServiceRegistration).start({ server: microservice.unwrap<Server>() })
    await registered(app)
    expect(registry.keys()).toEqual([`/rx-discovery/web/127.0.0.1:${(microservice.unwrap<Server>().address() as AddressInfo).port}`])
  })

  it('does nothing the second time, nor after drain', async () => {
    const registry = memoryRegistry()
    const app = await bareApp(rootOf(registry, web))
    const registration = app.get(ServiceRegistration)
    registration.start({ address: '10.0.0.5:1' })
    registration.start({ address: '10.0.0.5:2' })
    await registered(app)
    expect(registry.keys()).toEqual(['/rx-discovery/web/10.0.0.5:1'])
    await registration.drain()
    registration.start({ address: '10.0.0.5:3' })
    expect(registry.keys()).toEqual([])
  })

  it('registers nothing if drain came first', async () => {
    const registry = memoryRegistry()
    const app = await bareApp(rootOf(registry, web))
    await app.get(ServiceRegistration).drain()
    app.get(ServiceRegistration).start({ address: '10.0.0.5:1' })
    expect([registry.keys(), app.get(ServiceRegistration).state]).toEqual([[], undefined])
  })

  it('throws without a registration, and without an address where there is no server', async () => {
    const without = (await bareApp(rootOf(memoryRegistry(), undefined))).get(ServiceRegistration)
    expect(() => without.start({ address: '10.0.0.5:1' })).toThrow(/^registration must be an option of ServiceDiscoveryModule\.forRoot before start is called, got undefined/)
    const addressless = (await bareApp(rootOf(memoryRegistry(), web))).get(ServiceRegistration)
    expect(() => addressless.start()).toThrow(/^address must be given where the app has no HTTP server, got undefined/)
    expect(() => addressless.start()).toThrow(InvalidArgument)
  })

  it.each([
    [{ address: 'localhost' }, web, 'address must be host:port, got "localhost"'],
    [{ address: '10.0.0.5:1' }, { ...web, TTL: 5 } as RegistrationOptions, 'TTL is not an option of register (did you mean ttl?)'],
    [{ address: '10.0.0.5:1' }, { ...web, drain: 5 }, 'drain must be 0 or a number of milliseconds from 50, got 5'],
  ])('logs what is wrong, and ends state$ with it: %j with %j', async (start, registration, message) => {
    const { logger, lines } = recorder()
    const app = await bareApp(rootOf(memoryRegistry(), registration), logger)
    app.get(ServiceRegistration).start(start)
    await expect(lastValueFrom(app.get(ServiceRegistration).state$)).rejects.toThrow(InvalidArgument)
    expect(lines).toContainEqual(expect.stringContaining(`error the registration of web has ended: ${message}`))
    await app.get(ServiceRegistration).drain()
  })
})

describe('health', () => {
  const statusOf = (registry: MemoryRegistry): unknown => (stored(registry) as readonly { readonly status?: string }[]).map(({ status = 'up' }) => status).at(0)

  it('may be an Observable', async () => {
    const registry = memoryRegistry()
    const health = new BehaviorSubject<Status>('starting')
    const app = await bareApp(rootOf(registry, { ...web, health, throttle: 0 }))
    app.get(ServiceRegistration).start({ address: '10.0.0.5:1' })
    await vi.waitUntil(() => statusOf(registry) === 'starting')
    health.next('up')
    await vi.waitUntil(() => statusOf(registry) === 'up')
  })

  it('may be the token of a provider, of any module', async () => {
    const registry = memoryRegistry()
    const token = Symbol('health')
    const elsewhere = named({ providers: [{ provide: token, useFactory: () => poll(() => Promise.reject(new Error('no database'))) }] })
    const app = await bareApp(named({ imports: [rootOf(registry, { ...web, health: token }), elsewhere] }))
    app.get(ServiceRegistration).start({ address: '10.0.0.5:1' })
    await vi.waitUntil(() => statusOf(registry) === 'down')
  })

  it('fails the start of the app if nothing provides its token', async () => {
    const app = await httpApp(rootOf(memoryRegistry(), { ...web, health: 'missing' }))
    await expect(app.init()).rejects.toThrow(/missing/)
  })

  it('is up without one', async () => {
    const registry = memoryRegistry()
    const app = await bareApp(rootOf(registry, web))
    app.get(ServiceRegistration).start({ address: '10.0.0.5:1' })
    await vi.waitUntil(() => statusOf(registry) === 'up')
  })
})

describe('a lost lease', () => {
  it('is logged, and the registration comes back', async () => {
    const registry = memoryRegistry()
    const { logger, lines } = recorder()
    const app = await bareApp(rootOf(registry, web), logger)
    const registration = app.get(ServiceRegistration)
    const statuses = lastValueFrom(registration.state$.pipe(map(({ status }) => status), toArray()))
    registration.start({ address: '10.0.0.5:1' })
    await registered(app)
    const lost = firstValueFrom(registration.state$.pipe(filter(({ status }) => status === 'lost')))
    registry.leases().forEach(registry.expire)
    await lost
    await registered(app)
    await registration.drain()
    expect(await statuses).toEqual(expect.arrayContaining(['lost', 'registered', 'revoked']))
    expect(lines.filter(line => !line.includes('SIGTERM')).map(line => line.replace(/:.*/, ''))).toEqual([
      'log web is registered as /rx-discovery/web/10.0.0.5',
      'warn web may not be registered any more',
      'log web is registered as /rx-discovery/web/10.0.0.5',
      'log web is draining',
      'log web is revoked',
    ])
  })
})
