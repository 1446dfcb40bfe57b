import { setTimeout as sleep } from 'node:timers/promises'
import { discover, type Status } from '../../../src/index.js'
import { etcdRegistry } from '../../../src/edge/etcd/index.js'
import type { EtcdServer } from '../../etcd/server.js'
import type { Outcome } from '../outcome.js'
import type { Row } from '../row.js'
import { prefix, type Stage } from '../stage.js'
import { until } from '../until.js'
import { alwaysLive, inOrder } from '../words.js'

const group = 'the end'

const etcd = ({ members: [first] }: Stage): EtcdServer => {
  if (first === undefined) throw new Error('no etcd')
  return first
}
const drain = 2_000

/** What a discovery in this process sees of an instance until that is gone, and when. */
const seenOf = async (stage: Stage, id: string): Promise<readonly { readonly status: Status | 'gone'; readonly at: number }[]> => {
  const registry = etcdRegistry({ hosts: etcd(stage).endpoint })
  const seen: { readonly status: Status | 'gone'; readonly at: number }[] = []
  const looking = discover(registry, 'web').subscribe(set => {
    if (set.status !== 'live') return
    const status = set.get(id)?.status ?? 'gone'
    if (seen.at(-1)?.status !== status) seen.push({ status, at: performance.now() })
  })
  await until(() => seen.find(({ status }) => status === 'gone'), 20_000)
  looking.unsubscribe()
  await registry.close()
  return seen
}
/** That the drain counts from when all could know of it. */
const drainsInSight = async (stage: Stage): Promise<string> => {
  const seen = await seenOf(stage, stage.ours.id)
  const words = seen.map(({ status }) => status).join(' → ')
  if (words !== 'up → draining → gone') throw new Error(`another process saw ${words}`)
  const time = (seen[2]?.at ?? 0) - (seen[1]?.at ?? 0)
  // What it takes to see either of them may differ by so much.
  if (time < drain - 100) throw new Error(`seen as draining for ${Math.round(time)} ms only`)
  return `another process sees ${words}, draining for ${(time / 1_000).toFixed(1)} s`
}

const keysUnder = ({ admin }: Stage, start: string): Promise<number> => admin().getAll().prefix(prefix + start).count()

/** How it ends when it is told to, and nothing else happens. */
const ends = (...words: readonly string[]) => ({ ours }: Outcome): readonly string[] => inOrder('registration', ours.registration, [...words, 'complete'])

/** Takes our lease away and catches the next grant on its way: asked for, but not answered. */
const inTheGrant = async (stage: Stage): Promise<void> => {
  const { admin, ours } = stage
  for (const proxy of ours.proxies) proxy.latency(250)
  const leases = async (): Promise<readonly string[]> => {
    const all = (await admin().leaseClient.leaseLeases()).leases
    const granted = await Promise.all(all.map(({ ID }) => admin().leaseClient.leaseTimeToLive({ ID })))
    return granted.filter(({ TTL, grantedTTL }) => Number(TTL) > 0 && grantedTTL === String(ours.ttl)).map(({ ID }) => ID)
  }
  const [old = ''] = await leases()
  await admin().leaseClient.leaseRevoke({ ID: old })
  const found = await until(async () => (await leases()).find(id => id !== old), 20_000)
  if (found === undefined) throw new Error('nothing was granted')
}
const calm = (stage: Stage): void => stage.ours.proxies.forEach(proxy => {
  proxy.latency(0)
  proxy.resume()
})

const crowd = 1_000
const told = (order: string) => ({ ours }: Stage): void => ours.subject.tell(order)

/** How a registration ends, and how the process does. */
export const theEnd: readonly Row[] = [
  {
    group,
    name: `until: drained for ${drain / 1_000} s`,
    core: true,
    over: 'registration',
    setting: { assignment: { drain } },
    strike: async stage => {
      stage.note(drainsInSight(stage))
      await sleep(1_000)
      stage.ours.subject.tell('drain')
    },
    judge: outcome => [...ends('registered', 'draining', 'revoked')(outcome), ...alwaysLive(outcome)],
  },
  {
    group,
    name: 'until, while etcd is away for 3 s: drained for 1 s',
    over: 'registration',
    setting: { assignment: { drain: 1_000 } },
    strike: async stage => {
      await etcd(stage).kill()
      stage.ours.subject.tell('drain')
    },
    last: 3_000,
    lift: stage => etcd(stage).start(),
    judge: ends('registered', 'revoked'),
  },
  {
    group,
    name: 'until, while etcd is stopped for longer than the TTL',
    over: 'registration',
    strike: async stage => {
      etcd(stage).freeze()
      stage.ours.subject.tell('drain')
    },
    last: 8_000,
    lift: stage => etcd(stage).thaw(),
    right: 7_500,
    judge: ends('registered', 'revoked'),
  },
  {
    group,
    name: 'closed in the middle of a grant whose answer is held up for 3 s',
    over: 'process',
    before: inTheGrant,
    strike: stage => {
      for (const proxy of stage.ours.proxies) proxy.stall()
      stage.ours.subject.tell('close')
    },
    last: 3_000,
    lift: calm,
    judge: ends('revoked'),
  },
  {
    group,
    name: 'closed in the middle of a grant, etcd stopped for 8 s',
    over: 'process',
    before: inTheGrant,
    strike: stage => {
      etcd(stage).freeze()
      stage.ours.subject.tell('close')
    },
    last: 8_000,
    lift: stage => {
      etcd(stage).thaw()
      calm(stage)
    },
    right: 15_000,
    judge: ends('revoked'),
  },
  {
    group,
    name: 'closed while etcd is away for 1 s',
    over: 'process',
    strike: async stage => {
      await etcd(stage).kill()
      await sleep(500)
      stage.ours.subject.tell('close')
    },
    // Within the TTL, by which closing is bounded.
    last: 1_000,
    lift: stage => etcd(stage).start(),
    right: 6_000,
    judge: ends('registered', 'revoked'),
  },
  {
    group,
    name: 'closed while it waits for its next try, the lease long lost',
    over: 'process',
    before: async stage => {
      const [proxy] = stage.ours.proxies
      const registered = stage.ours.subject.tenures.length
      await stage.admin().leaseClient.leaseLeases().then(({ leases }) => Promise.all(leases.map(({ ID }) => stage.admin().leaseClient.leaseRevoke({ ID }))))
      await until(() => (stage.ours.subject.tenures.length > registered ? true : undefined), 10_000)
      await proxy?.refuse()
      await sleep(10_000)
    },
    strike: told('close'),
    lift: stage => stage.ours.proxies[0]?.accept(),
    right: 1_000,
    judge: ends('revoked'),
  },
  {
    group,
    name: 'closed while its key is taken',
    over: 'process',
    before: async stage => {
      await stage.admin().put(prefix + stage.ours.id).value('{"v":1,"address":"10.0.0.1:8080","status":"down"}')
      await until(() => (stage.ours.subject.tenures.at(-1)?.status === 'taken' ? true : undefined), 10_000)
    },
    strike: told('close'),
    last: 1_000,
    lift: async stage => {
      const removed = await stage.admin().delete().key(prefix + stage.ours.id)
      if (removed.deleted !== '1') throw new Error('the key of another was not left alone')
    },
    right: 1_000,
    judge: ends('taken', 'revoked'),
  },
  {
    group,
    name: 'unsubscribed, and the process exits at once without closing',
    over: 'process',
    strike: async ({ ours: { subject } }) => {
      subject.tell('exit')
      await until(() => (subject.running() ? undefined : true), 10_000)
    },
    last: 6_500,
    right: 1_000,
    remark: 'looked at after the TTL: nothing else ends what could not be revoked',
  },
  {
    group,
    name: `${crowd} registrations closed at once`,
    over: 'process',
    // So many leases of 5 s would be a load of their own.
    setting: { assignment: { crowd }, writes: false, ttl: 30 },
    before: async stage => {
      const all = await until(async () => ((await keysUnder(stage, 'crowd')) === crowd ? true : undefined), 60_000, 100)
      if (!all) throw new Error('not all were registered')
    },
    strike: async stage => {
      stage.ours.subject.tell('close')
      const began = performance.now()
      const gone = await until(async () => ((await keysUnder(stage, 'crowd')) === 0 ? true : undefined), 20_000, 20)
      if (!gone) throw new Error('not all were revoked')
      stage.note(`all gone after ${Math.round(performance.now() - began)} ms`)
    },
    right: 2_000,
  },
]
