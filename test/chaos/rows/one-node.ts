import type { Etcd3 } from 'etcd3'
import type { EtcdServer } from '../../etcd/server.js'
import type { Outcome } from '../outcome.js'
import type { Row } from '../row.js'
import { prefix, valueOf, type Setting, type Stage } from '../stage.js'

const group = 'one node'

const etcd = ({ members: [first] }: { readonly members: readonly EtcdServer[] }): EtcdServer => {
  if (first === undefined) throw new Error('no etcd')
  return first
}

const never = (what: string, seen: readonly string[], word: string): readonly string[] => (seen.some(state => state.startsWith(word)) ? [`${what} said ${word}`] : [])
const keepsItsLease = ({ ours }: Outcome): readonly string[] => never('the registration', ours.registration, 'lost')
const staysLive = ({ ours }: Outcome): readonly string[] => never('the discovery', ours.sets, 'stale')

/** Writes instances that nobody holds. */
const fill = async (client: Etcd3, count: number): Promise<void> => {
  const put = (index: number) => ({
    request_put: { key: Buffer.from(`${prefix}filled${String(index).padStart(6, '0')}`), value: Buffer.from(valueOf(1 + (index % 100))) },
  })
  for (let index = 0; index < count; index += 100)
    await client.kv.txn({ success: Array.from({ length: Math.min(100, count - index) }, (_, offset) => put(index + offset)) })
}

/** So many instances that a break is overcome by a resumption, not by a listing. */
const manyInstances: Setting = {
  prepare: async members => {
    await fill(etcd({ members }).client(), 2_000)
    return {}
  },
}
const saved = (count: number): Setting => ({
  prepare: async members => {
    await fill(etcd({ members }).client(), count)
    await etcd({ members }).save()
    return {}
  },
})

const cutOff = (stage: Stage): Promise<void> => stage.network(proxy => proxy.refuse())
const reconnect = (stage: Stage): Promise<void> => stage.network(proxy => proxy.accept())

/** While nobody looks: an older history, which goes on until its revision is beyond what ours has seen. */
const restoreAndOvertake = async (stage: Stage): Promise<void> => {
  await cutOff(stage)
  const seen = stage.ours.subject.views.at(-1)?.revision ?? 0
  await stage.replaceHistory(etcd(stage).restore)
  const client = stage.admin()
  for (let revision = 0; revision <= seen + 20; )
    revision = Number((await client.put(`${prefix}other`).value(valueOf((revision % 90) + 1))).header.revision)
}

const deleteAndCompact = async (stage: Stage): Promise<void> => {
  await cutOff(stage)
  await stage.writes?.pause()
  const { kvs } = await stage.admin().getAll().prefix(prefix).keys().then(keys => ({ kvs: keys.filter(key => key.includes('filled')) }))
  await stage.admin().delete().key(kvs[0] ?? '')
  // To the very revision of the deletion.
  await stage.truth.compact()
  stage.writes?.resume()
}

const alarms = async (client: Etcd3) => (await client.maintenance.alarm({ action: 'Get' })).alarms

/** Fills the quota, then takes the leases away: etcd renews and deletes, but neither grants nor writes. */
const outOfSpace = async (stage: Stage): Promise<void> => {
  const client = stage.admin()
  await stage.writes?.pause()
  for (let index = 0; (await alarms(client)).length === 0; index += 1)
    await client.put(`/junk/${index % 20}`).value('x'.repeat(200_000)).exec().catch(() => undefined)
  for (const { id } of [stage.ours, stage.stock]) {
    const { kvs } = await client.kv.range({ key: Buffer.from(prefix + id) })
    await client.leaseClient.leaseRevoke({ ID: kvs[0]?.lease ?? '0' })
  }
}
const makeSpace = async (stage: Stage): Promise<void> => {
  const client = stage.admin()
  await client.delete().prefix('/junk/')
  await stage.truth.compact()
  await client.maintenance.defragment({})
  for (const { memberID } of await alarms(client)) await client.maintenance.alarm({ action: 'Deactivate', alarm: 'Nospace', memberID })
  stage.writes?.resume()
}

/** What can happen to a single etcd. */
export const oneNode: readonly Row[] = [
  {
    group,
    name: 'kill -9, restarted at once',
    times: 30,
    strike: stage => etcd(stage).kill(),
    lift: stage => etcd(stage).start(),
    judge: keepsItsLease,
  },
  {
    group,
    name: 'SIGTERM, back after 2 s',
    strike: stage => etcd(stage).terminate(),
    last: 2_000,
    lift: stage => etcd(stage).start(),
    judge: keepsItsLease,
  },
  {
    group,
    name: 'away for longer than the TTL',
    core: true,
    strike: stage => etcd(stage).kill(),
    last: 8_000,
    lift: stage => etcd(stage).start(),
  },
  {
    group,
    name: 'SIGSTOP for less than the TTL',
    strike: stage => etcd(stage).freeze(),
    last: 3_000,
    lift: stage => etcd(stage).thaw(),
    judge: keepsItsLease,
  },
  {
    group,
    name: 'SIGSTOP for longer than the TTL',
    core: true,
    strike: stage => etcd(stage).freeze(),
    last: 9_000,
    lift: stage => etcd(stage).thaw(),
  },
  {
    group,
    name: 'disk wiped, restarted with the same flags',
    core: true,
    strike: stage => stage.replaceHistory(etcd(stage).wipe),
  },
  {
    group,
    name: 'restored from an older snapshot',
    setting: saved(50),
    strike: stage => stage.replaceHistory(etcd(stage).restore),
  },
  {
    group,
    name: 'restored, and beyond our revision before we look again',
    setting: saved(50),
    strike: restoreAndOvertake,
    lift: reconnect,
  },
  {
    group,
    name: 'the same with 2,000 instances',
    setting: saved(2_000),
    strike: restoreAndOvertake,
    lift: reconnect,
  },
  {
    group,
    name: 'compacted during a break, 2,000 instances',
    core: true,
    setting: manyInstances,
    strike: cutOff,
    last: 1_000,
    lift: async stage => {
      await stage.truth.compact()
      await reconnect(stage)
    },
    judge: keepsItsLease,
  },
  {
    group,
    name: 'compacted to a deletion during a break, 2,000 instances',
    setting: manyInstances,
    strike: deleteAndCompact,
    lift: reconnect,
    judge: keepsItsLease,
  },
  {
    group,
    name: 'compacted while connected',
    times: 5,
    strike: stage => stage.truth.compact(),
    judge: outcome => [...keepsItsLease(outcome), ...staysLive(outcome)],
  },
  {
    group,
    name: 'NOSPACE, and the leases revoked under it',
    setting: { server: { flags: ['--quota-backend-bytes=8000000'] } },
    strike: outOfSpace,
    last: 4_000,
    lift: makeSpace,
    judge: staysLive,
  },
]
