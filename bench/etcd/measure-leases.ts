import { setTimeout as sleep } from 'node:timers/promises'
import type { Etcd3 } from 'etcd3'
import { openIn } from '../../test/etcd/metrics.js'
import type { EtcdServer } from '../../test/etcd/server.js'
import { bound, compare } from '../ratios.js'
import { mebibytes, milliseconds, table } from '../results-table.js'
import { goBench } from './go-bench.js'
import { startedAgain } from './restart.js'
import { started, startedGo, withSubjects, type Subject, type Used } from './candidate.js'
import { prefixOf, world } from './world.js'

const service = 'leases'

/** How long they are left alone right after, ms: one round of renewals. */
const idleFor = (ttl: number): number => (ttl * 1_000) / 3
/** After how long a process that renews leases has compiled what it does all the time, ms, and how long it is looked at then. */
const warm = 15_000
const watched = 15_000
/** What is over by then are the first renewals. */
const calm = 3_500

interface Many {
  readonly count: number
  /** In seconds. */
  readonly ttl: number
  readonly names: readonly string[]
  /** Whether they are looked at once more when they have been there for a while, all in the same seconds. */
  readonly steady: boolean
}

const runs: readonly Many[] = [
  { count: 1_000, ttl: 10, names: ['ours', 'our leases alone', 'etcd3', 'one raw stream', 'Go'], steady: true },
  { count: 5_000, ttl: 10, names: ['ours', 'our leases alone', 'etcd3', 'Go'], steady: true },
  // It takes longer than ten seconds to register them.
  { count: 10_000, ttl: 30, names: ['ours', 'etcd3', 'Go'], steady: false },
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
  readonly steady: number | undefined
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

const spent = async ({ ask }: Subject): Promise<number> => (await ask<{ readonly cpu: number }>({ do: 'spent' })).cpu
/** The share of a processor that each takes, all in the same so many ms. */
const sharesOver = async (subjects: readonly Subject[], ms: number): Promise<readonly number[]> => {
  const from = await Promise.all(subjects.map(spent))
  await sleep(ms)
  const to = await Promise.all(subjects.map(spent))
  return to.map((cpu, at) => (cpu - (from[at] ?? NaN)) / ms)
}

const measured = async (etcd: EtcdServer, client: Etcd3, many: Many, subject: Subject | undefined): Promise<Omit<Held, 'steady'>> => {
  if (subject === undefined) throw new Error('nobody to measure')
  const { name, ask } = subject
  const before = await ask<Used>({ do: 'used' })
  const { ms, cpu } = await ask<{ readonly ms: number; readonly cpu: number }>({ do: 'register' })
  await sleep(calm)
  const { keepAliveStreams: streams } = await openIn(etcd.endpoint)
  const { sockets, heap, rss } = await ask<Used>({ do: 'used' })
  await sleep(200)
  const [idle = NaN] = await sharesOver([subject], idleFor(many.ttl))
  const { back, lost } = await restarted(etcd, client, many, subject)
  return { name, ms, cpu, streams, sockets, heap: heap - before.heap, rss: rss - before.rss, idle, back, lost }
}

const inTurn = async <A, B>(all: readonly A[], run: (one: A) => Promise<B>): Promise<readonly B[]> => {
  const results: B[] = []
  for (const one of all) results.push(await run(one))
  return results
}

const subjectOf = (name: string, go: string | undefined, args: readonly (string | number)[]): Subject =>
  name === 'Go' ? startedGo(go ?? '', 'leases', ...args) : started('leases', name, ...args)

/** What each takes when nothing happens but renewals: they are there for a while, and looked at in the same seconds, so that what else the machine does falls on all alike. */
const steady = (names: readonly string[], { count, ttl }: Many, go: string | undefined): Promise<readonly number[]> =>
  world(({ endpoint }) =>
    withSubjects(names.map((name, at) => subjectOf(name, go, [endpoint, `${service}${at}`, count, ttl])), async subjects => {
      await inTurn(subjects, ({ ask }) => ask({ do: 'register' }))
      await sleep(warm)
      return sharesOver(subjects, watched)
    }),
  )

const report = ({ count, ttl }: Many, all: readonly Held[]): void => {
  const title = `${number(count)} registrations, TTL ${ttl} s`
  table(title, [
    ['', 'all there after', 'CPU for it', 'keep-alive streams', 'sockets', 'heap', 'RSS', 'CPU right after', 'CPU while idle', 'back after a restart', 'lost'],
    ...all.map(({ name, ms, cpu, streams, sockets, heap, rss, idle, steady: share, back, lost }) => [
      name, milliseconds(ms), milliseconds(cpu), String(streams), String(sockets), mebibytes(heap), mebibytes(rss), percent(idle), share === undefined ? '' : percent(share), back, lost,
    ]),
  ])
  const find = (name: string): Held | undefined => all.find(one => one.name === name)
  const [ours, leases, stock] = [find('ours'), find('our leases alone'), find('etcd3')]
  if (ours !== undefined) bound({ what: `keep-alive streams, ${title}`, measured: [ours.streams], unit: String, most: Math.ceil(count / 100) })
  if (stock === undefined) return
  const beside = (mine: Held, what: string, of: 'idle' | 'steady' | 'heap' | 'ms', unit: (value: number) => string, most?: number): void =>
    compare({ what: `${what}, ${title}`, ours: [mine[of] ?? NaN], beside: 'etcd3, a lease each', theirs: [stock[of] ?? NaN], unit, ...(most === undefined ? {} : { goal: { most } }) })
  for (const [mine, how] of [[ours, ''], [leases, ' (leases alone)']] as const) {
    if (mine === undefined) continue
    beside(mine, `CPU while idle${how}`, 'steady', percent, 0.5)
    beside(mine, `CPU right after${how}`, 'idle', percent)
    beside(mine, `heap${how}`, 'heap', mebibytes, 0.2)
    beside(mine, `time to register${how}`, 'ms', milliseconds)
  }
}

/** Many registrations in one process; thousands each by itself, since together they would be more than one etcd and two cores take. */
export const leasing = async (): Promise<void> => {
  const go = await goBench()
  for (const many of runs) {
    const { count, ttl, names } = many
    const there = names.filter(name => name !== 'Go' || go !== undefined)
    const held = await inTurn(there, name =>
      world((etcd, client) => withSubjects([subjectOf(name, go, [etcd.endpoint, service, count, ttl])], ([subject]) => measured(etcd, client, many, subject))),
    )
    const shares = many.steady ? await steady(there, many, go) : []
    report(many, held.map((one, at) => ({ ...one, steady: shares[at] })))
  }
}
