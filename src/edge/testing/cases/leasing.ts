import { Subject } from 'rxjs'
import { Disconnected, InvalidArgument, LeaseLost } from '../../../core/errors.js'
import type { Case } from '../contract.js'

// etcd grants no less than two seconds
const short = 2

/** lease. */
export const leasing: readonly Case[] = [
  {
    name: 'a lease is emitted at the grant and at each renewal, with one id and a deadline that moves on',
    run: async ({ registry, observe, expect }) => {
      const leases = await observe(registry.lease(short)).until(({ length }) => length >= 3)
      expect(leases.map(({ renewals }) => renewals)).toEqual([0, 1, 2])
      expect(new Set(leases.map(({ id }) => id)).size).toEqual(1)
      expect(leases.every(({ id, ttl }) => /^[1-9][0-9]*$/.test(id) && ttl >= short)).toEqual(true)
      const deadlines = leases.map(({ expiresAt }) => expiresAt)
      expect(deadlines.every((deadline, i) => i === 0 || deadline > (deadlines[i - 1] ?? 0))).toEqual(true)
    },
  },
  {
    name: 'two leases are two, and each subscription is one',
    run: async ({ registry, observe, expect }) => {
      const cold = registry.lease(30)
      const granted = await Promise.all([cold, cold, registry.lease(30)].map(source => observe(source).until(({ length }) => length > 0)))
      expect(new Set(granted.map(([lease]) => lease?.id)).size).toEqual(3)
    },
  },
  {
    name: 'unsubscribing revokes: the keys go at once, not at the end of the TTL',
    run: async ({ lease, put, all, listed, expect }) => {
      const { lease: own, held } = await lease(3600)
      await all(put(own, ['a', '1'], ['b', '1']))
      held.stop()
      expect((await listed(({ length }) => length === 0)).changes).toEqual([])
    },
  },
  {
    name: 'the first value of `end` revokes, and completes when that is done',
    run: async ({ registry, put, all, listed, observe, expect }) => {
      const end = new Subject<string>()
      const held = observe(registry.lease(3600, end))
      const [own] = await held.until(({ length }) => length > 0)
      if (own) await all(put(own, ['a', '1']))
      expect((await listed()).changes.length).toEqual(1)
      end.next('now')
      expect(await held.end()).toEqual(undefined)
      expect((await listed()).changes).toEqual([])
    },
  },
  {
    name: 'a lease that expired behind our back errors LeaseLost, and its keys are gone',
    needs: ['expire'],
    run: async ({ levers, lease, put, all, listed, expect }) => {
      const { lease: own, held } = await lease(short)
      await all(put(own, ['a', '1']))
      await levers.expire?.(own.id)
      const error = await held.end()
      expect(error instanceof LeaseLost && error.leaseId).toEqual(own.id)
      expect((await listed()).changes).toEqual([])
    },
  },
  {
    name: 'unsubscribing during the grant leaves no lease',
    needs: ['leases'],
    run: async ({ registry, levers, observe, eventually, expect }) => {
      const before = (await levers.leases?.())?.length ?? 0
      const held = Array.from({ length: 20 }, () => observe(registry.lease(3600)))
      held.forEach(({ stop }, i) => i % 2 === 0 && stop())
      await Promise.all(held.filter((_, i) => i % 2 === 1).map(({ until }) => until(({ length }) => length > 0)))
      held.forEach(({ stop }) => stop())
      const left = await eventually(async () => (await levers.leases?.())?.length ?? 0, count => count <= before)
      expect(left <= before).toEqual(true)
    },
  },
  {
    name: 'a grant whose answer is lost errors Disconnected, and leaves no lease',
    needs: ['loseGrant', 'leases'],
    run: async ({ registry, levers, failure, eventually, expect }) => {
      const before = (await levers.leases?.())?.length ?? 0
      await levers.loseGrant?.()
      expect((await failure(registry.lease(3600))) instanceof Disconnected).toEqual(true)
      const left = await eventually(async () => (await levers.leases?.())?.length ?? 0, count => count <= before)
      expect(left <= before).toEqual(true)
    },
  },
  {
    name: 'a TTL that is no whole number of seconds from 1 to 9,000,000,000 errors InvalidArgument',
    run: async ({ registry, failure, expect }) => {
      for (const ttl of [0, -1, 1.5, NaN, Infinity, 9_000_000_001]) {
        const error = await failure(registry.lease(ttl))
        expect(error instanceof InvalidArgument && error.argument).toEqual('ttl')
      }
    },
  },
]
