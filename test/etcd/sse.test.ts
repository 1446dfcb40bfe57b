import { setTimeout as sleep } from 'node:timers/promises'
import { Observable, tap } from 'rxjs'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { Compacted, Disconnected, discover, plain, Rewound, type ReadableRegistry, type ServiceSet } from 'rx-discovery'
import { sseRegistry } from 'rx-discovery/browser'
import { etcdRegistry } from 'rx-discovery/etcd'
import { raw, sseHandler } from 'rx-discovery/sse'
import { lawsContract, registryContract, type UnderTest } from 'rx-discovery/testing'
import { contractRunner } from '../contract-runner.js'
import { bridgeServer, type BridgeServer } from '../edge/sse/bridge-server.js'
import { see, type Seen } from '../scene.js'
import { own } from './own.js'
import { program } from './program.js'
import { faultProxy } from './proxy.js'
import { historyOf, seeded } from './random-writes.js'
import { etcdServer, type EtcdServer } from './server.js'

const keyOf = (id: string, service = 'web'): string => `/rx-discovery/${service}/${id}`
const valueOf = (version: string | number): string => JSON.stringify({ v: 1, address: 'a:80', version: String(version) })
const shown = (set: ServiceSet): string => [...set].map(({ id, version }) => `${id}@${version}`).join(' ')
const last = (seen: Seen<ServiceSet>): string => `${seen.last().status} ${shown(seen.last())}`.trim()

let etcd: EtcdServer
beforeAll(async () => {
  etcd = await etcdServer()
})
afterAll(() => etcd.close())

/** A gateway in front of etcd. */
const gateway = async (port = 0): Promise<BridgeServer> => {
  const registry = own(etcdRegistry({ hosts: etcd.endpoint }), ({ close }) => close())
  const handler = own(sseHandler(registry, { services: ['web', 'orders'], heartbeat: 1_000 }), ({ close }) => close())
  return own(await bridgeServer(handler, port), ({ close }) => close())
}
const put = async (id: string, version: string | number, service?: string): Promise<unknown> => etcd.client().put(keyOf(id, service)).value(valueOf(version)).exec()

/** A registry whose batches are checked: each has only what is newer than everything before. */
const checked = (registry: ReadableRegistry, twice: string[]): ReadableRegistry => ({
  ...registry,
  watch: (range, from) =>
    new Observable(subscriber => {
      let reached = from
      return registry
        .watch(range, from)
        .pipe(
          tap(({ changes, revision }) => {
            for (const change of changes) if (change.revision <= reached) twice.push(`${change.key} at ${change.revision} after ${reached}`)
            reached = revision
          }),
        )
        .subscribe(subscriber)
    }),
})

describe('through etcd, a gateway and HTTP', () => {
  const { runner, skipped } = contractRunner()
  const make = async (): Promise<UnderTest> => {
    const writer = etcdRegistry({ hosts: etcd.endpoint })
    const handler = sseHandler(writer, { services: ['contract'], format: plain(), project: raw, heartbeat: 1_000 })
    const server = await bridgeServer(handler)
    const client = etcd.client()
    const proxy = await faultProxy(server.url)
    return {
      registry: sseRegistry(`${proxy.endpoint}/discovery`),
      writer,
      levers: {
        interrupt: async (forMs = 0) => {
          await proxy.refuse()
          await sleep(forMs)
          await proxy.accept()
        },
        compact: async () => {
          const { header } = await client.kv.range({ key: Buffer.from('\0'), count_only: true })
          await client.kv.compact({ revision: header.revision })
        },
        write: async (key, value) => {
          const { header } = value === null ? await client.kv.deleteRange({ key: Buffer.from(key) }) : await client.kv.put({ key: Buffer.from(key), value: Buffer.from(value) })
          return Number(header.revision)
        },
      },
      dispose: async () => {
        handler.close()
        await proxy.close()
        await server.close()
        await writer.close()
      },
    }
  }
  registryContract(make, runner)
  lawsContract(make, runner)
  it('nothing that reads is skipped but what needs an etcd of its own', () => {
    expect(skipped.filter(name => !/ \(needs (lease|put)\b/.test(name))).toEqual([
      'a frozen registry answers again when it is released (needs freeze)',
      'a watch that lags delivers everything in the end, in order (needs lag)',
      'calls error Denied while they are denied, and work once they are allowed (needs deny)',
      'if the history is replaced, a watch from a later revision errors Rewound (needs rewind)',
    ])
  })
})

describe('sockets that break off', () => {
  it('200 times at random: each live set is what etcd held at its revision, and each revision is applied once', { timeout: 120_000 }, async () => {
    await etcd.wipe()
    const random = seeded(16)
    const { url } = await gateway()
    const proxy = own(await faultProxy(url), ({ close }) => close())
    const twice: string[] = []
    const registry = checked(sseRegistry(`${proxy.endpoint}/discovery`), twice)
    const client = own(etcd.client(), each => each.close())
    // Few keys, so that a listing is mostly shorter than what passes between two cuts.
    const writing = { goesOn: true }
    const operation = (name: string, version: number) => {
      const key = Buffer.from(keyOf(name))
      return random() < 0.3 ? { request_delete_range: { key } } : { request_put: { key, value: Buffer.from(valueOf(version)) } }
    }
    const written = (async () => {
      for (let version = 0; writing.goesOn; version += 1) {
        const names = new Set([1, 2].map(() => `n${Math.floor(random() * 8)}`))
        await client.kv.txn({ success: [...names].map(name => operation(name, version)) })
        await sleep(random() * 20)
      }
    })()
    const sets = own(see(discover(registry, 'web')), ({ stop }) => stop())
    await vi.waitFor(() => expect(sets.last().status).toBe('live'), { timeout: 10_000 })
    for (let cut = 0; cut < 200; cut += 1) {
      const size = 1 + Math.floor(random() * 2_500)
      const end = proxy.bytes() + size
      proxy.cutAfter(size)
      await vi.waitFor(() => expect(proxy.bytes()).toBeGreaterThanOrEqual(end), { interval: 2, timeout: 10_000 })
    }
    writing.goesOn = false
    await written
    proxy.reset()
    const history = await historyOf(client, '/rx-discovery/web/')
    const contentAt = (revision: number): string => {
      const content = new Map<string, string>()
      for (const each of history)
        if (each.revision <= revision)
          for (const [key, value] of each.changes)
            if (value === null) content.delete(key)
            else content.set(key, value)
      return [...content].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => `${key.slice('/rx-discovery/web/'.length)}@${(JSON.parse(value) as { version: string }).version}`).join(' ')
    }
    await vi.waitFor(() => expect(last(sets)).toBe(`live ${contentAt(Infinity)}`), { timeout: 10_000 })
    const live = sets.values.filter(({ status }) => status === 'live')
    expect(live.length).toBeGreaterThan(100)
    for (const set of live) expect(shown(set)).toBe(contentAt(set.revision))
    expect(live.map(({ revision }) => revision)).toEqual(live.map(({ revision }) => revision).sort((a, b) => a - b))
    expect(sets.values.filter(({ status }) => status === 'stale').length).toBeGreaterThan(20)
    expect(twice).toEqual([])
  })
})

/** What went over the wire: each request with its `Last-Event-ID`, and what has come of its response. */
interface Exchange {
  readonly url: URL
  readonly lastEventId: string | null
  received: string
}

describe('a gateway that is another process', () => {
  it('takes over by the Last-Event-ID: it sends what has changed, and no listing', { timeout: 120_000 }, async () => {
    await etcd.wipe()
    // So many that discovery resumes, which is cheaper than a listing.
    const names = Array.from({ length: 1_100 }, (_, index) => `n${index}`)
    for (let from = 0; from < names.length; from += 100)
      await etcd.client().kv.txn({ success: names.slice(from, from + 100).map(name => ({ request_put: { key: Buffer.from(keyOf(name)), value: Buffer.from(valueOf(1)) } })) })
    const gatewayAt = async (at: string) => {
      const process = own(program('test/etcd/gateway.program.ts', [etcd.endpoint, at]), it => it.signal('SIGKILL'))
      return { process, port: await process.line() }
    }
    const first = await gatewayAt('0')
    const exchanges: Exchange[] = []
    const recording: typeof fetch = async (input, init) => {
      const exchange: Exchange = { url: new URL(input instanceof Request ? input.url : input), lastEventId: new Headers(init?.headers).get('last-event-id'), received: '' }
      exchanges.push(exchange)
      const { body, status, headers } = await fetch(input, init)
      const decoder = new TextDecoder()
      const recorded = new TransformStream<Uint8Array, Uint8Array>({
        transform: (chunk, controller) => {
          exchange.received += decoder.decode(chunk, { stream: true })
          controller.enqueue(chunk)
        },
      })
      return new Response(body?.pipeThrough(recorded), { status, headers })
    }
    const over = sseRegistry(`http://127.0.0.1:${first.port}/discovery`, { fetch: recording })
    const sets = own(see(discover(over, 'web')), ({ stop }) => stop())
    await vi.waitFor(() => expect(sets.last().status).toBe('live'), { timeout: 20_000 })
    await put('late', 1)
    await vi.waitFor(() => expect(sets.last().has('late')).toBe(true), { timeout: 20_000 })
    const { revision } = sets.last()
    first.process.signal('SIGKILL')
    await first.process.ended
    await vi.waitFor(() => expect(sets.last().status).toBe('stale'), { timeout: 20_000 })
    await put('later', 1)
    await etcd.client().delete().key(keyOf('n7'))
    const before = exchanges.length
    const second = await gatewayAt(first.port)
    await vi.waitFor(() => expect([sets.last().status, sets.last().has('later'), sets.last().has('n7'), sets.last().size]).toEqual(['live', true, false, 1_101]), { timeout: 30_000 })
    const resumed = exchanges.slice(before).filter(({ received }) => received !== '')
    expect(resumed.filter(({ received }) => received.includes('event: listing'))).toEqual([])
    expect(resumed.filter(({ url }) => url.searchParams.has('list'))).toEqual([])
    const stream = resumed.find(({ lastEventId }) => lastEventId !== null)
    expect(stream?.lastEventId).toMatch(new RegExp(`^${revision}\\.[\\da-f]{16}$`))
    expect(stream?.received).toContain('event: batch')
    expect(stream?.received).toContain(keyOf('later'))
    expect(stream?.received.length).toBeLessThan(5_000)
    expect(sets.values.filter(({ size }) => size > 0 && size < 1_100)).toEqual([])
    expect(second.process.running()).toBe(true)
  })
})

describe('a transaction over two services', () => {
  it('is one batch', async () => {
    const { url } = await gateway()
    const client = etcd.client()
    const batches = own(see(sseRegistry(url).watch('/rx-discovery/', Number((await client.kv.range({ key: Buffer.from('x') })).header.revision))), ({ stop }) => stop())
    await vi.waitFor(() => expect(batches.values).not.toEqual([]), { timeout: 10_000 })
    const success = ['web', 'orders'].flatMap(service => ['t1', 't2'].map(id => ({ request_put: { key: Buffer.from(keyOf(id, service)), value: Buffer.from(valueOf(1)) } })))
    await client.kv.txn({ success })
    await vi.waitFor(() => expect(batches.values.flatMap(({ changes }) => changes)).toHaveLength(4), { timeout: 10_000 })
    expect(batches.values.filter(({ changes }) => changes.length > 0)).toHaveLength(1)
  })
})

describe('a history that is gone', () => {
  const replaced: Readonly<Record<string, () => Promise<void>>> = {
    'is wiped, with the same flags, and grows beyond the revision': async () => {
      await etcd.wipe()
      for (let index = 0; index < 40; index += 1) await put('filler', index)
      await put('new', 1)
      await etcd.client().delete().key(keyOf('filler'))
    },
    'is wiped, and is shorter': async () => {
      await etcd.wipe()
      await put('new', 1)
    },
    'is that of another cluster': async () => {
      await etcd.wipe(`other${Math.random()}`)
      for (let index = 0; index < 40; index += 1) await put('filler', index)
      await put('new', 1)
      await etcd.client().delete().key(keyOf('filler'))
    },
    'is restored from a backup': async () => {
      await etcd.restore()
      await put('new', 1)
    },
  }
  const start = async () => {
    await etcd.wipe()
    await put('old', 1)
    await etcd.save()
    const first = await gateway()
    const sets = own(see(discover(sseRegistry(first.url), 'web')), ({ stop }) => stop())
    await vi.waitFor(() => expect(last(sets)).toBe('live old@1'), { timeout: 10_000 })
    for (let index = 0; index < 10; index += 1) await put('late', index)
    await vi.waitFor(() => expect(last(sets)).toBe('live late@9 old@1'), { timeout: 10_000 })
    return { first, sets }
  }

  it.each(Object.entries(replaced))('%s while the gateway stays: a new listing', { timeout: 60_000 }, async (name, replace) => {
    const { sets } = await start()
    await replace()
    await vi.waitFor(() => expect(last(sets)).toBe(name.includes('backup') ? 'live new@1 old@1' : 'live new@1'), { timeout: 20_000 })
  })

  it.each(Object.entries(replaced))('%s while no gateway runs: a new listing', { timeout: 60_000 }, async (name, replace) => {
    const { first, sets } = await start()
    await first.close()
    await vi.waitFor(() => expect(sets.last().status).toBe('stale'), { timeout: 10_000 })
    expect(sets.last().trouble?.error).toBeInstanceOf(Disconnected)
    await replace()
    const second = await gateway(Number(new URL(first.url).port))
    await vi.waitFor(() => expect(last(sets)).toBe(name.includes('backup') ? 'live new@1 old@1' : 'live new@1'), { timeout: 20_000 })
    expect(second.asked.length).toBeGreaterThan(0)
  })

  it('is compacted: a watch from before errors Compacted, one from the future Rewound', async () => {
    const { first } = await start()
    const client = etcd.client()
    const { header } = await client.kv.range({ key: Buffer.from('x') })
    await client.kv.compact({ revision: header.revision })
    const { url } = await gateway()
    const failure = async (from: number): Promise<unknown> => {
      const watched = own(see(sseRegistry(url).watch('/rx-discovery/web/', from)), ({ stop }) => stop())
      await vi.waitFor(() => expect(watched.error).toBeDefined(), { timeout: 10_000 })
      return watched.error
    }
    expect(await failure(2)).toMatchObject({ name: 'Compacted', revision: Number(header.revision) })
    expect(await failure(2)).toBeInstanceOf(Compacted)
    expect(await failure(1_000_000)).toBeInstanceOf(Rewound)
    expect(first.streams().length).toBeGreaterThan(0)
  })
})

describe('etcd that is away', () => {
  it('makes the page stale with its age, nothing vanishes, and it is live within a second of its return', { timeout: 60_000 }, async () => {
    await etcd.wipe()
    await put('a', 1)
    const { url } = await gateway()
    const sets = own(see(discover(sseRegistry(url), 'web')), ({ stop }) => stop())
    await vi.waitFor(() => expect(last(sets)).toBe('live a@1'), { timeout: 10_000 })
    await etcd.kill()
    await vi.waitFor(() => expect(last(sets)).toBe('stale a@1'), { timeout: 10_000 })
    expect(Date.now() - (sets.last().trouble?.since ?? 0)).toBeLessThan(10_000)
    await sleep(1_000)
    await etcd.start()
    const back = Date.now()
    await vi.waitFor(() => expect(last(sets)).toBe('live a@1'), { timeout: 10_000, interval: 10 })
    expect(Date.now() - back).toBeLessThan(2_000)
  })
})
