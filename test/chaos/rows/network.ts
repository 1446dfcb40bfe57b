import { setTimeout as sleep } from 'node:timers/promises'
import type { Proxy } from '../../etcd/proxy.js'
import type { Outcome } from '../outcome.js'
import type { Row } from '../row.js'
import { etcdServer } from '../../etcd/server.js'
import { namespace, noNamespaces } from '../../etcd/namespace.js'
import { prefix, valueOf, type Setting, type Stage } from '../stage.js'

const group = 'the network'

const only = (name: string, seen: readonly string[], known: RegExp): readonly string[] => {
  const strange = seen.filter(word => !known.test(word))
  return strange.length === 0 ? [] : [`${name} said ${strange.join()}`]
}
/** A slow line is no fault: nothing is lost, and nothing flaps. */
const steady = ({ ours }: Outcome): readonly string[] => [...only('discovery', ours.sets, /^live$/), ...only('registration', ours.registration, /^registered$/)]
const held = ({ ours }: Outcome): readonly string[] => only('registration', ours.registration, /^registered$/)

/** Does something to every line, again and again, for so long. */
const every = (pause: number, last: number, pull: (proxy: Proxy, stage: Stage) => unknown) => async (stage: Stage): Promise<void> => {
  for (const end = performance.now() + last; performance.now() < end; ) {
    await stage.network(proxy => pull(proxy, stage))
    await sleep(pause)
  }
}
const resume = (stage: Stage): Promise<void> => stage.network(proxy => proxy.resume())

/** Puts so many instances there, by another hand. */
const populate = (count: number) => async ({ admin, random }: Stage): Promise<void> => {
  for (let index = 0; index < count; index += 100)
    await Promise.all(
      Array.from({ length: Math.min(100, count - index) }, (_, each) =>
        admin().put(`${prefix}many-${String(index + each).padStart(5, '0')}`).value(valueOf(1 + Math.floor(random() * 1_000))),
      ),
    )
}

/** Waits, for two minutes at most, until ours sees so many. */
const knows = async ({ ours: { subject } }: Stage, count: number): Promise<void> => {
  const since = performance.now()
  const seen = (): boolean => subject.views.some(({ live, size, at }) => live && size >= count && at > since)
  while (!seen() && performance.now() < since + 120_000) await sleep(50)
}

/** What can happen on the way to a single etcd. */
const proxied: readonly Row[] = [
  {
    group,
    name: 'every connection reset',
    times: 10,
    strike: stage => stage.network(proxy => proxy.reset()),
    judge: held,
  },
  {
    group,
    name: 'refused for longer than the TTL',
    strike: stage => stage.network(proxy => proxy.refuse()),
    last: 9_000,
    lift: stage => stage.network(proxy => proxy.accept()),
  },
  {
    group,
    name: 'half-open: nothing passes, for longer than the TTL',
    core: true,
    strike: stage => stage.network(proxy => proxy.stall()),
    last: 9_000,
    lift: resume,
  },
  {
    group,
    name: 'half-open: what we send does not pass, for longer than the TTL',
    strike: stage => stage.network(proxy => proxy.stall('up')),
    last: 9_000,
    lift: resume,
  },
  {
    group,
    name: 'half-open: what etcd sends does not pass, for longer than the TTL',
    strike: stage => stage.network(proxy => proxy.stall('down')),
    last: 9_000,
    lift: resume,
  },
  ...[200, 700, 1_000].map(
    (delay): Row => ({
      group,
      name: `${delay} ms each way, from the start`,
      setting: { line: proxy => proxy.latency(delay), ttl: delay > 500 ? 10 : 5 },
      strike: () => undefined,
      last: 20_000,
      judge: steady,
    }),
  ),
  {
    group,
    name: '200 ms each way, all of a sudden',
    strike: stage => stage.network(proxy => proxy.latency(200)),
    last: 15_000,
    judge: steady,
  },
  {
    group,
    name: '10 kB/s, from the start',
    setting: { line: proxy => proxy.throttle(10_000), ttl: 10 },
    strike: populate(300),
    last: 15_000,
    judge: held,
  },
  {
    group,
    name: 'a listing of 2,000 at 10 kB/s, after a reset',
    setting: { ttl: 10, writes: false },
    strike: async stage => {
      await populate(2_000)(stage)
      await stage.network(proxy => proxy.throttle(10_000))
      await stage.network(proxy => proxy.reset())
      await knows(stage, 2_000)
    },
    judge: held,
  },
  {
    group,
    name: 'a listing of 2,000 at 10 kB/s, by a process that starts',
    setting: { ttl: 10, writes: false },
    strike: async stage => {
      await populate(2_000)(stage)
      await stage.network(proxy => proxy.throttle(10_000))
      await stage.ours.subject.restart()
      await knows(stage, 2_000)
    },
  },
  {
    group,
    name: 'cut in the middle of a frame',
    times: 40,
    strike: stage => stage.network(proxy => proxy.cutAfter(1 + Math.floor(stage.random() * 3_000), stage.random() < 0.7 ? 'down' : 'up')),
    last: 400,
    judge: held,
  },
  {
    group,
    name: 'flapping every 100 ms for 8 s',
    strike: every(100, 8_000, proxy => proxy.reset()),
    judge: held,
  },
  {
    group,
    name: 'flapping every 100 ms for a minute',
    strike: every(100, 60_000, proxy => proxy.reset()),
    judge: held,
  },
  {
    group,
    name: 'open connections go dead, new ones work',
    remark: 'as when a firewall forgets them',
    setting: { ttl: 10 },
    strike: stage => stage.network(proxy => proxy.strand()),
    last: 8_000,
    judge: held,
  },
]

const apart = namespace()
/** The subjects are in a network namespace of their own, and etcd is not. */
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

/** The same by the system's own means. */
const byPackets: readonly Row[] = [
  isolated({
    name: '5 % of the packets lost, both ways, for 20 s',
    strike: bothWays('-m', 'statistic', '--mode', 'random', '--probability', '0.05', '-j', 'DROP'),
    last: 20_000,
    lift: flush,
    judge: held,
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
    name: 'rejected by a firewall, with a reset, for longer than the TTL',
    strike: rule('-A', 'OUTPUT', '-p', 'tcp', '-j', 'REJECT', '--reject-with', 'tcp-reset'),
    last: 9_000,
    lift: flush,
  }),
]

/** What can happen on the way to etcd. */
export const network: readonly Row[] = [...proxied, ...byPackets]
