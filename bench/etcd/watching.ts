import { setTimeout as sleep } from 'node:timers/promises'
import type { Etcd3 } from 'etcd3'
import { compare } from '../ratios.js'
import { duration, median, milliseconds, table } from '../table.js'
import { goBench } from './go.js'
import { clock } from './orders.js'
import { started, startedGo, withSubjects, type Subject } from './subject.js'
import { fill, put, world } from './world.js'

interface Taken {
  /** Revisions, and when they were there, in pairs. */
  readonly arrivals: readonly number[]
  readonly cpu: number
}

const rounds = 3
/** No value is written twice: what says nothing new is no news to us, and would never be seen. */
let turns = 0
const rates = [50, 1_000, 5_000]
const batch = 100

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

interface Followed {
  readonly subject: Subject
  /** One of its own, so that it sees its own load only. */
  readonly service: string
}

/** Runs `measure` for one after the other, in rounds; the first one warms up. */
const inRounds = async <A>(all: readonly Followed[], measure: (one: Followed) => Promise<A>): Promise<readonly (readonly A[])[]> => {
  const results = all.map((): A[] => [])
  for (let round = 0; round <= rounds; round++)
    for (const [at, one] of all.entries()) {
      const result = await measure(one)
      if (round > 0) results[at]?.push(result)
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
const row = (all: readonly Followed[], { what, results, unit, goal }: Row): readonly string[] => {
  const [ours = [], ...others] = results
  for (const [at, theirs] of others.entries()) {
    const { name = '' } = all[at + 1]?.subject ?? {}
    compare({ what, ours, theirs, unit, beside: names[name] ?? name, ...(name === 'etcd3' ? { goal } : {}) })
  }
  return [what, ...results.map(values => unit(median(values)))]
}

/** What an event of ours cost in the first place, by what it was measured at, to be compared with what it costs where there are more instances. */
const costs = new Map<string, readonly number[]>()
const grown = (said: string, size: number, [ours = []]: readonly (readonly number[])[]): void => {
  const before = costs.get(said)
  if (before === undefined) costs.set(said, ours)
  else compare({ what: `CPU per event, ${said}, ${size.toLocaleString('en')} instances`, ours, beside: 'the same among 1,000', theirs: before, unit: duration, goal: { most: 2 } })
}

const perSecond = (value: number): string => `${Math.round(value).toLocaleString('en')}/s`

/** One put at a time: how soon it is seen, and what it costs. */
const one = async (client: Etcd3, all: readonly Followed[], size: number, rate: number): Promise<readonly (readonly string[])[]> => {
  const measured = await inRounds(all, async ({ subject, service }) => {
    const before = await settled(subject, 1)
    const sent = await singles(client, service, size, rate, rate < 100 ? 1_500 : 1_000)
    const { arrivals, cpu } = await settled(subject, Math.max(...sent.keys()))
    const waits = latencies(sent, arrivals)
    return { p50: quantile(waits, 0.5), p99: quantile(waits, 0.99), cpu: ((cpu - before.cpu) / sent.size) * 1e6, rate: (sent.size / ((arrivals.at(-1) ?? 0) - (arrivals[1] ?? 0))) * 1e3 }
  })
  const column = (of: 'p50' | 'p99' | 'cpu'): readonly (readonly number[])[] => measured.map(results => results.map(result => result[of]))
  const said = `${rate.toLocaleString('en')} puts/s, ${size.toLocaleString('en')} instances`
  if (rate === 1_000) grown(`${rate.toLocaleString('en')} puts/s`, size, column('cpu'))
  return [
    row(all, { what: `put → seen, p50, ${said}`, results: column('p50'), unit: milliseconds, goal: { most: 1.05 } }),
    row(all, { what: `put → seen, p99, ${said}`, results: column('p99'), unit: milliseconds, goal: { most: 1.05 } }),
    // What a process does by itself is more than fifty events a second.
    ...(rate < 100 ? [] : [row(all, { what: `CPU per event, ${said}`, results: column('cpu'), unit: duration, goal: { most: 1 } })]),
  ]
}

/** As many as etcd takes, a hundred to a transaction. */
const many = async (client: Etcd3, all: readonly Followed[], size: number): Promise<readonly (readonly string[])[]> => {
  const measured = await inRounds(all, async ({ subject, service }) => {
    const before = await settled(subject, 1)
    const began = clock()
    const { arrivals, cpu } = await settled(subject, await batches(client, service, size, 200, 4))
    return { cpu: ((cpu - before.cpu) / (200 * batch)) * 1e6, rate: (200 * batch * 1e3) / ((arrivals.at(-1) ?? NaN) - began) }
  })
  const column = (of: 'cpu' | 'rate'): readonly (readonly number[])[] => measured.map(results => results.map(result => result[of]))
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
      const all = await Promise.all(
        ['ours', 'etcd3', ...(go === undefined ? [] : ['Go'])].map(async (name): Promise<Followed> => {
          const service = `watch-${name}-${size}`
          await fill(client, service, size)
          return { service, subject: name === 'Go' ? startedGo(go ?? '', 'watch', endpoint, service) : started('watching', name, endpoint, service) }
        }),
      )
      const rows: (readonly string[])[] = [['', ...all.map(({ subject }) => subject.name)]]
      await withSubjects(all.map(({ subject }) => subject), async () => {
        // The many first: a process that follows a service for days has compiled what it does all the time.
        rows.push(...(await many(client, all, size)))
        for (const rate of size === 1_000 ? rates : [1_000]) rows.push(...(await one(client, all, size, rate)))
      })
      table(`A service of ${size.toLocaleString('en')} that changes`, rows)
    }
  })
