import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Subscription, tap } from 'rxjs'
import { expect, it, vi } from 'vitest'
import { discover, record, register, type ServiceSet } from 'rx-discovery'
import { etcdRegistry } from 'rx-discovery/etcd'
import { writeRecording } from 'rx-discovery/node'
import { marbles, replayRegistry } from 'rx-discovery/testing'
import { beginning, positionAfter } from '../../src/core/recording/moment.js'
import { recordedOf } from '../../src/core/recording/recorded-event.js'
import { playedThrough } from '../../src/edge/testing/played-through.js'
import { own } from './own.js'
import { bundled } from './program.js'
import { etcdServer } from './server.js'

/** A moment at which nothing more was going on, and what `discover` showed then. */
interface Rest {
  readonly at: number
  readonly shown: string
}

const shown = (set: ServiceSet): string => `${set.status} ${[...set].map(({ id, address }) => `${id}=${address}`).join()}`

it('an incident that was recorded on etcd replays to the same sets, troubles included: kill -9, compaction, mass expiry, wipe', { timeout: 180_000 }, async () => {
  const etcd = own(await etcdServer(), ({ close }) => close())
  const [seeing, recording, owning] = [1, 2, 3].map(() => own(etcdRegistry({ hosts: etcd.endpoint }), ({ close }) => close()))
  if (seeing === undefined || recording === undefined || owning === undefined) throw new Error('no registry')
  const file = join(etcd.dir, 'incident.jsonl')
  const all = own(new Subscription(), it => it.unsubscribe())
  const sets: ServiceSet[] = []
  const errors = new Set<string>()
  let position = beginning
  all.add(discover(seeing, 'web').subscribe(set => {
    sets.push(set)
    if (set.trouble !== undefined) errors.add(set.trouble.error.name)
  }))
  all.add(
    record(recording, { services: ['web'], heartbeat: 500 })
      .pipe(
        writeRecording(file),
        tap(event => {
          const recorded = recordedOf(event)
          if (recorded !== undefined) position = positionAfter(position, recorded)
        }),
      )
      .subscribe(),
  )
  const rests: Rest[] = []
  /** Waits until both have seen these ids, and no other. */
  const rest = async (...ids: readonly string[]): Promise<void> => {
    const isThere = (): boolean => {
      const set = sets.at(-1)
      const recorded = [...position.moment.entries.keys()].map(key => key.slice(key.lastIndexOf('/') + 1))
      return set?.status === 'live' && position.moment.trouble === undefined && [[...set].map(({ id }) => id), recorded].every(seen => seen.join() === [...ids].sort().join())
    }
    // On a busy machine a lease may run out, and come back.
    do {
      await vi.waitUntil(isThere, { timeout: 60_000, interval: 20 })
      await sleep(100)
    } while (!isThere())
    rests.push({ at: Date.now(), shown: sets.slice(-1).map(shown).join() })
    await sleep(50)
  }

  await rest()
  for (const id of ['a', 'b', 'c']) all.add(register(owning, { service: 'web', id, address: `${id}:80` }, { ttl: 5 }).subscribe())
  await rest('a', 'b', 'c')
  const killed = spawn(process.execPath, [bundled('src/edge/cli/main.ts'), 'register', 'web', '--id', 'k', '--address', 'k:80', '--ttl', '2', '--endpoints', etcd.endpoint], { stdio: 'ignore' })
  own(killed, it => it.kill('SIGKILL'))
  await rest('a', 'b', 'c', 'k')
  killed.kill('SIGKILL')
  await rest('a', 'b', 'c')

  const client = etcd.client()
  const put = (id: string, port: number): Promise<unknown> => client.put(`/rx-discovery/web/${id}`).value(JSON.stringify({ v: 1, address: `${id}:${port}` })).exec()
  await etcd.kill()
  await vi.waitUntil(() => sets.at(-1)?.status === 'stale' && position.moment.trouble !== undefined, { timeout: 30_000 })
  await sleep(500)
  await etcd.start()
  await put('m', 1)
  const { header: { revision } } = (await put('m', 2)) as { readonly header: { readonly revision: string } }
  await client.kv.compact({ revision })
  await rest('a', 'b', 'c', 'm')

  const { leases } = await client.leaseClient.leaseLeases()
  await Promise.all(leases.map(({ ID }) => client.leaseClient.leaseRevoke({ ID })))
  await vi.waitUntil(() => sets.at(-1)?.size === 1 || sets.some(({ size, revision: at }) => size === 1 && at > Number(revision)), { timeout: 30_000 })
  await rest('a', 'b', 'c', 'm')

  await etcd.wipe()
  await rest('a', 'b', 'c')
  await put('z', 1)
  await rest('a', 'b', 'c', 'z')
  all.unsubscribe()

  const text = readFileSync(file, 'utf8')
  const registry = replayRegistry(text)
  const played = playedThrough(registry, discover(registry, 'web'))
  for (const { at, shown: expected } of rests) {
    const set = played.filter(each => each.at <= at).at(-1)?.value
    expect(set && shown(set)).toBe(expected)
  }
  // Where both were live at the same revision of the same history, they held the same.
  const wipedAt = played.findIndex(({ value }, index) => value.revision < (played[index - 1]?.value.revision ?? 0) && value.status === 'live')
  const seen = new Map(sets.slice(0, sets.findIndex((set, index) => set.status === 'live' && set.revision < (sets[index - 1]?.revision ?? 0))).filter(({ status }) => status === 'live').map(set => [set.revision, shown(set)]))
  const common = played.slice(0, wipedAt).filter(({ value }) => value.status === 'live' && seen.has(value.revision))
  expect(common.length).toBeGreaterThan(4)
  for (const { value } of common) expect(shown(value)).toBe(seen.get(value.revision))
  // All leases were gone at once, and the recording shows that, too.
  expect(played.some(({ value }, index) => value.size === 1 && index < wipedAt)).toBe(true)
  const troubles = new Set(played.map(({ value }) => value.trouble?.error.name).filter(name => name !== undefined))
  expect(troubles.has('Disconnected') && errors.has('Disconnected')).toBe(true)
  expect([...troubles].filter(name => !['Disconnected', 'Lagging', 'Rewound', 'Compacted'].includes(name))).toEqual([])
  // The same, byte for byte, and as a diagram.
  const again = replayRegistry(text)
  expect(JSON.stringify(playedThrough(again, discover(again, 'web')))).toBe(JSON.stringify(played))
  expect(marbles(text)).toContain('stale (Disconnected)')
})
