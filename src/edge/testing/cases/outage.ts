import { Closed, Denied, Disconnected, Rewound } from '../../../core/errors.js'
import type { Batch } from '../../../core/store.js'
import type { Case } from '../contract.js'

const changesOf = (batches: readonly Batch[]) => batches.flatMap(({ changes }) => changes)
const has = (count: number) => (batches: readonly Batch[]): boolean => changesOf(batches).length >= count

/** What goes wrong, and closing. */
export const outage: readonly Case[] = [
  {
    name: 'an interruption errors the watch Disconnected; reading and resuming work again, and nothing is lost',
    needs: ['interrupt'],
    run: async ({ registry, levers, prefix, lease, put, all, failure, listed, observe, eventually, expect }) => {
      const { lease: held } = await lease()
      const { revision: from } = await listed()
      const watched = observe(registry.watch(prefix, from))
      await all(put(held, ['a', '1']))
      const last = (await watched.until(has(1))).at(-1)?.revision ?? 0
      await levers.interrupt?.()
      expect((await watched.end()) instanceof Disconnected).toEqual(true)
      // an answer may be lost as well: then the second attempt finds the key taken, by us
      await eventually(() => failure(put(held, ['b', '1'])), error => !(error instanceof Disconnected))
      await listed(({ length }) => length === 2)
      const batches = await eventually(() => observe(registry.watch(prefix, last)).until(has(1)), () => true)
      expect(changesOf(batches).map(({ key }) => key)).toEqual([`${prefix}b`])
    },
  },
  {
    name: 'a lease goes on after an interruption shorter than its TTL',
    needs: ['interrupt'],
    run: async ({ levers, lease, put, all, listed, expect }) => {
      const { lease: own, held } = await lease(4)
      await all(put(own, ['a', '1']))
      const renewals = (await held.until(({ length }) => length > 0)).length
      await levers.interrupt?.(500)
      const leases = await held.until(({ length }) => length > renewals + 1)
      expect(leases.every(({ id }) => id === own.id)).toEqual(true)
      expect((await listed(() => true)).changes.map(({ lease }) => lease)).toEqual([own.id])
    },
  },
  {
    name: 'a frozen registry answers again when it thaws',
    needs: ['freeze'],
    run: async ({ levers, release, lease, put, all, listed, registry, prefix, observe, expect }) => {
      const { lease: held } = await lease()
      const thaw = release(await levers.freeze?.())
      const pending = observe(registry.list(prefix))
      await thaw()
      // answered, or given up as an outage: never left hanging
      const error = await pending.end()
      expect(error === undefined || error instanceof Disconnected).toEqual(true)
      await listed()
      await all(put(held, ['a', '1']))
      expect((await listed()).changes.length).toEqual(1)
    },
  },
  {
    name: 'a watch that lags delivers everything in the end, in order',
    needs: ['lag'],
    run: async ({ registry, levers, release, prefix, lease, put, all, listed, observe, expect }) => {
      const { lease: held } = await lease()
      const { revision: from } = await listed()
      const watched = observe(registry.watch(prefix, from))
      const catchUp = release(await levers.lag?.())
      for (const key of ['a', 'b', 'c']) await all(put(held, [key, '1']))
      expect((await listed()).changes.length).toEqual(3)
      await catchUp()
      expect(changesOf(await watched.until(has(3))).map(({ key }) => key)).toEqual(['a', 'b', 'c'].map(key => prefix + key))
    },
  },
  {
    name: 'denied calls error Denied, and work once allowed',
    needs: ['deny'],
    run: async ({ registry, levers, release, prefix, failure, listed, expect }) => {
      const allow = release(await levers.deny?.())
      expect((await failure(registry.list(prefix))) instanceof Denied).toEqual(true)
      await allow()
      expect((await listed()).changes).toEqual([])
    },
  },
  {
    name: 'a history that was replaced is noticed by who knew a later revision',
    needs: ['rewind'],
    run: async ({ registry, levers, prefix, lease, put, all, observe, listed, eventually, expect }) => {
      const { lease: held } = await lease()
      const [first = 0] = await all(put(held, ['a', '1']))
      const [known = 0] = await all(put(held, ['a', '2', first]))
      const watched = observe(registry.watch(prefix, known))
      await levers.rewind?.()
      const error = await watched.end()
      expect(error instanceof Disconnected || error instanceof Rewound).toEqual(true)
      await listed()
      const again = await eventually(() => observe(registry.watch(prefix, known)).end(), cause => !(cause instanceof Disconnected))
      expect(again instanceof Rewound).toEqual(true)
    },
  },
  {
    name: 'closing errors Closed to all that is open and all that comes, and can be done twice',
    run: async ({ registry, prefix, lease, listed, observe, failure, expect }) => {
      const { lease: own, held } = await lease()
      const { revision } = await listed()
      const watched = observe(registry.watch(prefix, revision))
      await Promise.all([registry.close(), registry.close()])
      expect([await held.end(), await watched.end()].map(error => error instanceof Closed)).toEqual([true, true])
      const { list, check, watch, lease: grant, put, remaining } = registry
      for (const verb of [list(prefix), check(prefix, 1), watch(prefix, revision), grant(30), put([], own), remaining(own.id)])
        expect((await failure(verb)) instanceof Closed).toEqual(true)
      await registry.close()
    },
  },
  {
    name: 'closing leaves no lease',
    needs: ['leases'],
    run: async ({ registry, levers, lease, expect }) => {
      const { lease: own } = await lease(3600)
      expect((await levers.leases?.())?.includes(own.id)).toEqual(true)
      await registry.close()
      expect((await levers.leases?.())?.includes(own.id)).toEqual(false)
    },
  },
]
