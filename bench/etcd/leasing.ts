import { setTimeout as sleep } from 'node:timers/promises'
import { openIn } from '../../test/etcd/metrics.js'
import type { EtcdServer } from '../../test/etcd/server.js'
import { bound, compare } from '../ratios.js'
import { mebibytes, milliseconds, table } from '../table.js'
import { goBench } from './go.js'
import { started, startedGo, withSubjects, type Subject, type Used } from './subject.js'
import { world } from './world.js'

const ttl = 10
/** How long they are left alone, ms: two rounds of renewals. */
const idle = 7_000
/** What is over by then are the first renewals. */
const calm = 4_000

interface Held {
  readonly name: string
  readonly ms: number
  readonly cpu: number
  readonly streams: number
  readonly sockets: number
  readonly heap: number
  readonly rss: number
  readonly idle: number
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`

const measured = async ({ endpoint }: EtcdServer, subjects: readonly Subject[]): Promise<readonly Held[]> => {
  const held: Omit<Held, 'heap' | 'rss' | 'idle' | 'sockets'>[] = []
  const before = await Promise.all(subjects.map(({ ask }) => ask<Used>({ do: 'used' })))
  // One after the other, and then all together, since they have next to nothing to do.
  for (const { name, ask } of subjects) {
    const { keepAliveStreams } = await openIn(endpoint)
    const { ms, cpu } = await ask<{ readonly ms: number; readonly cpu: number }>({ do: 'register' })
    await sleep(500)
    held.push({ name, ms, cpu, streams: (await openIn(endpoint)).keepAliveStreams - keepAliveStreams })
  }
  await sleep(calm)
  const now = await Promise.all(subjects.map(({ ask }) => ask<Used>({ do: 'used' })))
  await sleep(200)
  const from = await Promise.all(subjects.map(({ ask }) => ask<{ readonly cpu: number }>({ do: 'spent' })))
  await sleep(idle)
  const to = await Promise.all(subjects.map(({ ask }) => ask<{ readonly cpu: number }>({ do: 'spent' })))
  return held.map((one, at) => ({
    ...one,
    sockets: now[at]?.sockets ?? NaN,
    heap: (now[at]?.heap ?? NaN) - (before[at]?.heap ?? NaN),
    rss: (now[at]?.rss ?? NaN) - (before[at]?.rss ?? NaN),
    idle: ((to[at]?.cpu ?? NaN) - (from[at]?.cpu ?? NaN)) / idle,
  }))
}

const report = (count: number, all: readonly Held[]): void => {
  const title = `${count.toLocaleString('en')} registrations, TTL ${ttl} s`
  table(title, [
    ['', 'all there after', 'CPU for it', 'keep-alive streams', 'sockets', 'heap', 'RSS', 'CPU while idle'],
    ...all.map(({ name, ms, cpu, streams, sockets, heap, rss, idle: share }) => [
      name, milliseconds(ms), milliseconds(cpu), String(streams), String(sockets), mebibytes(heap), mebibytes(rss), percent(share),
    ]),
  ])
  const find = (name: string): Held | undefined => all.find(one => one.name === name)
  const [ours, leases, stock] = [find('ours'), find('our leases alone'), find('etcd3')]
  if (ours !== undefined) bound({ what: `keep-alive streams, ${title}`, measured: [ours.streams], unit: String, most: Math.ceil(count / 100) })
  if (stock === undefined) return
  const beside = (mine: Held, what: string, of: 'idle' | 'heap' | 'ms', unit: (value: number) => string, most?: number): void =>
    compare({ what: `${what}, ${title}`, ours: [mine[of]], beside: 'etcd3, a lease each', theirs: [stock[of]], unit, ...(most === undefined ? {} : { goal: { most } }) })
  for (const [mine, how] of [[ours, ''], [leases, ' (leases alone)']] as const) {
    if (mine === undefined) continue
    beside(mine, `CPU while idle${how}`, 'idle', percent, 0.5)
    beside(mine, `heap${how}`, 'heap', mebibytes, 0.2)
    beside(mine, `time to register${how}`, 'ms', milliseconds)
  }
}

/** Many registrations in one process. */
export const leasing = async (): Promise<void> => {
  const go = await goBench()
  for (const count of [1_000, 5_000, 10_000])
    await world(async etcd => {
      const args = (name: string) => [etcd.endpoint, `leases-${name.replaceAll(' ', '-')}`, count, ttl] as const
      const names = count === 10_000 ? ['ours'] : ['ours', 'our leases alone', 'etcd3', 'one raw stream']
      const all = names.map(name => started('leases', name, ...args(name)))
      const gos = go === undefined || count === 10_000 ? [] : [startedGo(go, 'leases', ...args('go'))]
      report(count, await withSubjects([...all, ...gos], subjects => measured(etcd, subjects)))
    })
}
