import { Subject } from 'rxjs'
import { Closed, Denied, Disconnected, InvalidArgument, LeaseLost } from '../../../core/errors.js'
import type { Remaining } from '../../../core/store.js'
import type { Case } from '../case.js'
import type { Scene } from '../scene.js'

// etcd grants no less than two seconds
const short = 2

const remainingOf = async ({ registry, all }: Scene, leaseId: string): Promise<Remaining> => {
  const answers = await all(registry.remaining(leaseId))
  const [answer] = answers
  if (answer === undefined || answers.length > 1) throw new Error(`remaining must emit once, and emitted ${answers.length} times`)
  return answer
}

/** lease and remaining. */
export const leasing: readonly Case[] = [
  {
    name: 'a lease is emitted at the grant and at each renewal, with one id and a later deadline each time',
    needs: ['lease'],
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
    name: 'each subscription to a lease is a lease of its own',
    needs: ['lease'],
    run: async ({ registry, observe, expect }) => {
      const cold = registry.lease(30)
      const granted = await Promise.all([cold, cold, registry.lease(30)].map(source => observe(source).until(({ length }) => length > 0)))
      expect(new Set(granted.map(([lease]) => lease?.id)).size).toEqual(3)
    },
  },
  {
    name: 'unsubscribing revokes: the keys are deleted at once, not at the end of the TTL',
    needs: ['lease', 'put'],
    run: async ({ lease, put, all, listed, expect }) => {
      const { lease: own, session } = await lease(3600)
      await all(put(own, ['a', '1'], ['b', '1']))
      session.stop()
      expect((await listed(({ length }) => length === 0)).changes).toEqual([])
    },
  },
  {
    name: 'the first value of `end` revokes the lease, which completes when that is done',
    needs: ['lease', 'put'],
    run: async ({ registry, put, all, listed, observe, expect }) => {
      const end = new Subject<string>()
      const session = observe(registry.lease(3600, end))
      const [own] = await session.until(({ length }) => length > 0)
      if (own) await all(put(own, ['a', '1']))
      expect((await listed()).changes.length).toEqual(1)
      end.next('now')
      expect(await session.end()).toEqual(undefined)
      expect((await listed()).changes).toEqual([])
    },
  },
  {
    name: 'if the registry refuses the revoke, the lease errors with what refused it after `end`, and its keys stay until the TTL has passed',
    needs: ['lease', 'put', 'deny'],
    run: async ({ registry, levers, put, all, listed, observe, release, expect }) => {
      const end = new Subject<string>()
      const session = observe(registry.lease(30, end))
      const [own] = await session.until(({ length }) => length > 0)
      if (own) await all(put(own, ['a', '1']))
      const allow = release(await levers.deny())
      end.next('now')
      expect((await session.end()) instanceof Denied).toEqual(true)
      await allow()
      expect((await listed()).changes.length).toEqual(1)
    },
  },
  {
    name: 'close: a lease errors Closed once it is revoked, and Closed with a cause if the revoke is not answered within the timeout',
    needs: ['lease', 'close', 'freeze'],
    run: async ({ registry, levers, observe, release, expect }) => {
      const session = observe(registry.lease(30))
      await session.until(({ length }) => length > 0)
      release(await levers.freeze())
      await registry.close({ timeout: 500 })
      const error = await session.end()
      expect(error instanceof Closed && error.cause instanceof Disconnected).toEqual(true)
    },
  },
  {
    name: 'close: a lease errors Closed without a cause if it is revoked',
    needs: ['lease', 'close'],
    run: async ({ registry, observe, expect }) => {
      const session = observe(registry.lease(30))
      await session.until(({ length }) => length > 0)
      await registry.close()
      const error = await session.end()
      expect(error instanceof Closed && error.cause === undefined).toEqual(true)
    },
  },
  {
    name: 'a lease that the registry let expire errors LeaseLost, and its keys are deleted',
    needs: ['lease', 'put', 'expire'],
    run: async ({ levers, lease, put, all, listed, expect }) => {
      const { lease: own, session } = await lease(short)
      await all(put(own, ['a', '1']))
      await levers.expire(own.id)
      const error = await session.end()
      expect(error instanceof LeaseLost && error.leaseId).toEqual(own.id)
      expect((await listed()).changes).toEqual([])
    },
  },
  {
    name: 'unsubscribing during the grant leaves no lease',
    needs: ['lease', 'leases'],
    run: async ({ registry, levers, observe, eventually, expect }) => {
      const before = (await levers.leases()).length
      const sessions = Array.from({ length: 20 }, () => observe(registry.lease(3600)))
      sessions.forEach(({ stop }, i) => i % 2 === 0 && stop())
      await Promise.all(sessions.filter((_, i) => i % 2 === 1).map(({ until }) => until(({ length }) => length > 0)))
      sessions.forEach(({ stop }) => stop())
      const left = await eventually(async () => (await levers.leases()).length, count => count <= before)
      expect(left <= before).toEqual(true)
    },
  },
  {
    name: 'a grant whose answer is lost errors Disconnected, and leaves no lease',
    needs: ['lease', 'loseGrant', 'leases'],
    run: async ({ registry, levers, failure, eventually, expect }) => {
      const before = (await levers.leases()).length
      await levers.loseGrant()
      expect((await failure(registry.lease(3600))) instanceof Disconnected).toEqual(true)
      const left = await eventually(async () => (await levers.leases()).length, count => count <= before)
      expect(left <= before).toEqual(true)
    },
  },
  {
    name: 'a TTL that is not a whole number of seconds from 1 to 9,000,000,000 errors InvalidArgument',
    needs: ['lease'],
    run: async ({ registry, failure, expect }) => {
      for (const ttl of [0, -1, 1.5, NaN, Infinity, 9_000_000_001]) {
        const error = await failure(registry.lease(ttl))
        expect(error instanceof InvalidArgument && error.argument).toEqual('ttl')
      }
    },
  },
  {
    name: 'remaining emits once: the granted TTL, the seconds left, and the raft term, which is the same for all leases',
    needs: ['lease', 'remaining'],
    run: async scene => {
      const [{ lease: long }, { lease: other }] = [await scene.lease(3600), await scene.lease(1800)]
      const [first, second] = [await remainingOf(scene, long.id), await remainingOf(scene, other.id)]
      scene.expect([first.granted, second.granted]).toEqual([3600, 1800])
      scene.expect([first.left > 3500 && first.left <= 3600, second.left > 1700 && second.left <= 1800]).toEqual([true, true])
      scene.expect([first.term !== '', first.term === second.term]).toEqual([true, true])
    },
  },
  {
    name: 'what remains of a lease rises with its renewal',
    needs: ['lease', 'remaining'],
    run: async scene => {
      const { lease: own } = await scene.lease(4)
      let least = Infinity
      const rises = async (): Promise<boolean> => {
        const { left } = await remainingOf(scene, own.id)
        least = Math.min(least, left)
        return left > least
      }
      scene.expect(await scene.eventually(rises, rise => rise)).toEqual(true)
    },
  },
  {
    name: 'a lease that does not exist, or was revoked, has -1 seconds left',
    needs: ['lease', 'remaining'],
    run: async scene => {
      scene.expect((await remainingOf(scene, '1234567890123456789')).left).toEqual(-1)
      const { lease: own, session } = await scene.lease(3600)
      session.stop()
      const gone = await scene.eventually(() => remainingOf(scene, own.id), ({ left }) => left < 0)
      scene.expect(gone.left).toEqual(-1)
    },
  },
]
