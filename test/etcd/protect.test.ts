import { expect, it, vi } from 'vitest'
import { discover, protect, register, type ServiceSet } from 'rx-discovery'
import { etcdRegistry } from 'rx-discovery/etcd'
import { own } from './own.js'
import { faultProxy } from './proxy.js'
import { etcdServer } from './server.js'

it('if thirty leases expire at once, the plain set is empty, but the protected one is not, until all have registered again', async () => {
  const etcd = own(await etcdServer(), it => it.close())
  const proxy = own(await faultProxy(etcd.endpoint), it => it.close())
  const theirs = own(etcdRegistry({ hosts: proxy.endpoint }), it => it.close())
  const ours = own(etcdRegistry({ hosts: etcd.endpoint }), it => it.close())
  for (let index = 0; index < 30; index += 1) {
    const instance = { service: 'web', id: `node${index}`, address: `10.0.0.${index}:80` }
    own(register(theirs, instance, { ttl: 60 }).subscribe(), it => it.unsubscribe())
  }

  const web$ = discover(ours, 'web')
  const bare: ServiceSet[] = []
  const safe: ServiceSet[] = []
  own(web$.subscribe(set => bare.push(set)), it => it.unsubscribe())
  own(web$.pipe(protect({ grace: 60_000, maxLoss: 0.2 })).subscribe(set => safe.push(set)), it => it.unsubscribe())
  const sizes = (): unknown => [bare.at(-1)?.size, safe.at(-1)?.size, safe.at(-1)?.held.size]
  const becomes = (expected: unknown): Promise<void> => vi.waitFor(() => expect(sizes()).toEqual(expected), { timeout: 30_000, interval: 20 })
  await becomes([30, 30, 0])
  const full = safe.at(-1)
  const before = safe.length

  // No instance can register again before all leases are revoked.
  await proxy.refuse()
  const admin = etcd.client()
  const { leases } = await admin.leaseClient.leaseLeases()
  expect(leases).toHaveLength(30)
  await Promise.all(leases.map(({ ID }) => admin.leaseClient.leaseRevoke({ ID })))
  await becomes([0, 24, 24])
  const kept = safe.at(-1)
  for (const instance of kept ?? []) expect(instance).toBe(full?.get(instance.id))

  await proxy.accept()
  await becomes([30, 30, 0])
  expect(safe.at(-1)).toBe(bare.at(-1))
  expect(Math.min(...safe.slice(before).map(({ size }) => size))).toBe(24)
})
