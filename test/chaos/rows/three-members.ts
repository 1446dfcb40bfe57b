import { setTimeout as sleep } from 'node:timers/promises'
import { refusing, swallowing } from '../../etcd/black-holes.js'
import { idOf, lead, leaderOf } from '../../etcd/leader.js'
import { partibleCluster, type PartibleCluster } from '../../etcd/peer-proxy.js'
import { etcdCluster, etcdServer, type EtcdServer } from '../../etcd/server.js'
import { arranged } from '../arranged.js'
import { keepsItsLease } from '../checks.js'
import { livingLeases } from '../living-leases.js'
import { memberOf, prefix, type Party, type Setting, type Stage } from '../on-stage.js'
import type { Row } from '../row.js'

const group = 'three members'

/** From the first set of a subject to its first live set, ms. */
const firstLive = ({ subject: { sets } }: Party): number => (sets.find(({ live }) => live)?.at ?? Infinity) - (sets[0]?.at ?? 0)
const startedWithin = (milliseconds: number, { ours }: Stage): readonly string[] => {
  const took = firstLive(ours)
  return took > milliseconds ? [`the first live set came only after ${Math.round(took)} ms`] : []
}

/** The index of the member that a party uses: most bytes pass through its proxy. */
const usedBy = async ({ proxies }: Party): Promise<number> => {
  const before = proxies.map(proxy => proxy.bytes())
  await sleep(500)
  const passed = proxies.map((proxy, index) => proxy.bytes() - (before[index] ?? 0))
  return passed.indexOf(Math.max(...passed))
}

const withHoles = async () => {
  const [cluster, refuses, swallows] = await Promise.all([etcdCluster(), refusing(), swallowing()])
  return { ...cluster, refuses, swallows, close: () => Promise.all([cluster.close(), swallows.close()]) }
}
const withLearner = async () => {
  const cluster = await etcdCluster()
  return { ...cluster, learner: await cluster.join('learner') }
}
const withForeigner = async () => {
  const [own, foreign] = await Promise.all([etcdServer(), etcdServer()])
  await foreign.client().put(`${prefix}foreign`).value(JSON.stringify({ v: 1, address: '10.9.9.9:1' }))
  return { members: [own], foreign, close: () => Promise.all([own.close(), foreign.close()]) }
}

/** With `--pre-vote`, a member that was cut off does not force an election when it is back. Without it, the default of etcd 3.4, one election took longer than the TTL. */
const calm = (): Promise<PartibleCluster> => partibleCluster({ flags: ['--pre-vote'] })

/** Writes many small revisions, `megabytes` in all: they take long to defragment. */
const fillWith = async (etcd: EtcdServer, megabytes: number): Promise<void> => {
  const client = etcd.client()
  const value = Buffer.alloc(300, 'x')
  const success = Array.from({ length: 100 }, (_, i) => ({ request_put: { key: Buffer.from(`fill/${i}`), value } }))
  for (let round = 0; round < megabytes * 6.25; round += 1) await Promise.all(Array.from({ length: 4 }, () => client.kv.txn({ success })))
}

/** Writes until a defragmentation takes `long` ms. How much data that needs depends on the disk. */
const fillUntil = async (etcd: EtcdServer, long: number): Promise<void> => {
  for (let took = 0, round = 0; took < long && round < 10; round += 1) {
    await fillWith(etcd, 150)
    const began = performance.now()
    await etcd.client().maintenance.defragment()
    took = performance.now() - began
  }
}

/** Makes the member with the index `by` the leader. Clients use the first host until it fails, so with 0 they use the leader. */
const led = (by: number): Setting => ({
  members: 3,
  prepare: async members => {
    await lead(members, memberOf({ members }, by))
    return {}
  },
})
const lagging = (cluster: () => PartibleCluster, milliseconds: number): Pick<Row, 'strike' | 'lift' | 'meanwhile'> => ({
  strike: async ({ ours, members }) => {
    const used = await usedBy(ours)
    await lead(members, memberOf({ members }, (used + 1) % members.length))
    await cluster().lag(used, milliseconds)
  },
  meanwhile: true,
  lift: () => cluster().rejoin(),
})

/** Up to etcd 3.4.30 and 3.5.12, a former leader may revoke living leases when it is back. Such a loss comes from etcd, so the limit (ms) is wide. */
const returning = 20_000

/** Faults of a cluster of three members. */
export const threeMembers: readonly Row[] = [
  {
    group,
    name: 'leader killed, client connected to it',
    core: true,
    setting: led(0),
    strike: ({ members }) => memberOf({ members }, 0).kill(),
    meanwhile: true,
    last: 1_000,
    lift: ({ members }) => memberOf({ members }, 0).start(),
    judge: keepsItsLease,
  },
  {
    group,
    name: 'leader killed, client connected to another member',
    setting: led(1),
    strike: ({ members }) => memberOf({ members }, 1).kill(),
    meanwhile: true,
    last: 1_000,
    lift: ({ members }) => memberOf({ members }, 1).start(),
    judge: keepsItsLease,
  },
  {
    group,
    name: 'leader stopped for longer than the TTL, client connected to it',
    setting: led(0),
    strike: ({ members }) => memberOf({ members }, 0).freeze(),
    meanwhile: true,
    last: 4_000,
    lift: ({ members }) => memberOf({ members }, 0).thaw(),
    detected: returning,
  },
  {
    group,
    name: 'rolling restart of all three members',
    setting: { members: 3 },
    strike: async ({ members }) => {
      for (const one of members) {
        await one.terminate()
        await sleep(1_000)
        await one.start()
        await leaderOf(members)
      }
    },
    judge: keepsItsLease,
  },
  arranged(calm, cluster => ({
    group,
    name: 'client\'s member cut off from the others',
    core: true,
    setting: led(1),
    strike: () => cluster().isolate(0),
    meanwhile: true,
    last: 2_000,
    lift: () => cluster().rejoin(),
    judge: keepsItsLease,
  })),
  arranged(partibleCluster, cluster => ({
    group,
    name: 'leader cut off from the others for 4 s, client connected to it',
    setting: led(0),
    strike: () => cluster().isolate(0),
    meanwhile: true,
    last: 4_000,
    lift: () => cluster().rejoin(),
    detected: returning,
  })),
  {
    group,
    name: 'client\'s member goes silent',
    setting: { members: 3 },
    strike: async ({ ours, stock }) => {
      const used = await Promise.all([ours, stock].map(usedBy))
      ;[ours, stock].forEach(({ proxies }, party) => proxies[used[party] ?? 0]?.stall())
    },
    meanwhile: true,
    lift: ({ network }) => network(proxy => proxy.resume()),
    recovered: 6_500,
    judge: keepsItsLease,
  },
  {
    group,
    name: 'quorum lost for a minute',
    setting: { members: 3 },
    strike: ({ members }) => Promise.all([0, 1].map(index => memberOf({ members }, index).kill())),
    last: 60_000,
    lift: ({ members }) => Promise.all([0, 1].map(index => memberOf({ members }, index).start())),
  },
  arranged(withHoles, there => ({
    group,
    name: 'a silent and a refusing host listed before the members',
    setting: { hosts: endpoints => [there().swallows.host, there().refuses.host, ...endpoints] },
    strike: async ({ members, ours }) => memberOf({ members }, await usedBy(ours)).kill(),
    meanwhile: true,
    judge: (outcome, stage) => [...keepsItsLease(outcome, stage), ...startedWithin(4_000, stage)],
  })),
  arranged(withHoles, there => ({
    group,
    name: 'a silent and a refusing host listed between the members',
    setting: { hosts: ([first = '', ...rest]) => [first, there().refuses.host, there().swallows.host, ...rest] },
    strike: ({ members }) => memberOf({ members }, 0).kill(),
    meanwhile: true,
    judge: (outcome, stage) => [...keepsItsLease(outcome, stage), ...startedWithin(1_000, stage)],
  })),
  arranged(partibleCluster, cluster => ({
    group,
    name: 'client\'s member lags 3 s behind the leader',
    ...lagging(cluster, 3_000),
    judge: keepsItsLease,
  })),
  arranged(partibleCluster, cluster => ({
    group,
    name: 'client\'s member lags 7 s behind the leader',
    setting: { assignment: { verify: 5_000 } },
    ...lagging(cluster, 7_000),
    detected: 20_000,
    recovered: 11_000,
    remark: 'verify: 5 s',
    judge: keepsItsLease,
  })),
  arranged(withLearner, there => ({
    group,
    name: 'a learner listed before each member',
    setting: { hosts: ([first = '', ...rest]) => [there().learner.endpoint, first, there().learner.endpoint, ...rest] },
    strike: ({ members }) => memberOf({ members }, 0).kill(),
    meanwhile: true,
    judge: (outcome, stage) => [...keepsItsLease(outcome, stage), ...startedWithin(1_000, stage)],
  })),
  arranged(withForeigner, there => ({
    group,
    name: 'hosts of two clusters, the first one down for longer than the TTL',
    setting: { hosts: endpoints => [...endpoints, there().foreign.endpoint] },
    strike: ({ members }) => memberOf({ members }, 0).kill(),
    last: 8_000,
    lift: ({ members }) => memberOf({ members }, 0).start(),
    judge: async (_, { ours }) => {
      const stranger = there().foreign.client()
      const [written, leases] = await Promise.all([stranger.get(prefix + ours.id).string(), livingLeases(stranger, ours.ttl)])
      const reported = ours.subject.sets.filter(({ why }) => why?.includes('cluster') === true)
      return [
        ...(written !== null || leases.length > 0 ? ['it wrote into the other cluster'] : []),
        ...(reported.length === 0 ? ['no trouble named the other cluster'] : []),
      ]
    },
  })),
  arranged(etcdCluster, cluster => ({
    group,
    name: 'a member added, then the client\'s member removed',
    strike: async ({ ours, members, admin }) => {
      const used = await usedBy(ours)
      await cluster().join('voter')
      const ID = await idOf(memberOf({ members }, used))
      await admin((used + 1) % members.length).cluster.memberRemove({ ID })
    },
    meanwhile: true,
    detected: 30_000,
    judge: keepsItsLease,
  })),
  {
    group,
    name: 'a single member defragmented for longer than the TTL',
    setting: {
      ttl: 3,
      server: { flags: ['--quota-backend-bytes=4000000000'] },
      prepare: async members => {
        await fillUntil(memberOf({ members }, 0), 4_500)
        return {}
      },
    },
    strike: ({ admin }) => admin(0).maintenance.defragment(),
    detected: 5_500,
    remark: 'TTL 3 s',
    judge: ({ ours }) => ([...ours.setsDetected, ...ours.lossDetected].every(time => time === undefined) ? ['the defragmentation was too short to be detected'] : []),
  },
  {
    group,
    name: 'CORRUPT alarm while a deleted key must be written again',
    setting: { members: 3 },
    strike: async ({ admin, members, ours }) => {
      const memberID = await idOf(memberOf({ members }, 2))
      await admin(1).delete().key(prefix + ours.id)
      await admin(1).maintenance.alarm({ action: 'Activate', alarm: 'Corrupt', memberID })
    },
    last: 8_000,
    lift: async ({ admin, members }) => {
      const memberID = await idOf(memberOf({ members }, 2))
      await admin(1).maintenance.alarm({ action: 'Deactivate', alarm: 'Corrupt', memberID })
    },
  },
]
