import { setTimeout as sleep } from 'node:timers/promises'
import type { EtcdServer } from '../../test/etcd/server.js'
import { bound, compare } from '../ratios.js'
import { median, milliseconds, table } from '../table.js'
import { clock } from './orders.js'
import { started, withSubjects, type Subject } from './subject.js'
import { fill, idOf, prefixOf, valueOf, world } from './world.js'

const rounds = 5
const service = 'return'
const base64 = (text: string): string => Buffer.from(text).toString('base64')

/** Asks the gateway over and over, which keeps no connection that could be slow to come back. */
const asked = async <A>(endpoint: string, path: string, body: unknown): Promise<A> => {
  for (;;) {
    const response = await fetch(`${endpoint}/v3/kv/${path}`, { method: 'POST', body: JSON.stringify(body), headers: { connection: 'close' } }).catch(() => undefined)
    if (response?.ok === true) return (await response.json()) as A
    await sleep(2)
  }
}

interface Answered {
  readonly header: { readonly revision: string }
}

/** etcd is killed and started; how long after its first linearizable answer each knows what was written then. */
const once = async ({ endpoint, kill, start }: EtcdServer, subjects: readonly Subject[], turn: number): Promise<readonly number[]> => {
  await kill()
  await sleep(1_000)
  const starting = start()
  await asked<Answered>(endpoint, 'range', { key: base64('\\0') })
  const answered = clock()
  const { header } = await asked<Answered>(endpoint, 'put', { key: base64(prefixOf(service) + idOf(turn)), value: base64(valueOf(turn, turn + 1)) })
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
