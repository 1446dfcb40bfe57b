import { InvalidArgument, LeaseLost, Taken } from '../../../core/errors.js'
import type { Case } from '../contract.js'
import type { Row } from '../scene.js'

/** put. */
export const writing: readonly Case[] = [
  {
    name: 'a put is cold',
    run: async ({ lease, put, all, listed, expect }) => {
      const { lease: held } = await lease()
      const cold = put(held, ['a', '1'])
      expect((await listed()).changes).toEqual([])
      expect((await all(cold)).length).toEqual(1)
      expect((await listed()).changes.length).toEqual(1)
    },
  },
  {
    name: 'keys are created, updated and deleted under guard, each transaction at a higher revision',
    run: async ({ lease, put, all, listed, expect }) => {
      const { lease: held } = await lease()
      const [created = 0] = await all(put(held, ['a', '1']))
      const [updated = 0] = await all(put(held, ['a', '2', created]))
      expect((await listed()).changes.map(({ value, revision }) => ({ value, revision }))).toEqual([{ value: '2', revision: updated }])
      const [deleted = 0] = await all(put(held, ['a', null, updated]))
      expect((await listed()).changes).toEqual([])
      expect(created < updated && updated < deleted).toEqual(true)
    },
  },
  {
    name: 'several keys are one revision',
    run: async ({ prefix, lease, put, all, listed, expect }) => {
      const { lease: held } = await lease()
      const [before = 0] = await all(put(held, ['old', '1']))
      const [revision = 0] = await all(put(held, ['old', null, before], ['a', '1'], ['b', '2']))
      const { changes } = await listed()
      expect(changes.map(change => [change.key, change.revision])).toEqual([[`${prefix}a`, revision], [`${prefix}b`, revision]])
    },
  },
  {
    name: 'a guard that fails writes nothing, and tells in order what is there',
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
    run: async ({ lease, put, all, listed, expect }) => {
      const [former, latter] = [await lease(), await lease()]
      const [revision = 0] = await all(put(former.lease, ['a', '1'], ['b', '1']))
      await all(put(latter.lease, ['a', '2', revision]))
      former.held.stop()
      const { changes } = await listed(({ length }) => length === 1)
      expect(changes.map(({ value, lease }) => ({ value, lease }))).toEqual([{ value: '2', lease: latter.lease.id }])
    },
  },
  {
    name: 'a lease that is gone writes nothing, and errors LeaseLost',
    run: async ({ lease, put, all, listed, failure, expect }) => {
      const { lease: gone, held } = await lease()
      await all(put(gone, ['a', '1']))
      held.stop()
      await listed(({ length }) => length === 0)
      expect((await failure(put(gone, ['b', '1']))) instanceof LeaseLost).toEqual(true)
      expect((await listed()).changes).toEqual([])
    },
  },
  {
    name: 'a value over 1.5 MiB errors InvalidArgument',
    run: async ({ lease, put, failure, expect }) => {
      const { lease: held } = await lease()
      expect((await failure(put(held, ['a', 'x'.repeat(1.6 * 1024 * 1024)]))) instanceof InvalidArgument).toEqual(true)
    },
  },
]
