import { setTimeout as sleep } from 'node:timers/promises'
import { alwaysLive, statesInOrder, undisturbed } from '../checks.js'
import { livingLeases } from '../living-leases.js'
import { prefix, type Party, type Stage } from '../on-stage.js'
import type { Outcome, Row } from '../row.js'
import { until } from '../until.js'
import { valueOf } from '../weights.js'

const group = 'other clients'

const keyOf = ({ id }: Party): string => prefix + id
const both = ({ ours, stock }: Stage): readonly Party[] => [ours, stock]

const entry = async ({ admin }: Stage, party: Party) => {
  const { kvs } = await admin().kv.range({ key: Buffer.from(keyOf(party)) })
  return kvs[0]
}
const revoke = async (stage: Stage, party: Party): Promise<void> => {
  const found = await entry(stage, party)
  if (found) await stage.admin().leaseClient.leaseRevoke({ ID: found.lease })
}
const remove = async (stage: Stage): Promise<void> => {
  for (const party of both(stage)) await stage.admin().delete().key(keyOf(party))
}
/** Puts both keys without a lease, which detaches them from their leases. */
const overwrite = (value: string) => async (stage: Stage): Promise<void> => {
  for (const party of both(stage)) await stage.admin().put(keyOf(party)).value(value)
}

/** Checks that the key was not written again: its version counts the writes since it was created. */
const untouched = async (stage: Stage, version: number): Promise<string> => {
  const found = await entry(stage, stage.ours)
  if (found?.version !== String(version)) throw new Error(found === undefined ? 'the key is gone' : `the key was written ${found.version} times instead of ${version}`)
  return `writes of the key: ${version}`
}
const takenInBetween = ({ ours }: Outcome): readonly string[] => statesInOrder('registration', ours.registration, ['registered', 'taken', 'registered'])

/** Starts a second process with the same id, which registers later. */
const rival = (onTaken: 'replace' | 'fail') => async (stage: Stage): Promise<void> => {
  const { subject } = await stage.newcomer({ id: stage.ours.id, onTaken, waits: true })
  if (!(await until(() => (subject.sets.at(-1)?.live ? true : undefined), 60_000))) throw new Error('the second process had no live set within 60 s')
}
/** Lets the second process register, and waits until it is registered or has failed. */
const registerRival = async ({ newcomers: [other] }: Stage): Promise<Party> => {
  if (other === undefined) throw new Error('there is no second process: use `rival` in `before`')
  const { subject } = other
  subject.send('register')
  await until(() => (subject.states.at(-1)?.registered === true || subject.failures.length > 0 ? true : undefined), 20_000)
  return other
}
/** Ends the second process, and checks that it left no lease. */
const endRival = async ({ admin, newcomers: [other] }: Stage): Promise<void> => {
  if (other === undefined) return
  await other.subject.end()
  if ((await livingLeases(admin(), other.ttl)).length > 0) throw new Error('the second process left a lease')
}
/** How long (ms) both processes want one key. */
const contest = 8_000

/** Values that are not instances, but may lie under a prefix that other programs write to. */
const garbage: readonly (readonly [name: string, value: (n: number) => string | Buffer])[] = [
  ['empty', () => ''],
  ['half', () => '{"v":1,"address":"10.0.0.1:8080"'],
  ['binary', n => Buffer.from([0xff, 0xfe, 0, n % 256, 0xc0, 0x80])],
  ['list', () => '[1,2,3]'],
  ['null', () => 'null'],
  ['types', () => '{"v":1,"address":7,"weight":"heavy","tags":{},"endpoints":[],"status":"upside-down"}'],
  ['deep', () => `${'['.repeat(5_000)}${']'.repeat(5_000)}`],
  ['proto', () => '{"__proto__":{"address":"10.0.0.1:8080"},"constructor":null,"v":1,"weight":"1"}'],
  ['version', () => '{"v":99,"address":"10.0.0.1:8080"}'],
  ['weight', () => '{"v":1,"address":"10.0.0.1:8080","weight":"NaN"}'],
]
const large = 6
const litter = async ({ admin }: Stage): Promise<void> => {
  for (let n = 0; n < 3_000; n += 50)
    await Promise.all(
      Array.from({ length: 50 }, async (_, index) => {
        const [name, value] = garbage[(n + index) % garbage.length] ?? ['', () => '']
        await admin().put(`${prefix}garbage-${name}-${n + index}`).value(value(n + index))
      }),
    )
  for (const name of ['__proto__', 'constructor', 'toString']) await admin().put(prefix + name).value(valueOf(3))
  for (const name of ['a/b', '', '..', 'x'.repeat(2_000), '\u0000\u001b[2J']) await admin().put(prefix + name).value('{"v":1,"weight":"none"}')
  for (let n = 0; n < large; n += 1) await admin().put(`${prefix}garbage-large-${n}`).value('x'.repeat(1_000_000))
}

const crowd = 200
/** Measures how long it takes until the whole crowd is registered again, each instance under exactly one lease. */
const crowdBack = async ({ admin, ours }: Stage): Promise<string> => {
  const began = performance.now()
  const back = await until(
    async () => {
      const { kvs } = await admin().kv.range({ key: Buffer.from(`${prefix}crowd`), range_end: Buffer.from(`${prefix}crowe`) })
      return kvs.length === crowd && kvs.every(({ lease }) => lease !== '0') ? performance.now() - began : undefined
    },
    20_000,
    50,
  )
  if (back === undefined) throw new Error(`not all ${crowd} instances registered again within 20 s`)
  const leases = await livingLeases(admin(), ours.ttl)
  if (leases.length !== crowd + 1) throw new Error(`${crowd + 1} registrations have ${leases.length} leases`)
  return `all ${crowd + 1} registered again after ${(back / 1_000).toFixed(1)} s`
}

/** What other clients can do to the keys and leases of the subjects. */
export const otherClients: readonly Row[] = [
  {
    group,
    name: 'lease revoked',
    core: true,
    times: 3,
    strike: async stage => {
      for (const party of both(stage)) await revoke(stage, party)
    },
    judge: alwaysLive,
  },
  { group, name: 'key deleted', times: 5, strike: remove, judge: alwaysLive },
  {
    group,
    name: 'key overwritten by a plain put, deleted after 3 s',
    strike: overwrite(valueOf(777)),
    last: 3_000,
    lift: async stage => {
      stage.note(await untouched(stage, 2))
      await remove(stage)
    },
    judge: outcome => [...takenInBetween(outcome), ...alwaysLive(outcome)],
  },
  {
    group,
    name: 'operator overwrites the key with status down, deletes it after 3 s',
    strike: overwrite('{"v":1,"address":"10.0.0.1:8080","status":"down","weight":13}'),
    last: 3_000,
    lift: async stage => {
      const { [stage.ours.id]: weight } = await stage.ours.subject.weights()
      if (weight !== 13) throw new Error(`the discovered weight is ${weight ?? 'missing'}, but the operator wrote 13`)
      await remove(stage)
    },
    judge: outcome => [...takenInBetween(outcome), ...alwaysLive(outcome)],
  },
  {
    group,
    name: `a second process with the same id replaces the first, and ends ${contest / 1_000} s later`,
    before: rival('replace'),
    strike: async stage => {
      const { subject } = await registerRival(stage)
      if (subject.states.at(-1)?.registered !== true) throw new Error('the second process did not take over the key')
    },
    last: contest,
    lift: async stage => {
      stage.note(await untouched(stage, 2))
      await endRival(stage)
    },
    judge: outcome => [...takenInBetween(outcome), ...alwaysLive(outcome)],
  },
  {
    group,
    name: 'a second process with the same id and onTaken: fail',
    before: rival('fail'),
    strike: async stage => {
      const { subject } = await registerRival(stage)
      if (!subject.failures.some(failure => failure.startsWith('register: Taken'))) throw new Error('the second process did not fail with Taken')
      stage.note(await untouched(stage, 1))
    },
    lift: endRival,
    judge: undisturbed,
  },
  {
    group,
    name: `3,000 unreadable keys, and ${large} of 1 MB`,
    strike: litter,
    last: 2_000,
    lift: ({ admin }) => admin().delete().prefix(`${prefix}garbage-`).exec(),
    judge: undisturbed,
  },
  {
    group,
    name: 'every lease revoked at once',
    setting: { assignment: { crowd }, ttl: 10 },
    strike: async stage => {
      const { leases } = await stage.admin().leaseClient.leaseLeases()
      await Promise.all(leases.map(({ ID }) => stage.admin().leaseClient.leaseRevoke({ ID })))
      stage.note(crowdBack(stage))
    },
    judge: alwaysLive,
  },
  {
    group,
    name: 'compacted to the latest revision every second for 15 s',
    strike: async ({ history }) => {
      for (let second = 0; second < 15; second += 1) {
        await history.compact()
        await sleep(1_000)
      }
    },
    judge: undisturbed,
  },
]
