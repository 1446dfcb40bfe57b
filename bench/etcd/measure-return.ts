import type { EtcdServer } from '../../test/etcd/server.js'
import { bound, compare } from '../ratios.js'
import { median, milliseconds, table } from '../results-table.js'
import { answered, base64, startedAgain } from './restart.js'
import { started, withCandidates, type Candidate } from './candidate.js'
import { fill, idOf, prefixOf, valueOf, world } from './world.js'

const rounds = 5
const service = 'return'

interface Put {
  readonly header: { readonly revision: string }
}

/** Kills etcd and starts it; measures how long (ms) after its first linearizable answer each candidate has the value that is written then. */
const once = async (etcd: EtcdServer, candidates: readonly Candidate[], turn: number): Promise<readonly number[]> => {
  await etcd.kill()
  const { answeredAt, starting } = await startedAgain(etcd)
  const { header } = await answered<Put>(etcd.endpoint, 'put', { key: base64(prefixOf(service) + idOf(turn)), value: base64(valueOf(turn, turn + 1)) })
  const back = await Promise.all(candidates.map(async ({ ask }) => (await ask<{ readonly at: number }>({ do: 'reach', revision: header.revision })).at - answeredAt))
  await starting
  return back
}

/** The time from etcd's first answer after a restart until the sets are live again. */
export const measureReturn = (): Promise<void> =>
  world(async (etcd, client) => {
    await fill(client, service, 1_000)
    await withCandidates(['rx-discovery', 'etcd3'].map(name => started('watching', name, etcd.endpoint, service)), async candidates => {
      const revision = (await client.kv.range({ key: Buffer.from('\0') })).header.revision
      for (const { ask } of candidates) await ask({ do: 'reach', revision })
      const times = candidates.map((): number[] => [])
      for (let turn = 0; turn < rounds; turn++) for (const [at, took] of (await once(etcd, candidates, turn)).entries()) times[at]?.push(took)
      const [ours = [], theirs = []] = times
      const worst = (all: readonly number[]): string => milliseconds(Math.max(...all))
      table('Live again after etcd was killed and started, from its first linearizable answer', [
        ['', ...candidates.map(({ name }) => name)],
        ['median', ...times.map(all => milliseconds(median(all)))],
        ['worst', ...times.map(worst)],
      ])
      compare({ what: 'live again after a restart', ours, beside: "etcd3's watcher", theirs, unit: milliseconds })
      bound({ what: 'live again after a restart', measured: ours, unit: milliseconds, most: 100 })
    })
  })
