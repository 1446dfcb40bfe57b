import { setTimeout as sleep } from 'node:timers/promises'
import type { Etcd3 } from 'etcd3'
import { openIn } from '../../test/etcd/metrics.js'
import type { EtcdServer } from '../../test/etcd/server.js'
import { bound, compare } from '../ratios.js'
import { mebibytes, milliseconds, table } from '../table.js'
import { goBench } from './go.js'
import { startedAgain } from './restart.js'
import { started, startedGo, withSubjects, type Subject, type Used } from './subject.js'
import { prefixOf, world } from './world.js'

const service = 'leases'

/** How long they are left alone, ms: two rounds of renewals, or one of long ones. */
const idleFor = (ttl: number): number => Math.max(6_700, (ttl * 1_000) / 3)
/** What is over by then are the first renewals. */
const calm = 3_500

interface Many {
  readonly count: number
  /** In seconds. */
  readonly ttl: number
  readonly names: readonly string[]
}

const runs: readonly Many[] = [
  { count: 1_000, ttl: 10, names: ['ours', 'our leases alone', 'etcd3', 'one raw stream', 'Go'] },
  { count: 5_000, ttl: 10, names: ['ours', 'our leases alone', 'etcd3', 'Go'] },
  // It takes longer than ten seconds to register them.
  { count: 10_000, ttl: 30, names: ['ours', 'etcd3', 'Go'] },
]

interface Held {
  readonly name: string
  readonly ms: number
  readonly cpu: number
  readonly streams: number
  readonly sockets: number
  readonly heap: number
  readonly rss: number
  readonly idle: number
  readonly back: string
  readonly lost: string
}

const number = (value: number): string => value.toLocaleString('en')
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`

/** etcd is killed and started: how long after its first answer all have been renewed, and how many are gone. */
const restarted = async (etcd: EtcdServer, client: Etcd3, { count }: Many, { name, ask }: Subject): Promise<Pick<Held, 'back' | 'lost'>> => {
  // Nothing opens it again.
  if (name === 'one raw stream') return { back: '', lost: '' }
  await etcd.kill()
  const [{ renewed, at }, { answered, starting }] = await Promise.all([ask<{ readonly renewed: number; readonly at: number }>({ do: 'renewed' }), startedAgain(etcd)])
  await starting
  const left = await client.getAll().prefix(prefixOf(service)).count()
  return { back: renewed === count ? milliseconds(at - answered) : `${number(renewed)} of ${number(count)}`, lost: number(count - left) }
}

const measured = async (etcd: EtcdServer, client: Etcd3, many: Many, subject: Subject | undefined): Promise<Held> => {
  if (subject === undefined) throw new Error('nobody to measure')
  const { name, ask } = subject
  const before = await ask<Used>({ do: 'used' })
  const { ms, cpu } = await ask<{ readonly ms: number; readonly cpu: number }>({ do: 'register' })
  await sleep(calm)
  const { keepAliveStreams: streams } = await openIn(etcd.endpoint)
  const { sockets, heap, rss } = await ask<Used>({ do: 'used' })
  await sleep(200)
  const from = await ask<{ readonly cpu: number }>({ do: 'spent' })
  const idle = idleFor(many.ttl)
  await sleep(idle)
  const to = await ask<{ readonly cpu: number }>({ do: 'spent' })
  const { back, lost } = await restarted(etcd, client, many, subject)
  return { name, ms, cpu, streams, sockets, heap: heap - before.heap, rss: rss - before.rss, idle: (to.cpu - from.cpu) / idle, back, lost }
}

const inTurn = async <A, B>(all: readonly A[], run: (one: A) => Promise<B>): Promise<readonly B[]> => {
  const results: B[] = []
  for (const one of all) results.push(await run(one))
  return results
}

const report = ({ count, ttl }: Many, all: readonly Held[]): void => {
  const title = `${number(count)} registrations, TTL ${ttl} s`
  table(title, [
    ['', 'all there after', 'CPU for it', 'keep-alive streams', 'sockets', 'heap', 'RSS', 'CPU while idle', 'back after a restart', 'lost'],
    ...all.map(({ name, ms, cpu, streams, sockets, heap, rss, idle: share, back, lost }) => [
      name, milliseconds(ms), milliseconds(cpu), String(streams), String(sockets), mebibytes(heap), mebibytes(rss), percent(share), back, lost,
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

/** Many registrations in one process; thousands each by itself, since together they would be more than one etcd and two cores take. */
export const leasing = async (): Promise<void> => {
  const go = await goBench()
  for (const many of runs) {
    const { count, ttl, names } = many
    const held = await inTurn(names.filter(name => name !== 'Go' || go !== undefined), name =>
      world((etcd, client) => {
        const args = [etcd.endpoint, service, count, ttl] as const
        return withSubjects([name === 'Go' ? startedGo(go ?? '', 'leases', ...args) : started('leases', name, ...args)], ([subject]) => measured(etcd, client, many, subject))
      }),
    )
    report(many, held)
  }
}
