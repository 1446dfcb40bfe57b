import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Launch } from '../../etcd/program.js'
import { etcdServer } from '../../etcd/server.js'
import type { Outcome } from '../outcome.js'
import type { Row } from '../row.js'
import { prefix, type Setting, type Stage } from '../stage.js'

const group = 'the process'

const only = (name: string, seen: readonly string[], known: RegExp): readonly string[] => {
  const strange = seen.filter(word => !known.test(word))
  return strange.length === 0 ? [] : [`${name} said ${strange.join()}`]
}
const steady = ({ ours }: Outcome): readonly string[] => [...only('discovery', ours.sets, /^live$/), ...only('registration', ours.registration, /^registered$/)]

const both = ({ ours, stock }: Stage, order: string): void => [ours, stock].forEach(({ subject }) => subject.tell(order))
const signal = ({ ours, stock }: Stage, name: NodeJS.Signals): void => [ours, stock].forEach(({ subject }) => subject.signal(name))

const waitFor = async (is: () => boolean | Promise<boolean>, within = 20_000): Promise<void> => {
  for (const end = performance.now() + within; !(await is()) && performance.now() < end; ) await sleep(20)
}
const keyOf = async ({ admin, ours }: Stage): Promise<{ readonly lease: string } | undefined> => (await admin().get(`${prefix}${ours.id}`).exec()).kvs[0]
/** How many leases of ours there are. */
const leases = async ({ admin, ours }: Stage): Promise<number> => {
  const { leases: all } = await admin().leaseClient.leaseLeases()
  const times = await Promise.all(all.map(({ ID }) => admin().leaseClient.leaseTimeToLive({ ID })))
  return times.filter(({ TTL, grantedTTL }) => Number(TTL) > 0 && Number(grantedTTL) === ours.ttl).length
}

/** A row that complains of what it finds while it strikes. */
const watchful = (row: Omit<Row, 'strike'> & { readonly strike: (stage: Stage, complain: (text: string) => void) => unknown }): Row => {
  let complaints: string[] = []
  return {
    ...row,
    strike: stage => {
      complaints = []
      return row.strike(stage, text => void complaints.push(text))
    },
    judge: async (outcome, stage) => [...complaints, ...((await row.judge?.(outcome, stage)) ?? [])],
  }
}

const waking: Omit<Row, 'strike' | 'name' | 'last' | 'judge'> = { group, noticed: 10_500 }
/** Counts the leases from its waking on: two at once would be a double registration. */
const alone = (strike: Row['strike'], last: number) =>
  async (stage: Stage, complain: (text: string) => void): Promise<void> => {
    await strike(stage)
    void sleep(last - 500).then(async () => {
      for (const end = performance.now() + 2_500; performance.now() < end; ) {
        const count = await leases(stage).catch(() => 0)
        if (count > 1) complain(`it held ${count} leases at once`)
        await sleep(50)
      }
    })
  }

const library = ['x86_64', 'aarch64'].map(machine => `/usr/lib/${machine}-linux-gnu/faketime/libfaketime.so.1`).find(existsSync)

/** Subjects whose wall clock can be set; their monotonic clock cannot. */
const clockwork = (): { readonly setting: Setting; readonly set: (offset: string) => void } => {
  let file = ''
  const launch: Launch = {
    get env() {
      return { LD_PRELOAD: library ?? '', FAKETIME_TIMESTAMP_FILE: file, FAKETIME_NO_CACHE: '1', FAKETIME_DONT_FAKE_MONOTONIC: '1' }
    },
  }
  const set = (offset: string): void => writeFileSync(file, offset)
  const start = async () => {
    const dir = mkdtempSync(join(tmpdir(), 'clock-'))
    file = join(dir, 'offset')
    set('+0')
    const etcd = await etcdServer()
    return { members: [etcd], close: () => etcd.close().finally(() => rmSync(dir, { recursive: true })) }
  }
  return { setting: { start, launch }, set }
}

/** What it says of time is right by its own clock, but for what it said a moment before that was set. */
const sane = ({ ours }: Stage, ttl: number): readonly string[] => {
  const { views, tenures } = ours.subject
  const ages = views.flatMap(({ live, age = 0 }) => (live && Math.abs(age) > 1_000 ? [age] : []))
  const rests = tenures.flatMap(({ left }) => (left !== undefined && (left < 0 || left > ttl * 1_000 + 100) ? [left] : []))
  return [
    ...(ages.length > 0 ? [`said that it was confirmed ${ages.slice(0, 3).join()} ms ago`] : []),
    ...(rests.length > 0 ? [`said that it is held for ${rests.slice(0, 3).join()} ms`] : []),
  ]
}

const clocks = (name: string, offset: string, more: Partial<Row> = {}): Row => {
  const { setting, set } = clockwork()
  return {
    group,
    name,
    setting,
    missing: () => (library === undefined ? 'needs libfaketime' : undefined),
    strike: () => set(offset),
    last: 12_000,
    judge: (outcome, stage) => [...steady(outcome), ...sane(stage, 5)],
    ...more,
  }
}

const hour = clockwork()

/** What can happen to the process that uses the library. */
export const theProcess: readonly Row[] = [
  {
    group,
    name: 'event loop blocked for less than the TTL',
    strike: stage => both(stage, 'block 3000'),
    last: 3_500,
    judge: steady,
  },
  watchful({
    ...waking,
    name: 'event loop blocked for longer than the TTL',
    strike: alone(stage => both(stage, 'block 8000'), 8_500),
    last: 8_500,
  }),
  {
    group,
    name: 'stopped for less than the TTL',
    strike: stage => signal(stage, 'SIGSTOP'),
    last: 3_000,
    lift: stage => signal(stage, 'SIGCONT'),
    judge: steady,
  },
  watchful({
    ...waking,
    name: 'stopped for longer than the TTL, as a laptop that sleeps',
    strike: alone(stage => signal(stage, 'SIGSTOP'), 8_000),
    last: 8_000,
    lift: stage => signal(stage, 'SIGCONT'),
  }),
  clocks('wall clock set forward by an hour', '+1h'),
  clocks('wall clock set back by an hour', '-1h'),
  {
    ...clocks('wall clock set back by an hour while etcd is away', '-1h'),
    setting: hour.setting,
    strike: async stage => {
      await stage.network(proxy => proxy.refuse())
      await sleep(300)
      hour.set('-1h')
    },
    last: 2_000,
    lift: stage => stage.network(proxy => proxy.accept()),
    judge: ({ ours }, stage) => [...only('registration', ours.registration, /^registered$/), ...sane(stage, 5)],
  },
  watchful({
    group,
    name: 'kill -9, and started again when its key is gone',
    remark: 'its key goes when its TTL has passed, not before',
    strike: async (stage, complain) => {
      const renewed = stage.ours.subject.tenures.at(-1)?.at ?? 0
      stage.ours.subject.signal('SIGKILL')
      await waitFor(async () => (await keyOf(stage)) === undefined)
      const after = performance.now() - renewed
      if (after < 4_700 || after > 7_500) complain(`its key was gone ${Math.round(after)} ms after its last renewal`)
    },
    lift: ({ ours }) => ours.subject.restart(),
    noticed: 20_000,
    right: 10_000,
  }),
  watchful({
    group,
    name: 'kill -9, and started again at once',
    remark: 'it takes its own key back, which is never gone',
    setting: { ttl: 10 },
    strike: async (stage, complain) => {
      const former = (await keyOf(stage))?.lease
      const watching = await stage.admin().watch().key(`${prefix}${stage.ours.id}`).create()
      watching.on('delete', () => complain('its key was gone for a while'))
      await stage.ours.subject.restart()
      await waitFor(() => stage.ours.subject.tenures.at(-1)?.held === true)
      // For as long as its former lease can live.
      await sleep(12_000)
      await watching.cancel()
      const lease = (await keyOf(stage))?.lease
      if (lease === undefined || lease === former) complain(`its key is under lease ${lease ?? 'none'}, formerly ${former ?? 'none'}`)
      if ((await leases(stage)) !== 1) complain(`it has ${await leases(stage)} leases`)
    },
    noticed: 20_000,
  }),
  watchful({
    group,
    name: 'SIGTERM in the middle of a grant',
    remark: 'nothing is left; started again',
    strike: async (stage, complain) => {
      const { subject, proxies } = stage.ours
      proxies.forEach(proxy => proxy.latency(400))
      const lease = (await keyOf(stage))?.lease ?? '0'
      await stage.admin().leaseClient.leaseRevoke({ ID: lease })
      await waitFor(() => subject.tenures.at(-1)?.held === false)
      // The request is there, its answer on its way.
      await waitFor(async () => (await leases(stage)) === 1)
      subject.signal('SIGTERM')
      await waitFor(() => !subject.running())
      if (subject.running()) complain('it did not end')
      if ((await leases(stage)) > 0 || (await keyOf(stage)) !== undefined) complain('it left its lease')
      proxies.forEach(proxy => proxy.latency(0))
    },
    lift: ({ ours }) => ours.subject.restart(),
    noticed: 20_000,
    right: 10_000,
  }),
]
