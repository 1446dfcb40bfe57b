import '@angular/compiler'
import { firstValueFrom } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { memoryRegistry } from 'rx-discovery/memory'
import { injectBalancer, withServerDiscovery, withService } from 'rx-discovery/angular'
import { application, put } from './app.js'

describe('injectBalancer', () => {
  it('chooses an instance, and opens nothing before its first call', async () => {
    const { registry, run } = application()
    put(registry, 'orders', 'a')
    const balancer = run(() => injectBalancer('orders'))
    expect(registry.subscriptions().watches).toBe(0)
    expect((await firstValueFrom(balancer.select())).address).toBe('a:80')
  })

  it('is one per process: all requests of a server share it', () => {
    const registry = memoryRegistry()
    const balancers = Array.from({ length: 3 }, () => application({ platform: 'server', registry, features: [withServerDiscovery()] }).run(() => injectBalancer('orders')))
    expect(new Set(balancers).size).toBe(1)
  })

  it('is another one with other options', () => {
    const registry = memoryRegistry()
    const [first, second] = [0, 1].map(wait => application({ registry, features: [withService('orders', { balance: { wait } })] }).run(() => injectBalancer('orders')))
    expect(first).not.toBe(second)
  })

  it('errors at once on a server that was not asked to discover', async () => {
    const { run } = application({ platform: 'server' })
    const balancer = run(() => injectBalancer('orders'))
    await expect(firstValueFrom(balancer.select())).rejects.toThrow('features must include withServerDiscovery()')
  })

  it('needs the name of a service, and an injection context or an injector', () => {
    const { run, injector } = application()
    expect(() => run(() => injectBalancer(''))).toThrow('service must')
    expect(() => injectBalancer('orders')).toThrow('NG0203')
    expect(injectBalancer('orders', { injector })).toBe(run(() => injectBalancer('orders')))
  })
})
