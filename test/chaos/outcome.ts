import { setTimeout as sleep } from 'node:timers/promises'
import type { Row } from './row.js'
import { onStage, prefix, valueOf, type Party, type Stage } from './stage.js'
import { weightOf } from './told.js'
import { until } from './until.js'

/** What came of a fault for one subject. */
export interface Result {
  /** What its user saw, from the first strike on. */
  readonly sets: readonly string[]
  readonly registration: readonly string[]
  /** For each strike, ms from its beginning to the first word of it; `undefined`: never noticed. */
  readonly noticed: readonly (number | undefined)[]
  readonly missed: readonly (number | undefined)[]
  /** For each strike, ms from etcd's first answer after it to a true set, and to a held registration; `undefined`: not within our patience. */
  readonly right: readonly (number | undefined)[]
  readonly back: readonly (number | undefined)[]
  /** Views that claimed to be true and were not, and of how many. */
  readonly untrue: number
  readonly views: number
  /** Keys that it has wrong in the end. */
  readonly wrong: number
  /** Leases and keys of its own, left in etcd after its end. */
  readonly leases: number
  readonly keys: number
  readonly failures: readonly string[]
  readonly heldInTheEnd: boolean
  /** What it wrote on its standard error; `undefined`: it did not end by itself. */
  readonly complaint: string | undefined
}

/** What came of a fault. */
export interface Outcome {
  readonly row: Row
  readonly seed: number
  readonly ours: Result
  readonly stock: Result
  /** What there is to say besides. */
  readonly notes: readonly string[]
  /** What should have held and did not. */
  readonly problems: readonly string[]
}

const patience = 30_000
/** For how long (ms) we wait for etcd3, once we are right ourselves. */
const courtesy = 12_000

const runs = (words: readonly string[]): readonly string[] => words.filter((word, index) => word !== words[index - 1])

/** A write by another hand, by whose revision one sees who is up to date. */
const mark = async ({ anywhere, random }: Stage): Promise<number | undefined> => {
  const value = Buffer.from(valueOf(1 + Math.floor(random() * 1_000)))
  return until(
    () => anywhere(client => client.kv.put({ key: Buffer.from(`${prefix}mark`), value }, { deadline: Date.now() + 500 })).then(({ header }) => Number(header.revision), () => undefined),
    5_000,
  )
}

interface Episode {
  readonly began: number
  readonly struck: number
  readonly ended: number
}

const seenRight = ({ subject }: Party, { ended }: Episode, revision: number): number | undefined => {
  const view = subject.views.find(({ live, revision: at, at: when }) => live && at >= revision && when >= ended - 1)
  return view && Math.max(0, view.at - ended)
}

const heldAgain = async ({ subject, id }: Party, { ended }: Episode, stage: Stage): Promise<number | undefined> => {
  if (subject.tenures.at(-1)?.held !== true) return undefined
  const { kvs } = await stage.anywhere(client => client.kv.range({ key: Buffer.from(prefix + id) }, { deadline: Date.now() + 500 })).catch(() => ({ kvs: [] }))
  if (kvs[0] === undefined || kvs[0].lease === '0') return undefined
  // Since when: the last change of its mind, if that came after the end.
  const since = subject.tenures.filter(({ held }, index, all) => held && all[index - 1]?.held !== true).at(-1)
  return Math.max(0, (since?.at ?? ended) - ended)
}

/** When all that should be over by it was, ms after the strike. */
const overAfter = ({ subject }: Party, { struck }: Episode): number | undefined => {
  const last = subject.tenures.at(-1)
  if (last?.status === 'complete') return Math.max(0, last.at - struck)
  // Who ends without a word has ended in the strike.
  return subject.running() ? undefined : 0
}

const strikeOnce = async (row: Row, stage: Stage, results: Record<'ours' | 'stock', { right: (number | undefined)[]; back: (number | undefined)[] }>): Promise<Episode> => {
  await row.before?.(stage)
  const began = performance.now()
  const lift = async (): Promise<void> => {
    await sleep(row.last ?? 0)
    await row.lift?.(stage)
  }
  await row.strike(stage)
  const struck = performance.now()
  if (row.meanwhile !== true) await lift()
  const { at: ended, revision: reached } = await stage.answering()
  const episode = { began, struck, ended }
  const revision = (await mark(stage)) ?? reached
  const over = (which: 'ours' | 'stock'): Row['over'] => (which === 'ours' ? row.over : undefined)
  const wait = (which: 'ours' | 'stock', within: number): Promise<unknown> =>
    Promise.all([
      until(() => (over(which) === 'process' ? overAfter : seenRight)(stage[which], episode, revision), within).then(right => results[which].right.push(right)),
      until(() => (over(which) ? overAfter : heldAgain)(stage[which], episode, stage), within, 20).then(back => results[which].back.push(back)),
    ])
  await Promise.all([wait('ours', patience), wait('stock', courtesy)])
  if (row.meanwhile === true) {
    await lift()
    await stage.answering()
  }
  return episode
}

const truthNow = async (stage: Stage): Promise<ReadonlyMap<string, number>> => {
  const { kvs } = await stage.anywhere(client => client.getAll().prefix(prefix).exec())
  return new Map(kvs.flatMap(({ key, value }) => {
    const weight = weightOf(value.toString())
    return weight === undefined ? [] : [[key.toString().slice(prefix.length), weight] as const]
  }))
}

const wrongIn = (weights: Readonly<Record<string, number>>, truth: ReadonlyMap<string, number>): number =>
  [...new Set([...Object.keys(weights), ...truth.keys()])].filter(id => weights[id] !== truth.get(id)).length

/** How many keys a subject has wrong, once it had time to catch up. */
const wrongOf = async (stage: Stage, which: 'ours' | 'stock', within: number): Promise<number> => {
  const { subject } = stage[which]
  let wrong = -1
  await until(async () => {
    if (!subject.running()) return 0
    // One that waits for a host that says nothing does not hear us either.
    const [weights, truth] = await Promise.all([Promise.race([subject.weights(), sleep(2_000, undefined, { ref: false })]), truthNow(stage)])
    if (weights === undefined) return undefined
    wrong = wrongIn(weights, truth)
    return wrong === 0 ? 0 : undefined
  }, within, 200)
  return wrong
}

const leftBy = async (stage: Stage, { ttl, id }: Party): Promise<{ readonly leases: number; readonly keys: number }> => {
  const { leases } = await stage.anywhere(client => client.leaseClient.leaseLeases())
  const granted = await Promise.all(leases.map(({ ID }) => stage.anywhere(client => client.leaseClient.leaseTimeToLive({ ID }))))
  const { kvs } = await stage.anywhere(client => client.kv.range({ key: Buffer.from(prefix + id) }))
  return { leases: granted.filter(({ TTL, grantedTTL }) => Number(TTL) > 0 && Number(grantedTTL) === ttl).length, keys: kvs.length }
}

const resultOf = async (
  { over }: Row,
  stage: Stage,
  which: 'ours' | 'stock',
  episodes: readonly Episode[],
  times: { readonly right: readonly (number | undefined)[]; readonly back: readonly (number | undefined)[] },
): Promise<Result> => {
  const party = stage[which]
  const { views, tenures, failures } = party.subject
  const wrong = over === 'process' && which === 'ours' ? 0 : await wrongOf(stage, which, which === 'ours' ? 15_000 : 3_000)
  await stage.truth.harvest()
  const from = episodes[0]?.began ?? 0
  // What it was when the fault struck, and what it became.
  const trace = (told: readonly { readonly at: number; readonly status: string }[]): readonly string[] => {
    const before = told.filter(({ at }) => at < from).length
    return runs(told.slice(Math.max(0, before - 1)).map(({ status }) => status))
  }
  const firstAfter = (told: readonly { readonly at: number }[]) => episodes.map(({ began }, index) => {
    const end = episodes[index + 1]?.began ?? Infinity
    const found = told.find(({ at }) => at >= began && at < end)
    return found && found.at - began
  })
  const claimed = views.filter(({ live }) => live)
  const untrue = claimed.filter(view => !stage.truth.confirms(view))
  const result = {
    heldInTheEnd: tenures.at(-1)?.held === true,
    sets: trace(views),
    registration: trace(tenures),
    noticed: firstAfter(views.filter(({ live }) => !live)),
    missed: firstAfter(tenures.filter(({ held }) => !held)),
    ...times,
    untrue: untrue.length,
    views: claimed.length,
    wrong,
    failures: [...failures],
  }
  const complaint = await party.subject.end()
  return { ...result, complaint, ...(await leftBy(stage, party)) }
}

const judge = (row: Row, ours: Result, slack: number): readonly string[] => {
  const { noticed, missed, right, back, untrue, wrong, leases, keys, failures, complaint, heldInTheEnd } = ours
  const { noticed: soon = (row.setting?.ttl ?? 5) * 1_000 + 500, right: bound = 5_000 } = row
  const late = (times: readonly (number | undefined)[], limit: number): readonly number[] => times.flatMap(time => (time !== undefined && time > limit * slack ? [Math.round(time)] : []))
  const complaints: readonly (readonly [boolean, string])[] = [
    [untrue > 0, `${untrue} sets were live and untrue`],
    [wrong !== 0, `${wrong} keys are wrong in the end`],
    [leases > 0 || keys > 0, `left ${leases} leases and ${keys} keys in etcd`],
    [failures.length > 0, `failed: ${failures.join('; ')}`],
    [complaint === undefined, 'did not end by itself'],
    [complaint !== undefined && complaint.trim() !== '', `complained: ${complaint ?? ''}`],
    [row.over === undefined && !heldInTheEnd, 'was not registered in the end'],
    [right.includes(undefined), row.over === 'process' ? 'was never over' : 'never saw a true set again'],
    [back.includes(undefined), row.over ? 'was never revoked' : 'was never registered again'],
    [late(right, bound).length > 0, `true again only after ${late(right, bound).join()} ms`],
    [late(back, bound).length > 0, `${row.over ? 'revoked' : 'registered again'} only after ${late(back, bound).join()} ms`],
    [late(noticed, soon).length > 0, `noticed only after ${late(noticed, soon).join()} ms`],
    [!row.over && late(missed, soon).length > 0, `the loss noticed only after ${late(missed, soon).join()} ms`],
  ]
  return complaints.flatMap(([is, text]) => (is ? [text] : []))
}

/** Plays a row: strikes, waits until all is right again, ends the subjects, and looks at what is left. `slack`: by how much a bound of time may be exceeded. */
export const play = (row: Row, seed: number, slack = 1): Promise<Outcome> =>
  onStage(row.setting ?? {}, seed, async stage => {
    const ready = ({ subject, id }: Party): true | undefined =>
      subject.views.at(-1)?.live === true && subject.tenures.at(-1)?.held === true ? true : (id === 'stock' && !subject.running()) || undefined
    for (const which of ['ours', 'stock'] as const)
      if (!(await until(() => ready(stage[which]), which === 'ours' ? 60_000 : courtesy)) && which === 'ours') throw new Error(`it did not get ready: ${stage.ours.subject.failures.join('; ')}`)
    await sleep(300)
    const times = { ours: { right: [], back: [] }, stock: { right: [], back: [] } }
    const episodes: Episode[] = []
    for (let time = 0; time < (row.times ?? 1); time += 1) episodes.push(await strikeOnce(row, stage, times))
    await stage.writes?.stop()
    const notes = await Promise.allSettled(stage.notes)
    const stock = await resultOf(row, stage, 'stock', episodes, times.stock)
    const ours = await resultOf(row, stage, 'ours', episodes, times.ours)
    const broken = notes.flatMap(note => (note.status === 'rejected' ? [String(note.reason)] : []))
    const said = notes.flatMap(note => (note.status === 'fulfilled' ? [note.value] : []))
    const outcome: Outcome = { row, seed, ours, stock, notes: said, problems: [...judge(row, ours, slack), ...broken] }
    return { ...outcome, problems: [...outcome.problems, ...((await row.judge?.(outcome, stage)) ?? [])] }
  })
