import { setTimeout as sleep } from 'node:timers/promises'
import { discover, type Status } from '../../../src/index.js'
import { etcdRegistry } from '../../../src/edge/etcd/index.js'
import { alwaysLive, statesInOrder } from '../checks.js'
import { livingLeases } from '../living-leases.js'
import { memberOf, prefix, type Stage } from '../on-stage.js'
import type { Outcome, Row } from '../row.js'
import { until } from '../until.js'

const group = 'shutdown'

const drain = 2_000

/** The states of an instance as a discovery in this process sees them, until it is gone. */
const seenOf = async (stage: Stage, id: string): Promise<readonly { readonly status: Status | 'gone'; readonly at: number }[]> => {
  const registry = etcdRegistry({ hosts: memberOf(stage).endpoint })
  const seen: { readonly status: Status | 'gone'; readonly at: number }[] = []
  const discovery = discover(registry, 'web').subscribe(set => {
    if (set.status !== 'live') return
    const status = set.get(id)?.status ?? 'gone'
    if (seen.at(-1)?.status !== status) seen.push({ status, at: performance.now() })
  })
  await until(() => seen.find(({ status }) => status === 'gone'), 20_000)
  discovery.unsubscribe()
  await registry.close()
  return seen
}
/** Checks that another process sees `draining` for the whole drain. */
const drainIsVisible = async (stage: Stage): Promise<string> => {
  const seen = await seenOf(stage, stage.ours.id)
  const states = seen.map(({ status }) => status).join(' → ')
  if (states !== 'up → draining → gone') throw new Error(`another process must see up → draining → gone, but saw ${states}`)
  const time = (seen[2]?.at ?? 0) - (seen[1]?.at ?? 0)
  // The two changes may take different times to arrive.
  if (time < drain - 100) throw new Error(`another process saw it draining for ${Math.round(time)} ms instead of ${drain} ms`)
  return `another process sees ${states}, draining for ${(time / 1_000).toFixed(1)} s`
}

const keysUnder = ({ admin }: Stage, start: string): Promise<number> => admin().getAll().prefix(prefix + start).count()

/** The registration must emit these states in this order and complete. */
const endsBy = (...states: readonly string[]) => ({ ours }: Outcome): readonly string[] => statesInOrder('registration', ours.registration, [...states, 'complete'])

/** Revokes the lease and waits until etcd has granted the next one, while the answer is still on its way. */
const duringGrant = async (stage: Stage): Promise<void> => {
  const { admin, ours } = stage
  for (const proxy of ours.proxies) proxy.latency(250)
  const leases = (): Promise<readonly string[]> => livingLeases(admin(), ours.ttl)
  const [old = ''] = await leases()
  await admin().leaseClient.leaseRevoke({ ID: old })
  const found = await until(async () => (await leases()).find(id => id !== old), 20_000)
  if (found === undefined) throw new Error('no other lease was granted within 20 s')
}
const undisturb = (stage: Stage): void => stage.ours.proxies.forEach(proxy => {
  proxy.latency(0)
  proxy.resume()
})

const crowd = 1_000
const send = (command: string) => ({ ours }: Stage): void => ours.subject.send(command)

/** The end of a registration, and of the process. */
export const shutdown: readonly Row[] = [
  {
    group,
    name: `until: drained for ${drain / 1_000} s`,
    core: true,
    over: 'registration',
    setting: { assignment: { drain } },
    strike: async stage => {
      stage.note(drainIsVisible(stage))
      await sleep(1_000)
      stage.ours.subject.send('drain')
    },
    judge: outcome => [...endsBy('registered', 'draining', 'revoked')(outcome), ...alwaysLive(outcome)],
  },
  {
    group,
    // By the default of `endWithin` (2 s) it would end before etcd is back, and the key would expire.
    name: 'until: drained for 1 s, while etcd is down for 3 s (`endWithin: 10_000`)',
    over: 'registration',
    setting: { assignment: { drain: 1_000, endWithin: 10_000 } },
    strike: async stage => {
      await memberOf(stage).kill()
      stage.ours.subject.send('drain')
    },
    last: 3_000,
    lift: stage => memberOf(stage).start(),
    judge: endsBy('registered', 'revoked'),
  },
  {
    group,
    name: 'until: while etcd is stopped for longer than the TTL',
    over: 'registration',
    strike: async stage => {
      memberOf(stage).freeze()
      stage.ours.subject.send('drain')
    },
    last: 8_000,
    lift: stage => memberOf(stage).thaw(),
    recovered: 7_500,
    judge: endsBy('registered', 'revoked'),
  },
  {
    group,
    name: 'closed during a grant whose answer is delayed by 3 s',
    over: 'process',
    before: duringGrant,
    strike: stage => {
      for (const proxy of stage.ours.proxies) proxy.stall()
      stage.ours.subject.send('close')
    },
    last: 3_000,
    lift: undisturb,
    judge: endsBy('revoked'),
  },
  {
    group,
    name: 'closed during a grant, while etcd is stopped for 8 s',
    over: 'process',
    before: duringGrant,
    strike: stage => {
      memberOf(stage).freeze()
      stage.ours.subject.send('close')
    },
    last: 8_000,
    lift: stage => {
      memberOf(stage).thaw()
      undisturb(stage)
    },
    recovered: 15_000,
    judge: endsBy('revoked'),
  },
  {
    group,
    name: 'closed while etcd is down for 1 s',
    over: 'process',
    strike: async stage => {
      await memberOf(stage).kill()
      await sleep(500)
      // By default, `close` waits for 2 s, and a restart takes about as long.
      stage.ours.subject.send('close 5000')
    },
    remark: '`close({ timeout: 5000 })`',
    // Shorter than the TTL, which bounds the time to close.
    last: 1_000,
    lift: stage => memberOf(stage).start(),
    recovered: 6_000,
    judge: endsBy('registered', 'revoked'),
  },
  {
    group,
    name: 'closed during backoff, after the lease was lost',
    over: 'process',
    before: async stage => {
      const [proxy] = stage.ours.proxies
      const registered = stage.ours.subject.states.length
      const { leases } = await stage.admin().leaseClient.leaseLeases()
      await Promise.all(leases.map(({ ID }) => stage.admin().leaseClient.leaseRevoke({ ID })))
      await until(() => (stage.ours.subject.states.length > registered ? true : undefined), 10_000)
      await proxy?.refuse()
      await sleep(10_000)
    },
    strike: send('close'),
    lift: stage => stage.ours.proxies[0]?.accept(),
    recovered: 1_000,
    judge: endsBy('revoked'),
  },
  {
    group,
    name: 'closed while the key is taken',
    over: 'process',
    before: async stage => {
      await stage.admin().put(prefix + stage.ours.id).value('{"v":1,"address":"10.0.0.1:8080","status":"down"}')
      await until(() => (stage.ours.subject.states.at(-1)?.status === 'taken' ? true : undefined), 10_000)
    },
    strike: send('close'),
    last: 1_000,
    lift: async stage => {
      const removed = await stage.admin().delete().key(prefix + stage.ours.id)
      if (removed.deleted !== '1') throw new Error('the key of the other client was deleted')
    },
    recovered: 1_000,
    judge: endsBy('taken', 'revoked'),
  },
  {
    group,
    name: 'unsubscribed, and the process exits at once without close()',
    over: 'process',
    strike: async ({ ours: { subject } }) => {
      subject.send('exit')
      await until(() => (subject.running() ? undefined : true), 10_000)
    },
    last: 6_500,
    recovered: 1_000,
    remark: 'checked after the TTL, because nothing was revoked',
  },
  {
    group,
    name: `${crowd} registrations closed at once`,
    over: 'process',
    // Renewing so many leases with a TTL of 5 s would be a load of its own.
    setting: { assignment: { crowd }, writes: false, ttl: 30 },
    before: async stage => {
      const complete = await until(async () => ((await keysUnder(stage, 'crowd')) === crowd ? true : undefined), 60_000, 100)
      if (!complete) throw new Error(`not all ${crowd} instances were registered within 60 s`)
    },
    strike: async stage => {
      stage.ours.subject.send('close')
      const began = performance.now()
      const gone = await until(async () => ((await keysUnder(stage, 'crowd')) === 0 ? true : undefined), 20_000, 20)
      if (!gone) throw new Error(`not all ${crowd} keys were gone within 20 s`)
      stage.note(`all gone after ${Math.round(performance.now() - began)} ms`)
    },
    recovered: 2_000,
  },
]
