import type { Etcd3 } from 'etcd3'
import { either as E, option as O } from 'fp-ts'
import { filter, firstValueFrom } from 'rxjs'
import { beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { catalog, discover, InvalidArgument, native, plain, serviceInstance, type Format, type ServiceSet } from 'rx-discovery'
import { etcdRegistry } from 'rx-discovery/etcd'
import type { Batch } from '../../src/core/store.js'
import { gatherListing } from '../../src/flow/gather-listing.js'
import { findFormats } from '../../src/edge/cli/find-formats.js'
import { own } from './own.js'
import { etcdServer, plainClient } from './server.js'

let hosts: string[]
let prefixes = 0
beforeAll(() => {
  hosts = inject('etcdEndpoints')
})
const freshName = (): string => `bytes-${process.pid}-${Date.now()}-${++prefixes}`
const registryOf = () => own(etcdRegistry({ hosts }), it => it.close())
const clientOf = (): Etcd3 => own(plainClient({ hosts }), it => it.close())
const key = (prefix: string, ...rest: readonly number[]): Buffer => Buffer.concat([Buffer.from(prefix), Buffer.from(rest)])
const put = (client: Etcd3, at: Buffer, value: string | Buffer = '10.0.0.1:80') => client.kv.put({ key: at, value: Buffer.from(value) })
const soon = { timeout: 5_000, interval: 20 }

describe('keys and values that are not UTF-8', () => {
  it.each(['listed', 'watched'])('12.5 each key is one rejected entry, and the set stays live at every verification (%s)', async how => {
    const [registry, client, service] = [registryOf(), clientOf(), freshName()]
    const prefix = `/rx-discovery/${service}/`
    // As text with replacement characters, these would be two keys instead of four.
    const keys = [[0xff], [0xfe], [0x61, 0xff], [0x61, 0xc3]].map(rest => key(prefix, ...rest))
    const write = async (): Promise<void> => {
      for (const each of keys) await put(client, each, '{"v":1,"address":"10.0.0.1:80"}')
      await put(client, key(prefix, 0x62), '{"v":1,"address":"10.0.0.2:80"}')
      await put(client, key(prefix, 0x63), Buffer.concat([Buffer.from('{"v":1,"address":"10.0.0.3:80","zone":"'), Buffer.from([0xff]), Buffer.from('"}')]))
    }
    if (how === 'listed') await write()
    const sets: ServiceSet[] = []
    own(discover(registry, service, { verify: 200 }).subscribe(set => sets.push(set)), it => it.unsubscribe())
    await vi.waitFor(() => expect(sets.at(-1)?.status).toBe('live'), soon)
    if (how === 'watched') await write()
    await vi.waitFor(() => expect([sets.at(-1)?.size, sets.at(-1)?.rejected.size]).toEqual([1, 5]), soon)
    const rejected = [...(sets.at(-1)?.rejected ?? [])].map(([at, { reason }]) => [at.slice(prefix.length), reason])
    expect(new Map(rejected as [string, string][])).toEqual(
      new Map([
        ['\udc00\\xff', 'the key must be UTF-8'],
        ['\udc00\\xfe', 'the key must be UTF-8'],
        ['a\udc00\\xff', 'the key must be UTF-8'],
        ['a\udc00\\xc3', 'the key must be UTF-8'],
        ['c', 'the value must be UTF-8'],
      ]),
    )
    await new Promise(resolve => setTimeout(resolve, 1_000))
    const [first] = keys
    if (first !== undefined) await client.kv.deleteRange({ key: first })
    await vi.waitFor(() => expect(sets.at(-1)?.rejected.size).toBe(4), soon)
    await client.kv.deleteRange({ key: key(prefix), range_end: key(prefix.slice(0, -1), 0x30) })
    await vi.waitFor(() => expect([sets.at(-1)?.size, sets.at(-1)?.rejected.size]).toEqual([0, 0]), soon)
    expect(sets.map(({ status }) => status)).not.toContain('stale')
  })

  it('12.5 no format reads them as instances, not even one that reads anything', async () => {
    const [registry, client, service] = [registryOf(), clientOf(), freshName()]
    await put(client, key(`/${service}/`, 0xff))
    await put(client, key(`/${service}/`, 0x61), Buffer.from([0xff]))
    const any: Format = { ...native(), prefix: of => `/${of}/`, decode: (at, value, of) => E.right(O.some(serviceInstance({ service: of, id: String(at.length), address: `host:${value.length}` }))) }
    for (const format of [plain(), any]) {
      const set = await firstValueFrom(discover(registry, service, { format }).pipe(filter(({ status }) => status === 'live')))
      expect([set.size, [...set.rejected.keys()].map(at => at.slice(service.length + 2))]).toEqual([0, ['a', '\udc00\\xff']])
    }
  })

  it.each(['listed', 'watched'])('12.5 the key of a service whose name is not UTF-8 is a rejected entry of the catalog, under the printable form of the name (%s)', async how => {
    const [registry, client, prefix] = [registryOf(), clientOf(), `/${freshName()}`]
    const keys = [0xff, 0xfe].map(byte => Buffer.concat([Buffer.from(`${prefix}/we`), Buffer.from([byte]), Buffer.from('b/a')]))
    const write = async (): Promise<void> => {
      for (const each of keys) await put(client, each, '{"v":1,"address":"10.0.0.1:80"}')
    }
    if (how === 'listed') await write()
    let all: ReadonlyMap<string, ServiceSet> | undefined
    own(catalog(registry, { format: native({ prefix }), verify: 200 }).subscribe(map => (all = map)), it => it.unsubscribe())
    await vi.waitUntil(() => all !== undefined, soon)
    if (how === 'watched') await write()
    const shown = (): unknown => [...(all ?? [])].map(([name, { status, size, rejected }]) => [name, status, size, [...rejected.values()]])
    await vi.waitFor(() => expect(shown()).toEqual(['fe', 'ff'].map(byte => [`we\ufffd\\x${byte}b`, 'live', 0, [{ key: `${prefix}/we\udc00\\x${byte}b/a`, reason: 'the key must be UTF-8' }]])), soon)
    for (const each of keys) await client.kv.deleteRange({ key: each })
    await vi.waitFor(() => expect(all?.size).toBe(0), soon)
  })

  it('12.5 list --format auto finds the formats beside them', async () => {
    const etcd = own(await etcdServer(), it => it.close())
    const registry = own(etcdRegistry({ hosts: etcd.endpoint }), it => it.close())
    const client = etcd.client()
    // The samples of a service are its first keys.
    for (const rest of [[0x21, 0xff], [0x22, 0xff], [0x61]]) await put(client, key('/rx-discovery/web/', ...rest), '{"v":1,"address":"10.0.0.1:80"}')
    const { found } = await firstValueFrom(findFormats(registry))
    expect(found.map(({ format, services }) => [format.name, services])).toEqual([['native', ['web']]])
  })

  it('12.5 list, check and watch name the same key, in several parts as well', async () => {
    const [registry, client] = [registryOf(), clientOf()]
    const prefix = `/${freshName()}/`
    const written = Array.from({ length: 128 }, (_, index) => key(prefix, 0x80 + index, 0x61))
    const { revision: from } = await firstValueFrom(registry.list(prefix))
    const batches: Batch[] = []
    own(registry.watch(prefix, from).subscribe(batch => batches.push(batch)), it => it.unsubscribe())
    for (const each of written) await put(client, each)
    await vi.waitFor(() => expect(batches.flatMap(({ changes }) => changes)).toHaveLength(128), soon)
    const { changes } = await firstValueFrom(registry.list(prefix).pipe(gatherListing()))
    const { changed, count } = await firstValueFrom(registry.check(prefix, from))
    const keys = changes.map(({ key: at }) => at)
    expect([new Set(keys).size, count]).toEqual([128, 128])
    expect(changed.map(({ key: at }) => at).sort()).toEqual([...keys].sort())
    expect(batches.flatMap(batch => batch.changes.map(({ key: at }) => at))).toEqual(keys)
  })

  it('a key, value or range with a lone surrogate, which UTF-8 cannot carry, is refused', async () => {
    const registry = registryOf()
    const lease = await firstValueFrom(registry.lease(5))
    const failure = async (run: () => Promise<unknown>): Promise<unknown> => run().then(() => undefined, (error: unknown) => error)
    for (const error of [
      await failure(() => firstValueFrom(registry.put([{ key: '/a\udc00', value: 'b', expect: 0 }], lease))),
      await failure(() => firstValueFrom(registry.put([{ key: '/a', value: '\ud800', expect: 0 }], lease))),
      await failure(() => firstValueFrom(registry.list('/a\udc00'))),
      await failure(() => firstValueFrom(registry.check({ key: '/a\udc00' }, 0))),
      await failure(() => firstValueFrom(registry.watch('/a\udc00', 1))),
    ])
      expect(error).toBeInstanceOf(InvalidArgument)
  })
})
