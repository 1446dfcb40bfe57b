import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Launch } from '../../etcd/program.js'
import { etcdServer } from '../../etcd/server.js'
import { alwaysRegistered, undisturbed } from '../checks.js'
import { livingLeases } from '../living-leases.js'
import { prefix, type Setting, type Stage } from '../on-stage.js'
import type { Row } from '../row.js'
import { until } from '../until.js'

const group = 'process'

const both = ({ ours, stock }: Stage, command: string): void => [ours, stock].forEach(({ subject }) => subject.send(command))
const signal = ({ ours, stock }: Stage, name: NodeJS.Signals): void => [ours, stock].forEach(({ subject }) => subject.signal(name))

/** Waits until `is` resolves with true, for at most 20 s. */
const waitFor = async (is: () => boolean | Promise<boolean>): Promise<unknown> => until(async () => ((await is()) ? true : undefined), 20_000, 20)
const keyOf = async ({ admin, ours }: Stage): Promise<{ readonly lease: string } | undefined> => (await admin().get(`${prefix}${ours.id}`).exec()).kvs[0]
const leaseCount = async ({ admin, ours }: Stage): Promise<number> => (await livingLeases(admin(), ours.ttl)).length

/** A row whose strike checks conditions itself, and reports the failures. */
const watchful = (row: Omit<Row, 'strike'> & { readonly strike: (stage: Stage, fail: (text: string) => void) => unknown }): Row => {
  let failures: string[] = []
  return {
    ...row,
    strike: stage => {
      failures = []
      return row.strike(stage, text => void failures.push(text))
    },
    judge: async (outcome, stage) => [...failures, ...((await row.judge?.(outcome, stage)) ?? [])],
  }
}

const waking: Omit<Row, 'strike' | 'name' | 'last' | 'judge'> = { group, detected: 10_500 }
/** Strikes, and counts the leases when the process continues: two at once would be a double registration. */
const oneLeaseAtMost = (strike: Row['strike'], last: number) =>
  async (stage: Stage, fail: (text: string) => void): Promise<void> => {
    await strike(stage)
    void sleep(last - 500).then(async () => {
      for (const end = performance.now() + 2_500; performance.now() < end; ) {
        const count = await leaseCount(stage).catch(() => 0)
        if (count > 1) fail(`it had ${count} leases at once`)
        await sleep(50)
      }
    })
  }

const library = ['x86_64', 'aarch64'].map(machine => `/usr/lib/${machine}-linux-gnu/faketime/libfaketime.so.1`).find(existsSync)

/** Subjects with a wall clock that the row can set. Their monotonic clock stays right. */
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

/** Failures if a set claims an age, or a registration a remaining time, that is impossible by the subject's own clock. */
const plausibleTimes = ({ ours }: Stage, ttl: number): readonly string[] => {
  const { sets, states } = ours.subject
  const ages = sets.flatMap(({ live, age = 0 }) => (live && Math.abs(age) > 1_000 ? [age] : []))
  const rests = states.flatMap(({ left }) => (left !== undefined && (left < 0 || left > ttl * 1_000 + 100) ? [left] : []))
  return [
    ...(ages.length > 0 ? [`live sets were confirmed ${ages.slice(0, 3).join()} ms ago`] : []),
    ...(rests.length > 0 ? [`the lease lives for another ${rests.slice(0, 3).join()} ms`] : []),
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
    judge: (outcome, stage) => [...undisturbed(outcome), ...plausibleTimes(stage, 5)],
    ...more,
  }
}

const hour = clockwork()

/** Faults of the process that uses the library. */
export const processFaults: readonly Row[] = [
  {
    group,
    name: 'event loop blocked for less than the TTL',
    strike: stage => both(stage, 'block 3000'),
    last: 3_500,
    judge: undisturbed,
  },
  watchful({
    ...waking,
    name: 'event loop blocked for longer than the TTL',
    strike: oneLeaseAtMost(stage => both(stage, 'block 8000'), 8_500),
    last: 8_500,
  }),
  {
    group,
    name: 'process stopped for less than the TTL',
    strike: stage => signal(stage, 'SIGSTOP'),
    last: 3_000,
    lift: stage => signal(stage, 'SIGCONT'),
    judge: undisturbed,
  },
  watchful({
    ...waking,
    name: 'process stopped for longer than the TTL, like a sleeping laptop',
    strike: oneLeaseAtMost(stage => signal(stage, 'SIGSTOP'), 8_000),
    last: 8_000,
    lift: stage => signal(stage, 'SIGCONT'),
  }),
  clocks('wall clock set forward by an hour', '+1h'),
  clocks('wall clock set back by an hour', '-1h'),
  {
    ...clocks('wall clock set back by an hour while etcd is unreachable', '-1h'),
    setting: hour.setting,
    strike: async stage => {
      await stage.network(proxy => proxy.refuse())
      await sleep(300)
      hour.set('-1h')
    },
    last: 2_000,
    lift: stage => stage.network(proxy => proxy.accept()),
    judge: (outcome, stage) => [...alwaysRegistered(outcome), ...plausibleTimes(stage, 5)],
  },
  watchful({
    group,
    name: 'kill -9, restarted when the key is gone',
    remark: 'the key disappears after the TTL, not before',
    strike: async (stage, fail) => {
      const renewed = stage.ours.subject.states.at(-1)?.at ?? 0
      stage.ours.subject.signal('SIGKILL')
      await waitFor(async () => (await keyOf(stage)) === undefined)
      const after = performance.now() - renewed
      if (after < 4_700 || after > 7_500) fail(`its key disappeared ${Math.round(after)} ms after the last report instead of after 4,700 to 7,500 ms`)
    },
    lift: ({ ours }) => ours.subject.restart(),
    detected: 20_000,
    recovered: 10_000,
  }),
  watchful({
    group,
    name: 'kill -9, restarted at once',
    remark: 'it takes over its own key, which never disappears',
    setting: { ttl: 10 },
    strike: async (stage, fail) => {
      const former = (await keyOf(stage))?.lease
      const watching = await stage.admin().watch().key(`${prefix}${stage.ours.id}`).create()
      watching.on('delete', () => fail('its key was deleted in between'))
      await stage.ours.subject.restart()
      await waitFor(() => stage.ours.subject.states.at(-1)?.registered === true)
      // The former lease can live for as long.
      await sleep(12_000)
      await watching.cancel()
      const lease = (await keyOf(stage))?.lease
      if (lease === undefined || lease === former) fail(`its key must be under a new lease, but has lease ${lease ?? 'none'}, before ${former ?? 'none'}`)
      const count = await leaseCount(stage)
      if (count !== 1) fail(`it has ${count} leases`)
    },
    detected: 20_000,
  }),
  watchful({
    group,
    name: 'SIGTERM during a grant',
    remark: 'leaves nothing in etcd; restarted',
    strike: async (stage, fail) => {
      const { subject, proxies } = stage.ours
      proxies.forEach(proxy => proxy.latency(400))
      const lease = (await keyOf(stage))?.lease ?? '0'
      await stage.admin().leaseClient.leaseRevoke({ ID: lease })
      await waitFor(() => subject.states.at(-1)?.registered === false)
      // etcd has granted the lease, and the answer is on its way.
      await waitFor(async () => (await leaseCount(stage)) === 1)
      subject.signal('SIGTERM')
      await waitFor(() => !subject.running())
      if (subject.running()) fail('it did not end within 20 s')
      if ((await leaseCount(stage)) > 0 || (await keyOf(stage)) !== undefined) fail('it left its lease or its key')
      proxies.forEach(proxy => proxy.latency(0))
    },
    lift: ({ ours }) => ours.subject.restart(),
    detected: 20_000,
    recovered: 10_000,
  }),
]
