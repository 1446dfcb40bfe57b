import { expect, inject, it, vi } from 'vitest'
import { discover, register, type Registration, type ServiceSet } from 'rx-discovery'
import { etcdRegistry } from 'rx-discovery/etcd'
import { own } from './own.js'
import { plainClient } from './server.js'

const within = { timeout: 20_000, interval: 20 }

it("an operator's override survives the restart of the process, is what the process publishes, and is given back by one delete", { timeout: 60_000 }, async () => {
  const hosts = inject('etcdEndpoints')
  const client = own(plainClient({ hosts }), it => it.close())
  const service = `override-${process.pid}-${Date.now()}`
  const override = `/rx-discovery-overrides/${service}/node`
  const sets: ServiceSet[] = []
  const consumer = own(etcdRegistry({ hosts }), it => it.close())
  own(discover(consumer, service).subscribe(set => sets.push(set)), it => it.unsubscribe())
  /** A process: a registry of its own. */
  const starts = () => {
    const registry = own(etcdRegistry({ hosts }), it => it.close())
    const states: Registration[] = []
    own(register(registry, { service, id: 'node', address: 'node:80' }, { ttl: 3 }).subscribe(state => states.push(state)), it => it.unsubscribe())
    return { states, ends: () => registry.close() }
  }
  const published = (text: string, { states }: { readonly states: readonly Registration[] }) =>
    vi.waitUntil(() => {
      const state = states.at(-1)
      return state?.status === 'registered' && state.published === text && sets.at(-1)?.get('node')?.status === text && state
    }, within)

  const first = starts()
  await published('up', first)
  await client.put(override).value('draining')
  expect(await published('draining', first)).toMatchObject({ override: { key: override, status: 'draining' } })
  await first.ends()
  await vi.waitUntil(() => sets.at(-1)?.size === 0, within)

  const seen = sets.length
  const second = starts()
  expect(await published('draining', second)).toMatchObject({ override: { key: override, status: 'draining' } })
  expect(sets.slice(seen).filter(set => set.get('node')?.status === 'up')).toEqual([])
  await client.delete().key(override)
  expect(await published('up', second)).not.toHaveProperty('override')
})
