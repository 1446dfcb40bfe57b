import { of, Subject, switchMap, take, type Observable } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { Closed, Denied, Disconnected, InvalidArgument, LeaseLost } from '../../../../src/core/errors.js'
import type { Lease } from '../../../../src/core/store.js'
import { NeverSent } from '../../../../src/edge/etcd/connection/etcd-errors.js'
import { leases } from '../../../../src/edge/etcd/lease/leases.js'
import { virtually, type VirtualHelpers } from '../../../../src/edge/testing/index.js'
import { fakeMember, fakeMembers, fakeStore } from '../fake-member.js'

const scene = () => {
  const store = fakeStore()
  const member = fakeMember('host', store)
  const { lease, close } = leases(fakeMembers(member))
  const methods = (): string[] => member.calls.map(({ method }) => method)
  return { store, member, lease, close, methods }
}

const seen = (lease$: Observable<Lease>) => {
  const events: unknown[] = []
  const subscription = lease$.subscribe({
    next: lease => events.push(lease),
    error: (error: unknown) => events.push(error),
    complete: () => events.push('complete'),
  })
  return { events, subscription, unsubscribe: () => subscription.unsubscribe() }
}

const inTime = (test: (time: VirtualHelpers) => void) => () => virtually(test)

describe('lease', () => {
  it.each([0, -1, 1.5, NaN, Infinity, 9_000_000_001])('refuses a TTL of %s', ttl => {
    const { lease, member } = scene()
    const { events } = seen(lease(ttl))
    expect(events).toEqual([expect.any(InvalidArgument)])
    expect(member.calls).toEqual([])
  })

  it(
    'emits at the grant and at each renewal, and revokes on unsubscribe',
    inTime(({ advance, pending }) => {
      const { store, member, lease, methods } = scene()
      const { events, unsubscribe } = seen(lease(6))
      expect(events).toEqual([])
      advance(10)
      expect(events).toEqual([expect.objectContaining({ ttl: 6, renewals: 0, expiresAt: 6000 })])
      advance(20_000)
      const [granted, ...renewed] = events as Lease[]
      expect(renewed.map(({ renewals }) => renewals)).toEqual(renewed.map((_, i) => i + 1))
      expect(renewed.map(({ expiresAt }) => expiresAt)).toEqual(member.pings.slice(0, renewed.length).map(({ at }) => Math.round(at + 6000)))
      expect(new Set(renewed.map(({ id }) => id))).toEqual(new Set([granted?.id]))
      unsubscribe()
      expect(member.open()).toBe(0)
      advance(10)
      expect([methods(), store.leases.size, pending()]).toEqual([['grant', 'revoke'], 0, 0])
    }),
  )

  it(
    '11.11 an unsubscribe during the grant waits for its answer, then revokes',
    inTime(({ advance, pending }) => {
      const { store, member, lease, methods } = scene()
      member.answer = () => ({ after: 3000 })
      const { events, unsubscribe } = seen(lease(60))
      advance(100)
      unsubscribe()
      advance(2800)
      expect(methods()).toEqual([])
      advance(10_000)
      expect([methods(), store.leases.size, events, pending()]).toEqual([['grant', 'revoke'], 0, [], 0])
    }),
  )

  it.each(['unsubscribe', 'close'] as const)(
    'that was not sent yet, since the call waits for a member, is given up at once by %s, and never sent',
    by =>
      inTime(({ advance, pending }) => {
        const waiting = new Subject<unknown>()
        const store = fakeStore()
        const member = fakeMember('host', store)
        const through = fakeMembers(member)
        const { lease, close } = leases({ ...through, on: call => waiting.pipe(take(1), switchMap(() => through.on(call))) })
        const { unsubscribe } = seen(lease(60))
        advance(100)
        if (by === 'unsubscribe') unsubscribe()
        else void close()
        expect([waiting.observed, pending()]).toEqual([false, 0])
        waiting.next(0)
        advance(10_000)
        expect([member.calls, store.leases.size, pending()]).toEqual([[], 0, 0])
      })(),
  )

  it(
    '11.11 a grant whose answer is lost is an error at once, and is revoked twice',
    inTime(({ advance, pending }) => {
      const { store, member, lease } = scene()
      member.answer = method => ({ after: 10, lost: method === 'grant' })
      const { events } = seen(lease(60))
      advance(10)
      expect(events).toEqual([expect.any(Disconnected)])
      advance(10)
      expect(store.leases.size).toBe(0)
      // The bytes of a grant that was sent again on the way.
      const [late] = member.calls
      store.grant(late?.id ?? '', 60)
      advance(7100)
      expect(member.calls.map(({ method, at }) => [method, at])).toEqual([['grant', 10], ['revoke', 20], ['revoke', 7020]])
      expect([store.leases.size, pending()]).toEqual([0, 0])
    }),
  )

  it(
    'a grant that was never sent, or was refused, is not revoked',
    inTime(({ advance, pending }) => {
      const { member, lease, methods } = scene()
      member.down = true
      expect(seen(lease(60)).events).toEqual([expect.any(Disconnected)])
      member.down = false
      advance(10_000)
      expect([methods(), pending()]).toEqual([[], 0])
      member.answer = method => ({ after: 1, ...(method === 'grant' && { error: new Denied('permission denied') }) })
      const { events } = seen(lease(60))
      advance(10_000)
      expect([events, methods(), pending()]).toEqual([[expect.any(Denied)], [], 0])
      member.answer = method => ({ after: 1, ...(method === 'grant' && { error: new NeverSent('refused the connection') }) })
      seen(lease(60))
      advance(1)
      expect([methods(), pending()]).toEqual([[], 0])
    }),
  )

  it(
    'a grant that took longer than its TTL is emitted after its first ping',
    inTime(({ advance }) => {
      const { member, lease } = scene()
      member.answer = () => ({ after: 4000 })
      const { events, unsubscribe } = seen(lease(3))
      advance(4100)
      expect(events[0]).toEqual(expect.objectContaining({ renewals: 1 }))
      unsubscribe()
      advance(5000)
    }),
  )

  it(
    'C2 uses each ID once, of 63 bits above 0',
    inTime(({ advance }) => {
      const { member, lease } = scene()
      const all = Array.from({ length: 500 }, () => seen(lease(60)))
      advance(10)
      const ids = member.calls.map(({ id }) => BigInt(id))
      expect(new Set(ids).size).toBe(500)
      expect(ids.every(id => id > 0n && id < 2n ** 63n)).toBe(true)
      expect(ids.filter(id => id > 2n ** 62n).length).toBeGreaterThan(150)
      all.forEach(({ unsubscribe }) => unsubscribe())
    }),
  )

  it(
    'revokes through an outage, until the TTL has passed',
    inTime(({ advance, pending }) => {
      const { store, member, lease } = scene()
      const back = seen(lease(10))
      const never = seen(lease(10))
      advance(10)
      member.down = true
      back.unsubscribe()
      advance(3000)
      member.down = false
      advance(1100)
      expect(store.leases.size).toBe(1)
      member.down = true
      never.unsubscribe()
      advance(10_000)
      expect([store.leases.size, pending()]).toEqual([1, 0])
    }),
  )

  it(
    'also revokes a lease past its deadline, since etcd may have extended it',
    inTime(({ advance, pending }) => {
      const { store, member, lease } = scene()
      const { unsubscribe } = seen(lease(5))
      advance(10)
      member.silent = true
      advance(6000)
      for (const id of store.leases.keys()) store.grant(id, 60)
      unsubscribe()
      advance(1600)
      expect([store.leases.size, pending()]).toEqual([0, 0])
    }),
  )

  it(
    'completes after the first value of `end`, once etcd has answered',
    inTime(({ advance, pending }) => {
      const { store, member, lease } = scene()
      const end = new Subject<void>()
      member.answer = () => ({ after: 500 })
      const { events } = seen(lease(10, end))
      advance(1000)
      end.next()
      end.next()
      advance(400)
      expect([events.includes('complete'), store.leases.size]).toEqual([false, 1])
      advance(200)
      expect([events.at(-1), store.leases.size, pending()]).toEqual(['complete', 0, 0])
    }),
  )

  it(
    'counts a lease that is gone already as revoked',
    inTime(({ advance, pending }) => {
      const { store, lease } = scene()
      const end = new Subject<void>()
      const { events } = seen(lease(60, end))
      advance(10)
      store.leases.clear()
      end.next()
      advance(10)
      expect([events.at(-1), pending()]).toEqual(['complete', 0])
    }),
  )

  it(
    'completes after `end` when the granted TTL has passed and etcd does not answer',
    inTime(({ advance, pending }) => {
      const { member, lease } = scene()
      const end = new Subject<void>()
      const { events } = seen(lease(10, end))
      advance(10)
      member.down = true
      end.next()
      advance(9900)
      expect(events.length).toBe(1)
      advance(200)
      expect([events.at(-1), pending()]).toEqual(['complete', 0])
    }),
  )

  it(
    'an `end` during the grant revokes the lease, then completes; an `end` before the grant grants nothing',
    inTime(({ advance, pending }) => {
      const { member, lease, methods } = scene()
      const end = new Subject<void>()
      member.answer = () => ({ after: 500 })
      const { events } = seen(lease(10, end))
      advance(100)
      end.next()
      advance(800)
      expect(events).toEqual([])
      advance(200)
      expect([events, methods(), pending()]).toEqual([['complete'], ['grant', 'revoke'], 0])
      member.answer = () => ({ after: 500, error: new Denied('permission denied') })
      const denied = seen(lease(10, end))
      end.next()
      advance(600)
      expect([denied.events, pending()]).toEqual([['complete'], 0])
      expect(seen(lease(10, of(1, 2))).events).toEqual(['complete'])
      advance(5000)
      expect(methods()).toEqual(['grant', 'revoke'])
    }),
  )

  it(
    'a lost lease is not revoked, and an outage is no loss',
    inTime(({ advance, pending }) => {
      const { store, member, lease, methods } = scene()
      const { events } = seen(lease(10))
      advance(10)
      member.down = true
      member.cut()
      advance(60_000)
      expect(events.length).toBe(1)
      member.down = false
      advance(2000)
      expect(events.at(-1)).toEqual(expect.any(LeaseLost))
      expect([methods(), store.leases.size, pending()]).toEqual([['grant'], 0, 0])
    }),
  )

  it(
    'close revokes every lease, errors its subscribers when that is answered, and refuses new leases',
    inTime(({ advance, pending }) => {
      const { store, member, lease, close } = scene()
      const holders = Array.from({ length: 120 }, () => seen(lease(10)))
      advance(10)
      member.answer = () => ({ after: 50 })
      const granting = seen(lease(10))
      void close()
      expect(holders.every(({ events }) => events.length === 1)).toBe(true)
      expect(member.open()).toBe(0)
      expect(seen(lease(10)).events).toEqual([expect.any(Closed)])
      advance(200)
      expect(holders.every(({ events }) => events.at(-1) instanceof Closed)).toBe(true)
      expect(granting.events).toEqual([expect.any(Closed)])
      expect([store.leases.size, pending()]).toEqual([0, 0])
    }),
  )

  it(
    'errors `Closed` once the user has closed the client, and leaves no timer',
    inTime(({ advance, pending }) => {
      const { member, lease, close } = scene()
      const all = Array.from({ length: 120 }, () => seen(lease(10)))
      advance(10)
      member.refusal = new Closed('the etcd client is closed')
      member.cut()
      advance(10)
      expect(all.every(({ events }) => events.at(-1) === member.refusal)).toBe(true)
      expect(seen(lease(10)).events).toEqual([member.refusal])
      void close()
      expect([member.open(), pending()]).toEqual([0, 0])
    }),
  )

  it(
    'errors `Closed` as well if the lease was overdue when the user closed the client',
    inTime(({ advance, pending }) => {
      const { member, lease, close } = scene()
      const { events } = seen(lease(5))
      advance(10)
      member.down = true
      member.cut()
      advance(10_000)
      expect(events).toHaveLength(1)
      member.down = false
      member.refusal = new Closed('the etcd client is closed')
      advance(2_000)
      expect(events.at(-1)).toBe(member.refusal)
      void close()
      expect([member.open(), pending()]).toEqual([0, 0])
    }),
  )

  it.each([[undefined, 2_000], [{ timeout: 300 }, 300]])(
    'close(%j) gives up revokes that are not answered within %i ms, and leaves no timer',
    (options, ms) =>
      virtually(({ advance, pending }) => {
        const { member, lease, close } = scene()
        const { events } = seen(lease(60))
        advance(10)
        member.down = true
        void close(options)
        advance(ms - 10)
        expect(events).toHaveLength(1)
        advance(10)
        expect([events.at(-1), pending()]).toEqual([expect.any(Closed), 0])
      }),
  )

  it('close resolves once all revokes have ended, at once if there are none', async () => {
    const { close } = scene()
    await close()
    await close()
  })
})
