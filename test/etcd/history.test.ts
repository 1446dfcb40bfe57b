import { firstValueFrom, lastValueFrom, toArray } from 'rxjs'
import { expect, it } from 'vitest'
import { history } from 'rx-discovery'
import { etcdRegistry } from 'rx-discovery/etcd'
import { own } from './own.js'
import { historyOf, seeded } from './random-writes.js'
import { etcdServer } from './server.js'
import { compareWindows, randomWrite, sizeOf, truthOf } from '../recorded-history.js'

/** How many writes are under way at once. */
const writers = 100

it('on etcd, each set of random windows of a recorded history is the fold of the log up to its revision', { timeout: 3_600_000 }, async () => {
  const { events, windows } = sizeOf(4_000, 60)
  const random = seeded(18)
  const server = own(await etcdServer({ flags: ['--quota-backend-bytes=8000000000'] }), it => it.close())
  const client = server.client()
  let written = 0
  const writer = async (): Promise<void> => {
    while (written < events) {
      const success = Array.from(randomWrite((written += 1), random), ([key, value]) =>
        value === null ? { request_delete_range: { key: Buffer.from(key) } } : { request_put: { key: Buffer.from(key), value: Buffer.from(value) } },
      )
      await client.kv.txn({ success })
    }
  }
  await Promise.all(Array.from({ length: writers }, writer))
  // etcd's own history, as etcd3 reads it.
  const truth = truthOf(await historyOf(client, '/rx-discovery'))
  const registry = own(etcdRegistry({ hosts: server.endpoint }), it => it.close())
  const { revision: head } = await firstValueFrom(registry.check({ key: '/' }, 0))
  const oldest = Math.floor(head / 10)
  await client.kv.compact({ revision: String(oldest), physical: true })
  expect(truth.between(1, head).length).toBeGreaterThan(events / 6)
  await compareWindows(registry, truth, { oldest, head, windows }, random)
})

it('on a new etcd, the history of a service without instances ends', { timeout: 60_000 }, async () => {
  const server = own(await etcdServer(), it => it.close())
  await server.client().put('/rx-discovery/other/a').value('{"v":1,"address":"a:80"}').exec()
  const registry = own(etcdRegistry({ hosts: server.endpoint }), it => it.close())
  const sets = await lastValueFrom(history(registry, 'web', { from: 1 }).pipe(toArray()))
  expect(sets.map(({ revision, size }) => [revision, size])).toEqual([[1, 0]])
})
