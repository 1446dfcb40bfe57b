import { setTimeout as sleep } from 'node:timers/promises'
import { refusing, swallowing } from '../../etcd/black-holes.js'
import { idOf, lead, leaderOf } from '../../etcd/leader.js'
import { partibleCluster, type PartibleCluster } from '../../etcd/peer-proxy.js'
import { etcdCluster, etcdServer, type EtcdServer } from '../../etcd/server.js'
import type { Outcome } from '../outcome.js'
import type { Row } from '../row.js'
import { prefix, type Party, type Setting, type Stage } from '../stage.js'

const group = 'three nodes'

const member = (all: readonly EtcdServer[], index: number): EtcdServer => {
  const found = all[index]
  if (found === undefined) throw new Error(`no member ${index}`)
  return found
}
/** A cluster that goes on loses nobody's lease. */
const held = (_: Outcome, { ours: { subject } }: Stage): readonly string[] => {
  // A first host that is no good is told, too: only what was held can be lost.
  const first = subject.tenures.findIndex(tenure => tenure.held)
  const lost = subject.tenures.slice(first).filter(tenure => !tenure.held && tenure.status !== 'registering')
  return first >= 0 && lost.length === 0 ? [] : [`registration said ${lost.map(({ status, why = '' }) => `${status}: ${why}`).join('; ')}`]
}
/** From the first word of a subject to its first live set. */
const firstLive = ({ subject: { views } }: Party): number => (views.find(({ live }) => live)?.at ?? Infinity) - (views[0]?.at ?? 0)
const startedWithin = (milliseconds: number, { ours }: Stage): readonly string[] => {
  const took = firstLive(ours)
  return took > milliseconds ? [`its first set came only after ${Math.round(took)} ms`] : []
}

/** Which member a party uses: the one through whose proxy most passes. */
const usedBy = async ({ proxies }: Party): Promise<number> => {
  const before = proxies.map(proxy => proxy.bytes())
  await sleep(500)
  const passed = proxies.map((proxy, index) => proxy.bytes() - (before[index] ?? 0))
  return passed.indexOf(Math.max(...passed))
}

type Started = Awaited<ReturnType<NonNullable<Setting['start']>>>
/** A row in an arrangement of its own, of which it knows more than a stage does. */
const arranged = <A extends Started>(start: () => Promise<A>, row: (there: () => A) => Row): Row => {
  let there: A | undefined
  const made = row(() => {
    if (there === undefined) throw new Error('not started')
    return there
  })
  return { ...made, setting: { ...made.setting, start: async () => (there = await start()) } }
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

/** The one that was cut off does not make the others elect again when it is back: without `--pre-vote`, etcd 3.4's default, that once took longer than the TTL. */
const calm = (): Promise<PartibleCluster> => partibleCluster({ flags: ['--pre-vote'] })

/** Fills an etcd with so many megabytes of small revisions, which take long to be defragmented. */
const fill = async (etcd: EtcdServer, megabytes: number): Promise<void> => {
  const client = etcd.client()
  const value = Buffer.alloc(300, 'x')
  const success = Array.from({ length: 100 }, (_, i) => ({ request_put: { key: Buffer.from(`fill/${i}`), value } }))
  for (let round = 0; round < megabytes * 6.25; round += 1) await Promise.all(Array.from({ length: 4 }, () => client.kv.txn({ success })))
}

/** Fills it until it takes so long (ms) to be defragmented: how much that is depends on the disk. */
const fillUntil = async (etcd: EtcdServer, long: number): Promise<void> => {
  for (let took = 0, round = 0; took < long && round < 10; round += 1) {
    await fill(etcd, 150)
    const began = performance.now()
    await etcd.client().maintenance.defragment()
    took = performance.now() - began
  }
}

/** The first of the hosts is in use until it fails: this one leads, or another one. */
const led = (by: number): Setting => ({
  members: 3,
  prepare: async members => {
    await lead(members, member(members, by))
    return {}
  },
})
const lagging = (cluster: () => PartibleCluster, milliseconds: number): Pick<Row, 'strike' | 'lift' | 'meanwhile'> => ({
  strike: async ({ ours, members }) => {
    const used = await usedBy(ours)
    await lead(members, member(members, (used + 1) % members.length))
    await cluster().lag(used, milliseconds)
  },
  meanwhile: true,
  lift: () => cluster().rejoin(),
})

/** Up to etcd 3.4.30 and 3.5.12 a former leader may revoke living leases when it is back: a loss at that time is etcd's. */
const returning = 20_000

/** What can happen to a cluster of three. */
export const threeNodes: readonly Row[] = [
  {
    group,
    name: 'the leader killed, which the client uses',
    core: true,
    setting: led(0),
    strike: ({ members }) => member(members, 0).kill(),
    meanwhile: true,
    last: 1_000,
    lift: ({ members }) => member(members, 0).start(),
    judge: held,
  },
  {
    group,
    name: 'the leader killed, the client uses another',
    setting: led(1),
    strike: ({ members }) => member(members, 1).kill(),
    meanwhile: true,
    last: 1_000,
    lift: ({ members }) => member(members, 1).start(),
    judge: held,
  },
  {
    group,
    name: 'the leader stopped for longer than the TTL, which the client uses',
    setting: led(0),
    strike: ({ members }) => member(members, 0).freeze(),
    meanwhile: true,
    last: 4_000,
    lift: ({ members }) => member(members, 0).thaw(),
    noticed: returning,
  },
  {
    group,
    name: 'rolling restart of all three',
    setting: { members: 3 },
    strike: async ({ members }) => {
      for (const one of members) {
        await one.terminate()
        await sleep(1_000)
        await one.start()
        await leaderOf(members)
      }
    },
    judge: held,
  },
  arranged(calm, cluster => ({
    group,
    name: 'the member that the client uses cut off from the others',
    core: true,
    setting: led(1),
    strike: () => cluster().isolate(0),
    meanwhile: true,
    last: 2_000,
    lift: () => cluster().rejoin(),
    judge: held,
  })),
  arranged(partibleCluster, cluster => ({
    group,
    name: 'the leader cut off from the others, which the client uses, and back',
    setting: led(0),
    strike: () => cluster().isolate(0),
    meanwhile: true,
    last: 4_000,
    lift: () => cluster().rejoin(),
    noticed: returning,
  })),
  {
    group,
    name: 'the member that the client uses swallows packets',
    setting: { members: 3 },
    strike: async ({ ours, stock }) => {
      const used = await Promise.all([ours, stock].map(usedBy))
      ;[ours, stock].forEach(({ proxies }, party) => proxies[used[party] ?? 0]?.stall())
    },
    meanwhile: true,
    lift: ({ network }) => network(proxy => proxy.resume()),
    right: 6_500,
    judge: held,
  },
  {
    group,
    name: 'quorum lost for a minute',
    setting: { members: 3 },
    strike: ({ members }) => Promise.all([0, 1].map(index => member(members, index).kill())),
    last: 60_000,
    lift: ({ members }) => Promise.all([0, 1].map(index => member(members, index).start())),
  },
  arranged(withHoles, there => ({
    group,
    name: 'hosts that swallow and refuse from the start, before the members',
    setting: { hosts: endpoints => [there().swallows.host, there().refuses.host, ...endpoints] },
    strike: async ({ members, ours }) => member(members, await usedBy(ours)).kill(),
    meanwhile: true,
    judge: (outcome, stage) => [...held(outcome, stage), ...startedWithin(4_000, stage)],
  })),
  arranged(withHoles, there => ({
    group,
    name: 'hosts that swallow and refuse from the start, between the members',
    setting: { hosts: ([first = '', ...rest]) => [first, there().refuses.host, there().swallows.host, ...rest] },
    strike: ({ members }) => member(members, 0).kill(),
    meanwhile: true,
    judge: (outcome, stage) => [...held(outcome, stage), ...startedWithin(1_000, stage)],
  })),
  arranged(partibleCluster, cluster => ({
    group,
    name: 'the client\'s member lags 3 s behind its leader',
    ...lagging(cluster, 3_000),
    judge: held,
  })),
  arranged(partibleCluster, cluster => ({
    group,
    name: 'the client\'s member lags 7 s behind its leader',
    setting: { assignment: { verify: 5_000 } },
    ...lagging(cluster, 7_000),
    noticed: 20_000,
    right: 11_000,
    remark: 'compared every 5 s',
    judge: held,
  })),
  arranged(withLearner, there => ({
    group,
    name: 'a learner before each of the members',
    setting: { hosts: ([first = '', ...rest]) => [there().learner.endpoint, first, there().learner.endpoint, ...rest] },
    strike: ({ members }) => member(members, 0).kill(),
    meanwhile: true,
    judge: (outcome, stage) => [...held(outcome, stage), ...startedWithin(1_000, stage)],
  })),
  arranged(withForeigner, there => ({
    group,
    name: 'hosts of two clusters, ours away for longer than the TTL',
    setting: { hosts: endpoints => [...endpoints, there().foreign.endpoint] },
    strike: ({ members }) => member(members, 0).kill(),
    last: 8_000,
    lift: ({ members }) => member(members, 0).start(),
    judge: async (_, { ours }) => {
      const stranger = there().foreign.client()
      const [written, { leases }] = await Promise.all([stranger.get(prefix + ours.id).string(), stranger.leaseClient.leaseLeases()])
      const granted = await Promise.all(leases.map(({ ID }) => stranger.leaseClient.leaseTimeToLive({ ID })))
      const told = ours.subject.views.filter(({ why }) => why?.includes('cluster') === true)
      return [
        ...(written !== null || granted.some(({ grantedTTL }) => Number(grantedTTL) === ours.ttl) ? ['wrote into the other cluster'] : []),
        ...(told.length === 0 ? ['did not say that there are two clusters'] : []),
      ]
    },
  })),
  arranged(etcdCluster, cluster => ({
    group,
    name: 'a member added, and the client\'s removed',
    strike: async ({ ours, members, admin }) => {
      const used = await usedBy(ours)
      await cluster().join('voter')
      const ID = await idOf(member(members, used))
      await admin((used + 1) % members.length).cluster.memberRemove({ ID })
    },
    meanwhile: true,
    noticed: 30_000,
    judge: held,
  })),
  {
    group,
    name: 'one member alone, defragmented for longer than the TTL',
    setting: {
      ttl: 3,
      server: { flags: ['--quota-backend-bytes=4000000000'] },
      prepare: async members => {
        await fillUntil(member(members, 0), 4_500)
        return {}
      },
    },
    strike: ({ admin }) => admin(0).maintenance.defragment(),
    noticed: 5_500,
    remark: 'TTL 3',
    judge: ({ ours }) => ([...ours.noticed, ...ours.missed].every(time => time === undefined) ? ['the defragmentation was too short to be noticed'] : []),
  },
  {
    group,
    name: 'CORRUPT alarm while the key has to be written again',
    setting: { members: 3 },
    strike: async ({ admin, members, ours }) => {
      const memberID = await idOf(member(members, 2))
      await admin(1).delete().key(prefix + ours.id)
      await admin(1).maintenance.alarm({ action: 'Activate', alarm: 'Corrupt', memberID })
    },
    last: 8_000,
    lift: async ({ admin, members }) => {
      const memberID = await idOf(member(members, 2))
      await admin(1).maintenance.alarm({ action: 'Deactivate', alarm: 'Corrupt', memberID })
    },
  },
]
