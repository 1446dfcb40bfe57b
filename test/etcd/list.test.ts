import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Etcd3 } from 'etcd3'
import { lastValueFrom, toArray } from 'rxjs'
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { Disconnected, Rewound } from '../../src/core/errors.js'
import { check } from '../../src/edge/etcd/range/check.js'
import type { Members } from '../../src/edge/etcd/connection/changing-members.js'
import { connect } from '../../src/edge/etcd/connection/members.js'
import { list } from '../../src/edge/etcd/range/list.js'
import { gatherListing } from '../../src/flow/gather-listing.js'
import { etcdCluster, etcdServer, plainClient, type EtcdServer } from './server.js'

let members: Members
let client: Etcd3
let prefixes = 0
beforeAll(() => {
  const hosts = inject('etcdEndpoints')
  members = connect({ hosts })
  client = plainClient({ hosts, grpcOptions: { 'grpc.max_receive_message_length': -1 } })
})
afterAll(() => {
  members.close()
  client.close()
})
const freshPrefix = (): string => `/list-${process.pid}-${Date.now()}-${++prefixes}/`

const fill = async (etcd: Etcd3, prefix: string, count: number, value = 'x'.repeat(200)): Promise<void> => {
  for (let i = 0; i < count; i += 100)
    await etcd.kv.txn({
      success: Array.from({ length: Math.min(100, count - i) }, (_, j) => ({
        request_put: { key: Buffer.from(prefix + String(i + j).padStart(8, '0')), value: Buffer.from(value) },
      })),
    })
}
const listing = (prefix: string, from = members) => lastValueFrom(list(from, prefix).pipe(gatherListing()))
const keys = async (prefix: string) => (await listing(prefix)).changes.map(({ key }) => key.slice(prefix.length))

describe('list', () => {
  it('emits once and completes, also when there is nothing', async () => {
    const all = await lastValueFrom(list(members, freshPrefix()).pipe(toArray()))
    expect(all).toEqual([{ cluster: expect.stringMatching(/^[1-9]\d*$/) as unknown, revision: expect.any(Number) as unknown, changes: [] }])
  })
  it('has the keys under the prefix and no others, in key order, unchanged', async () => {
    const prefix = freshPrefix()
    const web = `${prefix}web/`
    const lease = client.lease(60)
    await lease.put(`${web}b`).value('2')
    await client.put(`${web}a`).value('\u{1f600} ü')
    await client.put(`${prefix}web2/a`).value('no')
    await client.put(`${prefix}web0`).value('no')
    const { header } = await client.put(`${web}c`).value('')
    const { revision, changes } = await listing(web)
    expect(revision).toBeGreaterThanOrEqual(Number(header.revision))
    expect(changes.map(({ key, value }) => [key, value])).toEqual([[`${web}a`, '\u{1f600} ü'], [`${web}b`, '2'], [`${web}c`, '']])
    expect(changes[1]).toMatchObject({ lease: await lease.grant() })
    expect(changes[2]).toEqual({ key: `${web}c`, value: '', lease: '0', revision: Number(header.revision) })
    await lease.revoke()
  })
  it('lists all keys for the empty prefix', async () => {
    await client.put(`${freshPrefix()}a`).value('1')
    const { count } = await client.kv.range({ key: Buffer.from('\0'), range_end: Buffer.from('\0'), count_only: true })
    expect((await listing('')).changes).toHaveLength(Number(count))
  })
  it('does not fail on a key or a value that is not UTF-8', async () => {
    const prefix = freshPrefix()
    await client.put(Buffer.concat([Buffer.from(`${prefix}a`), Buffer.from([0xff, 0xfe])])).value(Buffer.from([0xc3, 0x28]))
    const { changes } = await listing(prefix)
    expect(changes).toMatchObject([{ key: `${prefix}a\udc00\\xff\udc00\\xfe`, value: '\udc00\\xc3(' }])
  })
  it('K1 11.8 reads pages at one revision, though the keys change meanwhile, and more than 4 MiB', async () => {
    const prefix = freshPrefix()
    await fill(client, prefix, 25_000)
    const put = (key: string, value: string) => ({ request_put: { key: Buffer.from(prefix + key), value: Buffer.from(value) } })
    const stop = new AbortController()
    let writes = 0
    const writing = (async () => {
      while (!stop.signal.aborted) {
        const value = String(++writes)
        await client.kv.txn({ success: [put('00000000', value), put('00024999', value)] })
      }
    })()
    const { revision, changes } = await listing(prefix).finally(() => stop.abort())
    await writing
    expect(writes).toBeGreaterThan(3)
    expect(changes).toHaveLength(25_000)
    expect(changes.at(0)?.value).toBe(changes.at(-1)?.value)
    expect(Math.max(...changes.map(change => change.revision))).toBeLessThanOrEqual(revision)
    const then = await client.getAll().prefix(prefix).revision(revision).strings()
    expect(Object.fromEntries(changes.map(({ key, value }) => [key, value]))).toEqual(then)
  })
  it('K1 keeps no page: its strings are copies', async () => {
    const prefix = freshPrefix()
    await fill(client, prefix, 5_000, 'v'.repeat(1_000))
    const before = process.memoryUsage().arrayBuffers
    const { changes } = await listing(prefix)
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    await vi.waitFor(() => {
      collect()
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2_000_000)
    }, 10_000)
    expect(changes[4_999]?.value).toHaveLength(1_000)
  })
  it('11.8 ends even while etcd compacts to its head all the time', async () => {
    const prefix = freshPrefix()
    const etcd: EtcdServer = await etcdServer()
    const own = connect({ hosts: etcd.endpoint })
    try {
      const busy = etcd.client()
      await fill(busy, prefix, 30_000)
      let compactions = 0
      const stop = new AbortController()
      const compacting = (async () => {
        while (!stop.signal.aborted) {
          const { header } = await busy.put('/busy').value('x')
          await busy.kv.compact({ revision: header.revision }).then(() => compactions++, () => undefined)
        }
      })()
      const { changes } = await listing(prefix, own).finally(() => stop.abort())
      await compacting
      expect(changes).toHaveLength(30_000)
      expect(compactions).toBeGreaterThan(3)
    } finally {
      own.close()
      await etcd.close()
    }
  })
  it('lets the event loop go on', async () => {
    const prefix = freshPrefix()
    await fill(client, prefix, 20_000)
    await keys(prefix)
    // Milliseconds by the clock, and of work: other processes of a busy machine hold the first, the helpers of the garbage collector add to the second.
    const spent = (): readonly [number, number] => {
      const { user, system } = process.cpuUsage()
      return [performance.now(), (user + system) / 1_000]
    }
    let longest = 0
    let [time, work] = spent()
    let next: NodeJS.Immediate | undefined
    const turn = (): void => {
      const [nowTime, nowWork] = spent()
      longest = Math.max(longest, Math.min(nowTime - time, nowWork - work))
      ;[time, work] = [nowTime, nowWork]
      next = setImmediate(turn)
    }
    turn()
    await listing(prefix)
    await new Promise(resolve => setTimeout(resolve))
    clearImmediate(next)
    // etcd3 holds it for 60 ms; the limit leaves room for a busy machine.
    expect(longest).toBeLessThan(50)
  })
})

describe('list with options', () => {
  it('`local` asks the other members if one is down, at once', async () => {
    const closedPorts = ['127.0.0.1:1', '127.0.0.1:2', '127.0.0.1:3']
    for (const hosts of [[...closedPorts, ...inject('etcdEndpoints').slice(0, 1)], closedPorts]) {
      const some = connect({ hosts, random: () => 0 })
      const answer = lastValueFrom(list(some, freshPrefix(), { local: true }))
      if (hosts === closedPorts) await expect(answer).rejects.toBeInstanceOf(Disconnected)
      else expect(await answer).toMatchObject({ changes: [] })
      some.close()
    }
  })
  it('`local` is answered by a member without a leader, which answers nothing else', { timeout: 60_000 }, async () => {
    const cluster = await etcdCluster()
    const [first, ...others] = cluster.members
    if (first === undefined) throw new Error('a cluster has members')
    const own = connect({ hosts: first.endpoint })
    try {
      const { header } = await first.client().put('/local/a').value('1')
      expect((await listing('/local/', own)).changes).toHaveLength(1)
      for (const other of others) await other.kill()
      await expect(listing('/local/', own)).rejects.toBeInstanceOf(Disconnected)
      const { revision, changes } = await lastValueFrom(list(own, '/local/', { local: true }))
      expect([revision, changes.map(({ value }) => value)]).toEqual([Number(header.revision), ['1']])
      expect((await lastValueFrom(list(own, { key: '/local/a' }, { local: true, at: revision }))).changes).toHaveLength(1)
    } finally {
      own.close()
      await cluster.close()
    }
  })
  it('`at` reads all pages at that revision, also when the keys have changed since', async () => {
    const prefix = freshPrefix()
    await fill(client, prefix, 12_000, 'old')
    const { revision } = await listing(prefix)
    await fill(client, prefix, 12_000, 'new')
    const then = await lastValueFrom(list(members, prefix, { at: revision }).pipe(gatherListing()))
    expect([then.revision, then.changes.length, new Set(then.changes.map(({ value }) => value))]).toEqual([revision, 12_000, new Set(['old'])])
  })
  it.each([0, -1, 1.5, NaN, 2 ** 53])('`at: %s` is not a revision', async at => {
    await expect(lastValueFrom(list(members, freshPrefix(), { at }))).rejects.toMatchObject({ name: 'InvalidArgument', argument: 'at' })
  })
})

describe('check', () => {
  it('11.5 counts every key, and names those that changed, without their values', async () => {
    const prefix = freshPrefix()
    await fill(client, prefix, 250)
    const { revision } = await listing(prefix)
    expect(await lastValueFrom(check(members, prefix, revision).pipe(toArray()))).toMatchObject([{ count: 250, changed: [] }])
    const lease = client.lease(60)
    const { header } = await lease.put(`${prefix}00000007`).value('changed')
    await client.delete().key(`${prefix}00000008`)
    const checked = await lastValueFrom(check(members, prefix, revision))
    expect(checked).toMatchObject({
      count: 249,
      changed: [{ key: `${prefix}00000007`, revision: Number(header.revision), lease: await lease.grant() }],
    })
    expect(checked.revision).toBeGreaterThan(Number(header.revision))
    expect((await lastValueFrom(check(members, prefix, 0))).changed).toHaveLength(249)
    await lease.revoke()
  })
  it('11.1 a revision in the future means that history was rewound', async () => {
    await expect(lastValueFrom(check(members, freshPrefix(), 2 ** 40))).rejects.toBeInstanceOf(Rewound)
  })
})
