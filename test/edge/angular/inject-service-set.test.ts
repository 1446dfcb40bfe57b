import '@angular/compiler'
import { ApplicationRef, createEnvironmentInjector, EnvironmentInjector, Injector, signal } from '@angular/core'
import { describe, expect, it, vi } from 'vitest'
import { Closed, Denied, InvalidArgument, where, type ServiceSet } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'
import { injectServiceSet, withServerDiscovery, withService } from 'rx-discovery/angular'
import { application, put, settle, words } from './app.js'

const noLinger = withService('orders', { discover: { linger: 0 } })
const shows = (set: () => ServiceSet, expected: string): Promise<void> =>
  vi.waitFor(() => {
    settle()
    expect(words(set())).toBe(expected)
  })

describe('injectServiceSet', () => {
  it('is pending at once, then follows the service', async () => {
    const { registry, run } = application()
    put(registry, 'orders', 'a')
    const set = run(() => injectServiceSet(() => 'orders'))
    expect(words(set())).toBe('orders pending')
    await shows(set, 'orders live a')
    put(registry, 'orders', 'b')
    await shows(set, 'orders live a,b')
    registry.write('/rx-discovery/orders/a', null)
    await shows(set, 'orders live b')
  })

  it('follows a name that changes; a set of the former name cannot be read, not even before effects have run', async () => {
    const { registry, run } = application()
    for (const service of ['orders', 'web']) put(registry, service, `${service}-1`)
    const name = signal('orders')
    const set = run(() => injectServiceSet(name))
    await shows(set, 'orders live orders-1')
    name.set('web')
    expect(words(set())).toBe('web pending')
    await shows(set, 'web live web-1')
    name.set('orders')
    expect(words(set())).toBe('orders pending')
    await shows(set, 'orders live orders-1')
  })

  it('keeps its watch if a name changes and changes back', async () => {
    const { registry, run } = application({ features: [noLinger] })
    put(registry, 'orders', 'a')
    const name = signal('orders')
    const set = run(() => injectServiceSet(name))
    await shows(set, 'orders live a')
    name.set('web')
    name.set('orders')
    expect(words(set())).toBe('orders live a')
  })

  it('closes the watch of the former name, and the last one with the application', async () => {
    const features = [noLinger, withService('web', { discover: { linger: 0 } })]
    const { registry, injector } = application({ features })
    const name = signal('orders')
    const child = createEnvironmentInjector([], injector.get(EnvironmentInjector))
    const set = injectServiceSet(name, { injector: child.get(Injector) })
    await shows(set, 'orders live')
    expect(registry.subscriptions().watches).toBe(1)
    name.set('web')
    await shows(set, 'web live')
    expect(registry.subscriptions().watches).toBe(1)
    child.destroy()
    await vi.waitFor(() => expect(registry.subscriptions().watches).toBe(0))
  })

  it('shares one watch among all that follow a service', async () => {
    const { registry, run } = application()
    const sets = run(() => Array.from({ length: 20 }, () => injectServiceSet(() => 'orders')))
    for (const set of sets) await shows(set, 'orders live')
    expect(registry.subscriptions().watches).toBe(1)
  })

  it('keeps what it knows in an outage', async () => {
    const { registry, run } = application()
    put(registry, 'orders', 'a')
    const set = run(() => injectServiceSet(() => 'orders'))
    await shows(set, 'orders live a')
    registry.interrupt(60_000)
    await shows(set, 'orders stale a')
    expect(set().trouble?.error.name).toBe('Disconnected')
  })

  it.each(['', 'a//b', undefined as unknown as string])('has the error of the name %j as its trouble', async service => {
    const { run } = application()
    const set = run(() => injectServiceSet(() => service))
    expect(set().status).toBe('pending')
    await vi.waitFor(() => {
      settle()
      expect(set().trouble?.error).toBeInstanceOf(InvalidArgument)
    })
    expect(set()).toMatchObject({ status: 'pending', size: 0, trouble: { attempt: 0 } })
  })

  it('has a refusal as its trouble', async () => {
    const registry = memoryRegistry()
    registry.deny()
    const set = application({ registry }).run(() => injectServiceSet(() => 'orders'))
    await vi.waitFor(() => {
      settle()
      expect(set().trouble?.error).toBeInstanceOf(Denied)
    })
    expect(set()).toMatchObject({ status: 'pending', trouble: { attempt: 0 } })
  })

  it('keeps the last set, stale, if the registry is closed', async () => {
    const { registry, run } = application()
    put(registry, 'orders', 'a')
    const set = run(() => injectServiceSet(() => 'orders'))
    await shows(set, 'orders live a')
    await registry.close()
    await shows(set, 'orders stale a')
    expect(set().trouble).toMatchObject({ error: expect.any(Closed) as Closed, attempt: 0 })
  })

  it('applies the operators of withService', async () => {
    const { registry, run } = application({ features: [withService('orders', { pipe: set$ => set$.pipe(where(({ id }) => id === 'b')) })] })
    for (const id of ['a', 'b']) put(registry, 'orders', id)
    await shows(run(() => injectServiceSet(() => 'orders')), 'orders live b')
  })

  it('needs an injection context or an injector', async () => {
    const { injector } = application()
    expect(() => injectServiceSet(() => 'orders')).toThrow('NG0203')
    await shows(injectServiceSet(() => 'orders', { injector }), 'orders live')
  })

  it('names the missing provider', () => {
    expect(() => injectServiceSet(() => 'orders', { injector: Injector.create({ providers: [] }) })).toThrow('add provideServiceDiscovery({ url })')
  })

  it.each([
    [['orders'], 'service must be a function that returns the name of a service, such as () => \'orders\', got "orders"'],
    [[() => 'orders', { wait: -1 }], 'wait must be a number of milliseconds from 0 to 2147483647, got -1'],
    [[() => 'orders', { waits: 1 }], 'waits is not an option of injectServiceSet'],
    [[() => 'orders', { injector: 1 }], 'injector must be an object, got 1'],
  ])('rejects %j', (args, message) => {
    const { run } = application()
    expect(() => run(() => (injectServiceSet as (...args: unknown[]) => unknown)(...args))).toThrow(message)
  })
})

describe('the option wait', () => {
  const isStable = (injector: Injector): boolean => {
    let stable = false
    injector.get(ApplicationRef).isStable.subscribe(now => (stable = now)).unsubscribe()
    return stable
  }

  it('keeps the application from being stable until the set is known', async () => {
    const registry = memoryRegistry()
    const thaw = registry.freeze()
    const { injector, run } = application({ registry })
    const set = run(() => injectServiceSet(() => 'orders', { wait: 60_000 }))
    settle()
    await Promise.resolve()
    expect([isStable(injector), set().status]).toEqual([false, 'pending'])
    thaw()
    await vi.waitFor(() => expect(isStable(injector)).toBe(true), { timeout: 10_000 })
    expect(set().status).toBe('live')
  })

  it('ends after that time', async () => {
    const registry = memoryRegistry()
    registry.freeze()
    const { injector, run } = application({ registry })
    const set = run(() => injectServiceSet(() => 'orders', { wait: 50 }))
    settle()
    expect(isStable(injector)).toBe(false)
    await vi.waitFor(() => expect(isStable(injector)).toBe(true))
    expect(set().status).toBe('pending')
  })

  it('ends at a fatal error', async () => {
    const { injector, run } = application()
    run(() => injectServiceSet(() => '', { wait: 60_000 }))
    await vi.waitFor(() => {
      settle()
      expect(isStable(injector)).toBe(true)
    })
  })

  it('is none by default', () => {
    const { injector, run } = application()
    run(() => injectServiceSet(() => 'orders'))
    settle()
    expect(isStable(injector)).toBe(true)
  })
})

describe('on a server', () => {
  it('opens nothing unless asked: the set stays pending', async () => {
    const { registry, run, injector, page } = application({ platform: 'server' })
    put(registry, 'orders', 'a')
    const set = run(() => injectServiceSet(() => 'orders', { wait: 60_000 }))
    settle()
    expect(words(set())).toBe('orders pending')
    await injector.get(ApplicationRef).whenStable()
    expect(registry.subscriptions()).toEqual({ watches: 0, leases: 0, calls: 0 })
    expect(page.toJson()).toBe('{}')
  })

  it('follows services with withServerDiscovery; all requests share one watch', async () => {
    const registry = memoryRegistry()
    put(registry, 'orders', 'a')
    for (let request = 0; request < 3; request++) {
      const { run } = application({ platform: 'server', registry, features: [withServerDiscovery()] })
      const set = run(() => injectServiceSet(() => 'orders'))
      await shows(set, 'orders live a')
    }
    expect(registry.subscriptions().watches).toBe(1)
  })

  it('puts what is known into the page, without metadata; that is the first set of the browser, stale', async () => {
    const features = [withServerDiscovery()]
    const server = application({ platform: 'server', features })
    put(server.registry, 'orders', 'a', { metadata: { password: 'secret' } })
    await shows(server.run(() => injectServiceSet(() => 'orders')), 'orders live a')
    const state = server.page.toJson()
    expect(state).toContain('a:80')
    expect(state).not.toContain('secret')

    const registry = memoryRegistry()
    put(registry, 'orders', 'b')
    const thaw = registry.freeze()
    const browser = application({ state, registry })
    const set = browser.run(() => injectServiceSet(() => 'orders'))
    const first = set()
    expect(words(first)).toBe('orders stale a')
    expect(first.asOf).toBeGreaterThan(0)
    settle()
    expect(words(set())).toBe('orders stale a')
    thaw()
    await shows(set, 'orders live b')
    expect(browser.page.toJson()).toBe('{}')
  })

  it('puts what project names into the page', async () => {
    const project = { metadata: ['rack'] }
    const server = application({ platform: 'server', features: [withServerDiscovery({ project })] })
    put(server.registry, 'orders', 'a', { metadata: { rack: 'r1', password: 'secret' } })
    await shows(server.run(() => injectServiceSet(() => 'orders')), 'orders live a')
    const set = application({ state: server.page.toJson() }).run(() => injectServiceSet(() => 'orders'))
    expect(set().get('a')?.metadata).toEqual({ rack: 'r1' })
  })

  it.each(['null', '1', '{"instances":1}', '{"revision":-1,"asOf":0,"instances":[]}'])('%s in the page is no set', saved => {
    const set = application({ state: `{"rx-discovery orders":${saved}}` }).run(() => injectServiceSet(() => 'orders'))
    expect(words(set())).toBe('orders pending')
  })
})
