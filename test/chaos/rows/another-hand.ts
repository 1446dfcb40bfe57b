import { setTimeout as sleep } from 'node:timers/promises'
import type { Outcome } from '../outcome.js'
import type { Row } from '../row.js'
import { prefix, valueOf, type Party, type Stage } from '../stage.js'
import { until } from '../until.js'
import { alwaysLive, inOrder, unnoticed } from '../words.js'

const group = 'another hand'

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
/** A plain put of both keys, which detaches them from their leases. */
const overwrite = (value: string) => async (stage: Stage): Promise<void> => {
  for (const party of both(stage)) await stage.admin().put(keyOf(party)).value(value)
}

/** Whether our key is as another left it: by its version one sees each write since it was created. */
const untouched = async (stage: Stage, version: number): Promise<string> => {
  const found = await entry(stage, stage.ours)
  if (found?.version !== String(version)) throw new Error(`the key was written ${found?.version ?? 'not at all'} times, and not ${version}`)
  return `${version} writes of the key`
}
const saysTaken = ({ ours }: Outcome): readonly string[] => inOrder('registration', ours.registration, ['registered', 'taken', 'registered'])

/** Another process, which will come under our id. */
const rival = (onTaken: 'replace' | 'fail') => async (stage: Stage): Promise<void> => {
  const { subject } = await stage.newcomer({ id: stage.ours.id, onTaken, waits: true })
  if (!(await until(() => (subject.views.at(-1)?.live ? true : undefined), 60_000))) throw new Error('the second process did not start')
}
/** It comes; waits until it holds the key, or has given up. */
const comes = async ({ newcomers: [other] }: Stage): Promise<Party> => {
  if (other === undefined) throw new Error('nobody is there to come')
  const { subject } = other
  subject.tell('register')
  await until(() => (subject.tenures.at(-1)?.held === true || subject.failures.length > 0 ? true : undefined), 20_000)
  return other
}
/** It goes, and leaves no lease. */
const goes = async ({ admin, newcomers: [other] }: Stage): Promise<void> => {
  await other?.subject.end()
  const { leases } = await admin().leaseClient.leaseLeases()
  const granted = await Promise.all(leases.map(({ ID }) => admin().leaseClient.leaseTimeToLive({ ID })))
  if (granted.some(({ grantedTTL }) => grantedTTL === String(other?.ttl))) throw new Error('the other process left a lease')
}
/** For how long we look on while two want one key. */
const contest = 8_000

/** What may lie under a prefix that everybody can write to; none of it is an instance. */
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
/** How long it takes until all of the crowd are there under leases of their own, none twice. */
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
  if (back === undefined) throw new Error('not all registrations came back')
  const { leases } = await admin().leaseClient.leaseLeases()
  const granted = await Promise.all(leases.map(({ ID }) => admin().leaseClient.leaseTimeToLive({ ID })))
  const held = granted.filter(({ grantedTTL }) => grantedTTL === String(ours.ttl)).length
  if (held !== crowd + 1) throw new Error(`${crowd + 1} registrations have ${held} leases`)
  return `all ${crowd + 1} back after ${(back / 1_000).toFixed(1)} s`
}

/** What somebody else may do to our keys and leases. */
export const anotherHand: readonly Row[] = [
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
    judge: outcome => [...saysTaken(outcome), ...alwaysLive(outcome)],
  },
  {
    group,
    name: 'taken out by an operator who puts status down, given back by deleting that',
    strike: overwrite('{"v":1,"address":"10.0.0.1:8080","status":"down","weight":13}'),
    last: 3_000,
    lift: async stage => {
      const { [stage.ours.id]: weight } = await stage.ours.subject.weights()
      if (weight !== 13) throw new Error('discovery did not see what the operator wrote')
      await remove(stage)
    },
    judge: outcome => [...saysTaken(outcome), ...alwaysLive(outcome)],
  },
  {
    group,
    name: `a second process with our id replaces us, and ends ${contest / 1_000} s later`,
    before: rival('replace'),
    strike: async stage => {
      const { subject } = await comes(stage)
      if (subject.tenures.at(-1)?.held !== true) throw new Error('the second process did not replace us')
    },
    last: contest,
    lift: async stage => {
      stage.note(await untouched(stage, 2))
      await goes(stage)
    },
    judge: outcome => [...saysTaken(outcome), ...alwaysLive(outcome)],
  },
  {
    group,
    name: 'a second process with our id and onTaken: fail',
    before: rival('fail'),
    strike: async stage => {
      const { subject } = await comes(stage)
      if (!subject.failures.some(failure => failure.startsWith('register: Taken'))) throw new Error('the second process did not give up')
      stage.note(await untouched(stage, 1))
    },
    lift: goes,
    judge: unnoticed,
  },
  {
    group,
    name: '3,000 keys of garbage, and some of 1 MB',
    strike: litter,
    last: 2_000,
    lift: ({ admin }) => admin().delete().prefix(`${prefix}garbage-`).exec(),
    judge: unnoticed,
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
    name: 'compacted to the head every second, for 15 s',
    strike: async ({ truth }) => {
      for (let second = 0; second < 15; second += 1) {
        await truth.compact()
        await sleep(1_000)
      }
    },
    judge: unnoticed,
  },
]
