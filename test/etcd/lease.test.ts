import { setTimeout as sleep } from 'node:timers/promises'
import { retry, Subject, throwError, timer, type Observable } from 'rxjs'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { Disconnected, LeaseLost, toError } from '../../src/core/errors.js'
import type { Lease } from '../../src/core/store.js'
import type { Members } from '../../src/edge/etcd/connection/changing-members.js'
import { connect } from '../../src/edge/etcd/connection/members.js'
import { leases } from '../../src/edge/etcd/lease/leases.js'
import type { Member } from '../../src/edge/etcd/connection/member.js'
import { faultProxy, type Proxy } from './proxy.js'
import { etcdCluster, etcdServer, type EtcdServer } from './server.js'

/** The same members, with the keep-alive streams that are open counted. */
const counted = (members: Members) => {
  const open = new Set<object>()
  const counting = (member: Member): Member => ({
    ...member,
    stream: (...args) => {
      const stream = member.stream(...args)
      return new (stream.constructor as typeof Observable)(subscriber => {
        const token = {}
        open.add(token)
        subscriber.add(() => open.delete(token))
        subscriber.add(stream.subscribe(subscriber as never))
      })
    },
  })
  return { open, members: { ...members, all: members.all.map(counting), on: call => members.on(member => call(counting(member))) } satisfies Members }
}

interface Tenant {
  readonly events: Lease[]
  readonly id: () => string
  error?: unknown
  completed?: true
  readonly unsubscribe: () => void
}

const tenant = (lease$: Observable<Lease>): Tenant => {
  const events: Lease[] = []
  const outcome: Pick<Tenant, 'error' | 'completed'> = {}
  const subscription = lease$.subscribe({
    next: lease => events.push(lease),
    error: (error: unknown) => (outcome.error = error),
    complete: () => (outcome.completed = true),
  })
  return Object.assign(outcome, { events, id: () => events[0]?.id ?? '', unsubscribe: () => subscription.unsubscribe() })
}

const until = (condition: () => unknown, timeout = 30_000) =>
  vi.waitUntil(condition, { timeout, interval: 20 })

describe('lease', () => {
  let server: EtcdServer
  let proxy: Proxy
  const unhandled: unknown[] = []
  const note = (reason: unknown): unknown => unhandled.push(reason)
  beforeAll(async () => {
    process.on('unhandledRejection', note)
    server = await etcdServer()
    proxy = await faultProxy(server.endpoint)
  })
  afterAll(async () => {
    await proxy.close()
    await server.close()
    process.off('unhandledRejection', note)
    expect(unhandled).toEqual([])
  })

  const scenes: { readonly close: () => Promise<void> }[] = []
  // All tests share the server: a test that failed must leave no lease.
  afterEach(() => Promise.all(scenes.splice(0).map(({ close }) => close())))
  const scene = (hosts: string | readonly string[] = server.endpoint) => {
    const { members, open } = counted(connect({ hosts, random: () => 0 }))
    const { lease, close } = leases(members)
    const made = { lease, open, close: () => close().then(members.close) }
    scenes.push(made)
    return made
  }
  const living = async (): Promise<string[]> => {
    const client = server.client()
    const { leases: all } = await client.leaseClient.leaseLeases()
    client.close()
    return all.map(({ ID }) => ID)
  }

  it('L1 emits the granted TTL, not the requested one, renews by it, and revokes', async () => {
    const { lease, close, open } = scene()
    const one = tenant(lease(1))
    await until(() => one.events.length > 3)
    // etcd's least is one and a half election timeouts.
    expect(one.events[0]).toMatchObject({ ttl: 2, renewals: 0 })
    const [, first, second] = one.events
    expect((second?.expiresAt ?? 0) - (first?.expiresAt ?? 0)).toBeLessThan(900)
    expect(await living()).toContain(one.id())
    one.unsubscribe()
    expect(open.size).toBe(0)
    await vi.waitFor(async () => expect(await living()).not.toContain(one.id()))
    await close()
  })

  it('L4 a lease that another client revokes errors LeaseLost at the next ping, and the others go on', async () => {
    const { lease, close, open } = scene()
    const tenants = [tenant(lease(3)), tenant(lease(3)), tenant(lease(3))] as const
    await until(() => tenants.every(({ events }) => events.length > 0))
    await server.client().leaseClient.leaseRevoke({ ID: tenants[0].id() })
    await until(() => tenants[0].error, 2000)
    expect(tenants[0].error).toEqual(new LeaseLost(tenants[0].id()))
    const { length } = tenants[1].events
    await until(() => tenants[1].events.length > length)
    expect([open.size, tenants[1].error]).toEqual([1, undefined])
    await close()
    expect(await living()).toEqual([])
  })

  it('11.10 a thousand leases take ten streams, and live', { timeout: 120_000 }, async () => {
    const { lease, close, open } = scene()
    // What a busy machine does not grant in time is asked for again, as `register` does.
    const again = { delay: (error: unknown) => (error instanceof Disconnected ? timer(1000 * Math.random()) : throwError(() => toError(error))) }
    const tenants: Tenant[] = []
    while (tenants.length < 1000) {
      tenants.push(...Array.from({ length: 100 }, () => tenant(lease(30).pipe(retry(again)))))
      await until(() => tenants.every(({ events }) => events.length > 0))
    }
    // Each once: streams whose answers are late twice are split, which a busy machine may well bring about.
    await until(() => tenants.every(({ events }) => events.length > 1), 60_000)
    expect(open.size).toBe(10)
    expect(tenants.filter(({ error }) => error !== undefined)).toEqual([])
    await vi.waitFor(async () => expect((await living()).length).toBe(1000), 15_000)
    await close()
    expect([(await living()).length, open.size]).toEqual([0, 0])
  })

  it('L3 resets of the connection lose no lease, however short its TTL', async () => {
    const { lease, close, open } = scene(proxy.endpoint)
    const tenants = Array.from({ length: 120 }, () => tenant(lease(4)))
    await until(() => tenants.every(({ events }) => events.length > 0))
    for (let i = 0; i < 6; i++) {
      const before = tenants.map(({ events }) => events.length)
      proxy.reset()
      await until(() => tenants.every(({ events }, n) => events.length > (before[n] ?? 0)))
    }
    expect(tenants.filter(({ error }) => error !== undefined)).toEqual([])
    await until(() => open.size === 2)
    await close()
    expect(await living()).toEqual([])
  })

  it('L2 pings a lease no more often after its connection broke, and not at all after its end', async () => {
    const { lease, close } = scene(proxy.endpoint)
    const one = tenant(lease(6))
    await until(() => one.events.length > 1)
    for (let i = 0; i < 3; i++) {
      const { length } = one.events
      proxy.reset()
      await until(() => one.events.length > length)
    }
    const from = one.events.length
    await until(() => one.events.length >= from + 3)
    const times = one.events.slice(from).map(({ expiresAt }) => expiresAt)
    expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeGreaterThan(3700)
    one.unsubscribe()
    await vi.waitFor(async () => expect(await living()).toEqual([]))
    const { length } = one.events
    await sleep(2500)
    expect(one.events.length).toBe(length)
    await close()
  })

  it('kill -9 and a restart within the TTL lose nothing', async () => {
    const { lease, close } = scene()
    const tenants = Array.from({ length: 5 }, () => tenant(lease(10)))
    await until(() => tenants.every(({ events }) => events.length > 0))
    await server.kill()
    await sleep(2000)
    await server.start()
    const before = tenants.map(({ events }) => events.length)
    await until(() => tenants.every(({ events }, n) => events.length > (before[n] ?? 0)), 5000)
    expect(tenants.filter(({ error }) => error !== undefined)).toEqual([])
    await close()
  })

  it('11.13 after a freeze for longer than the TTL, a lease is lost only once etcd answers so', async () => {
    const { lease, close, open } = scene()
    const one = tenant(lease(2))
    await until(() => one.events.length > 0)
    server.freeze()
    await sleep(5000)
    expect(one.error).toBeUndefined()
    const { length } = one.events
    server.thaw()
    await until(() => one.error ?? one.events.length > length, 10_000)
    if (one.error) expect(one.error).toEqual(new LeaseLost(one.id()))
    else expect(await living()).toEqual([one.id()])
    await close()
    expect(open.size).toBe(0)
  })

  it('L4 the end is awaited until it is answered or, if etcd does not answer, until the TTL has passed', async () => {
    const { lease, close } = scene()
    const end = new Subject<void>()
    const one = tenant(lease(30, end))
    await until(() => one.events.length > 0)
    end.next()
    await until(() => one.completed)
    expect(await living()).toEqual([])

    const began = performance.now()
    const two = tenant(lease(3, end))
    await until(() => two.events.length > 0)
    server.freeze()
    end.next()
    await until(() => two.completed).finally(() => server.thaw())
    expect(performance.now() - began).toBeGreaterThanOrEqual(3_000)
    await close()
  })

  it('11.11 leaks no lease, whatever is unsubscribed while connections are reset', async () => {
    const { lease, close } = scene(proxy.endpoint)
    const resets = setInterval(() => proxy.reset(), 97)
    for (let i = 0; i < 60; i++) {
      const some = Array.from({ length: 10 }, () => tenant(lease(600)))
      await sleep(Math.random() * 60)
      some.forEach(({ unsubscribe }) => unsubscribe())
    }
    clearInterval(resets)
    await close()
    expect(await living()).toEqual([])
  })

  it('C6 close revokes everything, and leaves no connection and no timer behind', async () => {
    const { lease, close, open } = scene(proxy.endpoint)
    const tenants = Array.from({ length: 20 }, () => tenant(lease(30)))
    await until(() => tenants.every(({ events }) => events.length > 0))
    await close()
    expect(tenants.every(({ error }) => (error as Error).name === 'Closed')).toBe(true)
    expect([await living(), open.size]).toEqual([[], 0])
    await until(() => proxy.connections() === 0)
  })
})

describe('lease on a cluster', () => {
  it('11.10 a member that swallows pings loses no lease: another one is pinged', async () => {
    const cluster = await etcdCluster()
    const proxies = await Promise.all(cluster.endpoints.map(endpoint => faultProxy(endpoint)))
    const members = connect({ hosts: proxies.map(({ endpoint }) => endpoint), random: () => 0 })
    const { lease, close } = leases(members)
    const tenants = Array.from({ length: 150 }, () => tenant(lease(6)))
    await until(() => tenants.every(({ events }) => events.length > 1))
    proxies[0]?.stall()
    for (let round = 0; round < 4; round++) {
      const before = tenants.map(({ events }) => events.length)
      await until(() => tenants.every(({ events }, n) => events.length > (before[n] ?? 0)), 6000)
    }
    expect(tenants.filter(({ error }) => error !== undefined)).toEqual([])
    expect(tenants.every(({ events }) => events.every(({ expiresAt }, n) => n === 0 || expiresAt - (events[n - 1]?.expiresAt ?? 0) < 6000))).toBe(true)
    await close()
    // A follower may receive it later.
    const [, follower] = cluster.members.map(member => member.client())
    await vi.waitFor(async () => expect((await follower?.leaseClient.leaseLeases())?.leases).toEqual([]))
    members.close()
    await Promise.all(proxies.map(one => one.close()))
    await cluster.close()
  })
})
