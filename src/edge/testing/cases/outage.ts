import { asyncScheduler } from 'rxjs'
import { Closed, Denied, Disconnected, Rewound } from '../../../core/errors.js'
import type { Case } from '../case.js'
import { changesOf, hasChanges } from './batches.js'

/** Outages, and closing. */
export const outage: readonly Case[] = [
  {
    name: 'an interruption errors the watch Disconnected; reading and resuming work again, and nothing is lost',
    needs: ['interrupt'],
    run: async ({ registry, levers, prefix, lease, put, all, failure, listed, observe, eventually, expect }) => {
      const { lease: own } = await lease()
      const { revision: from } = await listed()
      const watched = observe(registry.watch(prefix, from))
      await all(put(own, ['a', '1']))
      const last = (await watched.until(hasChanges(1))).at(-1)?.revision ?? 0
      await levers.interrupt()
      expect((await watched.end()) instanceof Disconnected).toEqual(true)
      // an answer may be lost as well: the second attempt then errors Taken with our own value
      await eventually(() => failure(put(own, ['b', '1'])), error => !(error instanceof Disconnected))
      await listed(({ length }) => length === 2)
      const batches = await eventually(() => observe(registry.watch(prefix, last)).until(hasChanges(1)), () => true)
      expect(changesOf(batches).map(({ key }) => key)).toEqual([`${prefix}b`])
    },
  },
  {
    name: 'a lease survives an interruption that is shorter than its TTL',
    needs: ['lease', 'put', 'interrupt'],
    run: async ({ levers, lease, put, all, listed, expect }) => {
      const { lease: own, session } = await lease(4)
      await all(put(own, ['a', '1']))
      const renewals = (await session.until(({ length }) => length > 0)).length
      await levers.interrupt(500)
      const leases = await session.until(({ length }) => length > renewals + 1)
      expect(leases.every(({ id }) => id === own.id)).toEqual(true)
      expect((await listed(() => true)).changes.map(({ lease }) => lease)).toEqual([own.id])
    },
  },
  {
    name: 'a frozen registry answers again when it is released',
    needs: ['freeze'],
    run: async ({ levers, release, lease, put, all, listed, registry, prefix, observe, expect }) => {
      const { lease: own } = await lease()
      const thaw = release(await levers.freeze())
      const pending = observe(registry.list(prefix))
      await thaw()
      // the call is answered or errors: it never hangs
      const error = await pending.end()
      expect(error === undefined || error instanceof Disconnected).toEqual(true)
      await listed()
      await all(put(own, ['a', '1']))
      expect((await listed()).changes.length).toEqual(1)
    },
  },
  {
    name: 'a watch that lags delivers everything in the end, in order',
    needs: ['lag'],
    run: async ({ registry, levers, release, prefix, lease, put, all, listed, observe, expect }) => {
      const { lease: own } = await lease()
      const { revision: from } = await listed()
      const watched = observe(registry.watch(prefix, from))
      const catchUp = release(await levers.lag())
      for (const key of ['a', 'b', 'c']) await all(put(own, [key, '1']))
      expect((await listed()).changes.length).toEqual(3)
      await catchUp()
      expect(changesOf(await watched.until(hasChanges(3))).map(({ key }) => key)).toEqual(['a', 'b', 'c'].map(key => prefix + key))
    },
  },
  {
    name: 'calls error Denied while they are denied, and work once they are allowed',
    needs: ['deny'],
    run: async ({ registry, levers, release, prefix, failure, listed, expect }) => {
      const allow = release(await levers.deny())
      expect((await failure(registry.list(prefix))) instanceof Denied).toEqual(true)
      await allow()
      expect((await listed()).changes).toEqual([])
    },
  },
  {
    name: 'if the history is replaced, a watch from a later revision errors Rewound',
    needs: ['rewind'],
    run: async ({ registry, levers, prefix, lease, put, all, observe, listed, eventually, expect }) => {
      const { lease: own } = await lease()
      const [first = 0] = await all(put(own, ['a', '1']))
      const [last = 0] = await all(put(own, ['a', '2', first]))
      const watched = observe(registry.watch(prefix, last))
      await levers.rewind()
      const error = await watched.end()
      expect(error instanceof Disconnected || error instanceof Rewound).toEqual(true)
      await listed()
      const again = await eventually(() => observe(registry.watch(prefix, last)).end(), cause => !(cause instanceof Disconnected))
      expect(again instanceof Rewound).toEqual(true)
    },
  },
  {
    name: 'closing errors Closed to everything that is open and to later calls, and can be done twice',
    needs: ['lease', 'put', 'remaining', 'close'],
    run: async ({ registry, prefix, lease, listed, observe, failure, expect }) => {
      const { lease: own, session } = await lease()
      const { revision } = await listed()
      const watched = observe(registry.watch(prefix, revision))
      await Promise.all([registry.close(), registry.close()])
      expect([await session.end(), await watched.end()].map(error => error instanceof Closed)).toEqual([true, true])
      const { list, check, watch, lease: grant, put, remaining } = registry
      for (const verb of [list(prefix), check(prefix, 1), watch(prefix, revision), grant(30), put([], own), remaining(own.id)])
        expect((await failure(verb)) instanceof Closed).toEqual(true)
      await registry.close()
    },
  },
  {
    name: 'closing leaves no lease',
    needs: ['lease', 'close', 'leases'],
    run: async ({ registry, levers, lease, expect }) => {
      const { lease: own } = await lease(3600)
      expect((await levers.leases()).includes(own.id)).toEqual(true)
      await registry.close()
      expect((await levers.leases()).includes(own.id)).toEqual(false)
    },
  },
  ...([[{ timeout: 300 }, 'its timeout', 1_500], [undefined, '2 s by default', 3_500]] as const).map(([options, limit, most]): Case => ({
    name: `closing a registry that does not answer waits no longer than ${limit}`,
    needs: ['lease', 'close', 'freeze'],
    run: async ({ registry, levers, release, lease, expect }) => {
      await lease(3600)
      const thaw = release(await levers.freeze())
      const before = asyncScheduler.now()
      await (options === undefined ? registry.close() : registry.close(options))
      const took = asyncScheduler.now() - before
      await thaw()
      expect(took < most ? 'in time' : `${took} ms`).toEqual('in time')
    },
  })),
]
