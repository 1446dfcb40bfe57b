import { Compacted, Rewound } from '../../../core/errors.js'
import type { Case } from '../case.js'

/** list and check. */
export const reading: readonly Case[] = [
  {
    name: 'an empty range is listed in at least one part, without keys, at a revision',
    run: async ({ registry, prefix, all, expect }) => {
      const parts = await all(registry.list(prefix))
      expect(parts.length > 0).toEqual(true)
      expect(parts.flatMap(({ changes }) => changes)).toEqual([])
      expect(parts.every(({ revision }) => Number.isSafeInteger(revision) && revision > 0)).toEqual(true)
    },
  },
  {
    name: 'a listing is sorted by key, and has the value, lease and revision of each key',
    run: async ({ lease, put, all, listed, expect }) => {
      const own = await lease()
      const [first = 0] = await all(put(own.lease, ['b', '2'], ['d', 'é ✓ 𝄞']))
      const [second = 0] = await all(put(own.lease, ['c', ''], ['a', '1']))
      const { revision, changes } = await listed()
      expect(revision >= second && second > first).toEqual(true)
      expect(changes.map(({ key, ...rest }) => ({ ...rest, key: key.at(-1) }))).toEqual([
        { key: 'a', value: '1', lease: own.lease.id, revision: second },
        { key: 'b', value: '2', lease: own.lease.id, revision: first },
        { key: 'c', value: '', lease: own.lease.id, revision: second },
        { key: 'd', value: 'é ✓ 𝄞', lease: own.lease.id, revision: first },
      ])
    },
  },
  {
    name: 'a listing of a prefix has only the keys that start with it',
    run: async ({ prefix, lease, put, all, list, expect }) => {
      const own = await lease()
      await all(put(own.lease, ['web/a', '1'], ['web2/b', '2'], ['we', '3'], ['web', '4'], ['web0', '5']))
      const { changes } = await list(`${prefix}web/`)
      expect(changes.map(({ key }) => key)).toEqual([`${prefix}web/a`])
    },
  },
  {
    name: 'a listing of an exact key has that key and none that starts with it',
    run: async ({ prefix, lease, put, all, list, expect }) => {
      const own = await lease()
      const [revision = 0] = await all(put(own.lease, ['web', '1'], ['web2', '2'], ['web/a', '3'], ['we', '4']))
      expect((await list({ key: `${prefix}web` })).changes).toEqual([{ key: `${prefix}web`, value: '1', lease: own.lease.id, revision }])
      expect((await list({ key: `${prefix}web/` })).changes).toEqual([])
    },
  },
  {
    name: 'the parts of a listing are in key order, and have one revision and one cluster',
    run: async ({ registry, prefix, lease, put, all, list, expect }) => {
      const own = await lease()
      const keys = Array.from({ length: 300 }, (_, i) => `k${String(i).padStart(3, '0')}`)
      for (let at = 0; at < keys.length; at += 100) await all(put(own.lease, ...keys.slice(at, at + 100).map(key => [key, 'x'] as const)))
      const parts = await all(registry.list(prefix))
      // a part of another revision begins the listing again
      const whole = parts.filter(({ revision }) => revision === parts.at(-1)?.revision)
      expect(whole.flatMap(({ changes }) => changes.map(({ key }) => key))).toEqual(keys.map(key => prefix + key))
      const clusters = new Set([...parts.map(({ cluster }) => cluster), (await list(`${prefix}none`)).cluster])
      expect([clusters.size, clusters.has('')]).toEqual([1, false])
    },
  },
  {
    name: 'a listing at a past revision shows the range as it was then',
    run: async ({ prefix, lease, put, all, list, expect }) => {
      const { lease: own } = await lease()
      const [first = 0] = await all(put(own, ['a', '1']))
      const [second = 0] = await all(put(own, ['a', '2', first], ['b', '1']))
      const [third = 0] = await all(put(own, ['a', null, second]))
      const at = async (revision: number, range: string | { readonly key: string } = prefix) => {
        const listing = await list(range, { at: revision })
        return [listing.revision, ...listing.changes.map(({ key, value, lease, revision }) => ({ key: key.slice(prefix.length), value, own: lease === own.id, revision }))]
      }
      expect(await at(first - 1)).toEqual([first - 1])
      expect(await at(first)).toEqual([first, { key: 'a', value: '1', own: true, revision: first }])
      expect(await at(second)).toEqual([second, { key: 'a', value: '2', own: true, revision: second }, { key: 'b', value: '1', own: true, revision: second }])
      expect(await at(third)).toEqual([third, { key: 'b', value: '1', own: true, revision: second }])
      expect(await at(second, { key: `${prefix}a` })).toEqual([second, { key: 'a', value: '2', own: true, revision: second }])
      expect(await at(third, { key: `${prefix}a` })).toEqual([third])
    },
  },
  {
    name: 'a listing at a future revision errors Rewound',
    run: async ({ registry, prefix, listed, failure, expect }) => {
      const { revision } = await listed()
      expect((await failure(registry.list(prefix, { at: revision + 1_000_000 }))) instanceof Rewound).toEqual(true)
    },
  },
  {
    name: 'a listing at a compacted revision errors Compacted, with the oldest revision that can still be read',
    needs: ['compact'],
    run: async ({ registry, levers, prefix, lease, put, all, list, failure, expect }) => {
      const { lease: own } = await lease()
      const [first = 0] = await all(put(own, ['a', '1']))
      const [second = 0] = await all(put(own, ['a', '2', first]))
      await levers.compact()
      const error = await failure(registry.list(prefix, { at: first }))
      const oldest = error instanceof Compacted ? error.revision : 0
      expect(oldest >= second).toEqual(true)
      expect((await list(prefix, { at: oldest })).changes.map(({ value }) => value)).toEqual(['2'])
      expect((await failure(registry.list(prefix, { at: oldest - 1 }))) instanceof Compacted).toEqual(true)
    },
  },
  {
    name: 'a local listing has the same content, after at most a delay, also at a past revision',
    run: async ({ prefix, lease, put, all, list, eventually, expect }) => {
      const { lease: own } = await lease()
      const [first = 0] = await all(put(own, ['a', '1']))
      const [second = 0] = await all(put(own, ['a', '2', first]))
      const { changes } = await eventually(() => list(prefix, { local: true }), ({ revision }) => revision >= second)
      expect(changes).toEqual([{ key: `${prefix}a`, value: '2', lease: own.id, revision: second }])
      const past = await list({ key: `${prefix}a` }, { at: first, local: true })
      expect([past.revision, ...past.changes.map(({ value }) => value)]).toEqual([first, '1'])
    },
  },
  {
    name: 'a check counts the keys, and names those that changed since',
    run: async ({ registry, prefix, lease, put, all, expect }) => {
      const { lease: own } = await lease()
      const [before = 0] = await all(put(own, ['a', '1'], ['b', '1'], ['c', '1']))
      const [after = 0] = await all(put(own, ['b', '2', before], ['c', null, before]))
      const [check] = await all(registry.check(prefix, before))
      expect(check && { ...check, revision: check.revision >= after }).toEqual({
        revision: true,
        count: 2,
        changed: [{ key: `${prefix}b`, revision: after, lease: own.id }],
      })
      const [none] = await all(registry.check(prefix, after))
      expect([none?.count, none?.changed]).toEqual([2, []])
    },
  },
  {
    name: 'a check of an exact key counts that key and none that starts with it',
    run: async ({ registry, prefix, lease, put, all, expect }) => {
      const { lease: own } = await lease()
      const [revision = 0] = await all(put(own, ['web', '1'], ['web2', '1'], ['web/a', '1']))
      const checked = async (key: string) => {
        const [check] = await all(registry.check({ key: prefix + key }, revision - 1))
        return [check?.count, check?.changed.map(change => change.key)]
      }
      expect([await checked('web'), await checked('web/')]).toEqual([[1, [`${prefix}web`]], [0, []]])
    },
  },
  {
    name: 'a check since a future revision errors Rewound',
    run: async ({ registry, prefix, listed, failure, expect }) => {
      const { revision } = await listed()
      expect((await failure(registry.check(prefix, revision + 1_000_000))) instanceof Rewound).toEqual(true)
    },
  },
]
