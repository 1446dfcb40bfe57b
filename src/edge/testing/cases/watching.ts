import { Compacted, Rewound } from '../../../core/errors.js'
import type { Batch } from '../../../core/store.js'
import type { Case } from '../case.js'
import { changesOf, hasChanges } from './batches.js'

const rows = (batches: readonly Batch[]) => changesOf(batches).map(({ key, value, revision }) => ({ key, value, revision }))

/** watch. */
export const watching: readonly Case[] = [
  {
    name: 'a watch from a listing loses nothing that is written in between',
    run: async ({ registry, prefix, lease, put, all, listed, observe, expect }) => {
      const { lease: own } = await lease()
      const { revision: from } = await listed()
      const [first = 0] = await all(put(own, ['a', '1']))
      const watched = observe(registry.watch(prefix, from))
      const [second = 0] = await all(put(own, ['a', '2', first]))
      const [third = 0] = await all(put(own, ['a', null, second]))
      const batches = await watched.until(hasChanges(3))
      const key = `${prefix}a`
      expect(rows(batches)).toEqual([
        { key, value: '1', revision: first },
        { key, value: '2', revision: second },
        { key, value: null, revision: third },
      ])
    },
  },
  {
    name: 'a watch resumes after its revision, and never before it',
    run: async ({ registry, prefix, lease, put, all, observe, expect }) => {
      const { lease: own } = await lease()
      const [first = 0] = await all(put(own, ['a', '1']))
      const [second = 0] = await all(put(own, ['a', '2', first]))
      const batches = await observe(registry.watch(prefix, first)).until(hasChanges(1))
      expect(rows(batches)).toEqual([{ key: `${prefix}a`, value: '2', revision: second }])
    },
  },
  {
    name: 'a watch reaches the revision of its subscription with a batch, which is empty if nothing in the range changed',
    run: async ({ registry, prefix, lease, put, all, observe, expect }) => {
      const { lease: own } = await lease()
      const [first = 0] = await all(put(own, ['web/a', '1']))
      const [second = 0] = await all(put(own, ['web/a', '2', first]))
      const [head = 0] = await all(put(own, ['other', '1']))
      const reaches = (batches: readonly Batch[]): boolean => (batches.at(-1)?.revision ?? 0) >= head
      const behind = await observe(registry.watch(`${prefix}web/`, first)).until(reaches)
      expect(rows(behind)).toEqual([{ key: `${prefix}web/a`, value: '2', revision: second }])
      const quiet = await observe(registry.watch(`${prefix}none/`, first)).until(reaches)
      expect(rows(quiet)).toEqual([])
      const current = await observe(registry.watch({ key: `${prefix}web/a` }, head)).until(reaches)
      expect(rows(current)).toEqual([])
    },
  },
  {
    name: 'a watch of a prefix delivers only keys that start with it',
    run: async ({ registry, prefix, lease, put, all, listed, observe, expect }) => {
      const { lease: own } = await lease()
      const { revision: from } = await listed()
      const watched = observe(registry.watch(`${prefix}web/`, from))
      await all(put(own, ['web2/a', '1'], ['web', '1']))
      await all(put(own, ['web/a', '1'], ['web0', '1']))
      expect(changesOf(await watched.until(hasChanges(1))).map(({ key }) => key)).toEqual([`${prefix}web/a`])
    },
  },
  {
    name: 'a watch of an exact key delivers that key and none that starts with it',
    run: async ({ registry, prefix, lease, put, all, listed, observe, expect }) => {
      const { lease: own } = await lease()
      const { revision: from } = await listed()
      const watched = observe(registry.watch({ key: `${prefix}web` }, from))
      await all(put(own, ['web/a', '1'], ['web2', '1'], ['we', '1']))
      const [first = 0] = await all(put(own, ['web', '1'], ['web0', '1']))
      await all(put(own, ['web', null, first]))
      expect(changesOf(await watched.until(hasChanges(2))).map(({ key, value }) => [key, value])).toEqual([[`${prefix}web`, '1'], [`${prefix}web`, null]])
    },
  },
  {
    name: 'every batch names the cluster that the listing names',
    run: async ({ registry, prefix, lease, put, all, listed, observe, expect }) => {
      const { lease: own } = await lease()
      const { revision: from, cluster } = await listed()
      const watched = observe(registry.watch(prefix, from))
      await all(put(own, ['a', '1']))
      const batches = await watched.until(hasChanges(1))
      expect([...new Set(batches.map(batch => batch.cluster))]).toEqual([cluster])
    },
  },
  {
    name: 'a transaction is never split over two batches, and revisions only grow',
    run: async ({ registry, prefix, lease, put, all, listed, observe, expect }) => {
      const { lease: own } = await lease()
      const { revision: from } = await listed()
      const keys = Array.from({ length: 50 }, (_, i) => String(i).padStart(2, '0'))
      const [first = 0] = await all(put(own, ...keys.map(key => [key, '1'] as const)))
      const watched = observe(registry.watch(prefix, from))
      await all(put(own, ...keys.map(key => [key, '2', first] as const)))
      const batches = await watched.until(hasChanges(100))
      // a batch has all changes of each of its revisions
      const whole = batches.filter(({ changes }) => changes.length > 0).map(({ changes }) => changes.length % 50)
      expect(whole.every(rest => rest === 0)).toEqual(true)
      const revisions = batches.flatMap(({ changes, revision }) => [...changes.map(change => change.revision), revision])
      expect(revisions).toEqual([...revisions].sort((a, b) => a - b))
      expect(batches.every(({ changes, revision }) => changes.length === 0 || changes.at(-1)?.revision === revision)).toEqual(true)
    },
  },
  {
    name: 'if a lease ends, all of its keys are deleted in one batch',
    run: async ({ registry, prefix, lease, put, all, observe, expect }) => {
      const { lease: own, session } = await lease()
      const [from = 0] = await all(put(own, ['a', '1'], ['b', '1'], ['c', '1']))
      const watched = observe(registry.watch(prefix, from))
      session.stop()
      const [batch] = (await watched.until(hasChanges(1))).filter(({ changes }) => changes.length > 0)
      expect(batch?.changes.map(({ key, value, lease }) => ({ key, value, lease }))).toEqual(
        ['a', 'b', 'c'].map(key => ({ key: prefix + key, value: null, lease: '0' })),
      )
    },
  },
  {
    name: 'two watches of one range do not affect each other',
    run: async ({ registry, prefix, lease, put, all, listed, observe, expect }) => {
      const { lease: own } = await lease()
      const { revision: from } = await listed()
      const [one, other] = [observe(registry.watch(prefix, from)), observe(registry.watch(prefix, from))]
      await all(put(own, ['a', '1']))
      await one.until(hasChanges(1))
      one.stop()
      await all(put(own, ['b', '1']))
      expect(changesOf(await other.until(hasChanges(2))).map(({ key }) => key)).toEqual([`${prefix}a`, `${prefix}b`])
    },
  },
  {
    name: 'a watch from a future revision errors Rewound',
    run: async ({ registry, prefix, listed, failure, expect }) => {
      const { revision } = await listed()
      expect((await failure(registry.watch(prefix, revision + 1_000_000))) instanceof Rewound).toEqual(true)
    },
  },
  {
    name: 'a watch from before a compaction errors Compacted; one from the head loses nothing',
    needs: ['compact'],
    run: async ({ registry, levers, prefix, lease, put, all, list, listed, failure, observe, expect }) => {
      const { lease: own } = await lease()
      const [first = 0] = await all(put(own, ['a', '1']))
      await all(put(own, ['a', '2', first]))
      await levers.compact()
      const error = await failure(registry.watch(prefix, first - 1))
      expect(error instanceof Compacted).toEqual(true)
      const { changes } = await list(prefix, { at: error instanceof Compacted ? error.revision : 0 })
      expect(changes.map(({ value }) => value)).toEqual(['2'])
      const { revision } = await listed()
      const watched = observe(registry.watch(prefix, revision))
      await all(put(own, ['b', '1']))
      expect(changesOf(await watched.until(hasChanges(1))).map(({ key }) => key)).toEqual([`${prefix}b`])
    },
  },
]
