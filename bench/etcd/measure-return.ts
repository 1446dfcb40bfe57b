import type { EtcdServer } from '../../test/etcd/server.js'
import { bound, compare } from '../ratios.js'
import { median, milliseconds, table } from '../results-table.js'
import { asked, base64, startedAgain } from './restart.js'
import { started, withSubjects, type Subject } from './candidate.js'
import { fill, idOf, prefixOf, valueOf, world } from './world.js'

const rounds = 5
const service = 'return'

interface Answered {
  readonly header: { readonly revision: string }
}

/** etcd is killed and started; how long after its first linearizable answer each knows what was written then. */
const once = async (etcd: EtcdServer, subjects: readonly Subject[], turn: number): Promise<readonly number[]> => {
  await etcd.kill()
  const { answered, starting } = await startedAgain(etcd)
  const { header } = await asked<Answered>(etcd.endpoint, 'put', { key: base64(prefixOf(service) + idOf(turn)), value: base64(valueOf(turn, turn + 1)) })
  const back = await Promise.all(subjects.map(async ({ ask }) => (await ask<{ readonly at: number }>({ do: 'reach', revision: header.revision })).at - answered))
  await starting
  return back
}

/** Back to live after etcd's return. */
export const returning = (): Promise<void> =>
  world(async (etcd, client) => {
    await fill(client, service, 1_000)
    await withSubjects(['ours', 'etcd3'].map(name => started('watching', name, etcd.endpoint, service)), async subjects => {
      const revision = (await client.kv.range({ key: Buffer.from('\0') })).header.revision
      for (const { ask } of subjects) await ask({ do: 'reach', revision })
      const times = subjects.map((): number[] => [])
      for (let turn = 0; turn < rounds; turn++) for (const [at, took] of (await once(etcd, subjects, turn)).entries()) times[at]?.push(took)
      const [ours = [], theirs = []] = times
      const worst = (all: readonly number[]): string => milliseconds(Math.max(...all))
      table('Back after etcd was killed and started, from its first linearizable answer', [
        ['', ...subjects.map(({ name }) => name)],
        ['median', ...times.map(all => milliseconds(median(all)))],
        ['worst', ...times.map(worst)],
      ])
      compare({ what: 'back to live after a restart', ours, beside: "etcd3's watcher", theirs, unit: milliseconds })
      bound({ what: 'back to live after a restart', measured: ours, unit: milliseconds, most: 100 })
    })
  })
