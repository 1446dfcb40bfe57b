import { EventEmitter } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { MemoryRegistry } from 'rx-discovery/memory'
import { sseHandler, type SseHandler } from 'rx-discovery/sse'
import { keyOf, put, scene, steady } from '../../scene.js'

/** A response whose socket takes what is written, or is full. */
class FakeResponse extends EventEmitter {
  readonly destroyed = false
  readonly writes: { readonly text: string; readonly bytes: string | Buffer }[] = []
  full = false
  write(bytes: string | Buffer): boolean {
    this.writes.push({ text: bytes.toString(), bytes })
    return !this.full
  }
  drain(): void {
    this.full = false
    this.emit('drain')
  }
  writeHead(): this {
    return this
  }
  flushHeaders(): void {
    // Nothing is sent.
  }
  end(): void {
    this.emit('close')
  }
  get text(): string {
    return this.writes.map(({ text }) => text).join('')
  }
}

const connect = (handler: SseHandler, query = '', id?: string): FakeResponse => {
  const response = new FakeResponse()
  const request = { method: 'GET', url: `/discovery${query}`, headers: id === undefined ? {} : { 'last-event-id': id } }
  handler(request as unknown as IncomingMessage, response as unknown as ServerResponse)
  return response
}
const serve = (registry: MemoryRegistry): SseHandler => sseHandler(registry, { services: ['web', 'orders'], maxClients: 10_000, backoff: steady })

interface Row {
  readonly key: string
  /** `undefined`: the one of before. */
  readonly value: string | null | undefined
  readonly revision: number
}
interface Event {
  readonly type: string
  readonly revision: number
  readonly rows: readonly Row[]
  readonly id: string | undefined
}
const eventsIn = (text: string): readonly Event[] =>
  text.split('\n\n').flatMap(block => {
    const [type, data, id] = ['event', 'data', 'id'].map(name => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1])
    if (type === undefined || data === undefined) return []
    const { revision = 0, changes = [] } = JSON.parse(data) as { readonly revision?: number; readonly changes?: readonly (readonly unknown[])[] }
    const rows = changes.map(row => (row.length === 3 ? { key: row[0], value: undefined, revision: row[1] } : { key: row[0], value: row[1], revision: row[2] }) as Row)
    return [{ type, revision, rows, id }]
  })
const batchesIn = (text: string): readonly Event[] => eventsIn(text).filter(({ type }) => type === 'batch')
const revisionOf = (id: string): number => Number(id.replace(/\..*/, ''))

describe('changes that follow soon after a write', () => {
  it('to 1,000 clients go out together 50 ms after it, as one buffer for all, and each is an event of its own', () =>
    scene(({ registry, advance }) => {
      const handler = serve(registry)
      const clients = Array.from({ length: 1_000 }, () => connect(handler))
      advance(1_000)
      const before = clients.map(({ writes }) => writes.length)
      const writesOf = (index: number) => clients[index]?.writes.slice(before[index]) ?? []
      put(registry, 'a')
      expect(writesOf(0)).toHaveLength(1)
      for (let n = 0; n < 4; n += 1) {
        advance(10)
        put(registry, `${n}`)
      }
      advance(9)
      expect(writesOf(999)).toHaveLength(1)
      advance(1)
      expect(writesOf(999)).toHaveLength(2)
      const text = writesOf(999).map(each => each.text).join('')
      expect(batchesIn(text).map(({ rows, id }) => [rows.map(({ key }) => key), id && revisionOf(id)])).toEqual(['a', '0', '1', '2', '3'].map((id, index) => [[keyOf(id)], index + 2]))
      expect(new Set(clients.flatMap((_, index) => writesOf(index).map(({ bytes }) => bytes))).size).toBe(2)
      handler.close()
    }, { after: 10_000 }))

  it('do not wait if they are long, nor after a write to few clients', () =>
    scene(({ registry, advance }) => {
      const handler = serve(registry)
      const clients = Array.from({ length: 1_000 }, () => connect(handler, '?prefix=/rx-discovery/web/'))
      const other = connect(handler, '?prefix=/rx-discovery/orders/')
      advance(1_000)
      const count = (client: FakeResponse | undefined): number => batchesIn(client?.text ?? '').length
      put(registry, 'a', '1', 'orders')
      advance(1)
      put(registry, 'b', '1', 'orders')
      expect(count(other)).toBe(2)
      put(registry, 'a')
      put(registry, 'long', 'x'.repeat(70_000))
      expect(count(clients[0])).toBe(2)
      put(registry, 'b')
      expect(count(clients[0])).toBe(2)
      handler.close()
    }, { after: 10_000 }))

  it('are all sent to a client that joins while others wait', () =>
    scene(({ registry, advance }) => {
      const handler = serve(registry)
      for (let n = 0; n < 1_000; n += 1) connect(handler)
      advance(1_000)
      put(registry, 'a')
      put(registry, 'b')
      const late = connect(handler)
      advance(10)
      expect(eventsIn(late.text).map(({ type }) => type)).toEqual(['listing'])
      put(registry, 'c')
      put(registry, 'c', '2')
      advance(100)
      expect(batchesIn(late.text).flatMap(({ rows }) => rows.map(({ revision }) => revision))).toEqual([4, 5])
      handler.close()
    }, { after: 10_000 }))

  it('go out before the trouble that comes after them', () =>
    scene(({ registry, advance }) => {
      const handler = serve(registry)
      const clients = Array.from({ length: 1_000 }, () => connect(handler))
      advance(1_000)
      put(registry, 'a')
      put(registry, 'b')
      registry.interrupt(60_000)
      advance(1)
      expect(eventsIn(clients[0]?.text ?? '').map(({ type }) => type)).toEqual(['listing', 'batch', 'batch', 'trouble'])
      handler.close()
    }, { after: 100_000 }))
})

type Step =
  | { readonly do: 'write'; readonly id: string; readonly service: string; readonly version: string | null; readonly rack: string }
  | { readonly do: 'join'; readonly query: string; readonly resumes: number | null }
  | { readonly do: 'full' | 'drain' | 'leave'; readonly client: number }
  | { readonly do: 'interrupt' | 'advance'; readonly ms: number }

const client = fc.nat({ max: 5 })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('write' as const), id: fc.constantFrom('a', 'b', 'c'), service: fc.constantFrom('web', 'orders'), version: fc.constantFrom('1', '2', null), rack: fc.constantFrom('x', 'y') }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('join' as const), query: fc.constantFrom('', '?prefix=/rx-discovery/web/', `?key=${keyOf('a')}`), resumes: fc.option(client) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('full' as const, 'drain' as const, 'leave' as const), client }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('interrupt' as const), ms: fc.constantFrom(20, 300) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.constantFrom(1, 3, 20, 2_000) }) },
)

interface Reader {
  readonly query: string
  readonly response: FakeResponse
  /** What it had when it resumed after `from`. */
  readonly content: ReadonlyMap<string, string>
  readonly from: string | undefined
}

const lastId = (text: string): string | undefined => eventsIn(text).flatMap(({ id }) => id ?? []).at(-1)

/** The content of a reader: rows count once their id has come. */
const fold = ({ response, content, from }: Reader): ReadonlyMap<string, string> => {
  const folded = new Map(content)
  let last = from === undefined ? 0 : revisionOf(from)
  let rows: readonly Row[] = []
  for (const { type, id, ...event } of eventsIn(response.text)) {
    if (type === 'listing' && rows.length === 0) folded.clear()
    rows = type === 'trouble' ? [] : [...rows, ...event.rows]
    if (id === undefined) continue
    for (const { key, value, revision } of rows) {
      if (type === 'batch') expect(revision).toBeGreaterThan(last)
      expect(revision).toBeLessThanOrEqual(revisionOf(id))
      if (value === undefined) expect(folded.has(key)).toBe(true)
      else if (value === null) folded.delete(key)
      else folded.set(key, value)
    }
    expect(revisionOf(id)).toBeGreaterThanOrEqual(last)
    rows = []
    last = revisionOf(id)
  }
  return folded
}

const play = (registry: MemoryRegistry, handler: SseHandler, advance: (ms: number) => void, steps: readonly Step[]): readonly Reader[] => {
  const readers: Reader[] = []
  const left = new Set<Reader>()
  const at = (index: number): Reader | undefined => readers[index % Math.max(1, readers.length)]
  const join = (query: string, before: Reader | undefined): void => {
    const from = before && lastId(before.response.text)
    if (before === undefined || from === undefined) readers.push({ query, response: connect(handler, query), content: new Map(), from: undefined })
    else readers.push({ query: before.query, response: connect(handler, before.query, from), content: fold(before), from })
  }
  for (const each of steps) {
    if (each.do === 'write') registry.write(keyOf(each.id, each.service), each.version && JSON.stringify({ v: 1, address: 'a:1', version: each.version, metadata: { rack: each.rack } }))
    else if (each.do === 'join') join(each.query, each.resumes === null ? undefined : at(each.resumes))
    else if ('ms' in each) (each.do === 'advance' ? advance : registry.interrupt)(each.ms)
    else {
      const chosen = at(each.client)
      if (chosen === undefined) continue
      if (each.do === 'full') chosen.response.full = true
      else if (each.do === 'drain') chosen.response.drain()
      else {
        chosen.response.end()
        left.add(chosen)
      }
    }
  }
  for (const { response } of readers) response.drain()
  return readers.filter(reader => !left.has(reader))
}

it('whatever clients do meanwhile, each has the content of the registry in the end, each change at most once, and ids only at the end of a revision', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), steps =>
      scene(({ registry, advance }) => {
        const handler = serve(registry)
        const many = Array.from({ length: 200 }, () => connect(handler))
        const readers = play(registry, handler, advance, steps)
        advance(60_000)
        const truth = registry.entries().map(({ key, value }) => [key, JSON.stringify({ ...(JSON.parse(value ?? '') as object), metadata: undefined })])
        const isAsked = (query: string, key = ''): boolean => query === '' || (query.startsWith('?prefix') ? key.startsWith('/rx-discovery/web/') : key === keyOf('a'))
        for (const response of many) expect(revisionOf(lastId(response.text) ?? '')).toBe(registry.revision())
        for (const reader of [...readers, ...many.slice(-1).map((response): Reader => ({ query: '', response, content: new Map(), from: undefined }))])
          expect([...fold(reader)].sort()).toEqual(truth.filter(([key]) => isAsked(reader.query, key)).sort())
        handler.close()
      }, { after: 100_000 }),
    ),
    { numRuns: 50 },
  )
})
