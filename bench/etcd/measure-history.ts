import { setTimeout as sleep } from 'node:timers/promises'
import type { Etcd3 } from 'etcd3'
import { lastValueFrom, retry, toArray, type Observable } from 'rxjs'
import { etcdRegistry } from '../../src/edge/etcd/index.js'
import { history } from '../../src/index.js'
import { etcdServer } from '../../test/etcd/server.js'
import { median, milliseconds, table } from '../results-table.js'
import { clock } from './commands.js'
import { fill, put, valueOf } from './world.js'

const distances = [1_000, 10_000, 100_000, 300_000]
const rounds = 5
/** Every how many writes the service that is read changes: other services make most of the revisions. */
const ownEvery = 100
/** How many writes are under way at once while the past is made. */
const writers = 200

/** Writes until etcd is at this revision. */
const writeTo = async (client: Etcd3, revision: number): Promise<void> => {
  let at = Number((await client.kv.range({ key: Buffer.from('\0') })).header.revision)
  const writer = async (): Promise<void> => {
    while (at < revision) {
      const turn = (at += 1)
      await client.kv.txn({ success: [put(turn % ownEvery === 0 ? 'web' : 'other', turn % 100, turn, valueOf)] })
    }
  }
  await Promise.all(Array.from({ length: writers }, writer))
}

interface Measured {
  readonly took: number
  readonly longestPut: number
}

/** How long something takes, and the longest of the puts meanwhile, which follow one another. */
const whileWriting = async (client: Etcd3, work: () => Promise<unknown>): Promise<Measured> => {
  const done = new AbortController()
  let longestPut = 0
  const writing = (async () => {
    for (let turn = 0; ; turn += 1) {
      if (done.signal.aborted) return
      const began = clock()
      await client.kv.txn({ success: [put('other', turn % 100, turn)] })
      longestPut = Math.max(longestPut, clock() - began)
    }
  })()
  await sleep(100)
  longestPut = 0
  const began = clock()
  await work()
  const took = clock() - began
  done.abort()
  await writing
  return { took, longestPut }
}

const all = <A>(source: Observable<A>): Promise<readonly A[]> => lastValueFrom(source.pipe(toArray()))

/** What a look back costs etcd: how long a history takes, and by how much a put is late meanwhile. */
export const measureHistory = async (): Promise<void> => {
  const server = await etcdServer({ flags: ['--quota-backend-bytes=8000000000'] })
  const registry = etcdRegistry({ hosts: server.endpoint })
  try {
    const client = server.client()
    await fill(client, 'web', 20)
    await writeTo(client, Math.max(...distances) + 5_000)
    const head = async (): Promise<number> => Number((await client.kv.range({ key: Buffer.from('\0') })).header.revision)
    const row = async (what: string, work: (head: number) => Promise<unknown>): Promise<readonly string[]> => {
      const measured: Measured[] = []
      for (let round = 0; round < rounds; round += 1) {
        const latest = await head()
        measured.push(await whileWriting(client, () => work(latest)))
        await sleep(200)
      }
      const puts = measured.map(({ longestPut }) => longestPut)
      return [what, milliseconds(median(measured.map(({ took }) => took))), milliseconds(median(puts)), milliseconds(Math.max(...puts))]
    }
    // The first call to a member has less time than the others.
    await all(registry.list('/rx-discovery/web/').pipe(retry({ delay: 100 })))
    const rows = [await row('nothing is read, 200 ms', () => sleep(200))]
    for (const distance of distances) {
      rows.push(await row(`\`list\` at ${distance.toLocaleString('en')} revisions back`, latest => all(registry.list('/rx-discovery/web/', { at: latest - distance }))))
      rows.push(await row(`\`history\` from ${distance.toLocaleString('en')} revisions back`, latest => all(history(registry, 'web', { from: latest - distance, maxBehind: Infinity }))))
    }
    table(`A look back, while another client writes (1 of ${ownEvery} writes to the service; ${rounds} rounds)`, [['', 'takes', 'longest put, median', 'longest put, most'], ...rows])
  } finally {
    await registry.close()
    await server.close()
  }
}
