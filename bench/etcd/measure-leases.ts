import { setTimeout as sleep } from 'node:timers/promises'
import type { Etcd3 } from 'etcd3'
import { openIn } from '../../test/etcd/metrics.js'
import type { EtcdServer } from '../../test/etcd/server.js'
import { bound, compare } from '../ratios.js'
import { mebibytes, milliseconds, table } from '../results-table.js'
import { goBench } from './go-bench.js'
import { startedAgain } from './restart.js'
import { started, startedGo, withCandidates, type Candidate, type Used } from './candidate.js'
import { prefixOf, world } from './world.js'

const service = 'leases'

/** How long (ms) the CPU time right after the registration is measured: one round of renewals. */
const idleFor = (ttl: number): number => (ttl * 1_000) / 3
/** How long (ms) the processes run until the code for renewals is compiled. */
const warmUp = 15_000
/** How long (ms) the CPU time while idle is measured after that. */
const idleWindow = 15_000
/** How long (ms) until the first renewals are over. */
const firstRenewals = 3_500

interface Many {
  readonly count: number
  /** In seconds. */
  readonly ttl: number
  readonly names: readonly string[]
  /** Whether CPU while idle is measured too, for all candidates in the same seconds. */
  readonly steady: boolean
  /** Whether the goals of the design apply: a few hundred registrations per process. */
  readonly goals: boolean
}

const allNames = ['rx-discovery', 'rx-discovery, leases alone', 'etcd3', 'etcd3, watched', 'one raw stream', 'Go']

const runs: readonly Many[] = [
  { count: 1, ttl: 10, names: ['rx-discovery', 'etcd3', 'Go'], steady: true, goals: true },
  { count: 100, ttl: 10, names: ['rx-discovery', 'etcd3', 'Go'], steady: true, goals: true },
  { count: 300, ttl: 10, names: allNames, steady: true, goals: true },
  { count: 1_000, ttl: 10, names: allNames, steady: true, goals: false },
  // Registering so many takes longer than ten seconds.
  { count: 10_000, ttl: 30, names: ['rx-discovery', 'etcd3', 'Go'], steady: false, goals: false },
]

/** A row of the table. */
interface Measured {
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

/** Kills etcd and starts it; measures how long after its first answer all have been renewed, and how many keys are gone. */
const restarted = async (etcd: EtcdServer, client: Etcd3, { count }: Many, { name, ask }: Candidate): Promise<Pick<Measured, 'back' | 'lost'>> => {
  // It does not reconnect.
  if (name === 'one raw stream') return { back: '', lost: '' }
  await etcd.kill()
  const [{ renewed, at }, { answeredAt, starting }] = await Promise.all([ask<{ readonly renewed: number; readonly at: number }>({ do: 'renewed' }), startedAgain(etcd)])
  await starting
  const left = await client.getAll().prefix(prefixOf(service)).count()
  return { back: renewed === count ? milliseconds(at - answeredAt) : `${number(renewed)} of ${number(count)}`, lost: number(count - left) }
}

const spent = async ({ ask }: Candidate): Promise<number> => (await ask<{ readonly cpu: number }>({ do: 'spent' })).cpu
/** The share of a CPU that each candidate uses, measured at the same time for `ms`. */
const sharesOver = async (candidates: readonly Candidate[], ms: number): Promise<readonly number[]> => {
  const from = await Promise.all(candidates.map(spent))
  await sleep(ms)
  const to = await Promise.all(candidates.map(spent))
  return to.map((cpu, at) => (cpu - (from[at] ?? NaN)) / ms)
}

const measured = async (etcd: EtcdServer, client: Etcd3, many: Many, candidate: Candidate | undefined): Promise<Omit<Measured, 'steady'>> => {
  if (candidate === undefined) throw new Error('there must be one candidate, got none')
  const { name, ask } = candidate
  const before = await ask<Used>({ do: 'used' })
  const { ms, cpu } = await ask<{ readonly ms: number; readonly cpu: number }>({ do: 'register' })
  await sleep(firstRenewals)
  const { keepAliveStreams: streams } = await openIn(etcd.endpoint)
  const { sockets, heap, rss } = await ask<Used>({ do: 'used' })
  await sleep(200)
  const [idle = NaN] = await sharesOver([candidate], idleFor(many.ttl))
  const { back, lost } = await restarted(etcd, client, many, candidate)
  return { name, ms, cpu, streams, sockets, heap: heap - before.heap, rss: rss - before.rss, idle, back, lost }
}

const oneAfterAnother = async <A, B>(all: readonly A[], run: (one: A) => Promise<B>): Promise<readonly B[]> => {
  const results: B[] = []
  for (const one of all) results.push(await run(one))
  return results
}

const candidateOf = (name: string, go: string | undefined, args: readonly (string | number)[]): Candidate =>
  name === 'Go' ? startedGo(go ?? '', 'leases', ...args) : started('leases', name, ...args)

/** The CPU share of each candidate while there are only renewals. All are measured in the same seconds, so that other load on the machine affects all of them. */
const steady = (names: readonly string[], { count, ttl }: Many, go: string | undefined): Promise<readonly number[]> =>
  world(({ endpoint }) =>
    withCandidates(names.map((name, at) => candidateOf(name, go, [endpoint, `${service}${at}`, count, ttl])), async candidates => {
      await oneAfterAnother(candidates, ({ ask }) => ask({ do: 'register' }))
      await sleep(warmUp)
      return sharesOver(candidates, idleWindow)
    }),
  )

const report = ({ count, ttl, goals }: Many, all: readonly Measured[]): void => {
  const title = `${number(count)} registrations, TTL ${ttl} s`
  table(title, [
    ['', 'time to register', 'CPU for it', 'keep-alive streams', 'sockets', 'heap', 'RSS', 'CPU right after', 'CPU while idle', 'back after a restart', 'lost'],
    ...all.map(({ name, ms, cpu, streams, sockets, heap, rss, idle, steady: share, back, lost }) => [
      name, milliseconds(ms), milliseconds(cpu), String(streams), String(sockets), mebibytes(heap), mebibytes(rss), percent(idle), share === undefined ? '' : percent(share), back, lost,
    ]),
  ])
  const find = (name: string): Measured | undefined => all.find(one => one.name === name)
  const [ours, leases, stock, watched] = [find('rx-discovery'), find('rx-discovery, leases alone'), find('etcd3'), find('etcd3, watched')]
  if (ours !== undefined) bound({ what: `keep-alive streams, ${title}`, measured: [ours.streams], unit: String, most: Math.ceil(count / 100) })
  if (stock === undefined) return
  const beside = (mine: Measured, what: string, of: 'idle' | 'steady' | 'heap' | 'ms', unit: (value: number) => string, most?: number): void =>
    compare({ what: `${what}, ${title}`, ours: [mine[of] ?? NaN], beside: 'etcd3, one lease each', theirs: [stock[of] ?? NaN], unit, ...(most === undefined || !goals ? {} : { goal: { most } }) })
  for (const [mine, how] of [[ours, ''], [leases, ' (leases alone)']] as const) {
    if (mine === undefined) continue
    beside(mine, `CPU while idle${how}`, 'steady', percent, 0.5)
    beside(mine, `CPU right after${how}`, 'idle', percent)
    beside(mine, `heap${how}`, 'heap', mebibytes, 1.2)
    beside(mine, `time to register${how}`, 'ms', milliseconds)
  }
  if (ours !== undefined && watched !== undefined) compare({ what: `heap, ${title}`, ours: [ours.heap], beside: 'etcd3, one lease and two watches each', theirs: [watched.heap], unit: mebibytes })
}

/** Many registrations in one process. The candidates run one after another, since one etcd and two cores are not enough for all at once. */
export const measureLeases = async (): Promise<void> => {
  const go = await goBench()
  for (const many of runs) {
    const { count, ttl, names } = many
    const present = names.filter(name => name !== 'Go' || go !== undefined)
    const measurements = await oneAfterAnother(present, name =>
      world((etcd, client) => withCandidates([candidateOf(name, go, [etcd.endpoint, service, count, ttl])], ([candidate]) => measured(etcd, client, many, candidate))),
    )
    const shares = many.steady ? await steady(present, many, go) : []
    report(many, measurements.map((one, at) => ({ ...one, steady: shares[at] })))
  }
}
