import type { IncomingMessage, ServerResponse } from 'node:http'
import { lastValueFrom, toArray } from 'rxjs'
import { describe, expect, it, vi } from 'vitest'
import { balance, catalog, changes, Denied, Disconnected, discover, InvalidArgument, roundRobin, type ServiceSet } from 'rx-discovery'
import { sseRegistry, type SseRegistryOptions } from 'rx-discovery/browser'
import { memoryRegistry, type MemoryRegistry } from 'rx-discovery/memory'
import { sseHandler, type SseHandlerOptions } from 'rx-discovery/sse'
import { own } from '../../etcd/own.js'
import { keyOf, put, remove, see, shown } from '../../scene.js'
import { bridgeServer, type BridgeServer } from '../sse/bridge-server.js'

const start = async (registry: MemoryRegistry, options: Partial<SseHandlerOptions> = {}, port = 0): Promise<BridgeServer> => {
  const handler = own(sseHandler(registry, { services: ['web', 'orders'], ...options }), ({ close }) => close())
  return own(await bridgeServer(handler, port), ({ close }) => close())
}
const memory = (): MemoryRegistry => own(memoryRegistry(), ({ close }) => close())
const until = <A>(of: { readonly values: readonly A[]; readonly last: () => A }, done: (value: A) => boolean, timeout = 10_000): Promise<unknown> =>
  vi.waitFor(() => expect(of.values.length > 0 && done(of.last())).toBe(true), { timeout, interval: 5 })
const watching = (url: string, service = 'web', options: SseRegistryOptions = {}) => own(see(discover(sseRegistry(url, options), service)), ({ stop }) => stop())
const is = (text: string) => (set: ServiceSet): boolean => shown(set) === text

describe('discover over SSE', () => {
  it('follows a service, and its operators and balancers work unchanged', async () => {
    const registry = memory()
    const { url } = await start(registry)
    put(registry, 'a')
    const over = sseRegistry(url)
    const web = discover(over, 'web')
    const [sets, differences, all] = [see(web), see(web.pipe(changes())), see(catalog(over))].map(seen => own(seen, ({ stop }) => stop()))
    await until(sets as never, is('live a@1'))
    put(registry, 'b')
    remove(registry, 'a')
    await until(sets as never, is('live b@1'))
    await until(differences as never, (list: readonly { type: string }[]) => list.some(({ type }) => type === 'left'))
    await until(all as never, (map: ReadonlyMap<string, ServiceSet>) => map.get('web')?.size === 1)
    const called = await lastValueFrom(balance(web, roundRobin()).use(({ address }) => [address]))
    expect(called).toBe('b:80')
  })

  it('shows what is rejected, with the reason', async () => {
    const registry = memory()
    const { url } = await start(registry)
    registry.write(keyOf('broken'), '{"v":1,"address":"secret"}')
    const web = watching(url)
    await until(web, ({ rejected }) => rejected.size === 1)
    expect([...web.last().rejected.values()]).toEqual([{ key: keyOf('broken'), reason: 'address must be host:port' }])
  })

  it('keeps the newest value of an instance if a visible change and one of hidden fields come together', async () => {
    const registry = memory()
    const { url } = await start(registry)
    const value = (version: string, secret: string): string => JSON.stringify({ v: 1, address: 'a:80', version, metadata: { secret } })
    registry.write(keyOf('a'), value('1', 's'))
    const web = watching(url)
    await until(web, is('live a@1'))
    // From its first change on, a stream has changes without values.
    registry.write(keyOf('a'), value('2', 's'))
    await until(web, is('live a@2'))
    const catchUp = registry.lag()
    registry.write(keyOf('a'), value('3', 's'))
    registry.write(keyOf('a'), value('3', 't'))
    catchUp()
    await until(web, ({ revision }) => revision >= 4)
    expect(shown(web.last())).toBe('live a@3')
  })

  it('keeps the value of an instance if only hidden fields change, and its revision and lease are new', async () => {
    const registry = memory()
    const { url } = await start(registry)
    const value = (secret: string): string => JSON.stringify({ v: 1, address: 'a:80', version: '1', metadata: { secret } })
    registry.write(keyOf('a'), value('s'))
    const over = sseRegistry(url)
    const watched = own(see(over.watch('/rx-discovery/web/', 1)), ({ stop }) => stop())
    const web = own(see(discover(over, 'web')), ({ stop }) => stop())
    await until(web, is('live a@1'))
    const before = web.last().get('a')
    registry.write(keyOf('a'), value('t'))
    await vi.waitFor(() => expect(watched.values.flatMap(batch => batch.changes.map(({ revision }) => revision))).toEqual([2, 3]))
    expect(watched.values.flatMap(batch => batch.changes.map(change => change.value))).toEqual([2, 3].map(() => '{"v":1,"address":"a:80","version":"1"}'))
    expect(web.last().get('a')).toBe(before)
    expect((await lastValueFrom(over.check('/rx-discovery/web/', 2))).changed).toEqual([{ key: keyOf('a'), revision: 3, lease: '0' }])
  })

  it('opens one stream for twenty services, and one request for their listings', async () => {
    const registry = memory()
    const services = Array.from({ length: 20 }, (_, index) => `service${index}`)
    const server = await start(registry, { services })
    for (const service of services) put(registry, 'a', '1', service)
    const over = sseRegistry(server.url)
    const seen = services.map(service => own(see(discover(over, service)), ({ stop }) => stop()))
    await Promise.all(seen.map(each => until(each, is('live a@1'))))
    for (const service of services) put(registry, 'b', '1', service)
    await Promise.all(seen.map(each => until(each, is('live a@1 b@1'))))
    expect(server.streams()).toHaveLength(1)
    expect(server.streams()[0]?.url.searchParams.getAll('prefix')).toHaveLength(20)
    expect(server.asked).toHaveLength(2)
  })

  it('reopens the stream with the last id for another set of services, and loses nothing', async () => {
    const registry = memory()
    const server = await start(registry)
    put(registry, 'a')
    put(registry, 'x', '1', 'orders')
    const over = sseRegistry(server.url)
    const web = own(see(discover(over, 'web')), ({ stop }) => stop())
    await until(web, is('live a@1'))
    await vi.waitFor(() => expect(server.streams()).toHaveLength(1))
    const revision = put(registry, 'b')
    await until(web, is('live a@1 b@1'))
    const orders = own(see(discover(over, 'orders')), ({ stop }) => stop())
    put(registry, 'c')
    await until(orders, is('live x@1'))
    await until(web, is('live a@1 b@1 c@1'))
    await vi.waitFor(() => expect(server.streams()).toHaveLength(2))
    expect(server.streams()[1]?.lastEventId).toMatch(new RegExp(`^(${revision}|${revision + 1})\\.[\\da-f]{16}$`))
    expect(web.values.every(({ status }) => status !== 'stale')).toBe(true)
    orders.stop()
    web.stop()
  })

  it('resumes by Last-Event-ID after a restart of the gateway: the set turns stale, nothing vanishes, each revision is applied once', async () => {
    const registry = memory()
    const first = await start(registry)
    put(registry, 'a')
    const port = Number(new URL(first.url).port)
    const over = sseRegistry(first.url)
    const web = own(see(discover(over, 'web')), ({ stop }) => stop())
    await until(web, is('live a@1'))
    await vi.waitFor(() => expect(first.streams()).toHaveLength(1))
    await first.close()
    await until(web, ({ status }) => status === 'stale')
    expect(web.last().trouble?.error).toBeInstanceOf(Disconnected)
    put(registry, 'b')
    const second = await start(registry, {}, port)
    await until(web, is('live a@1 b@1'))
    await vi.waitFor(() => expect(second.streams().at(-1)?.lastEventId).toMatch(/^3\.[\da-f]{16}$/))
    expect(web.values.every((set, index) => index < 2 || set.has('a'))).toBe(true)
  })

  it('stays open while the registry behind the bridge is away: no requests, one stale set, live again at once', async () => {
    const registry = memory()
    const server = await start(registry)
    put(registry, 'a')
    const web = watching(server.url)
    await until(web, is('live a@1'))
    await vi.waitFor(() => expect(server.streams()).toHaveLength(1))
    const before = server.asked.length
    registry.interrupt(4_000)
    await until(web, ({ status }) => status === 'stale')
    expect(shown(web.last())).toBe('stale a@1')
    await until(web, is('live a@1'))
    expect(server.asked.length - before).toBeLessThanOrEqual(2)
    expect(web.values.filter(({ status }) => status === 'stale')).toHaveLength(1)
  })

  it('leaves nothing open when the last subscriber has left', async () => {
    const registry = memory()
    const handler = own(sseHandler(registry, { services: ['web'] }), ({ close }) => close())
    const server = own(await bridgeServer(handler), ({ close }) => close())
    const web = watching(server.url)
    await vi.waitFor(() => expect(handler.clients()).toBe(1))
    web.stop()
    await vi.waitFor(() => expect(handler.clients()).toBe(0))
  })

  it('shows a transaction over two services as one batch', async () => {
    const registry = memory()
    const server = await start(registry)
    const over = sseRegistry(server.url)
    const batches = own(see(over.watch('/rx-discovery/', 1)), ({ stop }) => stop())
    await until(batches, () => true)
    const entries = ['web', 'orders'].flatMap(service => ['a', 'b'].map(id => ({ key: keyOf(id, service), value: JSON.stringify({ v: 1, address: 'a:1' }), expect: 0 })))
    const held = registry.lease(30).subscribe()
    await vi.waitFor(() => expect(registry.leases().length).toBeGreaterThan(0))
    const [id = ''] = registry.leases()
    await lastValueFrom(registry.put(entries, { id, ttl: 30, expiresAt: 0, renewals: 0 }))
    await until(batches, ({ changes: found }) => found.length > 0)
    expect(batches.values.filter(batch => batch.changes.length > 0).map(batch => batch.changes.length)).toEqual([4])
    held.unsubscribe()
  })
})

describe('a response that is no stream', () => {
  type Answer = (request: IncomingMessage, response: ServerResponse) => void
  const answering = async (answer: Answer): Promise<string> => own(await bridgeServer(answer), ({ close }) => close()).url
  const list = (url: string, options?: SseRegistryOptions) => lastValueFrom(sseRegistry(url, options).list('/rx-discovery/web/').pipe(toArray()))
  const status = (code: number, headers: Readonly<Record<string, string>> = {}): Answer => (_, response) => response.writeHead(code, headers).end()

  it.each([401, 403])('%i is Denied', async code => {
    const url = await answering(status(code))
    await expect(list(url)).rejects.toThrow(Denied)
    await expect(list(url)).rejects.toThrow(`was answered ${code}`)
  })
  it('404 is Denied, and names the request', async () => {
    const { url } = await start(memory())
    const failed = sseRegistry(url).list('/rx-discovery/hidden/')
    await expect(lastValueFrom(failed)).rejects.toThrow(Denied)
    await expect(lastValueFrom(failed)).rejects.toThrow(`GET ${url}?list=&prefix=/rx-discovery/hidden/ was answered 404: the bridge does not serve this (see its option services)`)
    const seen = watching(url, 'hidden')
    await vi.waitFor(() => expect(seen.error).toBeInstanceOf(Denied))
  })
  it('a token in the URL is not in the message, and a URL that cannot be decoded is no crash', async () => {
    const url = await answering(status(500))
    await expect(list(`${url}?token=secret`)).rejects.toThrow(`GET ${url}?list=&prefix=/rx-discovery/web/ was answered 500`)
    await expect(list(`${url}/100%?a=%`)).rejects.toThrow(`GET ${url}/100%?list=&prefix=/rx-discovery/web/ was answered 500`)
  })
  it('503 is an outage, and the next request waits for its Retry-After', async () => {
    const times: number[] = []
    const url = await answering((_, response) => {
      times.push(performance.now())
      response.writeHead(503, { 'retry-after': '1' }).end()
    })
    const web = watching(url)
    await until(web, ({ trouble }) => trouble !== undefined)
    expect(web.last().trouble?.error.message).toContain('was answered 503')
    await vi.waitFor(() => expect(times).toHaveLength(2), { timeout: 5_000 })
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThan(990)
  })
  it.each([[200, 'text/html'], [502, 'text/html'], [204, 'no type']])('%i with %s is an outage that shows both', async (code, type) => {
    const url = await answering((_, response) => response.writeHead(code, type === 'no type' ? {} : { 'content-type': type }).end())
    await expect(list(url)).rejects.toThrow(Disconnected)
    await expect(list(url)).rejects.toThrow(`was answered ${code} with ${type} instead of text/event-stream`)
  })
  it('an address where nothing listens is an outage', async () => {
    const { url, close } = await bridgeServer(status(200))
    await close()
    await expect(list(url)).rejects.toThrow(/^GET http.*failed: .*ECONNREFUSED/)
  })

  const streaming = (text: string, { end = true } = {}): Answer => (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write(text)
    if (end) response.end()
  }
  it.each([
    ['ends before its last part', 'event: listing\ndata: {"cluster":"1","revision":1,"changes":[]}\n\n', 'ended before its answer was complete'],
    ['sends an event that cannot be read', 'event: listing\ndata: {"revision":1}\n\n', 'sent an event that cannot be read: its data must be that of a listing'],
  ])('a bridge that %s is an outage', async (_, text, message) => {
    const url = await answering(streaming(text))
    await expect(list(url)).rejects.toThrow(message)
  })
  it('events of types that are unknown are skipped', async () => {
    const url = await answering(streaming('event: new\ndata: {}\n\nevent: listing\ndata: {"cluster":"1","revision":1,"changes":[]}\nid: 1.0000000000000000\n\n'))
    expect(await list(url)).toHaveLength(1)
  })
  it('a silent one is an outage after two and a half heartbeats', async () => {
    const url = await answering(streaming(': rx-discovery heartbeat=400\n\n', { end: false }))
    await expect(list(url)).rejects.toThrow('has been silent for 1000 ms')
  })
  it.each([[1, true], [0, false]])('an event of maxBytes + %i bytes: an outage is %s, also in one chunk', async (more, refused) => {
    const text = `event: listing\ndata: {"cluster":"1","revision":1,"changes":[["a","${'é'.repeat(500)}",1,"0"]]}\nid: 1.0000000000000000\n\n`
    const url = await answering(streaming(text))
    const listed = list(url, { maxBytes: Buffer.byteLength(text) - more })
    if (refused) await expect(listed).rejects.toThrow('(see the option maxBytes)')
    else expect(await listed).toHaveLength(1)
  })
})

describe('an option', () => {
  it('headers are sent with each request, from a function as of then', async () => {
    const seen: (string | undefined)[] = []
    const registry = memory()
    put(registry, 'a')
    const handler = own(sseHandler(registry, { services: ['web'] }), ({ close }) => close())
    const { url } = own(await bridgeServer((request, response) => {
      seen.push(request.headers.authorization)
      handler(request, response)
    }), ({ close }) => close())
    let count = 0
    const web = watching(url, 'web', { headers: async () => ({ Authorization: `token ${(count += 1)}` }) })
    await until(web, is('live a@1'))
    await vi.waitFor(() => expect(seen).toEqual(['token 1', 'token 2']))
  })
  it.each<[string, () => unknown]>([
    ['url', () => sseRegistry('/discovery')],
    ['url', () => sseRegistry(undefined as never)],
    ['headers', () => sseRegistry('http://a', { headers: 1 as never })],
    ['fetch', () => sseRegistry('http://a', { fetch: 'fetch' as never })],
    ['maxBytes', () => sseRegistry('http://a', { maxBytes: 0 })],
    ['share', () => sseRegistry('http://a', { share: 'yes' as never })],
    ['Share', () => sseRegistry('http://a', { Share: true } as never)],
  ])('%s is checked', (argument, call) => {
    expect(call).toThrow(InvalidArgument)
    expect(call).toThrow(new RegExp(`^${argument}\\b`))
  })
})

