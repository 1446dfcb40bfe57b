import { setTimeout as sleep } from 'node:timers/promises'
import type { Etcd3 } from 'etcd3'
import { livingLeases } from './living-leases.js'
import { onStage, prefix, type Party, type Stage } from './on-stage.js'
import type { Outcome, Result, Row } from './row.js'
import { until } from './until.js'
import { valueOf, weightsIn, wrongWeights } from './weights.js'

/** The time (ms) in which each subject must recover; etcd3 often never does. */
const limits = { ours: 30_000, stock: 12_000 }

type Which = keyof typeof limits
type Times = readonly (number | undefined)[]

/** The states without direct repetitions. */
const changesOf = (states: readonly string[]): readonly string[] => states.filter((state, index) => state !== states[index - 1])

/** Writes a key by another client. A set of at least that revision is up to date. */
const mark = async ({ anywhere, random }: Stage): Promise<number | undefined> => {
  const value = Buffer.from(valueOf(1 + Math.floor(random() * 1_000)))
  return until(
    () => anywhere(client => client.kv.put({ key: Buffer.from(`${prefix}mark`), value }, { deadline: Date.now() + 500 })).then(({ header }) => Number(header.revision), () => undefined),
    5_000,
  )
}

/** One strike (monotonic ms): when it began, when it had struck, and when etcd answered again. */
interface Episode {
  readonly began: number
  readonly struck: number
  readonly ended: number
}

/** When a set was true again, ms after etcd's first answer. */
const setsRecovered = ({ subject }: Party, { ended }: Episode, revision: number): number | undefined => {
  const set = subject.sets.find(({ live, revision: at, at: when }) => live && at >= revision && when >= ended - 1)
  return set && Math.max(0, set.at - ended)
}

/** When it was registered again and its key is in etcd, ms after etcd's first answer. */
const registrationRecovered = async ({ subject, id }: Party, { ended }: Episode, stage: Stage): Promise<number | undefined> => {
  if (subject.states.at(-1)?.registered !== true) return undefined
  const { kvs } = await stage.anywhere(client => client.kv.range({ key: Buffer.from(prefix + id) }, { deadline: Date.now() + 500 })).catch(() => ({ kvs: [] }))
  if (kvs[0] === undefined || kvs[0].lease === '0') return undefined
  // The last time that it became registered; before the end of the fault counts as 0.
  const since = subject.states.filter(({ registered }, index, all) => registered && all[index - 1]?.registered !== true).at(-1)
  return Math.max(0, (since?.at ?? ended) - ended)
}

/** When the registration or the process had ended as the row demands, ms after the strike. */
const overAfter = ({ subject }: Party, { struck }: Episode): number | undefined => {
  const last = subject.states.at(-1)
  if (last?.status === 'complete') return Math.max(0, last.at - struck)
  // A process that exits without reporting `complete` has ended during the strike.
  return subject.running() ? undefined : 0
}

/** An episode with what came after it: ms until the sets and the registration of each subject had recovered. */
interface Strike extends Episode {
  readonly recovered: Readonly<Record<Which, readonly [sets: number | undefined, registration: number | undefined]>>
}

const strikeOnce = async (row: Row, stage: Stage): Promise<Strike> => {
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
  const wait = (which: Which) => {
    const over = which === 'ours' ? row.over : undefined
    return Promise.all([
      until(() => (over === 'process' ? overAfter : setsRecovered)(stage[which], episode, revision), limits[which]),
      until(() => (over ? overAfter : registrationRecovered)(stage[which], episode, stage), limits[which], 20),
    ])
  }
  const [ours, stock] = await Promise.all([wait('ours'), wait('stock')])
  if (row.meanwhile === true) {
    await lift()
    await stage.answering()
  }
  return { ...episode, recovered: { ours, stock } }
}

/** Asks again until a member answers: a cluster that has just got its quorum back may fail for a moment. */
const inTheEnd = async <A>(stage: Stage, call: (client: Etcd3) => Promise<A>): Promise<A> => {
  const answer = await until(() => stage.anywhere(call).then(value => ({ value }), () => undefined), 30_000, 200)
  return answer?.value ?? stage.anywhere(call)
}

/** How many keys are wrong in a subject after it had `within` ms to catch up; -1 if it does not answer. */
const wrongOf = async (stage: Stage, which: Which, within: number): Promise<number> => {
  const { subject } = stage[which]
  let wrong = -1
  await until(async () => {
    if (!subject.running()) return 0
    // A subject that is stuck in a call to a silent host does not answer.
    const [weights, truth] = await Promise.all([Promise.race([subject.weights(), sleep(2_000, undefined, { ref: false })]), inTheEnd(stage, client => weightsIn(client, prefix))])
    if (weights === undefined) return undefined
    wrong = wrongWeights(weights, truth)
    return wrong === 0 ? 0 : undefined
  }, within, 200)
  return wrong
}

/** What a subject has left in etcd. */
const leftBy = async (stage: Stage, { ttl, id }: Party): Promise<{ readonly leases: number; readonly keys: number }> => {
  const leases = await inTheEnd(stage, client => livingLeases(client, ttl))
  const { kvs } = await inTheEnd(stage, client => client.kv.range({ key: Buffer.from(prefix + id) }))
  return { leases: leases.length, keys: kvs.length }
}

const resultOf = async ({ over }: Row, stage: Stage, which: Which, strikes: readonly Strike[]): Promise<Result> => {
  const party = stage[which]
  const { sets, states, failures } = party.subject
  const wrong = over === 'process' && which === 'ours' ? 0 : await wrongOf(stage, which, which === 'ours' ? 15_000 : 3_000)
  await stage.history.read()
  const from = strikes[0]?.began ?? 0
  // From the last state before the first strike on.
  const trace = (reports: readonly { readonly at: number; readonly status: string }[]): readonly string[] => {
    const before = reports.filter(({ at }) => at < from).length
    return changesOf(reports.slice(Math.max(0, before - 1)).map(({ status }) => status))
  }
  const firstAfter = (reports: readonly { readonly at: number }[]): Times => strikes.map(({ began }, index) => {
    const end = strikes[index + 1]?.began ?? Infinity
    const found = reports.find(({ at }) => at >= began && at < end)
    return found && found.at - began
  })
  const live = sets.filter(set => set.live)
  const result = {
    registeredAtTheEnd: states.at(-1)?.registered === true,
    sets: trace(sets),
    registration: trace(states),
    setsDetected: firstAfter(sets.filter(set => !set.live)),
    lossDetected: firstAfter(states.filter(({ registered }) => !registered)),
    setsRecovered: strikes.map(({ recovered }) => recovered[which][0]),
    registrationRecovered: strikes.map(({ recovered }) => recovered[which][1]),
    untrue: live.filter(set => !stage.history.confirms(set)).length,
    liveSets: live.length,
    wrong,
    failures: [...failures],
  }
  const complaint = await party.subject.end()
  return { ...result, complaint, ...(await leftBy(stage, party)) }
}

/** The conditions of every row; `slack` multiplies the time limits. */
const judge = (row: Row, ours: Result, slack: number): readonly string[] => {
  const { setsDetected, lossDetected, setsRecovered: sets, registrationRecovered: registration, untrue, wrong, leases, keys, failures, complaint, registeredAtTheEnd } = ours
  const { detected = (row.setting?.ttl ?? 5) * 1_000 + 500, recovered = 5_000 } = row
  const late = (times: Times, limit: number): readonly number[] => times.flatMap(time => (time !== undefined && time > limit * slack ? [Math.round(time)] : []))
  const problems: readonly (readonly [boolean, string])[] = [
    [untrue > 0, `${untrue} live sets differed from etcd at their revision`],
    [wrong !== 0, wrong < 0 ? 'it did not answer at the end' : `${wrong} keys were wrong at the end`],
    [leases > 0 || keys > 0, `it left ${leases} leases and ${keys} keys in etcd`],
    [failures.length > 0, `it failed: ${failures.join('; ')}`],
    [complaint === undefined, 'it did not end by itself'],
    [complaint !== undefined && complaint.trim() !== '', `it wrote to standard error: ${complaint ?? ''}`],
    [row.over === undefined && !registeredAtTheEnd, 'it was not registered at the end'],
    [sets.includes(undefined), row.over === 'process' ? 'the process never completed' : 'no true set came after the fault'],
    [registration.includes(undefined), row.over ? 'the registration never completed' : 'it never registered again'],
    [late(sets, recovered).length > 0, `sets were true again only after ${late(sets, recovered).join()} ms`],
    [late(registration, recovered).length > 0, `${row.over ? 'the registration completed' : 'it registered again'} only after ${late(registration, recovered).join()} ms`],
    [late(setsDetected, detected).length > 0, `the fault was detected only after ${late(setsDetected, detected).join()} ms`],
    [!row.over && late(lossDetected, detected).length > 0, `the lost registration was detected only after ${late(lossDetected, detected).join()} ms`],
  ]
  return problems.flatMap(([is, text]) => (is ? [text] : []))
}

/** Plays a row: strikes, waits until both subjects have recovered, ends them, and checks what is left. `slack` multiplies the time limits. */
export const playRow = (row: Row, seed: number, slack = 1): Promise<Outcome> =>
  onStage(row.setting ?? {}, seed, async stage => {
    const ready = ({ subject, id }: Party): true | undefined =>
      subject.sets.at(-1)?.live === true && subject.states.at(-1)?.registered === true ? true : (id === 'stock' && !subject.running()) || undefined
    if (!(await until(() => ready(stage.ours), 60_000))) throw new Error(`rx-discovery was not live and registered within 60 s: ${stage.ours.subject.failures.join('; ')}`)
    await until(() => ready(stage.stock), limits.stock)
    await sleep(300)
    const strikes: Strike[] = []
    for (let time = 0; time < (row.times ?? 1); time += 1) strikes.push(await strikeOnce(row, stage))
    await stage.writes?.stop()
    const settled = await Promise.allSettled(stage.notes)
    const stock = await resultOf(row, stage, 'stock', strikes)
    const ours = await resultOf(row, stage, 'ours', strikes)
    const failed = settled.flatMap(note => (note.status === 'rejected' ? [String(note.reason)] : []))
    const notes = settled.flatMap(note => (note.status === 'fulfilled' ? [note.value] : []))
    const outcome: Outcome = { row, seed, ours, stock, notes, problems: [...judge(row, ours, slack), ...failed] }
    return { ...outcome, problems: [...outcome.problems, ...((await row.judge?.(outcome, stage)) ?? [])] }
  })
