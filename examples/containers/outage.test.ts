import { beforeAll, expect, it } from 'vitest'
import { discover, register, type ServiceSet } from 'rx-discovery'
import { etcdContainer, type EtcdContainer } from 'rx-discovery/containers'
import { etcdRegistry } from 'rx-discovery/etcd'

let etcd: EtcdContainer
// The first run downloads the image, which may take minutes.
beforeAll(async () => {
  etcd = await etcdContainer()
  return etcd.stop
}, 300_000)

it('shows the last instances while etcd is down', { timeout: 60_000 }, async () => {
  const registry = etcdRegistry({ hosts: etcd.hosts })
  const node = register(registry, { service: 'web', id: 'node1', address: '10.0.0.1:8080' }).subscribe()
  let web: ServiceSet | undefined
  const page = discover(registry, 'web').subscribe(set => (web = set))
  await expect.poll(() => web?.size, { timeout: 10_000 }).toBe(1)

  const start = await etcd.kill()
  await expect.poll(() => web?.status, { timeout: 10_000 }).toBe('stale')
  expect(web?.has('node1')).toBe(true)

  await start()
  await expect.poll(() => web?.status, { timeout: 10_000 }).toBe('live')

  page.unsubscribe()
  node.unsubscribe()
  await registry.close()
})
