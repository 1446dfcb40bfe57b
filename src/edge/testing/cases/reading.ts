import { Rewound } from '../../../core/errors.js'
import type { Case } from '../contract.js'

/** list and check. */
export const reading: readonly Case[] = [
  {
    name: 'an empty prefix lists nothing, once, at a revision',
    run: async ({ registry, prefix, all, expect }) => {
      const listings = await all(registry.list(prefix))
      expect(listings.map(({ changes }) => changes)).toEqual([[]])
      expect(listings.every(({ revision }) => Number.isSafeInteger(revision) && revision > 0)).toEqual(true)
    },
  },
  {
    name: 'a listing is sorted by key, and tells of each key its value, lease and revision',
    run: async ({ lease, put, all, listed, expect }) => {
      const held = await lease()
      const [first = 0] = await all(put(held.lease, ['b', '2'], ['d', 'é ✓ 𝄞']))
      const [second = 0] = await all(put(held.lease, ['c', ''], ['a', '1']))
      const { revision, changes } = await listed()
      expect(revision >= second && second > first).toEqual(true)
      expect(changes.map(({ key, ...rest }) => ({ ...rest, key: key.at(-1) }))).toEqual([
        { key: 'a', value: '1', lease: held.lease.id, revision: second },
        { key: 'b', value: '2', lease: held.lease.id, revision: first },
        { key: 'c', value: '', lease: held.lease.id, revision: second },
        { key: 'd', value: 'é ✓ 𝄞', lease: held.lease.id, revision: first },
      ])
    },
  },
  {
    name: 'a listing holds only what is under its prefix',
    run: async ({ registry, prefix, lease, put, all, expect }) => {
      const held = await lease()
      await all(put(held.lease, ['web/a', '1'], ['web2/b', '2'], ['we', '3'], ['web', '4'], ['web0', '5']))
      const [listing] = await all(registry.list(`${prefix}web/`))
      expect(listing?.changes.map(({ key }) => key)).toEqual([`${prefix}web/a`])
    },
  },
  {
    name: 'a check counts, and names what changed since',
    run: async ({ registry, prefix, lease, put, all, expect }) => {
      const { lease: held } = await lease()
      const [before = 0] = await all(put(held, ['a', '1'], ['b', '1'], ['c', '1']))
      const [after = 0] = await all(put(held, ['b', '2', before], ['c', null, before]))
      const [check] = await all(registry.check(prefix, before))
      expect(check && { ...check, revision: check.revision >= after }).toEqual({
        revision: true,
        count: 2,
        changed: [{ key: `${prefix}b`, revision: after, lease: held.id }],
      })
      const [none] = await all(registry.check(prefix, after))
      expect([none?.count, none?.changed]).toEqual([2, []])
    },
  },
  {
    name: 'a check about the future errors Rewound',
    run: async ({ registry, prefix, listed, failure, expect }) => {
      const { revision } = await listed()
      expect((await failure(registry.check(prefix, revision + 1_000_000))) instanceof Rewound).toEqual(true)
    },
  },
]
