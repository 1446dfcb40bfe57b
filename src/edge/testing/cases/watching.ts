import { Compacted, Rewound } from '../../../core/errors.js'
import type { Batch } from '../../../core/store.js'
import type { Case } from '../contract.js'

const changesOf = (batches: readonly Batch[]) => batches.flatMap(({ changes }) => changes)
const rows = (batches: readonly Batch[]) => changesOf(batches).map(({ key, value, revision }) => ({ key, value, revision }))
const has = (count: number) => (batches: readonly Batch[]): boolean => changesOf(batches).length >= count

/** watch. */
export const watching: readonly Case[] = [
  {
    name: 'nothing is lost between a listing and the watch from it',
    run: async ({ registry, prefix, lease, put, all, listed, observe, expect }) => {
      const { lease: held } = await lease()
      const { revision: from } = await listed()
      const [first = 0] = await all(put(held, ['a', '1']))
      const watched = observe(registry.watch(prefix, from))
      const [second = 0] = await all(put(held, ['a', '2', first]))
      const [third = 0] = await all(put(held, ['a', null, second]))
      const batches = await watched.until(has(3))
      const key = `${prefix}a`
      expect(rows(batches)).toEqual([
        { key, value: '1', revision: first },
        { key, value: '2', revision: second },
        { key, value: null, revision: third },
      ])
    },
  },
  {
    name: 'a watch resumes after its revision, and never before',
    run: async ({ registry, prefix, lease, put, all, observe, expect }) => {
      const { lease: held } = await lease()
      const [first = 0] = await all(put(held, ['a', '1']))
      const [second = 0] = await all(put(held, ['a', '2', first]))
      const batches = await observe(registry.watch(prefix, first)).until(has(1))
      expect(rows(batches)).toEqual([{ key: `${prefix}a`, value: '2', revision: second }])
    },
  },
  {
    name: 'a watch sees only what is under its prefix',
    run: async ({ registry, prefix, lease, put, all, listed, observe, expect }) => {
      const { lease: held } = await lease()
      const { revision: from } = await listed()
      const watched = observe(registry.watch(`${prefix}web/`, from))
      await all(put(held, ['web2/a', '1'], ['web', '1']))
      await all(put(held, ['web/a', '1'], ['web0', '1']))
      expect(changesOf(await watched.until(has(1))).map(({ key }) => key)).toEqual([`${prefix}web/a`])
    },
  },
  {
    name: 'a transaction is never split over two batches, and revisions only grow',
    run: async ({ registry, prefix, lease, put, all, listed, observe, expect }) => {
      const { lease: held } = await lease()
      const { revision: from } = await listed()
      const keys = Array.from({ length: 50 }, (_, i) => String(i).padStart(2, '0'))
      const [first = 0] = await all(put(held, ...keys.map(key => [key, '1'] as const)))
      const watched = observe(registry.watch(prefix, from))
      await all(put(held, ...keys.map(key => [key, '2', first] as const)))
      const batches = await watched.until(has(100))
      // whatever a batch holds of a revision is all there is of it
      const whole = batches.filter(({ changes }) => changes.length > 0).map(({ changes }) => changes.length % 50)
      expect(whole.every(rest => rest === 0)).toEqual(true)
      const revisions = batches.flatMap(({ changes, revision }) => [...changes.map(change => change.revision), revision])
      expect(revisions).toEqual([...revisions].sort((a, b) => a - b))
      expect(batches.every(({ changes, revision }) => changes.length === 0 || changes.at(-1)?.revision === revision)).toEqual(true)
    },
  },
  {
    name: 'all keys of a lease leave in one batch',
    run: async ({ registry, prefix, lease, put, all, observe, expect }) => {
      const { lease: own, held } = await lease()
      const [from = 0] = await all(put(own, ['a', '1'], ['b', '1'], ['c', '1']))
      const watched = observe(registry.watch(prefix, from))
      held.stop()
      const [batch] = (await watched.until(has(1))).filter(({ changes }) => changes.length > 0)
      expect(batch?.changes.map(({ key, value, lease }) => ({ key, value, lease }))).toEqual(
        ['a', 'b', 'c'].map(key => ({ key: prefix + key, value: null, lease: '0' })),
      )
    },
  },
  {
    name: 'two watches do not disturb each other',
    run: async ({ registry, prefix, lease, put, all, listed, observe, expect }) => {
      const { lease: held } = await lease()
      const { revision: from } = await listed()
      const [one, other] = [observe(registry.watch(prefix, from)), observe(registry.watch(prefix, from))]
      await all(put(held, ['a', '1']))
      await one.until(has(1))
      one.stop()
      await all(put(held, ['b', '1']))
      expect(changesOf(await other.until(has(2))).map(({ key }) => key)).toEqual([`${prefix}a`, `${prefix}b`])
    },
  },
  {
    name: 'a watch from the future errors Rewound',
    run: async ({ registry, prefix, listed, failure, expect }) => {
      const { revision } = await listed()
      expect((await failure(registry.watch(prefix, revision + 1_000_000))) instanceof Rewound).toEqual(true)
    },
  },
  {
    name: 'a watch from before a compaction errors Compacted; from the head it loses nothing',
    needs: ['compact'],
    run: async ({ registry, levers, prefix, lease, put, all, listed, failure, observe, expect }) => {
      const { lease: held } = await lease()
      const [first = 0] = await all(put(held, ['a', '1']))
      await all(put(held, ['a', '2', first]))
      await levers.compact?.()
      expect((await failure(registry.watch(prefix, first - 1))) instanceof Compacted).toEqual(true)
      const { revision } = await listed()
      const watched = observe(registry.watch(prefix, revision))
      await all(put(held, ['b', '1']))
      expect(changesOf(await watched.until(has(1))).map(({ key }) => key)).toEqual([`${prefix}b`])
    },
  },
]
