import { setTimeout as sleep } from 'node:timers/promises'
import type { Etcd3 } from 'etcd3'
import { firstValueFrom } from 'rxjs'
import type { Levers, Release } from '../../src/edge/testing/index.js'
import type { ReadableRegistry } from '../../src/flow/registry.js'
import type { GrpcProxy } from './grpc-proxy.js'
import type { Proxy } from './proxy.js'
import type { EtcdServer } from './server.js'

/** The parts of a test set-up that the levers change. */
export interface LeversOptions {
  /** The registry under test, with permission to read under `prefix`. */
  readonly registry: ReadableRegistry
  readonly prefix: string
  readonly etcd: EtcdServer
  /** Between the registry under test and etcd. */
  readonly proxy: Proxy
  /** A client with all permissions that does not go through the proxy. */
  readonly admin: Etcd3
  readonly deny?: () => Promise<Release>
  /** A proxy that can delay single calls. */
  readonly grpc?: GrpcProxy
}

const leasesOf = async (admin: Etcd3): Promise<readonly string[]> => (await admin.leaseClient.leaseLeases()).leases.map(({ ID }) => ID)

/** The levers of a real etcd. */
export const leversOf = ({ registry, prefix, etcd, proxy, admin, deny, grpc }: LeversOptions): Levers => ({
  interrupt: async (forMs = 0) => {
    await proxy.refuse()
    await sleep(forMs)
    await proxy.accept()
  },
  compact: async () => {
    const { header } = await admin.kv.range({ key: Buffer.from('\0'), count_only: true })
    await admin.kv.compact({ revision: header.revision })
  },
  expire: async id => {
    await admin.leaseClient.leaseRevoke({ ID: id })
  },
  freeze: () => {
    etcd.freeze()
    return etcd.thaw
  },
  rewind: etcd.restore,
  ...(deny && { deny }),
  ...(grpc && { lag: () => grpc.delay('/etcdserverpb.Watch/Watch') }),
  loseGrant: async () => {
    // Connects and logs in first. Otherwise the lost answer would be one of these.
    await firstValueFrom(registry.list(prefix))
    const before = new Set(await leasesOf(admin))
    proxy.stall('down')
    // The grant comes after this call. When etcd has granted the lease, the answer is stuck in the stalled proxy.
    const cutWhenGranted = async (tries: number): Promise<void> => {
      const arrived = (await leasesOf(admin)).some(id => !before.has(id))
      if (!arrived && tries > 0) return sleep(5).then(() => cutWhenGranted(tries - 1))
      proxy.resume()
      proxy.reset()
    }
    cutWhenGranted(1_000).catch(() => proxy.resume())
  },
  write: async (key, value, { lease = '0' } = {}) => {
    const { header } =
      value === null
        ? await admin.kv.deleteRange({ key: Buffer.from(key) })
        : await admin.kv.put({ key: Buffer.from(key), value: Buffer.from(value), lease })
    return Number(header.revision)
  },
  leases: () => leasesOf(admin),
})
