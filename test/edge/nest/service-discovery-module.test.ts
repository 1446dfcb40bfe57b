import { Inject, Injectable, type InjectionToken } from '@nestjs/common'
import { Test } from '@nestjs/testing'
import { firstValueFrom, map, NEVER, of, type Observable } from 'rxjs'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { balance, InvalidArgument, known, plain, register, roundRobin, serviceInstance, serviceSet, type Balancer, type Registry, type ServiceSet } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'
import {
  getBalancerToken, getRegistrationToken, getRegistryToken, getServiceSetToken, InjectBalancer, InjectRegistration, InjectRegistry, InjectServiceSet, REGISTRY, ServiceDiscoveryModule, ServiceRegistration,
  type DiscoveredService, type ForRootOptions,
} from 'rx-discovery/nest'
import { hostsOf } from '../../../src/flow/registry-hosts.js'
import { bareApp, named } from './scene.js'

afterEach(() => {
  vi.unstubAllEnvs()
})

const orders = { service: 'orders', address: '10.0.0.1:80' }
const addressesOf = (set$: Observable<ServiceSet>): Promise<readonly string[]> => firstValueFrom(set$.pipe(known(), map(set => set.toArray().map(({ address }) => address))))
const chosen = (balancer: Balancer): Promise<string> => firstValueFrom(balancer.select().pipe(map(({ address }) => address)))
const filled = async (...addresses: readonly string[]) => {
  const registry = memoryRegistry()
  for (const address of addresses) registry.write(`/rx-discovery/orders/${address}`, JSON.stringify({ v: 1, address }))
  return registry
}

describe('forRoot', () => {
  it.each([
    [{ ETCD_ENDPOINTS: 'http://10.0.0.1:2379, https://10.0.0.2' }, {}, ['http://10.0.0.1:2379', 'https://10.0.0.2:2379']],
    [{ ETCD_ENDPOINTS: '' }, {}, ['http://127.0.0.1:2379']],
    [{ ETCD_ENDPOINTS: 'http://10.0.0.1:2379' }, { etcd: { hosts: 'http://10.0.0.3:1' } }, ['http://10.0.0.3:1']],
  ])('with the environment %j and the options %j makes a registry on %j', async (env, options: ForRootOptions, hosts) => {
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
    const app = await bareApp(named({ imports: [ServiceDiscoveryModule.forRoot(options)] }))
    const found = await firstValueFrom(hostsOf(app.get<Registry>(REGISTRY)) ?? NEVER)
    expect(found.map(host => (/:\d+$/.test(host) ? host : `${host}:2379`)).sort()).toEqual(hosts)
  })

  it('fails the start of the app if the environment is wrong', async () => {
    vi.stubEnv('ETCD_USER', 'root')
    vi.stubEnv('ETCD_PASSWORD', undefined)
    await expect(bareApp(named({ imports: [ServiceDiscoveryModule.forRoot()] }))).rejects.toThrow('user requires a password (set ETCD_PASSWORD in the environment)')
  })

  it.each<[object, string]>([
    [{ registre: 1 }, 'registre is not an option of ServiceDiscoveryModule (did you mean registry?)'],
    [{ registry: memoryRegistry }, 'registry must be a registry that can be written, such as etcdRegistry({ hosts }), got the function memoryRegistry (call it: memoryRegistry())'],
    [{ registry: memoryRegistry(), etcd: { hosts: 'a:1' } }, 'registry must be left out where etcd is given'],
    [{ etcd: 'http://etcd:2379' }, 'etcd must be an object, got "http://etcd:2379"'],
    [{ registration: {} }, 'registration.service must be a string, got undefined'],
    [{ registration: { service: 'web', health: 7 } }, 'registration.health must be an Observable of statuses, or the token of a provider that is one, got 7'],
    [{ registration: { service: 'web', until: NEVER } }, 'registration.until must be left out: the shutdown of the app ends the registration, got an Observable'],
    [{ manualRegistration: 'yes' }, 'manualRegistration must be true or false, got "yes"'],
  ])('with %j fails the start of the app', async (options, message) => {
    const starting = bareApp(named({ imports: [ServiceDiscoveryModule.forRoot(options as ForRootOptions)] })).then(() => 'started')
    await expect(starting).rejects.toThrow(InvalidArgument)
    await expect(starting).rejects.toThrow(message)
  })

  it('provides the registry and the registration to every module, without an import', async () => {
    class Deep {
      readonly registry: Registry
      readonly registration: ServiceRegistration
      constructor(registry: Registry, registration: ServiceRegistration) {
        this.registry = registry
        this.registration = registration
      }
    }
    InjectRegistry()(Deep, undefined, 0)
    InjectRegistration()(Deep, undefined, 1)
    const registry = memoryRegistry()
    const app = await bareApp(named({ imports: [ServiceDiscoveryModule.forRoot({ registry }), named({ imports: [named({ providers: [Deep] })] })] }))
    expect(app.get(Deep).registry).toBe(registry)
    expect(app.get(Deep).registration).toBe(app.get(ServiceRegistration))
  })
})

describe('forRootAsync', () => {
  it('takes a factory with injections', async () => {
    const config = named({ providers: [{ provide: 'service', useValue: 'orders' }], exports: ['service'] })
    const root = ServiceDiscoveryModule.forRootAsync({ imports: [config], inject: ['service'], useFactory: (service: string) => ({ registry: memoryRegistry(), registration: { service } }) })
    expect((await bareApp(named({ imports: [root] }))).get(ServiceRegistration).isConfigured).toBe(true)
  })

  it('takes a class, and the name of the registry beside it', async () => {
    class Config {
      createServiceDiscoveryOptions(): ForRootOptions {
        return { registry: memoryRegistry() }
      }
    }
    Injectable()(Config)
    const app = await bareApp(named({ imports: [ServiceDiscoveryModule.forRootAsync({ name: 'eu', useClass: Config })] }))
    expect(app.get<ServiceRegistration>(getRegistrationToken('eu')).isConfigured).toBe(false)
  })
})

describe('forFeature', () => {
  class Client {
    readonly orders$: Observable<ServiceSet>
    readonly orders: Balancer
    constructor(orders$: Observable<ServiceSet>, orders: Balancer) {
      this.orders$ = orders$
      this.orders = orders
    }
  }
  InjectServiceSet('orders')(Client, undefined, 0)
  InjectBalancer('orders')(Client, undefined, 1)

  it('provides the sets and a balancer of each service', async () => {
    const registry = await filled('10.0.0.1:80', '10.0.0.2:80')
    const feature = named({ imports: [ServiceDiscoveryModule.forFeature(['orders', 'users'])], providers: [Client] })
    const app = await bareApp(named({ imports: [ServiceDiscoveryModule.forRoot({ registry }), feature] }))
    expect(await addressesOf(app.get(Client).orders$)).toEqual(['10.0.0.1:80', '10.0.0.2:80'])
    expect(await chosen(app.get(Client).orders)).toMatch(/^10\.0\.0\.[12]:80$/)
    expect(await addressesOf(app.get(getServiceSetToken('users')))).toEqual([])
  })

  it('shares the watch and the balancer of a service among features that give it no options', async () => {
    const from = (service: string | DiscoveredService, label: string) => {
      const tokens = { set$: Symbol(`set of ${label}`), balancer: Symbol(`balancer of ${label}`) }
      const feature = named({
        imports: [ServiceDiscoveryModule.forFeature([service])],
        providers: [{ provide: tokens.set$, inject: [getServiceSetToken('orders')], useFactory: (it: unknown) => it }, { provide: tokens.balancer, inject: [getBalancerToken('orders')], useFactory: (it: unknown) => it }],
      })
      return { feature, tokens }
    }
    const all = [from('orders', 'a'), from({ service: 'orders' }, 'b'), from({ service: 'orders', policy: roundRobin() }, 'c'), from({ service: 'orders', discover: { linger: 1_000 } }, 'd')]
    const app = await bareApp(named({ imports: [ServiceDiscoveryModule.forRoot({ registry: memoryRegistry() }), ...all.map(({ feature }) => feature)] }))
    const [a, b, c, d] = all.map(({ tokens }) => ({ set$: app.get<unknown>(tokens.set$), balancer: app.get<unknown>(tokens.balancer) }))
    expect([a?.set$ === b?.set$, a?.balancer === b?.balancer]).toEqual([true, true])
    expect([a?.set$ === c?.set$, a?.balancer === c?.balancer]).toEqual([true, false])
    expect([a?.set$ === d?.set$, a?.balancer === d?.balancer]).toEqual([false, false])
  })

  it('applies the options of a service: operators, and the format of the module', async () => {
    const registry = memoryRegistry()
    registry.write('/orders/a', '10.0.0.1:80')
    registry.write('/orders/b', '10.0.0.2:80')
    const only = (set$: Observable<ServiceSet>) => set$.pipe(map(set => serviceSet('orders', set.toArray().slice(0, 1), { status: set.status })))
    const app = await bareApp(named({ imports: [ServiceDiscoveryModule.forRoot({ registry, format: plain() }), ServiceDiscoveryModule.forFeature([{ service: 'orders', pipe: only }])] }))
    expect(await addressesOf(app.get(getServiceSetToken('orders')))).toEqual(['10.0.0.1:80'])
    expect(await chosen(app.get(getBalancerToken('orders')))).toBe('10.0.0.1:80')
  })

  it('keeps several registries apart by name', async () => {
    const [eu, us] = [await filled('10.1.0.1:80'), await filled('10.2.0.1:80')]
    const app = await bareApp(
      named({
        imports: [
          ServiceDiscoveryModule.forRoot({ name: 'eu', registry: eu }),
          ServiceDiscoveryModule.forRoot({ name: 'us', registry: us }),
          ServiceDiscoveryModule.forFeature(['orders'], 'eu'),
          ServiceDiscoveryModule.forFeature(['orders'], 'us'),
        ],
      }),
    )
    expect(app.get(getRegistryToken('us'))).toBe(us)
    expect(await addressesOf(app.get(getServiceSetToken('orders', 'eu')))).toEqual(['10.1.0.1:80'])
    expect(await chosen(app.get(getBalancerToken('orders', 'us')))).toBe('10.2.0.1:80')
  })

  it.each(['', 'a//b', 7 as unknown as string])('throws for %j, which is no name of a service', name => {
    expect(() => ServiceDiscoveryModule.forFeature([name])).toThrow(InvalidArgument)
  })

  it('of a service that is missing, the message of Nest shows the call of its token', async () => {
    await expect(bareApp(named({ imports: [ServiceDiscoveryModule.forRoot({ registry: memoryRegistry() })], providers: [Client] }))).rejects.toThrow('getServiceSetToken("orders")')
  })
})

describe('in tests', () => {
  class Shop {
    readonly orders: Balancer
    constructor(balancer: Balancer) {
      this.orders = balancer
    }
  }
  Inject(getBalancerToken('orders'))(Shop, undefined, 0)
  const root = () => named({ imports: [ServiceDiscoveryModule.forRoot({ etcd: { hosts: 'http://127.0.0.1:1' } }), ServiceDiscoveryModule.forFeature(['orders'])], providers: [Shop] })
  const overridden = async (token: InjectionToken, value: unknown) => Test.createTestingModule({ imports: [root()] }).overrideProvider(token).useValue(value).compile()

  it('the registry may be overridden', async () => {
    const registry = memoryRegistry()
    const registration = register(registry, orders).subscribe()
    const app = await overridden(REGISTRY, registry)
    expect(await chosen(app.get(Shop).orders)).toBe('10.0.0.1:80')
    registration.unsubscribe()
    await app.close()
  })
  it('the sets of a service may be overridden, and its balancer follows them', async () => {
    const app = await overridden(getServiceSetToken('orders'), of(serviceSet('orders', [serviceInstance({ ...orders, address: '10.9.0.1:80' })])))
    expect(await chosen(app.get(Shop).orders)).toBe('10.9.0.1:80')
    await app.close()
  })
  it('the balancer may be overridden', async () => {
    const fake = balance(of(serviceSet('orders', [serviceInstance({ ...orders, address: '10.8.0.1:80' })])), roundRobin())
    const app = await overridden(getBalancerToken('orders'), fake)
    expect(app.get(Shop).orders).toBe(fake)
    await app.close()
  })
})
