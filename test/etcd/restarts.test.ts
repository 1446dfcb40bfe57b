import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import { discover, register, type Registration, type ServiceSet } from 'rx-discovery'
import { etcdRegistry } from 'rx-discovery/etcd'
import { own } from './own.js'
import { faultProxy, type Proxy } from './proxy.js'
import { historyOf, randomWrites, seeded, type Write } from './random-writes.js'
import { etcdServer } from './server.js'
import { stockWatcher } from './stock-watcher.js'

const prefix = '/rx-discovery/web/'
const valueOf = (weight: number): string => JSON.stringify({ v: 1, address: '10.0.0.1:8080', weight })
const weightOf = (value: string): number => (JSON.parse(value) as { readonly weight?: number }).weight ?? 1

const weights = (entries: Iterable<readonly [string, string]>): ReadonlyMap<string, number> =>
  new Map(Array.from(entries, ([key, value]) => [key.slice(prefix.length), weightOf(value)]))

/** The sets that differ from what etcd contained at their revision. */
const wrongSets = (sets: readonly ServiceSet[], history: readonly Write[]): readonly string[] => {
  const truth = new Map<string, number>()
  const wrong: string[] = []
  let next = 0
  for (const set of sets) {
    for (let write = history[next]; write !== undefined && write.revision <= set.revision; write = history[++next])
      for (const [key, value] of write.changes)
        if (value === null) truth.delete(key.slice(prefix.length))
        else truth.set(key.slice(prefix.length), weightOf(value))
    let same = truth.size === set.size && set.rejected.size === 0
    for (const { id, weight } of set) same &&= truth.get(id) === weight
    if (!same) wrong.push(`at ${set.revision}: ${set.size} instances, ${truth.size} in etcd`)
  }
  return wrong
}

/** How many keys have different values, or are on one side only. */
const differing = (a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): number =>
  [...new Set([...a.keys(), ...b.keys()])].filter(key => a.get(key) !== b.get(key)).length

describe('etcd killed and restarted ten times during random writes', () => {
  it('loses no key, and every live set is true at its revision, while etcd3\'s watcher loses keys in the same run', { timeout: 180_000 }, async () => {
    const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000)
    const random = seeded(seed)
    const etcd = own(await etcdServer(), it => it.close())
    // Both get the same faults at the same moments, each on its own connection.
    const ours = own(await faultProxy(etcd.endpoint), it => it.close())
    const theirs = own(await faultProxy(etcd.endpoint), it => it.close())
    const both = (pull: (proxy: Proxy) => unknown): Promise<unknown> => Promise.all([ours, theirs].map(pull))

    const registry = own(etcdRegistry({ hosts: ours.endpoint }), it => it.close())
    const sets: ServiceSet[] = []
    const errors: unknown[] = []
    const error = (thrown: unknown): unknown => errors.push(thrown)
    const found = discover(registry, 'web').subscribe({ next: set => sets.push(set), error })
    own(found, it => it.unsubscribe())
    const states: Registration[] = []
    const registration = register(registry, { service: 'web', id: 'registered', address: '10.0.0.2:8080' }, { ttl: 5 }).subscribe({ next: state => states.push(state), error })
    own(registration, it => it.unsubscribe())
    await vi.waitFor(() => expect(sets.at(-1)?.has('registered')).toBe(true), 10_000)

    const stock = own(await stockWatcher(theirs.endpoint, prefix), it => it.close())
    let connections = 0
    let cutAtConnect = false
    stock.onConnected(() => {
      connections += 1
      if (!cutAtConnect) return
      cutAtConnect = false
      // The message with etcd's revision has arrived; the events that were missed are still on their way.
      void both(proxy => proxy.reset())
    })

    const admin = etcd.client()
    const writes = randomWrites(admin, prefix, valueOf, random)
    for (let restart = 0; restart < 10; restart++) {
      await sleep(200 + random() * 400)
      const cut = Math.floor(random() * 4_000)
      await both(proxy => proxy.cutAfter(cut))
      await sleep(random() * 300)
      await both(proxy => proxy.refuse())
      await etcd.kill()
      const [before, written] = [connections, writes.acknowledged.length]
      await etcd.start()
      await vi.waitFor(() => expect(writes.acknowledged.length).toBeGreaterThan(written + 20), 10_000)
      cutAtConnect = true
      const emitted = sets.length
      await both(proxy => proxy.accept())
      await vi.waitFor(() => expect(sets.slice(emitted).some(({ status }) => status === 'live')).toBe(true), { timeout: 15_000, interval: 5 })
      await vi.waitFor(() => expect(connections).toBeGreaterThan(before + 1), 15_000)
    }
    await writes.stop()

    // Both must see a last key. It is written again until etcd3's watcher has it.
    for (let last = 0; !stock.map.has(`${prefix}last`) && last < 200; last++) {
      await admin.put(`${prefix}last`).value(valueOf(last))
      await sleep(100)
    }
    const final = await admin.getAll().prefix(prefix).strings()
    const truth = weights(Object.entries(final))
    const discovered = (): ReadonlyMap<string, number> => new Map(Array.from(sets.at(-1) ?? [], ({ id, weight }) => [id, weight]))
    await vi.waitFor(() => expect(differing(discovered(), truth)).toBe(0), 10_000)
    const lost = differing(weights(stock.map), truth)

    const live = sets.filter(({ status }) => status === 'live')
    const history = await historyOf(admin, prefix)
    const byRevision = new Map(history.map(write => [write.revision, write.changes]))
    const missing = writes.acknowledged.filter(({ revision, changes }) => [...changes].some(([key, value]) => (byRevision.get(revision)?.get(key) ?? null) !== value))
    console.info(
      `seed ${seed}: ${writes.acknowledged.length} writes, ${truth.size} keys, ${live.length} live sets, ${sets.length - live.length} others; ` +
        `lost: 0 by discover, ${lost} by etcd3's watcher`,
    )
    expect(missing).toEqual([])
    expect(wrongSets(live, history)).toEqual([])
    expect(live.map(({ revision }) => revision)).toEqual(live.map(({ revision }) => revision).sort((a, b) => a - b))
    expect(live.length).toBeGreaterThan(200)
    expect(truth.size).toBeGreaterThan(500)
    expect(errors).toEqual([])
    expect(states.at(-1)?.status).toBe('registered')
    expect(lost).toBeGreaterThan(0)
  })
})
