import dns from 'node:dns'
import { connect as connectTo, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { BehaviorSubject, firstValueFrom, Subscription } from 'rxjs'
import { describe, expect, it, vi } from 'vitest'
import { discover, register, type ClosableRegistry, type Registration, type ServiceSet } from 'rx-discovery'
import { connect, type ConnectOptions } from '../../src/edge/etcd/connection/members.js'
import { registryOf } from '../../src/edge/etcd/registry-of.js'
import type { Batch } from '../../src/core/store.js'
import { openIn, startedIn } from './metrics.js'
import { own } from './own.js'
import { srvServer } from '../srv-server.js'
import { replaceMembers } from './replace-members.js'
import { etcdCluster, etcdServer, type EtcdCluster, type EtcdServer } from './server.js'
import { certificates } from './tls.js'

/** A registry with a registration, a discovery and a watch, and what they have emitted. */
const scene = async (options: ConnectOptions, moveWithin = 600_000) => {
  const members = connect(options, { moveWithin })
  const registry: ClosableRegistry = own(registryOf(members), it => it.close())
  const running = own(new Subscription(), it => it.unsubscribe())
  const states: Registration[] = []
  const seen: number[] = []
  let set: ServiceSet | undefined
  let staleAt: number | undefined
  const staleFor: number[] = []
  running.add(register(registry, { service: 'web', id: 'a', address: '10.0.0.1:8080' }, { ttl: 5 }).subscribe(state => states.push(state)))
  running.add(
    discover(registry, 'web').subscribe(next => {
      set = next
      if (next.status === 'stale') staleAt ??= performance.now()
      else if (staleAt !== undefined) {
        staleFor.push(performance.now() - staleAt)
        staleAt = undefined
      }
    }),
  )
  await vi.waitUntil(() => states.at(-1)?.status === 'registered' && set?.status === 'live' && set.has('a'), 20_000)
  const watched = ({ changes }: Batch): void => {
    for (const { revision } of changes) seen.push(revision)
  }
  return {
    /** The listed hosts. */
    hosts: () => members.all.map(({ host }) => host),
    states,
    staleFor,
    /** The revisions that a watch of the counters has delivered. */
    seen,
    watchCounters: () => running.add(registry.watch('/counter/', 1).subscribe({ next: watched, error: (error: unknown) => seen.push(Number(String(error))) })),
    renewals: () => {
      const state = states.at(-1)
      return state?.status === 'registered' ? state.renewals : 0
    },
    live: () => set?.status === 'live' && set.has('a'),
    statuses: () => [...new Set(states.map(({ status }) => status))],
    stop: () => running.unsubscribe(),
  }
}

/** Writes counters until it is stopped; returns the revisions that it wrote. */
const writing = (cluster: EtcdCluster): (() => Promise<readonly number[]>) => {
  const client = cluster.members[1]?.client({ hosts: [...cluster.endpoints] })
  const revisions: number[] = []
  const stopped = new AbortController()
  const done = (async () => {
    for (let i = 0; !stopped.signal.aborted; i++) {
      const answer = await client?.put(`/counter/${i % 7}`).value(i).catch(() => undefined)
      if (answer !== undefined) revisions.push(Number(answer.header.revision))
      await sleep(2)
    }
  })()
  return async () => {
    stopped.abort()
    await done
    return revisions
  }
}
const expectEachOnce = (seen: readonly number[], written: readonly number[]): void => {
  // A write whose answer was lost with its member may have been carried out.
  expect(seen.filter(revision => written.includes(revision))).toEqual(written)
  expect([...new Set(seen)].sort((a, b) => a - b)).toEqual(seen)
}
const streamsOf = async (members: readonly EtcdServer[]): Promise<number> => {
  const open = await Promise.all(members.map(({ endpoint }) => openIn(endpoint)))
  return open.reduce((sum, { watchStreams, keepAliveStreams }) => sum + watchStreams + keepAliveStreams, 0)
}

describe('the member that a process prefers', () => {
  it('is used again once it is back, without a stale set, a lost lease, or an event that is missing or comes twice', { timeout: 90_000 }, async () => {
    const cluster = own(await etcdCluster(), it => it.close())
    const [first, ...others] = cluster.members as [EtcdServer, EtcdServer, EtcdServer]
    const { live, statuses, staleFor, renewals, seen, watchCounters } = await scene({ hosts: cluster.endpoints, random: () => 0 }, 4_000)
    expect(await streamsOf([first])).toBe(2)

    await first.kill()
    // The leases may be renewed on the third one: it is asked as well while the second one waits for a leader.
    await vi.waitUntil(async () => (await streamsOf(others)) === 2 && live(), { timeout: 10_000, interval: 50 })
    const outages = staleFor.length
    const stop = writing(cluster)
    watchCounters()
    await first.start()
    await vi.waitUntil(async () => (await streamsOf([first])) === 2, { timeout: 20_000, interval: 50 })
    await vi.waitFor(async () => expect(await streamsOf(others)).toBe(0), { timeout: 5_000 })
    const renewed = renewals()
    await vi.waitUntil(() => renewals() > renewed + 1, 10_000)
    const written = await stop()
    await vi.waitUntil(() => seen.includes(written.at(-1) ?? 0), 5_000)
    expectEachOnce(seen, written)
    expect(staleFor.length).toBe(outages)
    expect(live()).toBe(true)
    expect(statuses()).not.toContain('lost')
  })
})

describe('the replacement of all three members by three others, one after the other', () => {
  it('is followed by an Observable of hosts: a member that is not listed any more is left before it ends, so no set is stale', { timeout: 180_000 }, async () => {
    const cluster = own(await etcdCluster(), it => it.close())
    const hosts = new BehaviorSubject<readonly string[]>(cluster.endpoints)
    const { live, statuses, staleFor, renewals, seen, watchCounters } = await scene({ hosts, random: () => 0 })
    watchCounters()
    const stop = writing(cluster)
    const replaced = await replaceMembers(cluster, {
      added: async ({ endpoint }) => hosts.next([...hosts.value, endpoint]),
      removing: async member => {
        hosts.next(hosts.value.filter(host => host !== member.endpoint))
        await vi.waitFor(async () => expect(await openIn(member.endpoint)).toEqual({ watchers: 0, watchStreams: 0, keepAliveStreams: 0 }), 5_000)
      },
    })
    const written = await stop()
    await vi.waitUntil(() => seen.includes(written.at(-1) ?? 0), 5_000)
    expectEachOnce(seen, written)
    expect(staleFor).toEqual([])
    expect(statuses()).toEqual(['registering', 'registered'])
    const renewed = renewals()
    await vi.waitUntil(() => renewals() > renewed + 1 && live(), 10_000)
    expect(await streamsOf(replaced)).toBe(2)
  })

  it('is followed by autoSync, with no set stale for longer than a backoff step and no lease lost', { timeout: 180_000 }, async () => {
    const cluster = own(await etcdCluster(), it => it.close())
    const { live, statuses, staleFor, renewals, stop } = await scene({ hosts: cluster.endpoints, autoSync: 1_000, random: () => 0 })
    const replaced = await replaceMembers(cluster, { added: () => sleep(1_500), removing: async () => undefined })
    const renewed = renewals()
    await vi.waitUntil(() => renewals() > renewed + 1 && live(), 10_000)
    expect(await streamsOf(replaced)).toBeGreaterThanOrEqual(2)
    for (const ms of staleFor) expect(ms).toBeLessThan(1_000)
    expect(statuses()).not.toContain('lost')
    console.info(`stale for ${staleFor.map(Math.round).join(', ')} ms`)
    stop()
  })
})

describe('a list of hosts of another cluster', () => {
  it('is reported once, and nothing is written there', { timeout: 60_000 }, async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    own(warn, it => it.mockRestore())
    const etcd = own(await etcdServer(), it => it.close())
    const foreign = own(await etcdServer(), it => it.close())
    await foreign.wipe('another-cluster')
    const hosts = new BehaviorSubject<readonly string[]>([etcd.endpoint])
    const { live, statuses, renewals, staleFor } = await scene({ hosts })
    hosts.next([foreign.endpoint])
    await vi.waitFor(() => expect(warn).toHaveBeenCalled(), 20_000)
    const renewed = renewals()
    await vi.waitUntil(() => renewals() > renewed + 1, 20_000)
    expect(warn.mock.calls).toEqual([[expect.stringMatching(`^no host of etcd's new list can be used \\(${foreign.endpoint}\\), so those before stay in use \\(${etcd.endpoint}\\): .*cluster`), { type: 'RxDiscoveryWarning', code: 'RX_DISCOVERY_HOSTS' }]])
    expect([live(), statuses(), staleFor]).toEqual([true, ['registering', 'registered'], []])
    expect(await startedIn(foreign.endpoint, 'Put') + await startedIn(foreign.endpoint, 'Txn') + await startedIn(foreign.endpoint, 'LeaseGrant')).toBe(0)
  })
})

describe('autoSync', () => {
  it('uses no URL on which another cluster answers, and writes nothing there', { timeout: 60_000 }, async () => {
    const foreign = own(await etcdServer(), it => it.close())
    await foreign.wipe('another-cluster')
    const etcd = own(await etcdServer({ flags: ['--advertise-client-urls', foreign.endpoint] }), it => it.close())
    const members = own(connect({ hosts: etcd.endpoint, autoSync: 1_000 }), it => it.close())
    const read = members.on(member => member.call((client, options) => client.kv.range({ key: Buffer.from('/a') }, options)))
    await firstValueFrom(read)
    // Its member list was read, and the foreign etcd was asked.
    await vi.waitFor(async () => expect(await startedIn(foreign.endpoint, 'Range')).toBeGreaterThan(0), 10_000)
    expect(members.all.map(({ host }) => host)).toEqual([etcd.endpoint])
    expect(await startedIn(foreign.endpoint, 'Put') + await startedIn(foreign.endpoint, 'MemberList')).toBe(0)
  })

  it('uses the members that one host names, and opens no connection to them before it needs one', { timeout: 60_000 }, async () => {
    const cluster = own(await etcdCluster(), it => it.close())
    const [first, ...others] = cluster.members as [EtcdServer, EtcdServer, EtcdServer]
    const { live, statuses } = await scene({ hosts: first.endpoint, autoSync: true, random: () => 0 })
    // The first question is asked at the first use.
    await vi.waitFor(async () => {
      for (const { endpoint } of others) expect(await startedIn(endpoint, 'MemberList')).toBe(1)
    }, 5_000)
    expect(await streamsOf(others)).toBe(0)
    await first.kill()
    await vi.waitUntil(async () => (await streamsOf(others)) === 2 && live(), { timeout: 10_000, interval: 50 })
    expect(statuses()).not.toContain('lost')
  })
})

describe('members with TLS', () => {
  /** A cluster with TLS, and the certificates of a client. */
  const secured = async () => {
    const certs = certificates()
    const cluster = own(await etcdCluster({ tls: certs }), it => it.close())
    const { ca, client } = certs
    const [first] = cluster.members as [EtcdServer, EtcdServer, EtcdServer]
    return { ...cluster, first, credentials: { rootCertificate: ca, certChain: client.cert, privateKey: client.key } }
  }
  const survives = async (first: EtcdServer, options: ConnectOptions, found: (hosts: readonly string[]) => boolean) => {
    const { hosts, live, states } = await scene({ ...options, random: () => 0 })
    await vi.waitUntil(() => found(hosts()), 20_000)
    await first.kill()
    const before = states.length
    // Whichever member was in use: from now on it is another one.
    const renewed = (): number => states.slice(before).filter(state => state.status === 'registered' && state.renewals > 0).length
    await vi.waitUntil(() => renewed() > 1 && live(), 30_000)
  }

  it('are those of the SRV records for TLS, as the DNS servers of the process name them', { timeout: 90_000 }, async () => {
    const { endpoints, first, credentials } = await secured()
    const records = endpoints.map(endpoint => ['localhost', Number(new URL(endpoint).port)] as const)
    const dnsOf = own(await srvServer({ '_etcd-client-ssl._tcp.example.com': records, '_etcd-client._tcp.example.com': [['localhost', 1]] }), it => it.close())
    const before = own(dns.getServers(), it => dns.setServers(it))
    expect(before).not.toContain(dnsOf.server)
    dns.setServers([dnsOf.server])
    const named = new Set(records.map(([host, port]) => `https://${host}:${port}`))
    await survives(first, { srv: 'example.com', credentials }, hosts => hosts.length === 3 && hosts.every(host => named.has(host)))
    expect(dnsOf.asked).not.toContain('_etcd-client._tcp.example.com')
  })

  it('are found by autoSync through one of them', { timeout: 90_000 }, async () => {
    const { endpoints, first, credentials } = await secured()
    await survives(first, { hosts: first.endpoint, autoSync: true, credentials }, hosts => hosts.length === 3 && endpoints.every(endpoint => hosts.includes(endpoint)))
  })
})

describe('a Unix socket', () => {
  it('is a host', { timeout: 30_000 }, async () => {
    const etcd = own(await etcdServer(), it => it.close())
    const path = join(etcd.dir, 'client.sock')
    const relay = createServer(socket => {
      const to = connectTo(Number(new URL(etcd.endpoint).port), '127.0.0.1')
      for (const [one, other] of [[socket, to], [to, socket]] as const) one.on('error', () => other.destroy()).pipe(other)
    })
    relay.listen(path)
    own(relay, it => it.close())
    const { statuses } = await scene({ hosts: `unix://${path}` })
    expect(statuses()).toEqual(['registering', 'registered'])
  })
})
