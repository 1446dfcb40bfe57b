import { setTimeout as sleep } from 'node:timers/promises'
import type { Etcd3 } from 'etcd3'
import { compare, type Comparison } from '../ratios.js'
import { duration, median, milliseconds, table } from '../results-table.js'
import { goBench } from './go-bench.js'
import { clock } from './commands.js'
import { started, startedGo, withCandidates, type Candidate } from './candidate.js'
import { fill, put, world } from './world.js'

/** The answer to the command `taken`. */
interface Taken {
  /** Revisions and the times at which they arrived, in pairs. */
  readonly arrivals: readonly number[]
  readonly cpu: number
}

const rounds = 5
/** Makes each value a new one: rx-discovery emits nothing for a write that changes nothing. */
let writes = 0
const batch = 100
/** How long (ms) puts are written at this rate. */
const during = (rate: number): number => (rate < 100 ? 4_000 : 2_000)
/** How long (ms) single events are written before the measurement, so that the code for them is compiled. */
const warmUp = 6_000

const quantile = (sorted: readonly number[], share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? NaN

/** Waits until a candidate has a revision, and takes its arrivals. */
const taken = async ({ ask }: Candidate, revision: number): Promise<Taken> => {
  await ask({ do: 'reach', revision })
  return ask({ do: 'taken' })
}

/** Writes `rate` single puts a second for `ms`. Resolves with the time at which each was sent, by revision. */
const singles = async (client: Etcd3, service: string, size: number, rate: number, ms: number): Promise<ReadonlyMap<number, number>> => {
  const sent = new Map<number, number>()
  const underWay: Promise<unknown>[] = []
  const began = clock()
  for (let count = 0, due = 1; clock() - began < ms; due = Math.ceil(((clock() - began) * rate) / 1_000)) {
    for (; count < due; count++) {
      const at = clock()
      const { request_put } = put(service, (count * 7_919) % size, ++writes)
      underWay.push(client.kv.put(request_put).then(({ header }) => sent.set(Number(header.revision), at)))
    }
    await sleep(1)
  }
  await Promise.all(underWay)
  return sent
}

/** Writes `count` transactions of a hundred puts, `atOnce` at a time. Resolves with the last revision. */
const batches = async (client: Etcd3, service: string, size: number, count: number, atOnce: number): Promise<number> => {
  let next = 0
  let last = 0
  const writer = async (): Promise<void> => {
    while (next < count) {
      const index = next++
      const { header } = await client.kv.txn({ success: Array.from({ length: batch }, (_, at) => put(service, (index * batch + at) % size, ++writes)) })
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

/** The figures of one candidate for one round. */
interface Took {
  readonly waits: readonly number[]
  /** CPU time per event, ns. */
  readonly cpu: number
  /** Events a second, from the first write to the last arrival. */
  readonly rate: number
}

interface Written {
  readonly count: number
  readonly last: number
  readonly sent: ReadonlyMap<number, number>
}

/** Writes in rounds that all candidates follow at the same time, so that other load on the machine affects all of them. The first round is a warm-up. Results by candidate and round. */
const inRounds = async (all: readonly Candidate[], write: () => Promise<Written>): Promise<readonly (readonly Took[])[]> => {
  const results = all.map((): Took[] => [])
  for (let round = 0; round <= rounds; round++) {
    const before = await Promise.all(all.map(candidate => taken(candidate, 1)))
    const began = clock()
    const { count, last, sent } = await write()
    const after = await Promise.all(all.map(candidate => taken(candidate, last)))
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

const names: Readonly<Record<string, string>> = { etcd3: "etcd3's watcher, mutable Map", Go: "Go's watcher, mutable map" }

interface Row {
  readonly what: string
  readonly results: readonly (readonly number[])[]
  readonly unit: (value: number) => string
  /** The limit of the ratio to a candidate, by its name. */
  readonly goals: Readonly<Record<string, Comparison['goal']>>
}

/** A row of the table, and its comparisons. */
const row = (all: readonly Candidate[], { what, results, unit, goals }: Row): readonly string[] => {
  const [ours = [], ...others] = results
  for (const [at, theirs] of others.entries()) {
    const { name = '' } = all[at + 1] ?? {}
    compare({ what, ours, theirs, unit, beside: names[name] ?? name, ...(goals[name] && { goal: goals[name] }) })
  }
  return [what, ...results.map(values => unit(median(values)))]
}

/** The cost of an event in the smallest service, by how the events are written. Larger services are compared with it. */
const smallest = new Map<string, readonly number[]>()
const compareSizes = (how: string, size: number, [ours = []]: readonly (readonly number[])[]): void => {
  const before = smallest.get(how)
  if (before === undefined) smallest.set(how, ours)
  else compare({ what: `CPU per event, ${how}, ${size.toLocaleString('en')} instances`, ours, beside: 'rx-discovery, 1,000 instances', theirs: before, unit: duration })
}

const perSecond = (value: number): string => `${Math.round(value).toLocaleString('en')}/s`

interface Scene {
  readonly client: Etcd3
  readonly all: readonly Candidate[]
  readonly service: string
  readonly size: number
}

/** Measures single puts: latency, and CPU time per event. */
const singlePuts = async ({ client, all, service, size }: Scene, rate: number): Promise<readonly (readonly string[])[]> => {
  const measured = await inRounds(all, async () => {
    const sent = await singles(client, service, size, rate, during(rate))
    return { sent, count: sent.size, last: Math.max(...sent.keys()) }
  })
  const column = (of: (took: Took) => number): readonly (readonly number[])[] => measured.map(results => results.map(of))
  const puts = `${rate.toLocaleString('en')} puts/s`
  const how = `${puts}, ${size.toLocaleString('en')} instances`
  const cpu = column(took => took.cpu)
  if (rate === 1_000) compareSizes(puts, size, cpu)
  return [
    row(all, { what: `put → seen, p50, ${how}`, results: column(({ waits }) => quantile(waits, 0.5)), unit: milliseconds, goals: { etcd3: { most: 1.05 } } }),
    row(all, { what: `put → seen, p99, ${how}`, results: column(({ waits }) => quantile(waits, 0.99)), unit: milliseconds, goals: { etcd3: { most: 1.05 } } }),
    // At this rate, the process uses more CPU for itself than for the events.
    ...(rate < 100 ? [] : [row(all, { what: `CPU per event, ${how}`, results: cpu, unit: duration, goals: { etcd3: { most: 1.1 }, Go: { most: 1 } } })]),
  ]
}

/** Measures transactions of a hundred puts, as many as etcd takes. */
const manyPuts = async ({ client, all, service, size }: Scene): Promise<readonly (readonly string[])[]> => {
  const measured = await inRounds(all, async () => ({ sent: new Map<number, number>(), count: 200 * batch, last: await batches(client, service, size, 200, 4) }))
  const column = (of: 'cpu' | 'rate'): readonly (readonly number[])[] => measured.map(results => results.map(took => took[of]))
  const how = `batches of ${batch}, ${size.toLocaleString('en')} instances`
  compareSizes(`batches of ${batch}`, size, column('cpu'))
  return [
    row(all, { what: `events sustained, ${how}`, results: column('rate'), unit: perSecond, goals: { etcd3: { least: 0.95 } } }),
    row(all, { what: `CPU per event, ${how}`, results: column('cpu'), unit: duration, goals: { etcd3: { most: 1.1 }, Go: { most: 1 } } }),
  ]
}

/** A service that changes: the latency of a put, and its cost. */
export const measureWatching = (): Promise<void> =>
  world(async ({ endpoint }, client) => {
    const go = await goBench()
    for (const size of [1_000, 100_000]) {
      const service = `watch-${size}`
      await fill(client, service, size)
      const candidates = [
        ...['rx-discovery', 'etcd3'].map(name => started('watching', name, endpoint, service)),
        ...(go === undefined ? [] : [startedGo(go, 'watch', endpoint, service)]),
      ]
      await withCandidates(candidates, async all => {
        const scene = { client, all, service, size }
        const rows: (readonly string[])[] = [['', ...all.map(({ name }) => name)], ...(await manyPuts(scene))]
        await singles(client, service, size, 1_000, warmUp)
        for (const rate of size === 1_000 ? [50, 1_000, 5_000] : [1_000]) rows.push(...(await singlePuts(scene, rate)))
        table(`A service of ${size.toLocaleString('en')} that changes`, rows)
      })
    }
  })
