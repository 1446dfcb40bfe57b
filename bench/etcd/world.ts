import type { Etcd3 } from 'etcd3'
import { etcdServer, type EtcdServer } from '../../test/etcd/server.js'

/** The prefix of a service. */
export const prefixOf = (service: string): string => `/rx-discovery/${service}/`
export const idOf = (at: number): string => `node-${String(at).padStart(6, '0')}`

/** The value of an instance in the native format, about 200 bytes. */
export const valueOf = (at: number, turn = 0): string =>
  JSON.stringify({
    v: 1,
    address: `10.${at >> 16}.${(at >> 8) & 255}.${at & 255}:8080`,
    weight: 1 + (turn % 900_000),
    zone: `eu-1${'abc'[at % 3] ?? 'a'}`,
    version: '2.14.1',
    tags: ['http', 'canary'],
    metadata: { host: `${idOf(at)}.internal.example`, pid: 10_000 + at, started: '2025-11-03T12:00:00Z', commit: '9fceb02d0ae598e95dc970b74767f19372d61af8' },
  })

/** The same instance in the format of Go's naming/endpoints. */
export const endpointOf = (at: number): string => {
  const { address, ...rest } = JSON.parse(valueOf(at)) as { readonly address: string }
  return JSON.stringify({ Op: 0, Addr: address, Metadata: rest })
}

/** A put as a part of a transaction. */
export const put = (service: string, at: number, turn: number, value = valueOf) => ({
  request_put: { key: Buffer.from(prefixOf(service) + idOf(at)), value: Buffer.from(value(at, turn)) },
})

/** Writes `count` instances of a service. */
export const fill = async (client: Etcd3, service: string, count: number, value = valueOf): Promise<void> => {
  for (let from = 0; from < count; from += 100)
    await client.kv.txn({ success: Array.from({ length: Math.min(100, count - from) }, (_, at) => put(service, from + at, 0, value)) })
}

/** Runs `use` with an etcd that compacts, and a client that takes messages of any size. */
export const world = async <A>(use: (etcd: EtcdServer, client: Etcd3) => Promise<A>): Promise<A> => {
  const etcd = await etcdServer({ flags: ['--quota-backend-bytes=8000000000', '--auto-compaction-mode=revision', '--auto-compaction-retention=50000'] })
  try {
    return await use(etcd, etcd.client({ grpcOptions: { 'grpc.max_receive_message_length': -1 } }))
  } finally {
    await etcd.close()
  }
}
