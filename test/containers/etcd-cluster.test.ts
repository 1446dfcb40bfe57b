import { getContainerRuntimeClient } from 'testcontainers'
import { describe, expect, it, vi } from 'vitest'
import { discover, register, type ServiceSet } from 'rx-discovery'
import { etcdCluster, etcdContainer, type EtcdCluster, type EtcdContainer } from 'rx-discovery/containers'
import { etcdRegistry } from 'rx-discovery/etcd'
import { own } from '../etcd/own.js'
import { registeredAndDiscovered } from '../etcd/registered-and-discovered.js'
import { metricOf } from './metric-of.js'

const patience = { timeout: 60_000 }
const clusterOf = async (): Promise<EtcdCluster> => own(await etcdCluster(), it => it.stop())
const others = (cluster: EtcdCluster, ...cut: readonly EtcdContainer[]): readonly EtcdContainer[] => cluster.members.filter(member => !cut.includes(member))

/** Registers one more instance of `web`, through these members. */
const registered = (id: string, members: readonly EtcdContainer[]): void => {
  const registry = own(etcdRegistry({ hosts: members.flatMap(({ hosts }) => hosts) }), it => it.close())
  own(register(registry, { service: 'web', id, address: '10.0.0.2:8080' }).subscribe(), it => it.unsubscribe())
}

/** What a discovery of `web` through one member emits. */
const discoveredThrough = ({ hosts }: EtcdContainer) => {
  const registry = own(etcdRegistry({ hosts }), it => it.close())
  const sets: ServiceSet[] = []
  const errors: unknown[] = []
  own(discover(registry, 'web').subscribe({ next: set => sets.push(set), error: (thrown: unknown) => errors.push(thrown) }), it => it.unsubscribe())
  return { sets, errors }
}

/** The member that serves the only watch of the cluster. */
const watched = async ({ members }: EtcdCluster): Promise<EtcdContainer> => {
  const watchers = await Promise.all(members.map(member => metricOf(member, 'etcd_debugging_mvcc_watcher_total')))
  const member = members[watchers.findIndex(count => count > 0)]
  if (member === undefined) throw new Error('no member serves a watch yet')
  return member
}

const answers = (url: string): Promise<boolean> =>
  fetch(url, { signal: AbortSignal.timeout(3_000) }).then(({ ok }) => ok, () => false)

describe('etcdCluster', () => {
  it('elects another leader when the first is killed, and sets stay true and go on', async () => {
    const cluster = await clusterOf()
    const { sets, errors } = registeredAndDiscovered({ hosts: cluster.hosts })
    await expect.poll(() => sets.at(-1), patience).toMatchObject({ status: 'live', size: 1 })
    const known = sets.length - 1

    const leader = await cluster.leader()
    const start = await leader.kill()
    expect(await cluster.leader()).not.toBe(leader)
    registered('later', others(cluster, leader))
    await expect.poll(() => sets.at(-1), patience).toMatchObject({ status: 'live', size: 2 })
    expect(sets.slice(known).filter(({ size }) => size === 0)).toEqual([])
    await start()
    expect(await answers(`${leader.hosts[0] ?? ''}/health`)).toBe(true)
    expect(errors).toEqual([])
  })

  it('elects another leader while the first is paused', async () => {
    const cluster = await clusterOf()
    const leader = await cluster.leader()
    const resume = await leader.pause()
    expect(await cluster.leader()).not.toBe(leader)
    await resume()
    await expect.poll(() => answers(`${leader.hosts[0] ?? ''}/health`), patience).toBe(true)
  })

  it('cuts a member off from the others and not from clients, and a client that used it moves on', async () => {
    const cluster = await clusterOf()
    const { sets, errors } = registeredAndDiscovered({ hosts: cluster.hosts })
    await expect.poll(() => sets.at(-1), patience).toMatchObject({ status: 'live', size: 1 })
    const cut = await vi.waitFor(() => watched(cluster), patience)
    const only = discoveredThrough(cut)
    await expect.poll(() => only.sets.at(-1), patience).toMatchObject({ status: 'live', size: 1 })

    const heal = await cluster.partition(cut)
    await expect.poll(() => answers(`${cut.hosts[0] ?? ''}/health`), patience).toBe(false)
    expect(await answers(`${cut.hosts[0] ?? ''}/version`)).toBe(true)
    expect(await cluster.leader()).not.toBe(cut)
    registered('later', others(cluster, cut))
    await expect.poll(() => sets.at(-1)?.status === 'live' && sets.at(-1)?.has('later'), patience).toBe(true)
    await expect.poll(() => only.sets.at(-1)?.status, patience).toBe('stale')
    expect(only.sets.at(-1)?.has('later')).toBe(false)

    await heal()
    await expect.poll(() => only.sets.at(-1)?.status === 'live' && only.sets.at(-1)?.has('later'), patience).toBe(true)
    expect([...errors, ...only.errors]).toEqual([])
  })

  it('keeps the members of one side together: two of three elect a leader among them', async () => {
    const cluster = await clusterOf()
    const leader = await cluster.leader()
    const followers = others(cluster, leader)
    const heal = await cluster.partition(...followers)
    expect(followers).toContain(await cluster.leader())
    await heal()
    await expect.poll(() => answers(`${leader.hosts[0] ?? ''}/health`), patience).toBe(true)
  })

  it('may lose a member while it is divided: the others are connected again, and divided again', async () => {
    const cluster = await clusterOf()
    const [first, second, third] = cluster.members as [EtcdContainer, EtcdContainer, EtcdContainer]
    const heal = await cluster.partition(first, second)
    await first.stop()
    await expect.poll(() => answers(`${second.hosts[0] ?? ''}/health`), patience).toBe(false)
    await heal()
    expect([second, third]).toContain(await cluster.leader())
    const again = await cluster.partition(first, second)
    await expect.poll(() => answers(`${second.hosts[0] ?? ''}/health`), patience).toBe(false)
    await again()
    expect([second, third]).toContain(await cluster.leader())
  })

  it('refuses a partition without members, or with one of another cluster', async () => {
    const cluster = own(await etcdCluster({ size: 1 }), it => it.stop())
    const stranger = own(await etcdContainer(), it => it.stop())
    await expect(cluster.partition()).rejects.toThrow('members must be members of this cluster, at least one')
    await expect(cluster.partition(stranger)).rejects.toThrow('members must be members of this cluster, at least one')
  })

  it('leaves neither containers nor networks, even if it is stopped while it is divided', async () => {
    const { container } = await getContainerRuntimeClient()
    const cluster = await clusterOf()
    const [first] = cluster.members as [EtcdContainer]
    await cluster.partition(first)
    const inspected = await Promise.all(cluster.members.map(({ id }) => container.dockerode.getContainer(id).inspect()))
    const networks = new Set(inspected.flatMap(({ NetworkSettings }) => Object.keys(NetworkSettings.Networks)).filter(name => name.startsWith('rx-discovery-')))
    expect(networks.size).toBe(2)
    await cluster.stop()
    await cluster.stop()
    const left = await container.dockerode.listContainers({ all: true })
    expect(left.filter(({ Id }) => cluster.members.some(({ id }) => id === Id))).toEqual([])
    expect((await container.dockerode.listNetworks()).filter(({ Name }) => networks.has(Name))).toEqual([])
  })

  it('that does not start leaves no network', async () => {
    const { container } = await getContainerRuntimeClient()
    const names = async (): Promise<readonly string[]> => (await container.dockerode.listNetworks()).map(({ Name }) => Name)
    const before = await names()
    await expect(etcdCluster({ flags: ['--no-such-flag'] })).rejects.toThrow('etcd ended with exit code')
    expect((await names()).filter(name => !before.includes(name))).toEqual([])
  })
})
