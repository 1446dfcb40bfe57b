import { createServer, request as httpRequest, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { concat, defer, finalize, ignoreElements, timer } from 'rxjs'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { InvalidArgument, type ReadableRegistry } from 'rx-discovery'
import { memoryRegistry, type MemoryRegistry } from 'rx-discovery/memory'
import { sseHandler, type SseHandler, type SseHandlerOptions } from 'rx-discovery/sse'
import { own } from '../../etcd/own.js'
import { keyOf, put, recorded, remove } from '../../scene.js'
import { bridgeServer, type BridgeServer } from './bridge-server.js'
import { reading, type Reading } from './reading.js'

interface Served {
  readonly registry: MemoryRegistry
  readonly handler: SseHandler
  readonly server: BridgeServer
  /** Reads the URL of the handler, with a query. */
  readonly read: (query?: string, headers?: Readonly<Record<string, string>>) => Promise<Reading>
}

const serve = async (options: Partial<SseHandlerOptions> = {}, wrap: (registry: MemoryRegistry) => ReadableRegistry = registry => registry): Promise<Served> => {
  const registry = own(memoryRegistry(), ({ close }) => close())
  const handler = own(sseHandler(wrap(registry), { services: ['web', 'orders'], heartbeat: 100_000, ...options }), ({ close }) => close())
  const server = own(await bridgeServer(handler), ({ close }) => close())
  return { registry, handler, server, read: async (query = '', headers = {}) => own(await reading(`${server.url}${query}`, headers), ({ stop }) => stop()) }
}
/** The same, with the verbs that the handler has called. */
const serveRecorded = async () => {
  let verbs = (): readonly (string | undefined)[] => []
  const served = await serve({}, of => {
    const recording = recorded(of)
    ;({ verbs } = recording)
    return recording.registry
  })
  return { ...served, verbs: () => verbs() }
}
const types = ({ events }: Reading): readonly (string | undefined)[] => events.map(({ event }) => event)
const dataOf = ({ events }: Reading, at = -1): Record<string, unknown> => JSON.parse(events.at(at)?.data ?? '{}') as Record<string, unknown>
const rows = (from: Reading): readonly unknown[] => from.events.flatMap(({ event, data }) => (event === 'batch' ? (JSON.parse(data) as { changes: unknown[] }).changes : []))
const instance = (id: string, version = '1'): string => JSON.stringify({ v: 1, address: `${id}:80`, version })
const has = (count: number) => (events: readonly unknown[]): boolean => events.length >= count
const hasId = (events: Reading['events']): boolean => events.at(-1)?.id !== undefined

afterEach(() => {
  vi.useRealTimers()
})

describe('a stream', () => {
  it('is opened whatever the path is, also one that is no URL', async () => {
    const { handler, registry } = await serve()
    put(registry, 'a')
    // No other code may read the target here.
    const server = createServer(handler)
    own(server, () => void server.close())
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const opened = new Promise<string>((resolve, reject) => {
      const { port } = server.address() as AddressInfo
      httpRequest({ host: '127.0.0.1', port, path: '//?list', agent: false }, response => {
        let text = ''
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk)).on('end', () => resolve(text))
      }).on('error', reject).end()
    })
    expect(await opened).toContain(keyOf('a'))
  })

  it('begins with a listing, and then has each change', async () => {
    const { registry, read } = await serve()
    put(registry, 'a')
    const stream = await read('?prefix=/rx-discovery/web/')
    await stream.until(has(1))
    expect(stream.status).toBe(200)
    expect(Object.fromEntries(stream.headers)).toMatchObject({ 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache, no-transform', 'x-accel-buffering': 'no' })
    expect(stream.comments).toEqual(['rx-discovery heartbeat=100000'])
    expect(dataOf(stream)).toEqual({ cluster: '1', revision: 2, changes: [[keyOf('a'), instance('a'), 2, '0']] })
    expect(stream.events[0]?.id).toMatch(/^2\.[\da-f]{16}$/)
    put(registry, 'b')
    remove(registry, 'a')
    await stream.until(() => rows(stream).length === 2)
    expect(rows(stream)).toEqual([[keyOf('b'), instance('b'), 3, '0'], [keyOf('a'), null, 4, '0']])
    expect(stream.events.slice(1).every(({ event, id }) => event === 'batch' && id !== undefined)).toBe(true)
  })

  it('has only what it asks for, and everything that is served without a question', async () => {
    const { registry, read } = await serve()
    const [web, all] = [await read('?prefix=/rx-discovery/web/'), await read()]
    await Promise.all([web.until(has(1)), all.until(has(1))])
    put(registry, 'a', '1', 'orders')
    put(registry, 'x', '1', 'hidden')
    put(registry, 'b')
    await Promise.all([web.until(() => rows(web).length === 1), all.until(() => rows(all).length === 2)])
    expect(rows(web)).toEqual([[keyOf('b'), instance('b'), 4, '0']])
    expect(web.text() + all.text()).not.toContain('hidden')
  })

  it('lists in parts of at most 64 kB, of which the last one has an id', async () => {
    const { registry, read } = await serve()
    for (let index = 0; index < 2_000; index += 1) put(registry, `node${index}-${'é'.repeat(20)}`)
    const stream = await read()
    await stream.until(hasId)
    const parts = stream.events
    expect(parts.length).toBeGreaterThan(3)
    expect(parts.flatMap(({ data }) => (JSON.parse(data) as { changes: unknown[] }).changes)).toHaveLength(2_000)
    expect(parts.map(({ id }) => id !== undefined)).toEqual([...parts.slice(1).map(() => false), true])
    for (const block of stream.text().split('\n\n')) expect(Buffer.byteLength(block)).toBeLessThanOrEqual(64 * 1024)
  })

  it('goes on after its last id with what differs, also after a restart of the bridge', async () => {
    const registry = own(memoryRegistry(), ({ close }) => close())
    const start = async () => {
      const handler = own(sseHandler(registry, { services: ['web', 'orders'] }), ({ close }) => close())
      return own(await bridgeServer(handler), ({ close }) => close())
    }
    put(registry, 'a')
    put(registry, 'b')
    const first = own(await reading((await start()).url), ({ stop }) => stop())
    const [{ id = '' } = {}] = await first.until(hasId)
    remove(registry, 'a')
    put(registry, 'c')
    put(registry, 'c', '2')
    const { url } = await start()
    const again = own(await reading(url, { 'last-event-id': id }), ({ stop }) => stop())
    await again.until(hasId)
    expect(types(again)).toEqual(['batch'])
    expect(rows(again)).toEqual([[keyOf('a'), null, 6, '0'], [keyOf('c'), instance('c', '2'), 6, '0']])
    const wrong = own(await reading(url, { 'last-event-id': `${id.slice(0, -1)}${id.endsWith('0') ? '1' : '0'}` }), ({ stop }) => stop())
    await wrong.until(hasId)
    expect(types(wrong)).toEqual(['trouble', 'listing'])
    expect(dataOf(wrong, 0)).toEqual({ error: 'Rewound' })
  })

  it('has what came and went before the watch of the registry reported it', async () => {
    const { registry, read } = await serve()
    put(registry, 'a')
    const first = await read()
    await first.until(hasId)
    const catchUp = registry.lag()
    put(registry, 'b')
    remove(registry, 'b')
    const stream = await read('', { 'last-event-id': first.events.at(-1)?.id ?? '' })
    // A list needs only a check, which agrees with what the bridge has.
    const list = await read('?list')
    await list.until(hasId)
    expect(list.events.at(-1)?.id).toMatch(/^4\./)
    catchUp()
    await stream.until(() => rows(stream).length > 1)
    expect(rows(stream)).toEqual([[keyOf('b'), instance('b'), 3, expect.any(String)], [keyOf('b'), null, 4, '0']])
  })

  it.each([
    ['in the future', '100.0123456789abcdef', { error: 'Rewound' }],
    ['compacted', '2.0123456789abcdef', { error: 'Compacted', revision: 4 }],
  ])('lists again after an id that is %s', async (_, id, trouble) => {
    const { registry, read } = await serve()
    for (const node of ['a', 'b', 'c']) put(registry, node)
    registry.compact()
    const stream = await read('', { 'last-event-id': id })
    await stream.until(hasId)
    expect(types(stream)).toEqual(['trouble', 'listing'])
    expect(dataOf(stream, 0)).toEqual(trouble)
  })

  it('ignores an id that is none of its own', async () => {
    const { read } = await serve()
    const stream = await read('', { 'last-event-id': 'nonsense' })
    await stream.until(hasId)
    expect(types(stream)).toEqual(['listing'])
  })

  it('reports an outage once, and its end', async () => {
    const { registry, read } = await serve()
    put(registry, 'a')
    const stream = await read()
    await stream.until(hasId)
    registry.interrupt(700)
    await stream.until(events => events.at(-1)?.event === 'batch')
    expect(types(stream)).toEqual(['listing', 'trouble', 'batch'])
    expect(dataOf(stream, 1)).toEqual({ error: 'Disconnected', since: expect.any(Number) as number })
    expect(rows(stream)).toEqual([])
  })

  it('that begins in an outage reports it, and lists when it is over', async () => {
    const { registry, read } = await serve()
    put(registry, 'a')
    registry.interrupt(500)
    const stream = await read()
    await stream.until(hasId)
    expect(types(stream)).toEqual(['trouble', 'listing'])
  })

  it('lists again if the history is replaced', async () => {
    const { registry, read } = await serve()
    put(registry, 'a')
    const stream = await read()
    await stream.until(hasId)
    registry.rewind()
    await stream.until(events => events.filter(({ event }) => event === 'listing').length === 2)
    expect(types(stream)).toEqual(['listing', 'trouble', 'trouble', 'listing'])
    expect(dataOf(stream)).toEqual({ cluster: '1', revision: 1, changes: [] })
  })

  it('shows that it lives, and how far it is', async () => {
    const { registry, read } = await serve({ heartbeat: 50 })
    put(registry, 'a')
    const stream = await read()
    await stream.until(has(3))
    expect(types(stream).slice(0, 3)).toEqual(['listing', 'progress', 'progress'])
    expect(stream.events[1]).toMatchObject({ data: '{}', id: stream.events[0]?.id })
    const { comments } = stream
    registry.interrupt(60_000)
    await stream.until(events => events.at(-1)?.event === 'trouble')
    await vi.waitFor(() => expect(comments.slice(1)).toContain('heartbeat'))
    expect(types(stream).at(-1)).toBe('trouble')
  })
})

describe('all clients', () => {
  it('share one watch and one serialisation of each change', async () => {
    const { registry, read, verbs } = await serveRecorded()
    put(registry, 'a')
    const streams = await Promise.all(Array.from({ length: 50 }, () => read('?prefix=/rx-discovery/web/')))
    await Promise.all(streams.map(stream => stream.until(hasId)))
    const serialise = vi.spyOn(JSON, 'stringify')
    put(registry, 'b', '2')
    const serialised = serialise.mock.calls.filter(([given]) => Array.isArray(given)).length
    serialise.mockRestore()
    await Promise.all(streams.map(stream => stream.until(has(2))))
    expect(new Set(streams.map(stream => stream.text())).size).toBe(1)
    expect(serialised).toBe(1)
    expect([verbs().filter(verb => verb === 'list').length, verbs().filter(verb => verb === 'watch').length]).toEqual([1, 1])
    expect(verbs().filter(verb => verb === 'check').length).toBeLessThan(50)
  })

  it('are not held up by one that does not read, which gets the latest state and no queue', async () => {
    const { registry, server, read } = await serve()
    for (let index = 0; index < 20; index += 1) put(registry, `big${index}`)
    const slow = own(httpRequest(server.url), request => request.destroy())
    const response = await new Promise<IncomingMessage>(resolve => slow.on('response', resolve).end())
    response.pause()
    const fast = await read()
    await fast.until(hasId)
    const changes = 4_000
    const padding = 'x'.repeat(2_000)
    for (let n = 0; n < changes; n += 1) {
      registry.write(keyOf(`big${n % 20}`), JSON.stringify({ v: 1, address: 'a:1', version: `${n}`, zone: padding }))
      if (n % 100 === 99) await new Promise(resolve => setImmediate(resolve))
    }
    await fast.until(() => fast.text().includes(`"version\\":\\"${changes - 1}\\"`) || fast.text().includes(`\\"version\\":\\"${changes - 1}`))
    expect(rows(fast).length).toBeGreaterThanOrEqual(20)
    let text = ''
    response.setEncoding('utf8').on('data', (part: string) => (text += part))
    response.resume()
    await vi.waitFor(() => expect(text).toContain(`${changes - 1}`), { timeout: 10_000 })
    // All changes would be over 8 MB; what the sockets of the system keep is less.
    expect(text.length).toBeLessThan(7_000_000)
    const state = new Map<string, string>()
    for (const block of text.split('\n\n')) {
      const { changes: found = [] } = JSON.parse(/^data: (.*)$/m.exec(block)?.[1] ?? '{}') as { changes?: [string, string, number, string][] }
      for (const [key, value] of found) state.set(key, value)
    }
    expect([...state.values()].map(value => Number((JSON.parse(value) as { version: string }).version)).sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, index) => changes - 20 + index))
  })
})

describe('an answer', () => {
  it('lists few past revisions at once, however many are asked for', async () => {
    let [lists, most] = [0, 0]
    const { registry, read } = await serve({}, of => ({
      ...of,
      list: (range, options) => {
        if (options?.at === undefined) return of.list(range, options)
        return defer(() => {
          most = Math.max(most, (lists += 1))
          return concat(timer(20).pipe(ignoreElements()), of.list(range, options)).pipe(finalize(() => (lists -= 1)))
        })
      },
    }))
    for (let version = 0; version < 20; version += 1) put(registry, 'a', String(version))
    const all = await Promise.all(Array.from({ length: 20 }, (_, index) => read(`?at=${index + 2}`)))
    await Promise.all(all.map(({ until }) => until(hasId)))
    expect(all.map(one => dataOf(one)['revision'])).toEqual(all.map((_, index) => index + 2))
    expect(most).toBe(4)
  })

  it('lists now or at a past revision, and ends', async () => {
    const { registry, read } = await serve()
    put(registry, 'a')
    put(registry, 'b')
    const [now, past] = [await read('?list&prefix=/rx-discovery/web/'), await read('?at=2&prefix=/rx-discovery/web/')]
    await Promise.all([now.ended, past.ended])
    expect([dataOf(now)['revision'], (dataOf(now)['changes'] as unknown[]).length]).toEqual([3, 2])
    expect([dataOf(past)['revision'], (dataOf(past)['changes'] as unknown[]).length]).toEqual([2, 1])
  })
  it('reports why there is none, and ends', async () => {
    const { registry, read } = await serve()
    registry.interrupt(5_000)
    const answer = await read('?list')
    await answer.ended
    expect([types(answer), dataOf(answer)['error']]).toEqual([['trouble'], 'Disconnected'])
  })
  it('checks once for all requests of a second', async () => {
    const { registry, read, verbs } = await serveRecorded()
    put(registry, 'a')
    put(registry, 'b')
    const answers = await Promise.all(Array.from({ length: 20 }, () => read('?check=2&prefix=/rx-discovery/web/')))
    await Promise.all(answers.map(({ ended }) => ended))
    expect(new Set(answers.map(({ text }) => text())).size).toBe(1)
    const [answer] = answers
    expect(answer && dataOf(answer)).toEqual({ revision: 3, count: 2, changed: [[keyOf('b'), 3, '0']] })
    expect(verbs().filter(verb => verb === 'check').length).toBeLessThan(4)
  })
})

describe('a request', () => {
  it.each(['?prefix=/rx-discovery/hidden/', '?prefix=/rx-discovery/none/', '?prefix=/', '?prefix=/rx-discovery/web/&prefix=/rx-discovery/hidden/', '?key=/rx-discovery/hidden/a', '?list&prefix=/rx-discovery/hidden/'])(
    'for %s is answered 404, whether it exists or not',
    async query => {
      const { registry, read } = await serve()
      put(registry, 'a', '1', 'hidden')
      const refused = await read(query)
      await refused.ended
      expect([refused.status, refused.text()]).toEqual([404, 'not served here\n'])
    },
  )
  it('beyond maxClients is answered 503 with Retry-After, until one leaves', async () => {
    const { handler, read } = await serve({ maxClients: 2 })
    const [first] = [await read(), await read()]
    const refused = await read('?list')
    expect([refused.status, refused.headers.get('retry-after'), handler.clients()]).toEqual([503, '5', 2])
    first.stop()
    await vi.waitFor(async () => expect((await read('?list')).status).toBe(200))
  })
  it('other than GET is refused', async () => {
    const { server } = await serve()
    for (const method of ['POST', 'OPTIONS', 'DELETE']) {
      const response = await fetch(server.url, { method })
      expect([response.status, response.headers.get('allow'), response.headers.get('access-control-allow-origin')]).toEqual([405, 'GET', null])
    }
  })
  it.each<[boolean | readonly string[], string, string | null]>([
    [true, 'https://any.example', '*'],
    [['https://shop.example'], 'https://shop.example', 'https://shop.example'],
    [['https://shop.example'], 'https://other.example', null],
    [false, 'https://any.example', null],
  ])('with cors %j from %s may be read by %s', async (cors, origin, allowed) => {
    const { server, read } = await serve({ cors })
    const stream = await read('', { origin })
    expect(stream.headers.get('access-control-allow-origin')).toBe(allowed)
    if (cors === false) return
    const preflight = await fetch(server.url, { method: 'OPTIONS', headers: { origin, 'access-control-request-headers': 'last-event-id' } })
    expect([preflight.status, preflight.headers.get('access-control-allow-origin'), preflight.headers.get('access-control-allow-headers')]).toEqual([204, allowed, 'last-event-id, authorization'])
  })
})

describe('the end', () => {
  it('of the handler ends every stream, and nothing is left open', async () => {
    const { registry, handler, read } = await serve()
    const streams = [await read(), await read()]
    await Promise.all(streams.map(stream => stream.until(hasId)))
    handler.close()
    await Promise.all(streams.map(({ ended }) => ended))
    expect((await read()).status).toBe(503)
    await vi.waitFor(() => expect(registry.subscriptions()).toEqual({ watches: 0, leases: 0, calls: 0 }), { timeout: 8_000 })
  })
  it('of the registry ends every stream', async () => {
    const { registry, read } = await serve()
    const stream = await read()
    await stream.until(hasId)
    await registry.close()
    await stream.ended
    expect((await read()).status).toBe(503)
  })
})

describe('the arguments', () => {
  const registry = memoryRegistry()
  const options = { services: ['web'] }
  it.each<[string, () => unknown]>([
    ['registry', () => sseHandler((() => registry) as never, options)],
    ['services', () => sseHandler(registry, {} as never)],
    ['services', () => sseHandler(registry, { services: 'web' as never })],
    ['format', () => sseHandler(registry, { ...options, format: [] as never })],
    ['project', () => sseHandler(registry, { ...options, project: ['rack'] as never })],
    ['heartbeat', () => sseHandler(registry, { ...options, heartbeat: 0 })],
    ['maxClients', () => sseHandler(registry, { ...options, maxClients: 0 })],
    ['cors', () => sseHandler(registry, { ...options, cors: '*' as never })],
    ['Cors', () => sseHandler(registry, { ...options, Cors: true } as never)],
  ])('%s is checked', (argument, call) => {
    expect(call).toThrow(InvalidArgument)
    expect(call).toThrow(new RegExp(`^${argument}\\b`))
  })
})

