import { InvalidArgument, LeaseLost, Taken } from '../../../core/errors.js'
import type { Case } from '../case.js'
import type { Row } from '../scene.js'

const needs = ['lease', 'put'] as const

/** put. */
export const writing: readonly Case[] = [
  {
    name: 'a put writes nothing until it is subscribed',
    needs,
    run: async ({ lease, put, all, listed, expect }) => {
      const { lease: own } = await lease()
      const cold = put(own, ['a', '1'])
      expect((await listed()).changes).toEqual([])
      expect((await all(cold)).length).toEqual(1)
      expect((await listed()).changes.length).toEqual(1)
    },
  },
  {
    name: 'guarded puts create, update and delete keys, each transaction at a higher revision',
    needs,
    run: async ({ lease, put, all, listed, expect }) => {
      const { lease: own } = await lease()
      const [created = 0] = await all(put(own, ['a', '1']))
      const [updated = 0] = await all(put(own, ['a', '2', created]))
      expect((await listed()).changes.map(({ value, revision }) => ({ value, revision }))).toEqual([{ value: '2', revision: updated }])
      const [deleted = 0] = await all(put(own, ['a', null, updated]))
      expect((await listed()).changes).toEqual([])
      expect(created < updated && updated < deleted).toEqual(true)
    },
  },
  {
    name: 'a put of several keys is one revision',
    needs,
    run: async ({ prefix, lease, put, all, listed, expect }) => {
      const { lease: own } = await lease()
      const [before = 0] = await all(put(own, ['old', '1']))
      const [revision = 0] = await all(put(own, ['old', null, before], ['a', '1'], ['b', '2']))
      const { changes } = await listed()
      expect(changes.map(change => [change.key, change.revision])).toEqual([[`${prefix}a`, revision], [`${prefix}b`, revision]])
    },
  },
  {
    name: 'if a guard fails, nothing is written, and Taken has the content of all keys in the order of the entries',
    needs,
    run: async ({ prefix, lease, put, all, failure, listed, expect }) => {
      const [{ lease: mine }, { lease: theirs }] = [await lease(), await lease()]
      const [revision = 0] = await all(put(theirs, ['b', 'theirs']))
      const rows: readonly Row[] = [['b', 'mine'], ['b', 'mine', revision - 1], ['b', null]]
      for (const row of rows) {
        const taken = await failure(put(mine, ['c', '1'], row))
        expect(taken instanceof Taken && taken.found).toEqual([
          { key: `${prefix}c`, value: null, lease: '0', revision: 0 },
          { key: `${prefix}b`, value: 'theirs', lease: theirs.id, revision },
        ])
      }
      expect((await failure(put(mine, ['absent', '1', revision]))) instanceof Taken).toEqual(true)
      expect((await listed()).changes.map(({ value }) => value)).toEqual(['theirs'])
    },
  },
  {
    name: 'a key moves to the lease that writes it',
    needs,
    run: async ({ lease, put, all, listed, expect }) => {
      const [former, latter] = [await lease(), await lease()]
      const [revision = 0] = await all(put(former.lease, ['a', '1'], ['b', '1']))
      await all(put(latter.lease, ['a', '2', revision]))
      former.session.stop()
      const { changes } = await listed(({ length }) => length === 1)
      expect(changes.map(({ value, lease }) => ({ value, lease }))).toEqual([{ value: '2', lease: latter.lease.id }])
    },
  },
  {
    name: 'a put under a lease that is gone writes nothing, and errors LeaseLost',
    needs,
    run: async ({ lease, put, all, listed, failure, expect }) => {
      const { lease: gone, session } = await lease()
      await all(put(gone, ['a', '1']))
      session.stop()
      await listed(({ length }) => length === 0)
      expect((await failure(put(gone, ['b', '1']))) instanceof LeaseLost).toEqual(true)
      expect((await listed()).changes).toEqual([])
    },
  },
  {
    name: 'a value over 1.5 MiB errors InvalidArgument',
    needs,
    run: async ({ lease, put, failure, expect }) => {
      const { lease: own } = await lease()
      expect((await failure(put(own, ['a', 'x'.repeat(1.6 * 1024 * 1024)]))) instanceof InvalidArgument).toEqual(true)
    },
  },
]
