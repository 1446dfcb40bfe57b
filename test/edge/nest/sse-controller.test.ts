import type { AddressInfo } from 'node:net'
import { ForbiddenException, UseGuards, type CanActivate, type ExecutionContext, type INestApplication } from '@nestjs/common'
import { APP_GUARD } from '@nestjs/core'
import compression from 'compression'
import { filter, firstValueFrom } from 'rxjs'
import { describe, expect, it, vi } from 'vitest'
import { discover, InvalidArgument, type ServiceSet } from 'rx-discovery'
import { sseRegistry } from 'rx-discovery/browser'
import { memoryRegistry, type MemoryRegistry } from 'rx-discovery/memory'
import { ServiceDiscoveryModule, ServiceRegistration, sseController, type ForRootOptions, type SseController, type SseControllerOptions } from 'rx-discovery/nest'
import { put, see } from '../../scene.js'
import { own } from '../../etcd/own.js'
import { reading } from '../sse/reading.js'
import { httpApp, named, recorder } from './scene.js'

const platforms = ['express', 'fastify'] as const
const services = ['web']
const registration = { service: 'gateway', address: '127.0.0.1', drain: 50 }
const rootOf = (registry: MemoryRegistry, options: Partial<SseControllerOptions> = {}, root: ForRootOptions = {}) =>
  named({ imports: [ServiceDiscoveryModule.forRoot({ registry, ...root })], controllers: [sseController({ services, ...options })] })
const listen = async (app: INestApplication): Promise<string> => {
  await app.listen(0, '127.0.0.1')
  return `http://127.0.0.1:${(app.getHttpServer() as { address: () => AddressInfo }).address().port}`
}
const sized = (size: number) => filter((set: ServiceSet) => set.size === size && set.status === 'live')
const refusing: CanActivate = {
  canActivate: (context: ExecutionContext) => {
    const { headers } = context.switchToHttp().getRequest<{ readonly headers: Readonly<Record<string, string>> }>()
    if (headers['authorization'] !== 'token') throw new ForbiddenException()
    context.switchToHttp().getResponse<{ readonly header: (name: string, value: string) => unknown }>().header('x-guard', 'passed')
    return true
  },
}

describe.each(platforms)('on %s', platform => {
  it('an sseRegistry follows what the controller serves, under the prefix of the app', async () => {
    const registry = memoryRegistry()
    const app = await httpApp(rootOf(registry, { path: 'services' }), platform)
    app.setGlobalPrefix('api')
    const url = await listen(app)
    const set$ = discover(sseRegistry(`${url}/api/services`), 'web', { linger: 0 })
    const seen = own(see(set$), ({ stop }) => stop())
    put(registry, 'a')
    await firstValueFrom(set$.pipe(sized(1)))
    put(registry, 'b')
    await firstValueFrom(set$.pipe(sized(2)))
    expect(seen.error).toBe(undefined)
    await expect(firstValueFrom(discover(sseRegistry(`${url}/api/services`), 'hidden').pipe(sized(0)))).rejects.toThrow('was answered 404')
  })

  it('guards of the app apply', async () => {
    const registry = memoryRegistry()
    put(registry, 'a')
    const app = await httpApp(named({ imports: [rootOf(registry)], providers: [{ provide: APP_GUARD, useValue: refusing }] }), platform)
    const url = `${await listen(app)}/discovery`
    await expect(firstValueFrom(discover(sseRegistry(url), 'web').pipe(sized(1)))).rejects.toThrow('was answered 403')
    const headers = { authorization: 'token' }
    expect((await firstValueFrom(discover(sseRegistry(url, { headers }), 'web', { linger: 0 }).pipe(sized(1)))).size).toBe(1)
  })

  it('guards of a class that extends it apply, headers that they set are sent, and its path and options stay', async () => {
    class Guarded extends sseController({ services, path: 'guarded', project: { metadata: ['rack'] } }) {}
    UseGuards(refusing)(Guarded)
    const registry = memoryRegistry()
    registry.write('/rx-discovery/web/a', '{"v":1,"address":"a:1","metadata":{"rack":"r1","secret":"s"}}')
    const app = await httpApp(named({ imports: [ServiceDiscoveryModule.forRoot({ registry })], controllers: [Guarded] }), platform)
    const url = `${await listen(app)}/guarded`
    expect((await fetch(url)).status).toBe(403)
    const stream = own(await reading(`${url}?list`, { authorization: 'token' }), ({ stop }) => stop())
    await stream.ended
    expect(stream.headers.get('x-guard')).toBe('passed')
    expect(stream.text()).toContain('r1')
    expect(stream.text()).not.toContain('secret')
  })

  it.each(['the controller', 'the app'])('a page of another origin may read, with CORS of %s', async by => {
    const app = await httpApp(rootOf(memoryRegistry(), { cors: by === 'the controller' ? ['https://shop.example'] : false }), platform)
    if (by === 'the app') app.enableCors({ origin: ['https://shop.example'], allowedHeaders: ['last-event-id'] })
    const url = `${await listen(app)}/discovery`
    const origin = 'https://shop.example'
    const preflight = await fetch(url, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'GET', 'access-control-request-headers': 'last-event-id' } })
    expect([preflight.status, preflight.headers.get('access-control-allow-origin'), preflight.headers.get('access-control-allow-headers')]).toEqual([204, origin, expect.stringContaining('last-event-id')])
    const answer = await fetch(`${url}?list`, { headers: { origin } })
    await answer.text()
    expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([200, origin])
  })

  it.each(['registers', 'only discovers'])('at the shutdown of an app that %s, streams stay until the instance is revoked, and do not hold the drain', async kind => {
    const { logger, lines } = recorder()
    const registry = memoryRegistry()
    put(registry, 'a')
    const options = kind === 'registers' ? { registration } : {}
    const app = await httpApp(rootOf(registry, {}, options), platform, logger)
    const url = `${await listen(app)}/discovery`
    const own$ = app.get(ServiceRegistration)
    if (kind === 'registers') await vi.waitUntil(() => own$.state?.status === 'registered')
    const stream = own(await reading(url), ({ stop }) => stop())
    await stream.until(({ length }) => length === 1)
    const states: (string | undefined)[] = []
    const ended = stream.ended.then(() => states.push(own$.state?.status))
    const begin = performance.now()
    await app.close()
    expect(performance.now() - begin).toBeLessThan(5_000)
    await ended
    expect(states).toEqual([kind === 'registers' ? 'revoked' : undefined])
    expect(lines.filter(line => line.startsWith('warn') && line.includes('in flight'))).toEqual([])
  })
})

describe('on express', () => {
  it('behind compression, changes arrive at once and uncompressed', async () => {
    const registry = memoryRegistry()
    const app = await httpApp(rootOf(registry))
    app.use(compression({ threshold: 0 }))
    const url = `${await listen(app)}/discovery`
    put(registry, 'a')
    const stream = own(await reading(url, { 'accept-encoding': 'gzip' }), ({ stop }) => stop())
    await stream.until(({ length }) => length === 1)
    put(registry, 'b')
    await stream.until(({ length }) => length === 2)
    expect(stream.headers.get('content-encoding')).toBe(null)
    const refused = await fetch(url.replace('discovery', 'none'), { headers: { 'accept-encoding': 'gzip' } })
    await refused.text()
    expect(refused.headers.get('content-encoding')).toBe('gzip')
  })
})

describe('sseController', () => {
  it('serves the registry that it names, and counts its clients', async () => {
    const [eu, us] = [memoryRegistry(), memoryRegistry()]
    put(us, 'a')
    const controller = sseController({ name: 'us', services })
    const app = await httpApp(named({ imports: [ServiceDiscoveryModule.forRoot({ name: 'eu', registry: eu }), ServiceDiscoveryModule.forRoot({ name: 'us', registry: us })], controllers: [controller] }))
    const stream = own(await reading(`${await listen(app)}/discovery`), ({ stop }) => stop())
    await stream.until(({ length }) => length === 1)
    expect(stream.text()).toContain('a:80')
    expect(app.get<SseController>(controller).clients()).toBe(1)
  })

  it('makes the app fail to start if an option is wrong', async () => {
    expect(() => sseController({ services, path: 7 as never })).toThrow(/^path must be/)
    const wrong = named({ imports: [ServiceDiscoveryModule.forRoot({ registry: memoryRegistry() })], controllers: [sseController({ services, Cors: true } as never)] })
    await expect(httpApp(wrong)).rejects.toThrow(InvalidArgument)
  })
})

