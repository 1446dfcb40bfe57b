import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import { discover, register, type Registration, type ServiceSet } from 'rx-discovery'
import { etcdRegistry } from 'rx-discovery/etcd'
import { balancer } from './balancer.js'
import { lead } from './leader.js'
import { own } from './own.js'
import { partibleCluster } from './peer-proxy.js'
import type { EtcdServer } from './server.js'

describe('one address for several members', () => {
  it('12.2 if the member behind the connection is cut off, another connection is used, and the registration is kept', { timeout: 90_000 }, async () => {
    const cluster = own(await partibleCluster(), it => it.close())
    const [first, second] = cluster.members as [EtcdServer, EtcdServer]
    await lead(cluster.members, second)
    const front = own(await balancer(cluster.endpoints), it => it.close())
    const registry = own(etcdRegistry({ hosts: front.endpoint }), it => it.close())
    const states: Registration[] = []
    let set: ServiceSet | undefined
    const registration = register(registry, { service: 'web', id: 'a', address: '10.0.0.1:8080' }, { ttl: 8 }).subscribe(state => states.push(state))
    const discovery = discover(registry, 'web').subscribe(value => (set = value))
    own(registration, it => it.unsubscribe())
    own(discovery, it => it.unsubscribe())
    await vi.waitUntil(() => states.at(-1)?.status === 'registered' && set?.status === 'live' && set.has('a'), 20_000)
    expect(front.connections()).toEqual([1, 0, 0])

    await cluster.isolate(0)
    const cutAt = performance.now()
    const value = JSON.stringify({ v: 1, address: '10.0.0.2:8080' })
    await vi.waitFor(() => second.client().put('/rx-discovery/web/b').value(value), 20_000)
    await vi.waitUntil(() => set?.status === 'live' && set.has('b'), { timeout: 20_000 })
    expect(performance.now() - cutAt).toBeLessThan(8_000)
    // Longer than the TTL.
    await sleep(10_000)
    expect(states.map(({ status }) => status)).not.toContain('lost')
    expect(set?.has('a')).toBe(true)
    expect(front.connections()[0]).toBe(0)
    expect(await first.client().get('x').exec().then(() => 'answered', () => 'refused')).toBe('refused')
  })
})
