import type { Etcd3 } from 'etcd3'
import { memberOf, prefix, type Setting, type Stage } from '../on-stage.js'
import type { Outcome, Row } from '../row.js'
import { fill, valueOf } from '../weights.js'

const group = 'one member'

const never = (name: string, emitted: readonly string[], status: string): readonly string[] => (emitted.some(state => state.startsWith(status)) ? [`${name} emitted ${status}`] : [])
const keepsItsLease = ({ ours }: Outcome): readonly string[] => never('registration', ours.registration, 'lost')
const staysLive = ({ ours }: Outcome): readonly string[] => never('discovery', ours.sets, 'stale')

/** The prefix of instances without a lease. */
const filled = `${prefix}filled`
const weightAt = (index: number): number => 1 + (index % 100)

/** So many instances that a discovery resumes its watch after a disconnection instead of listing again. */
const manyInstances: Setting = {
  prepare: async members => {
    await fill(memberOf({ members }).client(), filled, 2_000, weightAt)
    return {}
  },
}
const saved = (count: number): Setting => ({
  prepare: async members => {
    await fill(memberOf({ members }).client(), filled, count, weightAt)
    await memberOf({ members }).save()
    return {}
  },
})

const cutOff = (stage: Stage): Promise<void> => stage.network(proxy => proxy.refuse())
const reconnect = (stage: Stage): Promise<void> => stage.network(proxy => proxy.accept())

/** Restores an older history while the subjects are disconnected, and writes until its revision is past the last one that they have seen. */
const restoreAndOvertake = async (stage: Stage): Promise<void> => {
  await cutOff(stage)
  const seen = stage.ours.subject.sets.at(-1)?.revision ?? 0
  await stage.replaceHistory(memberOf(stage).restore)
  const client = stage.admin()
  for (let revision = 0; revision <= seen + 20; )
    revision = Number((await client.put(`${prefix}other`).value(valueOf((revision % 90) + 1))).header.revision)
}

const deleteAndCompact = async (stage: Stage): Promise<void> => {
  await cutOff(stage)
  await stage.writes?.pause()
  const [first = ''] = await stage.admin().getAll().prefix(filled).keys()
  await stage.admin().delete().key(first)
  // The last revision is that of the deletion.
  await stage.history.compact()
  stage.writes?.resume()
}

const alarms = async (client: Etcd3) => (await client.maintenance.alarm({ action: 'Get' })).alarms

/** Fills the quota, then revokes the leases. In this state etcd renews and deletes, but neither grants nor writes. */
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
  await stage.history.compact()
  await client.maintenance.defragment({})
  for (const { memberID } of await alarms(client)) await client.maintenance.alarm({ action: 'Deactivate', alarm: 'Nospace', memberID })
  stage.writes?.resume()
}

/** Faults of a single etcd member. */
export const oneMember: readonly Row[] = [
  {
    group,
    name: 'kill -9, restarted at once',
    times: 30,
    strike: stage => memberOf(stage).kill(),
    lift: stage => memberOf(stage).start(),
    judge: keepsItsLease,
  },
  {
    group,
    name: 'SIGTERM, back after 2 s',
    strike: stage => memberOf(stage).terminate(),
    last: 2_000,
    lift: stage => memberOf(stage).start(),
    judge: keepsItsLease,
  },
  {
    group,
    name: 'down for longer than the TTL',
    core: true,
    strike: stage => memberOf(stage).kill(),
    last: 8_000,
    lift: stage => memberOf(stage).start(),
  },
  {
    group,
    name: 'SIGSTOP for less than the TTL',
    strike: stage => memberOf(stage).freeze(),
    last: 3_000,
    lift: stage => memberOf(stage).thaw(),
    judge: keepsItsLease,
  },
  {
    group,
    name: 'SIGSTOP for longer than the TTL',
    core: true,
    strike: stage => memberOf(stage).freeze(),
    last: 9_000,
    lift: stage => memberOf(stage).thaw(),
  },
  {
    group,
    name: 'disk wiped, restarted with the same flags',
    core: true,
    strike: stage => stage.replaceHistory(memberOf(stage).wipe),
  },
  {
    group,
    name: 'restored from an older snapshot',
    setting: saved(50),
    strike: stage => stage.replaceHistory(memberOf(stage).restore),
  },
  {
    group,
    name: 'restored from an older snapshot, then written past the last seen revision',
    setting: saved(50),
    strike: restoreAndOvertake,
    lift: reconnect,
  },
  {
    group,
    name: 'restored from an older snapshot, then written past the last seen revision, 2,000 instances',
    setting: saved(2_000),
    strike: restoreAndOvertake,
    lift: reconnect,
  },
  {
    group,
    name: 'compacted while disconnected, 2,000 instances',
    core: true,
    setting: manyInstances,
    strike: cutOff,
    last: 1_000,
    lift: async stage => {
      await stage.history.compact()
      await reconnect(stage)
    },
    judge: keepsItsLease,
  },
  {
    group,
    name: 'compacted at the revision of a deletion while disconnected, 2,000 instances',
    setting: manyInstances,
    strike: deleteAndCompact,
    lift: reconnect,
    judge: keepsItsLease,
  },
  {
    group,
    name: 'compacted while connected',
    times: 5,
    strike: stage => stage.history.compact(),
    judge: outcome => [...keepsItsLease(outcome), ...staysLive(outcome)],
  },
  {
    group,
    name: 'NOSPACE alarm, with the leases revoked during it',
    setting: { server: { flags: ['--quota-backend-bytes=8000000'] } },
    strike: outOfSpace,
    last: 4_000,
    lift: makeSpace,
    judge: staysLive,
  },
]
