import { setTimeout as sleep } from 'node:timers/promises'
import type { Etcd3 } from 'etcd3'
import { compare } from '../ratios.js'
import { duration, median, milliseconds, table } from '../results-table.js'
import { goBench } from './go-bench.js'
import { clock } from './commands.js'
import { started, startedGo, withSubjects, type Subject } from './candidate.js'
import { fill, put, world } from './world.js'

interface Taken {
  /** Revisions, and when they were there, in pairs. */
  readonly arrivals: readonly number[]
  readonly cpu: number
}

const rounds = 5
/** No value is written twice: what says nothing new is no news to us, and would never be seen. */
let turns = 0
const batch = 100
/** How long puts go on at so many a second, ms. */
const during = (rate: number): number => (rate < 100 ? 4_000 : 2_000)
/** A process that follows a service for days has compiled what it does with single events. */
const warmUp = 6_000

const quantile = (sorted: readonly number[], share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? NaN

/** Waits until a subject knows a revision, and forgets when it came. */
const settled = async ({ ask }: Subject, revision: number): Promise<Taken> => {
  await ask({ do: 'reach', revision })
  return ask({ do: 'taken' })
}

/** Writes single puts, so many a second, for a while; when each was sent, by revision. */
const singles = async (client: Etcd3, service: string, size: number, rate: number, ms: number): Promise<ReadonlyMap<number, number>> => {
  const sent = new Map<number, number>()
  const under: Promise<unknown>[] = []
  const began = clock()
  for (let count = 0, due = 1; clock() - began < ms; due = Math.ceil(((clock() - began) * rate) / 1_000)) {
    for (; count < due; count++) {
      const at = clock()
      const { request_put } = put(service, (count * 7_919) % size, ++turns)
      under.push(client.kv.put(request_put).then(({ header }) => sent.set(Number(header.revision), at)))
    }
    await sleep(1)
  }
  await Promise.all(under)
  return sent
}

/** Writes transactions of a hundred puts, so many under way at once; the last revision. */
const batches = async (client: Etcd3, service: string, size: number, count: number, atOnce: number): Promise<number> => {
  let next = 0
  let last = 0
  const writer = async (): Promise<void> => {
    while (next < count) {
      const turn = next++
      const { header } = await client.kv.txn({ success: Array.from({ length: batch }, (_, at) => put(service, (turn * batch + at) % size, ++turns)) })
      last = Math.max(last, Number(header.revision))
    }
  }
  await Promise.all(Array.from({ length: atOnce }, writer))
  return last
}

const latencies = (sent: ReadonlyMap<number, number>, arrivals: readonly number[]): readonly number[] => {
  const waits: number[] = []
  let at = 0
  for (const [revision, when] of [...sent].sort(([a], [b]) => a - b)) {
    while (at < arrivals.length && (arrivals[at] ?? 0) < revision) at += 2
    const arrived = arrivals[at + 1]
    if (arrived === undefined) throw new Error(`revision ${revision} never arrived`)
    waits.push(arrived - when)
  }
  return waits.sort((a, b) => a - b)
}

/** What one follower took for one writing. */
interface Took {
  readonly waits: readonly number[]
  /** Per event, ns. */
  readonly cpu: number
  /** Events a second, from the beginning of the writing to the last one seen. */
  readonly rate: number
}

interface Written {
  readonly count: number
  readonly last: number
  readonly sent: ReadonlyMap<number, number>
}

/** All follow the same writing, round after round, so that what else the machine does falls on all alike; the first one warms up. By follower and round. */
const inRounds = async (all: readonly Subject[], write: () => Promise<Written>): Promise<readonly (readonly Took[])[]> => {
  const results = all.map((): Took[] => [])
  for (let round = 0; round <= rounds; round++) {
    const before = await Promise.all(all.map(subject => settled(subject, 1)))
    const began = clock()
    const { count, last, sent } = await write()
    const after = await Promise.all(all.map(subject => settled(subject, last)))
    if (round > 0)
      for (const [at, { arrivals, cpu }] of after.entries())
        results[at]?.push({
          waits: latencies(sent, arrivals),
          cpu: ((cpu - (before[at]?.cpu ?? NaN)) / count) * 1e6,
          rate: (count * 1e3) / ((arrivals.at(-1) ?? NaN) - began),
        })
  }
  return results
}

const names: Readonly<Record<string, string>> = { etcd3: "etcd3's watcher and a Map", Go: "Go's watcher and a map" }

interface Row {
  readonly what: string
  readonly results: readonly (readonly number[])[]
  readonly unit: (value: number) => string
  readonly goal: { readonly most: number } | { readonly least: number }
}

/** A row of the table, and its comparisons. */
const row = (all: readonly Subject[], { what, results, unit, goal }: Row): readonly string[] => {
  const [ours = [], ...others] = results
  for (const [at, theirs] of others.entries()) {
    const { name = '' } = all[at + 1] ?? {}
    compare({ what, ours, theirs, unit, beside: names[name] ?? name, ...(name === 'etcd3' ? { goal } : {}) })
  }
  return [what, ...results.map(values => unit(median(values)))]
}

/** What an event of ours cost in the first place, by what it was measured at, to be compared with what it costs where there are more instances. */
const known = new Map<string, readonly number[]>()
const grown = (said: string, size: number, [ours = []]: readonly (readonly number[])[]): void => {
  const before = known.get(said)
  if (before === undefined) known.set(said, ours)
  else compare({ what: `CPU per event, ${said}, ${size.toLocaleString('en')} instances`, ours, beside: 'the same among 1,000', theirs: before, unit: duration, goal: { most: 2 } })
}

const perSecond = (value: number): string => `${Math.round(value).toLocaleString('en')}/s`

interface Scene {
  readonly client: Etcd3
  readonly all: readonly Subject[]
  readonly service: string
  readonly size: number
}

/** One put at a time: how soon it is seen, and what it costs. */
const one = async ({ client, all, service, size }: Scene, rate: number): Promise<readonly (readonly string[])[]> => {
  const measured = await inRounds(all, async () => {
    const sent = await singles(client, service, size, rate, during(rate))
    return { sent, count: sent.size, last: Math.max(...sent.keys()) }
  })
  const column = (of: (took: Took) => number): readonly (readonly number[])[] => measured.map(results => results.map(of))
  const puts = `${rate.toLocaleString('en')} puts/s`
  const said = `${puts}, ${size.toLocaleString('en')} instances`
  const cpu = column(took => took.cpu)
  if (rate === 1_000) grown(puts, size, cpu)
  return [
    row(all, { what: `put → seen, p50, ${said}`, results: column(({ waits }) => quantile(waits, 0.5)), unit: milliseconds, goal: { most: 1.05 } }),
    row(all, { what: `put → seen, p99, ${said}`, results: column(({ waits }) => quantile(waits, 0.99)), unit: milliseconds, goal: { most: 1.05 } }),
    // What a process does by itself is more than fifty events a second.
    ...(rate < 100 ? [] : [row(all, { what: `CPU per event, ${said}`, results: cpu, unit: duration, goal: { most: 1 } })]),
  ]
}

/** As many as etcd takes, a hundred to a transaction. */
const many = async ({ client, all, service, size }: Scene): Promise<readonly (readonly string[])[]> => {
  const measured = await inRounds(all, async () => ({ sent: new Map<number, number>(), count: 200 * batch, last: await batches(client, service, size, 200, 4) }))
  const column = (of: 'cpu' | 'rate'): readonly (readonly number[])[] => measured.map(results => results.map(took => took[of]))
  const said = `batches of ${batch}, ${size.toLocaleString('en')} instances`
  grown(`batches of ${batch}`, size, column('cpu'))
  return [
    row(all, { what: `events sustained, ${said}`, results: column('rate'), unit: perSecond, goal: { least: 0.95 } }),
    row(all, { what: `CPU per event, ${said}`, results: column('cpu'), unit: duration, goal: { most: 1 } }),
  ]
}

/** A service that changes: how soon it is seen, and what it costs. */
export const watching = (): Promise<void> =>
  world(async ({ endpoint }, client) => {
    const go = await goBench()
    for (const size of [1_000, 100_000]) {
      const service = `watch-${size}`
      await fill(client, service, size)
      const subjects = [
        ...['ours', 'etcd3'].map(name => started('watching', name, endpoint, service)),
        ...(go === undefined ? [] : [startedGo(go, 'watch', endpoint, service)]),
      ]
      await withSubjects(subjects, async all => {
        const scene = { client, all, service, size }
        const rows: (readonly string[])[] = [['', ...all.map(({ name }) => name)], ...(await many(scene))]
        await singles(client, service, size, 1_000, warmUp)
        for (const rate of size === 1_000 ? [50, 1_000, 5_000] : [1_000]) rows.push(...(await one(scene, rate)))
        table(`A service of ${size.toLocaleString('en')} that changes`, rows)
      })
    }
  })
