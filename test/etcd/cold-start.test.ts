import { firstValueFrom } from 'rxjs'
import { expect, it, vi } from 'vitest'
import { balance, discover, roundRobin, type DiscoverOptions, type SavedSet, type ServiceSet } from 'rx-discovery'
import { etcdRegistry } from 'rx-discovery/etcd'
import { own } from './own.js'
import { etcdCluster } from './server.js'

const within = { timeout: 30_000, interval: 20 }
const shown = (set: ServiceSet | undefined): string | undefined => set && [set.status, ...set.toArray().map(({ id }) => id)].join(' ')

it('a process that starts while etcd has no quorum has the set: from one member, from a saved set, and from both; and is live when quorum is back', { timeout: 120_000 }, async () => {
  const cluster = own(await etcdCluster(), ({ close }) => close())
  const [first, second, third] = cluster.members
  /** A process that starts: a registry of its own, which begins at the first member. */
  const starts = (options: DiscoverOptions) => {
    const registry = own(etcdRegistry({ hosts: cluster.endpoints, random: () => 0 }), it => it.close({ timeout: 0 }))
    const sets: ServiceSet[] = []
    const web$ = discover(registry, 'web', options)
    const subscription = web$.subscribe(set => sets.push(set))
    own(subscription, it => it.unsubscribe())
    return { web$, sets, until: (text: string) => vi.waitUntil(() => shown(sets.at(-1)) === text, within) }
  }

  for (const id of ['a', 'b']) await first?.client({ hosts: [...cluster.endpoints] }).put(`/rx-discovery/web/${id}`).value(JSON.stringify({ v: 1, address: `${id}:80` }))
  const before = starts({})
  await before.until('live a b')
  const saved = JSON.parse(JSON.stringify(before.sets.at(-1))) as SavedSet

  // The member that is left is the last one that is asked.
  await Promise.all([first?.kill(), second?.kill()])
  const local = starts({ local: true })
  await local.until('stale a b')
  expect(local.sets.map(shown).slice(0, -1)).not.toContain('live a b')
  expect(local.sets.at(-1)).toMatchObject({ revision: saved.revision, asOf: 0, trouble: { error: { name: 'Disconnected' } } })
  expect(await firstValueFrom(balance(local.web$, roundRobin(), { linger: 0 }).select())).toMatchObject({ service: 'web' })
  const neither = starts({})

  await third?.kill()
  const restored = starts({ initial: saved })
  const both = starts({ initial: saved, local: true })
  for (const { sets, until } of [restored, both]) {
    expect(shown(sets[0])).toBe('stale a b')
    await until('stale a b')
    await vi.waitUntil(() => sets.at(-1)?.trouble?.error.name === 'Disconnected', within)
    expect(new Set(sets.map(shown))).toEqual(new Set(['stale a b']))
  }
  expect(new Set(neither.sets.map(shown))).toEqual(new Set(['pending']))

  await Promise.all(cluster.members.map(member => member.start()))
  for (const { until } of [before, local, neither, restored, both]) await until('live a b')
  const written = await first?.client({ hosts: [...cluster.endpoints] }).put('/rx-discovery/web/c').value(JSON.stringify({ v: 1, address: 'c:80' }))
  for (const { sets, until } of [before, local, neither, restored, both]) {
    await until('live a b c')
    expect(sets.at(-1)?.revision).toBe(Number(written?.header.revision))
    const revisions = sets.filter(({ status }) => status !== 'pending').map(({ revision }) => revision)
    expect(revisions).toEqual([...revisions].sort((a, b) => a - b))
  }
})
