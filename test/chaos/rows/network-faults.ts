import { setTimeout as sleep } from 'node:timers/promises'
import { namespace, noNamespaces } from '../../etcd/namespace.js'
import type { Proxy } from '../../etcd/proxy.js'
import { etcdServer } from '../../etcd/server.js'
import { alwaysRegistered, undisturbed } from '../checks.js'
import { prefix, type Setting, type Stage } from '../on-stage.js'
import type { Row } from '../row.js'
import { until } from '../until.js'
import { valueOf } from '../weights.js'

const group = 'network'

/** Applies `pull` to every proxy, once per `pause`, for `last` ms. */
const every = (pause: number, last: number, pull: (proxy: Proxy, stage: Stage) => unknown) => async (stage: Stage): Promise<void> => {
  for (const end = performance.now() + last; performance.now() < end; ) {
    await stage.network(proxy => pull(proxy, stage))
    await sleep(pause)
  }
}
const resume = (stage: Stage): Promise<void> => stage.network(proxy => proxy.resume())

/** Writes `count` instances by another client, each at a revision of its own. */
const populate = (count: number) => async ({ admin, random }: Stage): Promise<void> => {
  for (let from = 0; from < count; from += 100)
    await Promise.all(
      Array.from({ length: Math.min(100, count - from) }, (_, offset) =>
        admin().put(`${prefix}many-${String(from + offset).padStart(5, '0')}`).value(valueOf(1 + Math.floor(random() * 1_000))),
      ),
    )
}

/** Waits until a set of `count` instances was emitted from now on, for at most two minutes. */
const setOf = async ({ ours: { subject } }: Stage, count: number): Promise<void> => {
  const since = performance.now()
  await until(() => subject.sets.find(({ live, size, at }) => live && size >= count && at > since), 120_000, 50)
}

/** Faults that a TCP proxy makes. */
const proxied: readonly Row[] = [
  {
    group,
    name: 'every connection reset',
    times: 10,
    strike: stage => stage.network(proxy => proxy.reset()),
    judge: alwaysRegistered,
  },
  {
    group,
    name: 'connections refused for longer than the TTL',
    strike: stage => stage.network(proxy => proxy.refuse()),
    last: 9_000,
    lift: stage => stage.network(proxy => proxy.accept()),
  },
  {
    group,
    name: 'half-open: nothing passes for longer than the TTL',
    core: true,
    strike: stage => stage.network(proxy => proxy.stall()),
    last: 9_000,
    lift: resume,
  },
  {
    group,
    name: 'half-open: requests do not pass for longer than the TTL',
    strike: stage => stage.network(proxy => proxy.stall('up')),
    last: 9_000,
    lift: resume,
  },
  {
    group,
    name: 'half-open: answers do not pass for longer than the TTL',
    strike: stage => stage.network(proxy => proxy.stall('down')),
    last: 9_000,
    lift: resume,
  },
  ...[200, 700, 1_000].map(
    (delay): Row => ({
      group,
      name: `${delay} ms of latency each way, from the start`,
      setting: { line: proxy => proxy.latency(delay), ttl: delay > 500 ? 10 : 5 },
      strike: () => undefined,
      last: 20_000,
      judge: undisturbed,
    }),
  ),
  {
    group,
    name: '200 ms of latency each way, from one moment to the next',
    strike: stage => stage.network(proxy => proxy.latency(200)),
    last: 15_000,
    judge: undisturbed,
  },
  {
    group,
    name: 'a line of 10 kB/s, from the start',
    setting: { line: proxy => proxy.throttle(10_000), ttl: 10 },
    strike: populate(300),
    last: 15_000,
    judge: alwaysRegistered,
  },
  {
    group,
    name: '2,000 instances listed at 10 kB/s after a reset',
    setting: { ttl: 10, writes: false },
    strike: async stage => {
      await populate(2_000)(stage)
      await stage.network(proxy => proxy.throttle(10_000))
      await stage.network(proxy => proxy.reset())
      await setOf(stage, 2_000)
    },
    judge: alwaysRegistered,
  },
  {
    group,
    name: '2,000 instances listed at 10 kB/s by a process that starts',
    setting: { ttl: 10, writes: false },
    strike: async stage => {
      await populate(2_000)(stage)
      await stage.network(proxy => proxy.throttle(10_000))
      await stage.ours.subject.restart()
      await setOf(stage, 2_000)
    },
  },
  {
    group,
    name: 'connections cut in the middle of a frame',
    times: 40,
    strike: stage => stage.network(proxy => proxy.cutAfter(1 + Math.floor(stage.random() * 3_000), stage.random() < 0.7 ? 'down' : 'up')),
    last: 400,
    judge: alwaysRegistered,
  },
  {
    group,
    name: 'connections reset every 100 ms for 8 s',
    strike: every(100, 8_000, proxy => proxy.reset()),
    judge: alwaysRegistered,
  },
  {
    group,
    name: 'connections reset every 100 ms for a minute',
    strike: every(100, 60_000, proxy => proxy.reset()),
    judge: alwaysRegistered,
  },
  {
    group,
    name: 'open connections go dead, new ones work',
    remark: 'as when a firewall forgets them',
    setting: { ttl: 10 },
    strike: stage => stage.network(proxy => proxy.strand()),
    last: 8_000,
    judge: alwaysRegistered,
  },
]

const apart = namespace()
/** Runs the subjects in a network namespace of their own; etcd stays outside. */
const inNamespace = (): Setting => {
  let port = ''
  return {
    launch: { by: apart.by },
    start: async () => {
      await apart.open()
      try {
        const etcd = await etcdServer({ address: apart.address })
        port = new URL(etcd.endpoint).port
        return { members: [etcd], close: () => etcd.close().finally(apart.close) }
      } catch (error) {
        await apart.close()
        throw error
      }
    },
    hosts: () => [`http://${apart.address}:${port}`],
  }
}
const rule = (...words: readonly string[]) => (): Promise<void> => apart.run('iptables', ...words)
const bothWays = (...words: readonly string[]) => async (): Promise<void> => {
  for (const chain of ['INPUT', 'OUTPUT']) await rule('-A', chain, ...words)()
}
const flush = rule('-F')
const isolated = (row: Omit<Row, 'group' | 'setting' | 'missing'>): Row => ({ group, setting: inNamespace(), missing: noNamespaces, ...row })

/** Faults that the system's own network stack makes. */
const byPackets: readonly Row[] = [
  isolated({
    name: '5 % of the packets lost, both ways, for 20 s',
    strike: bothWays('-m', 'statistic', '--mode', 'random', '--probability', '0.05', '-j', 'DROP'),
    last: 20_000,
    lift: flush,
    judge: alwaysRegistered,
  }),
  isolated({
    name: 'every packet dropped for longer than the TTL',
    strike: bothWays('-j', 'DROP'),
    last: 9_000,
    lift: flush,
  }),
  isolated({
    name: 'link down for longer than the TTL',
    strike: () => apart.run('ip', 'link', 'set', apart.link, 'down'),
    last: 9_000,
    lift: () => apart.run('ip', 'link', 'set', apart.link, 'up'),
  }),
  isolated({
    name: 'rejected by a firewall with TCP resets for longer than the TTL',
    strike: rule('-A', 'OUTPUT', '-p', 'tcp', '-j', 'REJECT', '--reject-with', 'tcp-reset'),
    last: 9_000,
    lift: flush,
  }),
]

/** Faults between the subjects and etcd. */
export const networkFaults: readonly Row[] = [...proxied, ...byPackets]
