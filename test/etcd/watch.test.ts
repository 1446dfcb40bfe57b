import type { Etcd3 } from 'etcd3'
import { firstValueFrom, lastValueFrom, Subject } from 'rxjs'
import { describe, expect, inject, it, vi } from 'vitest'
import { Compacted, Denied, Disconnected, Rewound } from '../../src/core/errors.js'
import type { Batch, Change, Revision } from '../../src/core/store.js'
import { connect } from '../../src/edge/etcd/connection/members.js'
import { list } from '../../src/edge/etcd/range/list.js'
import { watches } from '../../src/edge/etcd/watch/watches.js'
import { enableAuth } from './auth.js'
import { own } from './own.js'
import { faultProxy } from './proxy.js'
import { etcdServer, plainClient } from './server.js'

const sharedHosts = (): string[] => inject('etcdEndpoints')
const sharedClient = (): Etcd3 => own(plainClient({ hosts: sharedHosts() }), it => it.close())
let prefixes = 0
const freshPrefix = (): string => `/watch-${process.pid}-${Date.now()}-${++prefixes}/`

/** What a watch emitted, and with what it errored. */
const follow = (watch: ReturnType<typeof watches>['watch'], prefix: string, from: Revision) => {
  const batches: Batch[] = []
  const errors: unknown[] = []
  const subscription = watch(prefix, from).subscribe({ next: batch => batches.push(batch), error: (error: unknown) => errors.push(error) })
  own(subscription, it => it.unsubscribe())
  const changes = (): Change[] => batches.flatMap(batch => batch.changes)
  const established = () => vi.waitFor(() => expect(batches.length).toBeGreaterThan(0), 10_000)
  const failed = async (): Promise<unknown> => {
    await vi.waitFor(() => expect(errors).not.toEqual([]), { timeout: 15_000 })
    return errors[0]
  }
  return { batches, errors, changes, established, failed, stop: () => subscription.unsubscribe() }
}
const setUp = (hosts: string | string[] = sharedHosts()) => {
  const members = own(connect({ hosts, random: () => 0 }), it => it.close())
  return { members, watch: watches(members).watch, now: async (prefix: string) => (await lastValueFrom(list(members, prefix))).revision }
}
const puts = async (client: Etcd3, prefix: string, count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await client.put(`${prefix}${i}`).value(String(i))
}
const txn = (client: Etcd3, prefix: string, count: number, value = '') =>
  client.kv.txn({ success: Array.from({ length: count }, (_, i) => ({ request_put: { key: Buffer.from(`${prefix}${i}`), value: Buffer.from(value) } })) })
const openStreams = async (endpoint: string): Promise<number> => {
  const text = await (await fetch(`${endpoint}/metrics`)).text()
  const of = (name: string): number => Number(new RegExp(`${name}\\{.*grpc_method="Watch".*\\} (\\d+)`).exec(text)?.[1] ?? 0)
  const handled = [...text.matchAll(/grpc_server_handled_total\{.*grpc_method="Watch".*\} (\d+)/g)].reduce((sum, [, n]) => sum + Number(n), 0)
  return of('grpc_server_started_total') - handled
}

describe('watch', () => {
  it('emits an empty batch when it is created, then every change after `from`, in order and whole', async () => {
    const { watch, now } = setUp()
    const client = sharedClient()
    const prefix = freshPrefix()
    await puts(client, prefix, 2)
    const from = await now(prefix)
    const { batches, changes, established } = follow(watch, prefix, from)
    await established()
    expect(batches[0]).toMatchObject({ changes: [] })
    expect(batches[0]?.revision).toBeGreaterThanOrEqual(from)
    const lease = client.lease(60)
    const leaseId = await lease.grant()
    const put = await lease.put(`${prefix}0`).value('new')
    const deleted = await client.delete().key(`${prefix}1`)
    await client.put(`${prefix.slice(0, -1)}2/other`).value('of another prefix')
    const { header } = await txn(client, prefix, 100)
    await vi.waitFor(() => expect(changes()).toHaveLength(102))
    expect(changes().slice(0, 3)).toEqual([
      { key: `${prefix}0`, value: 'new', lease: leaseId, revision: Number(put.header.revision) },
      { key: `${prefix}1`, value: null, lease: '0', revision: Number(deleted.header.revision) },
      { key: `${prefix}0`, value: '', lease: '0', revision: Number(header.revision) },
    ])
    const ends = batches.slice(1).map(batch => [batch.revision, batch.changes.at(-1)?.revision])
    expect(ends.every(([revision, last]) => revision === last)).toBe(true)
    expect(new Set(ends.map(([revision]) => revision)).size).toBe(ends.length)
    await lease.revoke()
  })

  it('11.3 11.4 starts at `from`, drops the events up to it, then reaches the revision at subscription', async () => {
    const { watch } = setUp()
    const client = sharedClient()
    const prefix = freshPrefix()
    const [from, to] = [await client.put(`${prefix}a`).value('known'), await client.put(`${prefix}a`).value('new')].map(({ header }) => Number(header.revision))
    const { header } = await client.put(`${freshPrefix()}a`).value('of another prefix, and the last')
    const { batches, changes } = follow(watch, prefix, from ?? 0)
    await vi.waitFor(() => expect(batches).toHaveLength(2))
    expect(changes().map(({ revision }) => revision)).toEqual([to])
    // The second one is empty, and reaches the revision at subscription.
    expect(batches[0]?.revision).toBe(to)
    expect(batches[1]?.revision).toBeGreaterThanOrEqual(Number(header.revision))
  })

  it('14 11.4 reaches the revision at subscription without an event, if only other keys have changed', async () => {
    const { watch, now } = setUp()
    const client = sharedClient()
    const [prefix, other] = [freshPrefix(), freshPrefix()]
    await puts(client, prefix, 1)
    const from = await now(prefix)
    await puts(client, other, 3)
    const head = await now(prefix)
    const { batches, changes, established, errors } = follow(watch, prefix, from)
    await established()
    expect(batches[0]?.changes).toEqual([])
    expect(batches[0]?.revision).toBeGreaterThanOrEqual(head)
    await puts(client, prefix, 1)
    await vi.waitFor(() => expect(changes()).toHaveLength(1))
    expect(errors).toEqual([])
  })

  it('11.4 a batch never reaches a revision before the events up to it have been delivered', { timeout: 60_000 }, async () => {
    const { watch, now } = setUp()
    const client = sharedClient()
    const [prefix, other] = [freshPrefix(), freshPrefix()]
    const written: number[] = []
    const stop = new AbortController()
    const writing = (async () => {
      for (let i = 0; !stop.signal.aborted; i++) {
        const busy = i % 400 < 200
        const { header } = await client.put(`${busy && i % 10 === 0 ? prefix : other}${i % 7}`).value(String(i))
        if (busy && i % 10 === 0) written.push(Number(header.revision))
      }
    })()
    const early: string[] = []
    for (let round = 0; round < 40; round++) {
      const from = await now(round % 2 === 0 ? prefix : other)
      await new Promise(resolve => setTimeout(resolve, Math.random() * 60))
      const delivered = new Set<number>()
      const claims: { readonly revision: number; readonly delivered: ReadonlySet<number> }[] = []
      const subscription = watch(prefix, from).subscribe({
        next: ({ revision, changes }) => {
          for (const change of changes) delivered.add(change.revision)
          claims.push({ revision, delivered: new Set(delivered) })
        },
        error: (error: unknown) => early.push(String(error)),
      })
      own(subscription, it => it.unsubscribe())
      if (round % 4 === 0) await new Promise(resolve => setTimeout(resolve, 600))
      setTimeout(() => {
        subscription.unsubscribe()
        for (const claim of claims)
          early.push(...written.filter(at => at > from && at <= claim.revision && !claim.delivered.has(at)).map(at => `${at} after ${claim.revision}`))
      }, 3_000)
    }
    await new Promise(resolve => setTimeout(resolve, 3_500))
    stop.abort()
    await writing
    expect(written.length).toBeGreaterThan(20)
    expect(early).toEqual([])
  })

  it('W1 loses nothing over cut connections, resuming after the last revision it delivered', async () => {
    const proxy = own(await faultProxy(sharedHosts()[0] ?? ''), it => it.close())
    const { watch, now } = setUp(proxy.endpoint)
    const client = sharedClient()
    const prefix = freshPrefix()
    const seen: string[] = []
    let last = await now(prefix)
    let outages = 0
    const resume = (): void => {
      own(watch(prefix, last).subscribe({
        next: batch => {
          last = batch.revision
          seen.push(...batch.changes.map(({ key }) => key))
        },
        error: () => {
          outages++
          setTimeout(resume, 5)
        },
      }), it => it.unsubscribe())
    }
    resume()
    for (let i = 0; i < 600; i++) {
      await client.put(`${prefix}${i}`).value('x'.repeat(100))
      if (i % 30 === 0) proxy.reset()
      if (i % 40 === 7) proxy.cutAfter(Math.floor(Math.random() * 3_000))
    }
    await vi.waitFor(() => expect(seen).toHaveLength(600), 20_000)
    expect(seen).toEqual(Array.from({ length: 600 }, (_, i) => `${prefix}${i}`))
    expect(outages).toBeGreaterThan(5)
  })

  it('W3 W4 joins the fragments of a large message into one batch, and drops them if the last one does not arrive', async () => {
    const proxy = own(await faultProxy(sharedHosts()[0] ?? ''), it => it.close())
    const { watch, now } = setUp(proxy.endpoint)
    const client = sharedClient()
    const prefix = freshPrefix()
    const from = await now(prefix)
    // 12 MB, which etcd sends in one go to whom it lets catch up, in fragments of 2 MB.
    for (let i = 0; i < 60; i++) await client.put(`${prefix}${i}`).value('v'.repeat(200_000))
    proxy.cutAfter(3_000_000)
    const broken = follow(watch, prefix, from)
    expect(await broken.failed()).toBeInstanceOf(Disconnected)
    expect(broken.changes()).toEqual([])
    const { batches, changes } = follow(watch, prefix, from)
    await vi.waitFor(() => expect(changes()).not.toEqual([]), 10_000)
    expect(changes().map(({ key }) => key)).toEqual(Array.from({ length: 60 }, (_, i) => `${prefix}${i}`))
    expect(batches.filter(batch => batch.changes.length > 0)).toHaveLength(1)
  })

  it('W2 11.3 errors Compacted if its start is compacted, also at the compacted revision itself', async () => {
    const etcd = own(await etcdServer(), it => it.close())
    const { watch } = setUp(etcd.endpoint)
    const client = etcd.client()
    await puts(client, '/a/', 9)
    await client.delete().all()
    await client.kv.compact({ revision: '11' })
    const compacted = follow(watch, '/a/', 5)
    expect(await compacted.failed()).toBeInstanceOf(Compacted)
    expect(await follow(watch, '/a/', 0).failed()).toEqual(new Compacted(11))
    expect(compacted.changes()).toEqual([])
    // A watch that began at 11, one after the last revision known, would be accepted by this etcd, and lose the delete there.
    expect(await follow(watch, '/a/', 10).failed()).toEqual(new Compacted(11))
    const atTheEdge = follow(watch, '/a/', 11)
    await atTheEdge.established()
    await puts(client, '/a/', 1)
    await vi.waitFor(() => expect(atTheEdge.changes()).toHaveLength(1))
  })

  it('W13 11.1 errors Rewound if its start is in the future of a wiped etcd', async () => {
    const etcd = own(await etcdServer(), it => it.close())
    const { watch, now } = setUp(etcd.endpoint)
    await puts(etcd.client(), '/a/', 5)
    const from = await now('/a/')
    const { established, failed } = follow(watch, '/a/', from)
    await established()
    await etcd.wipe()
    expect(await failed()).toBeInstanceOf(Disconnected)
    await vi.waitFor(() => expect(firstValueFrom(watch('/a/', from))).rejects.toBeInstanceOf(Rewound), 10_000)
  })

  it('all watches share one stream, open from the first to the last', async () => {
    const etcd = own(await etcdServer(), it => it.close())
    const { watch } = setUp(etcd.endpoint)
    const all = Array.from({ length: 20 }, (_, i) => follow(watch, `/${i}/`, 1))
    await Promise.all(all.map(({ established }) => established()))
    expect(await openStreams(etcd.endpoint)).toBe(1)
    await txn(etcd.client(), '/7/', 3)
    await vi.waitFor(() => expect(all[7]?.changes()).toHaveLength(3))
    expect(all.filter(({ changes }) => changes().length > 0)).toHaveLength(1)
    all.slice(1).forEach(({ stop }) => stop())
    await txn(etcd.client(), '/0/', 1)
    await vi.waitFor(() => expect(all[0]?.changes()).toHaveLength(1))
    all[0]?.stop()
    await vi.waitFor(async () => expect(await openStreams(etcd.endpoint)).toBe(0))
    const again = follow(watch, '/0/', 1)
    await vi.waitFor(() => expect(again.changes()).toHaveLength(1))
  })

  it('W7 W8 survives subscriptions and cuts in any order', async () => {
    const proxy = own(await faultProxy(sharedHosts()[0] ?? ''), it => it.close())
    const { watch, now } = setUp(proxy.endpoint)
    const prefix = freshPrefix()
    const from = await now(prefix)
    for (let i = 0; i < 200; i++) {
      const stops = Array.from({ length: 3 }, (_, j) => watch(`${prefix}${j}`, from).subscribe({ error: () => undefined }))
      if (i % 3 > 0) await new Promise(resolve => setTimeout(resolve, Math.random() * 6))
      if (i % 50 === 20) proxy.reset()
      stops.forEach(subscription => subscription.unsubscribe())
    }
    const { changes, established } = follow(watch, prefix, await vi.waitFor(() => now(prefix), 5_000))
    await established()
    await puts(sharedClient(), prefix, 3)
    await vi.waitFor(() => expect(changes()).toHaveLength(3))
  })

  it('W11 C4 errors when etcd falls silent, though nothing closes the connection', async () => {
    const etcd = own(await etcdServer(), it => it.close())
    const { watch } = setUp(etcd.endpoint)
    const watched = follow(watch, '/a/', 1)
    await watched.established()
    etcd.freeze()
    const start = performance.now()
    expect(await watched.failed()).toMatchObject({ name: 'Disconnected', host: etcd.endpoint })
    expect(performance.now() - start).toBeLessThan(8_000)
    etcd.thaw()
  })

  it('W14 11.3 stays open while it is idle', async () => {
    const { watch, now } = setUp()
    const prefix = freshPrefix()
    const watched = follow(watch, prefix, await now(prefix))
    await watched.established()
    await new Promise(resolve => setTimeout(resolve, 9_000))
    expect(watched.errors).toEqual([])
    // The answers to its pings were no progress to it.
    expect(watched.batches).toHaveLength(1)
    await puts(sharedClient(), prefix, 1)
    await vi.waitFor(() => expect(watched.changes()).toHaveLength(1))
  })

  it('W14 11.4 the automatic progress of etcd moves the revision', async () => {
    // 3.5 and before know the flag as an experiment only, 3.7 no longer.
    const every = (flag: string) => etcdServer({ flags: [`--${flag}=1s`] })
    const etcd = own(await every('watch-progress-notify-interval').catch(() => every('experimental-watch-progress-notify-interval')), it => it.close())
    const { watch } = setUp(etcd.endpoint)
    const watched = follow(watch, '/a/', 1)
    await watched.established()
    await puts(etcd.client(), '/b/', 5)
    await vi.waitFor(() => expect(watched.batches.at(-1)).toMatchObject({ revision: 6, changes: [] }), 10_000)
  })

  it('errors if the member does not create the watch in time', async () => {
    const { members } = setUp()
    const [real] = members.all
    if (real === undefined) throw new Error('there is a member')
    const mute = { ...real, stream: () => new Subject<never>() }
    const { watch } = watches({ ...members, all: [mute], on: call => call(mute) })
    expect(await follow(watch, freshPrefix(), 1).failed()).toMatchObject({ name: 'Disconnected', host: real.host })
  })
})

describe('with authentication', () => {
  it('W5 a refused watch errors Denied, and no other watch fails', async () => {
    const etcd = own(await etcdServer({ token: { kind: 'simple', ttl: 300 } }), it => it.close())
    const { user, root } = await enableAuth(etcd.client(), '/mine/')
    const members = own(connect({ hosts: etcd.endpoint, auth: user }), it => it.close())
    const { watch } = watches(members)
    const mine = follow(watch, '/mine/', 1)
    await mine.established()
    expect(await follow(watch, '/theirs/', 1).failed()).toBeInstanceOf(Denied)
    expect(await follow(watch, '/', 0).failed()).toBeInstanceOf(Denied)
    const later = follow(watch, '/mine/', 1)
    await later.established()
    await etcd.client({ auth: root }).put('/mine/a').value('1')
    for (const { changes } of [mine, later]) await vi.waitFor(() => expect(changes()).toHaveLength(1))
    expect(mine.errors).toEqual([])
  })
  it.each(['simple', 'jwt'] as const)('W6 11.14 a stream that is older than its %s token is replaced for new watches, and kept for the old', async kind => {
    const etcd = own(await etcdServer({ token: { kind, ttl: 300 } }), it => it.close())
    const { user, root } = await enableAuth(etcd.client(), '/mine/')
    const members = own(connect({ hosts: etcd.endpoint, auth: user }), it => it.close())
    const { watch } = watches(members)
    const old = follow(watch, '/mine/', 1)
    await old.established()
    const admin = etcd.client({ auth: root })
    if (kind === 'simple') await admin.user(user.username).setPassword(user.password)
    else await admin.role('another').create()
    const young = follow(watch, '/mine/', 1)
    await young.established()
    await etcd.client({ auth: root }).put('/mine/a').value('1')
    for (const { changes, errors } of [old, young]) {
      await vi.waitFor(() => expect(changes()).toHaveLength(1))
      expect(errors).toEqual([])
    }
  })
})
