import { etcdGrpcProxy, type EtcdGrpcProxy } from '../../etcd/etcd-grpc-proxy.js'
import { etcdServer } from '../../etcd/server.js'
import { alwaysRegistered, statesInOrder } from '../checks.js'
import { memberOf, prefix, type Setting, type Stage } from '../on-stage.js'
import type { Outcome, Row } from '../row.js'
import { until } from '../until.js'

const group = 'through grpc-proxy'

let proxy: EtcdGrpcProxy | undefined
/** Puts etcd's own proxy between the subjects and etcd. The fault proxies stand before it; the undisturbed client does not go through it. */
const setting: Setting = {
  start: async () => {
    const etcd = await etcdServer()
    try {
      proxy = await etcdGrpcProxy([etcd.endpoint])
    } catch (error) {
      await etcd.close()
      throw error
    }
    const { endpoint, close } = proxy
    return { members: [{ ...etcd, endpoint }], close: () => close().finally(etcd.close) }
  },
}
/** The proxy renews leases by itself, so that a loss may take up to twice the TTL. */
const through: Pick<Row, 'group' | 'setting' | 'detected'> = { group, setting, detected: 10_500 }

const both = ({ ours, stock }: Stage) => [ours, stock]
const restartProxy = async (): Promise<void> => {
  await proxy?.kill()
  await proxy?.start()
}
/** When the key of our process has gone, for the matrix. */
const goneAfter = async ({ admin, ours }: Stage): Promise<string> => {
  const began = performance.now()
  const gone = await until(async () => ((await admin().get(prefix + ours.id).exec()).kvs.length === 0 ? true : undefined), 20_000, 50)
  if (gone === undefined) throw new Error('the key of the stopped process was there for more than 20 s')
  return `the key is gone ${((performance.now() - began) / 1_000).toFixed(1)} s later`
}
const lostInBetween = (times: number) => ({ ours }: Outcome): readonly string[] =>
  statesInOrder('registration', ours.registration.map(state => state.replace(/ .*/, '')), ['registered', ...Array.from({ length: times }, () => ['lost', 'registered']).flat()])

/** Faults while `etcd grpc-proxy` lies between the subjects and etcd. */
export const throughGrpcProxy: readonly Row[] = [
  {
    ...through,
    name: 'proxy killed, restarted at once',
    core: true,
    times: 5,
    strike: restartProxy,
    judge: alwaysRegistered,
  },
  {
    ...through,
    name: 'etcd killed, restarted at once',
    // The proxy answers renewals in a rhythm of its own, and late after each restart.
    setting: { ...setting, ttl: 10 },
    times: 5,
    strike: stage => memberOf(stage).restart(),
    judge: alwaysRegistered,
  },
  {
    ...through,
    name: 'etcd down for longer than twice the TTL',
    strike: stage => memberOf(stage).kill(),
    last: 12_000,
    lift: stage => memberOf(stage).start(),
  },
  {
    ...through,
    name: 'etcd stopped (SIGSTOP) for longer than twice the TTL',
    strike: stage => memberOf(stage).freeze(),
    last: 12_000,
    lift: stage => memberOf(stage).thaw(),
  },
  {
    ...through,
    name: 'nothing passes between process and proxy for longer than twice the TTL',
    strike: stage => stage.network(fault => fault.stall()),
    last: 14_000,
    lift: stage => stage.network(fault => fault.resume()),
  },
  {
    ...through,
    name: 'process stopped for longer than twice the TTL',
    detected: 14_500,
    strike: stage => {
      for (const { subject } of both(stage)) subject.signal('SIGSTOP')
      stage.note(goneAfter(stage))
    },
    last: 12_000,
    lift: stage => {
      for (const { subject } of both(stage)) subject.signal('SIGCONT')
    },
  },
  {
    ...through,
    name: 'key deleted',
    times: 3,
    strike: async stage => {
      for (const { id } of both(stage)) await stage.admin().delete().key(prefix + id)
    },
    judge: lostInBetween(3),
  },
  {
    ...through,
    name: 'lease revoked',
    times: 3,
    strike: async stage => {
      for (const { id } of both(stage)) {
        const { kvs } = await stage.admin().kv.range({ key: Buffer.from(prefix + id) })
        if (kvs[0] !== undefined) await stage.admin().leaseClient.leaseRevoke({ ID: kvs[0].lease })
      }
    },
    judge: lostInBetween(3),
  },
]
