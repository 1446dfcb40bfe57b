import type { Etcd3 } from 'etcd3'
import { firstValueFrom, toArray } from 'rxjs'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { discover, register, type Registration, type ServiceSet } from 'rx-discovery'
import { etcdRegistry } from 'rx-discovery/etcd'
import type { Batch } from '../../src/core/store.js'
import { etcdGrpcProxy, type EtcdGrpcProxy } from './etcd-grpc-proxy.js'
import { own } from './own.js'
import { etcdServer, type EtcdServer } from './server.js'

let etcd: EtcdServer
let proxy: EtcdGrpcProxy
let client: Etcd3
let prefixes = 0
beforeAll(async () => {
  etcd = await etcdServer()
  proxy = await etcdGrpcProxy([etcd.endpoint])
  client = etcd.client()
})
afterAll(async () => {
  await proxy.close()
  await etcd.close()
})

const freshName = (): string => `service-${++prefixes}`
const registryOf = () => own(etcdRegistry({ hosts: proxy.endpoint }), it => it.close())
const put = (key: string, content: string): Promise<unknown> => client.put(key).value(content).exec()
const value = (port: number): string => JSON.stringify({ v: 1, address: `10.0.0.1:${port}` })
const soon = { timeout: 5_000, interval: 20 }

/** Every set of a service. */
const follow = (registry: ReturnType<typeof registryOf>, service: string) => {
  const sets: ServiceSet[] = []
  own(discover(registry, service).subscribe(set => sets.push(set)), it => it.unsubscribe())
  const last = (): ServiceSet | undefined => sets.at(-1)
  return { sets, ids: () => (last()?.toArray() ?? []).map(({ id }) => id), last, live: () => vi.waitFor(() => expect(last()?.status).toBe('live'), soon) }
}
/** Every state of a registration. */
const hold = (registry: ReturnType<typeof registryOf>, service: string, id: string) => {
  const states: Registration[] = []
  own(register(registry, { service, id, address: '10.0.0.1:1' }, { ttl: 10 }).subscribe(state => states.push(state)), it => it.unsubscribe())
  return { states, registered: () => vi.waitFor(() => expect(states.at(-1)?.status).toBe('registered'), soon) }
}

describe('through the grpc-proxy of etcd', () => {
  it('12.1 two discoveries in one process get the events of their own services only', async () => {
    const registry = registryOf()
    const [one, other] = [freshName(), freshName()]
    const [first, second] = [follow(registry, one), follow(registry, other)]
    await Promise.all([first.live(), second.live()])
    for (let index = 0; index < 5; index += 1) {
      await put(`/rx-discovery/${one}/a${index}`, value(1_000 + index))
      await put(`/rx-discovery/${other}/b${index}`, value(2_000 + index))
    }
    await vi.waitFor(() => expect([first.ids(), second.ids()]).toEqual([['a0', 'a1', 'a2', 'a3', 'a4'], ['b0', 'b1', 'b2', 'b3', 'b4']]), soon)
    await client.delete().key(`/rx-discovery/${one}/a0`)
    await vi.waitFor(() => expect(first.ids()).toEqual(['a1', 'a2', 'a3', 'a4']), soon)
    expect(second.ids()).toHaveLength(5)
    for (const { sets } of [first, second]) {
      expect(sets.every(({ status, rejected }) => status !== 'stale' && rejected.size === 0)).toBe(true)
      expect(sets.every(set => set.toArray().every(({ id }) => id.startsWith(set.service === one ? 'a' : 'b')))).toBe(true)
    }
  })

  it('12.1 three registrations in one process each find out that their key was deleted, and write it again', async () => {
    const registry = registryOf()
    const service = freshName()
    const set = follow(registry, service)
    const all = ['x', 'y', 'z'].map(id => ({ id, ...hold(registry, service, id) }))
    await Promise.all(all.map(({ registered }) => registered()))
    for (const { id, states, registered } of all) {
      // Each renewal is another `registered`.
      const changesOfOthers = () => all.filter(other => other.id !== id).map(other => other.states.filter(({ status }) => status !== 'registered').length)
      const others = changesOfOthers()
      const before = states.length
      await client.delete().key(`/rx-discovery/${service}/${id}`)
      await vi.waitFor(() => expect(states.slice(before).map(({ status }) => status)).toContain('lost'), soon)
      await registered()
      expect(await client.get(`/rx-discovery/${service}/${id}`).string()).not.toBeNull()
      expect(changesOfOthers()).toEqual(others)
    }
    await vi.waitFor(() => expect(set.ids()).toEqual(['x', 'y', 'z']), soon)
    expect(set.sets.every(({ rejected }) => rejected.size === 0)).toBe(true)
  })

  it('12.1 eighty watches of one stream each deliver the events of their own key only', async () => {
    const registry = registryOf()
    const root = `/${freshName()}/`
    const keys = Array.from({ length: 80 }, (_, index) => `${root}${String(index).padStart(3, '0')}`)
    const { revision } = await firstValueFrom(registry.list(root))
    const seen = keys.map(key => {
      const batches: Batch[] = []
      const errors: unknown[] = []
      own(registry.watch({ key }, revision).subscribe({ next: batch => batches.push(batch), error: (error: unknown) => errors.push(error) }), it => it.unsubscribe())
      return { key, batches, errors }
    })
    await vi.waitFor(() => expect(seen.every(({ batches }) => batches.length > 0)).toBe(true), soon)
    await Promise.all(keys.map(key => put(key, key)))
    await vi.waitFor(() => expect(seen.map(({ batches }) => batches.flatMap(({ changes }) => changes.map(change => change.key)))).toEqual(keys.map(key => [key])), soon)
    expect(seen.flatMap(({ errors }) => errors)).toEqual([])
  })

  it('12.1 a watch of a range that the proxy watches already reaches the revision at subscription, with all events up to it', async () => {
    const registry = registryOf()
    const root = `/${freshName()}/`
    await put(`${root}0`, '0')
    const { revision: from } = await firstValueFrom(registry.list(root))
    const follower = registry.watch(root, from).subscribe()
    own(follower, it => it.unsubscribe())
    await firstValueFrom(registry.watch(root, from))
    for (let index = 1; index <= 20; index += 1) await put(`${root}${index}`, String(index))
    const { revision: head } = await firstValueFrom(registry.list(root))
    const batches: Batch[] = []
    own(registry.watch(root, from).subscribe(batch => batches.push(batch)), it => it.unsubscribe())
    await vi.waitFor(() => expect(batches.at(-1)?.revision ?? 0).toBeGreaterThanOrEqual(head), { timeout: 10_000, interval: 20 })
    expect(batches.flatMap(({ changes }) => changes.map(({ value: text }) => text))).toEqual(Array.from({ length: 20 }, (_, index) => String(index + 1)))
    // The id of the cluster comes from etcd, also if the proxy created the watch by itself.
    const [{ cluster }] = await firstValueFrom(registry.list(root).pipe(toArray())) as [Batch]
    expect(batches.every(batch => batch.cluster === cluster)).toBe(true)
  })

  it('12.1 a watch that is quiet for long stays, although the proxy answers no progress request', async () => {
    const registry = registryOf()
    const service = freshName()
    const set = follow(registry, service)
    await set.live()
    await new Promise(resolve => setTimeout(resolve, 8_000))
    expect(set.sets.map(({ status }) => status)).toEqual(['pending', 'live'])
    await put(`/rx-discovery/${service}/late`, value(1))
    await vi.waitFor(() => expect(set.ids()).toEqual(['late']), soon)
  })

  it('a set turns stale while the proxy is down, and is live again when it is back', async () => {
    const registry = registryOf()
    const service = freshName()
    const set = follow(registry, service)
    await set.live()
    await proxy.kill()
    await vi.waitFor(() => expect(set.last()?.status).toBe('stale'), soon)
    expect(set.last()?.trouble?.host).toBe(proxy.endpoint)
    await put(`/rx-discovery/${service}/meanwhile`, value(1))
    await proxy.start()
    await vi.waitFor(() => expect([set.last()?.status, set.ids()]).toEqual(['live', ['meanwhile']]), soon)
  })
})
