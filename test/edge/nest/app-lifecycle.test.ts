import type { AddressInfo } from 'node:net'
import { Controller, Get, Inject, type INestApplication, type INestApplicationContext, type OnModuleDestroy, type Provider } from '@nestjs/common'
import { ModulesContainer } from '@nestjs/core'
import { lastValueFrom } from 'rxjs'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Balancer, ClosableRegistry } from 'rx-discovery'
import { memoryRegistry, type MemoryRegistry } from 'rx-discovery/memory'
import { getBalancerToken, getRegistrationToken, ServiceDiscoveryModule, ServiceRegistration, type ForRootOptions } from 'rx-discovery/nest'
import { bareApp, httpApp, named, recorder } from './scene.js'

afterEach(() => {
  vi.restoreAllMocks()
})

/** A registry that notes when it is closed, and the events of an app in their order. */
const watched = () => {
  const events: string[] = []
  const registry = memoryRegistry()
  const closing: ClosableRegistry = {
    ...registry,
    close: () => {
      events.push('registry closed')
      return registry.close()
    },
  }
  return { events, registry, closing }
}

const destroyed = (events: string[], name: string): Provider => {
  class Destroyed implements OnModuleDestroy {
    onModuleDestroy(): void {
      events.push(`${name} destroyed`)
    }
  }
  return { provide: Symbol(name), useClass: Destroyed }
}

const rootOf = (events: string[], options: ForRootOptions, place: 'root' | 'below' = 'below') => {
  const discovery = ServiceDiscoveryModule.forRoot(options)
  return named({
    imports: [place === 'root' ? discovery : named({ imports: [named({ imports: [discovery] })] }), named({ global: true, providers: [destroyed(events, 'global')] })],
    providers: [destroyed(events, 'root')],
  })
}

const noteStates = (app: INestApplicationContext, events: string[]): void => {
  app.get(ServiceRegistration).state$.subscribe(({ status }) => status !== events.at(-1) && events.push(status))
}
const registered = (app: INestApplicationContext): Promise<void> => vi.waitUntil(() => app.get(ServiceRegistration).state?.status === 'registered').then(() => undefined)
const portOf = (app: INestApplication): number => (app.getHttpServer() as { address: () => AddressInfo }).address().port

describe('the shutdown', () => {
  const registration = { service: 'web', address: '127.0.0.1:80', drain: 50 }
  const inOrder = ['registering', 'registered', 'draining', 'revoked', 'destroyed', 'destroyed', 'registry closed']
  const without = (events: readonly string[]): readonly string[] => events.map(event => event.replace(/^\w+ destroyed/, 'destroyed'))

  it.each(['root', 'below'] as const)('drains before any other provider is destroyed, by the distance of the module alone, imported %s, and closes the registry last', async place => {
    const { events, closing } = watched()
    const app = await bareApp(rootOf(events, { registry: closing, registration, manualRegistration: true }, place))
    noteStates(app, events)
    app.get(ServiceRegistration).start()
    await app.close()
    expect(without(events)).toEqual(inOrder)
  })

  it.each(['express', 'fastify'] as const)('does so on %s while the server answers, though it answers 503 once it closes', async platform => {
    const { events, closing } = watched()
    const answers: number[] = []
    class Here {
      find(): string {
        return 'here'
      }
    }
    Get()(Here.prototype, 'find', Object.getOwnPropertyDescriptor(Here.prototype, 'find') ?? {})
    Controller()(Here)
    const app = await httpApp({ ...rootOf(events, { registry: closing, registration: { ...registration, drain: 1_000 } }), controllers: [Here] }, platform)
    noteStates(app, events)
    await app.listen(0, '127.0.0.1')
    await registered(app)
    const url = `http://127.0.0.1:${portOf(app)}`
    const closed = app.close()
    await vi.waitUntil(() => events.includes('draining'))
    for (let i = 0; i < 5; i++) {
      const response = await fetch(url)
      answers.push(response.status)
      expect(response.headers.get('connection')).toBe('close')
    }
    await closed
    expect([answers, without(events)]).toEqual([[200, 200, 200, 200, 200], inOrder])
  })

  it('drains once, whoever asks for it', async () => {
    const { events, closing } = watched()
    const app = await bareApp(rootOf(events, { registry: closing, registration, manualRegistration: true }))
    const own = app.get(ServiceRegistration)
    own.start()
    expect(own.drain()).toBe(own.drain())
    await own.drain()
    expect(own.state?.status).toBe('revoked')
  })

  it('drains several registries at the same time', async () => {
    const names = ['a', 'b', 'c']
    const imports = names.map(name => ServiceDiscoveryModule.forRoot({ name, registry: memoryRegistry(), registration: { ...registration, drain: 500 }, manualRegistration: true }))
    const app = await bareApp(named({ imports }))
    for (const name of names) app.get<ServiceRegistration>(getRegistrationToken(name)).start()
    const begin = performance.now()
    await app.close()
    expect(performance.now() - begin).toBeLessThan(1_000)
  })

  it('closes the registry of an app that does not register', async () => {
    const { events, closing } = watched()
    await (await bareApp(rootOf(events, { registry: closing }))).close()
    expect(events).toEqual(['root destroyed', 'global destroyed', 'registry closed'])
  })

  /** A module that is destroyed before that of the registration, as if Nest did not sort by distance. */
  const before = named({
    providers: [{ provide: 'before', inject: [ModulesContainer], useFactory: (modules: ModulesContainer) => [...modules.values()].filter(({ providers }) => providers.has('before')).map(module => (module.distance = -2)) }],
  })
  const tooLate = 'error the registration drains after other providers were destroyed'
  const started = async (registry: MemoryRegistry, logger: ReturnType<typeof recorder>['logger']) => {
    const app = await bareApp(named({ imports: [before, ServiceDiscoveryModule.forRoot({ registry, registration, manualRegistration: true })] }), logger)
    app.get(ServiceRegistration).start()
    return app
  }

  it('logs an error if other providers are destroyed first', async () => {
    const { logger, lines } = recorder()
    await (await started(memoryRegistry(), logger)).close()
    expect(lines.filter(line => line.startsWith(tooLate))).toHaveLength(1)
  })
  it('logs none if the app drains before it closes', async () => {
    const { logger, lines } = recorder()
    const app = await started(memoryRegistry(), logger)
    await app.get(ServiceRegistration).drain()
    await app.close()
    expect(lines.filter(line => line.startsWith(tooLate))).toEqual([])
  })
  it('logs none if the adapter of HTTP drains before all hooks', async () => {
    const { logger, lines } = recorder()
    const app = await httpApp(named({ imports: [before, ServiceDiscoveryModule.forRoot({ registry: memoryRegistry(), registration })] }), 'express', logger)
    await app.listen(0, '127.0.0.1')
    await registered(app)
    await app.close()
    expect(lines.filter(line => line.startsWith('error'))).toEqual([])
  })
})

describe('requests in flight', () => {
  class Slow {
    answer: (text: string) => void = () => undefined
    readonly #orders: Balancer
    constructor(orders: Balancer) {
      this.#orders = orders
    }
    async find(): Promise<string> {
      const text = await new Promise<string>(resolve => (this.answer = resolve))
      return lastValueFrom(this.#orders.use(({ address }) => [`${text} from ${address}`]))
    }
  }
  Inject(getBalancerToken('web'))(Slow, undefined, 0)
  Get()(Slow.prototype, 'find', Object.getOwnPropertyDescriptor(Slow.prototype, 'find') ?? {})
  Controller()(Slow)

  const asking = async (requestsWithin?: number) => {
    const { logger, lines } = recorder()
    const { events, registry, closing } = watched()
    registry.write('/rx-discovery/web/other', '{"v":1,"address":"10.0.0.1:80"}')
    const discovery = ServiceDiscoveryModule.forRoot({ registry: closing, registration: { service: 'own', address: '127.0.0.1', drain: 50, requestsWithin } })
    const root = named({ imports: [discovery, ServiceDiscoveryModule.forFeature(['web'])], controllers: [Slow], providers: [destroyed(events, 'root')] })
    const app = await httpApp(root, 'express', logger)
    await app.listen(0, '127.0.0.1')
    await registered(app)
    const slow = app.get(Slow)
    const answer = vi.fn()
    slow.answer = answer
    const response = fetch(`http://127.0.0.1:${portOf(app)}`).then(answered => answered.text())
    await vi.waitUntil(() => slow.answer !== answer)
    noteStates(app, events)
    const closed = app.close()
    await vi.waitUntil(() => events.includes('revoked'))
    return { app, slow, events, lines, response, closed }
  }

  it('are answered before any provider is destroyed, and balancers work until then', async () => {
    const { slow, events, response, closed, lines } = await asking()
    slow.answer('answer')
    expect(await response).toBe('answer from 10.0.0.1:80')
    await closed
    expect(events.slice(-3)).toEqual(['revoked', 'root destroyed', 'registry closed'])
    expect(lines.filter(line => line.startsWith('warn'))).not.toContainEqual(expect.stringContaining('in flight'))
  })

  it('are waited for no longer than requestsWithin', async () => {
    const { slow, events, response, closed, lines } = await asking(50)
    await vi.waitUntil(() => events.includes('root destroyed'))
    expect(lines).toContainEqual(expect.stringMatching(/^warn 1 requests are still in flight after 50 ms/))
    slow.answer('answer')
    expect(await response).toBe('answer from 10.0.0.1:80')
    const answered = performance.now()
    await closed
    // The connection ends with the answer; an idle one would be kept for 5 s.
    expect(performance.now() - answered).toBeLessThan(1_000)
  })
})

describe('once the app listens', () => {
  const rooted = (registry: MemoryRegistry, options: Partial<ForRootOptions> = {}) =>
    named({ imports: [ServiceDiscoveryModule.forRoot({ registry, registration: { service: 'web', drain: 0 }, ...options })] })

  it.each(['express', 'fastify'] as const)('it registers with its own port on %s, and not before', async platform => {
    const registry = memoryRegistry()
    const app = await httpApp(rooted(registry), platform)
    await app.init()
    await new Promise(resolve => setTimeout(resolve, 50))
    expect(registry.keys()).toEqual([])
    await app.listen(0)
    await registered(app)
    expect(registry.keys()).toEqual([`/rx-discovery/web/127.0.0.1:${portOf(app)}`])
  })

  it('it does not with manualRegistration', async () => {
    const registry = memoryRegistry()
    const app = await httpApp(rooted(registry, { manualRegistration: true }))
    await app.listen(0)
    await new Promise(resolve => setTimeout(resolve, 50))
    expect([registry.keys(), app.get(ServiceRegistration).state]).toEqual([[], undefined])
  })

  const unheard = 'warn SIGTERM ends this process at once'
  it('it warns if nothing listens for SIGTERM', async () => {
    const { logger, lines } = recorder()
    vi.spyOn(process, 'listenerCount').mockReturnValue(0)
    const app = await httpApp(rooted(memoryRegistry()), 'express', logger)
    await app.listen(0)
    await vi.waitUntil(() => lines.some(line => line.startsWith(unheard)))
  })
  it('it does not warn if the shutdown hooks are enabled, also right after listen', async () => {
    const { logger, lines } = recorder()
    const others = process.listeners('SIGTERM')
    vi.spyOn(process, 'listenerCount').mockImplementation(() => process.listeners('SIGTERM').length - others.length)
    const app = await httpApp(rooted(memoryRegistry()), 'express', logger)
    await app.listen(0)
    app.enableShutdownHooks(['SIGTERM'])
    await registered(app)
    await new Promise(resolve => setTimeout(resolve, 50))
    expect(lines.filter(line => line.startsWith(unheard))).toEqual([])
  })
})
