import { firstValueFrom, lastValueFrom, toArray } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { native, plain, register, type ServiceInstanceInput } from 'rx-discovery'
import { etcdRegistry } from 'rx-discovery/etcd'
import { own } from './own.js'
import { etcdServer, type EtcdServer } from './server.js'

const instance: ServiceInstanceInput = { service: 'limits', id: 'node', address: '10.0.0.1:8080' }

const limited = async (...flags: readonly string[]): Promise<EtcdServer> => own(await etcdServer({ flags }), it => it.close())
const registryOn = (etcd: EtcdServer) => own(etcdRegistry({ hosts: etcd.endpoint }), it => it.close())
const leasesOf = async (etcd: EtcdServer): Promise<number> => (await etcd.client().leaseClient.leaseLeases()).leases.length

describe('K1 an etcd with limits of its own', () => {
  it('--max-txn-ops: two keys in one transaction are refused for good, and no lease is left; one is taken', async () => {
    const etcd = await limited('--max-txn-ops=1')
    const registry = registryOn(etcd)
    const both = lastValueFrom(register(registry, instance, { format: [native(), plain()] }).pipe(toArray()))
    await expect(both).rejects.toMatchObject({ name: 'InvalidArgument', argument: 'entries' })
    await expect.poll(() => leasesOf(etcd)).toBe(0)
    const states = await new Promise<readonly string[]>(resolve => {
      const seen: string[] = []
      const one = register(registry, instance).subscribe(({ status }) => {
        seen.push(status)
        if (status !== 'registered') return
        resolve(seen)
        queueMicrotask(() => one.unsubscribe())
      })
    })
    expect(states).toEqual(['registering', 'registered'])
  })
  it('--max-request-bytes: a value that is too large for it is refused for good, and no lease is left', async () => {
    const etcd = await limited('--max-request-bytes=2000')
    const registry = registryOn(etcd)
    const large = lastValueFrom(register(registry, { ...instance, metadata: { text: 'x'.repeat(100_000) } }))
    await expect(large).rejects.toMatchObject({ name: 'InvalidArgument', argument: 'entries' })
    await expect.poll(() => leasesOf(etcd)).toBe(0)
    expect((await firstValueFrom(registry.list('/rx-discovery/limits/'))).changes).toEqual([])
  })
})
