import { describe, expect, it } from 'vitest'
import { Denied } from '../../../../src/core/errors.js'
import { keepAlive } from '../../../../src/edge/etcd/lease/keep-alive.js'
import type { KeptLease } from '../../../../src/edge/etcd/lease/kept-lease.js'
import type { Pong } from '../../../../src/edge/etcd/lease/ping-stream.js'
import { virtually, type VirtualHelpers } from '../../../../src/edge/testing/index.js'
import { now } from '../../../../src/flow/clock.js'
import { fakeMember, fakeMembers, fakeStore, type FakeMember } from '../fake-member.js'

/** Uniform in [0, 1), the same in every run. */
const seeded = (seed = 1) => () => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647

const between = (times: readonly number[]): number[] => times.slice(1).map((time, i) => time - (times[i] ?? 0))

interface TestLease extends KeptLease {
  readonly pongs: Pong[]
  lost: boolean
  readonly release: () => void
}

type Several<A> = readonly [A, A, A]

const scene = (hosts = 1, random = seeded()) => {
  const store = fakeStore()
  const members = Array.from({ length: hosts }, (_, i) => fakeMember(`host${i}`, store))
  const { add, remove, close } = keepAlive(fakeMembers(...members), random)
  const grant = (id: string, ttl = 9): TestLease => {
    store.grant(id, ttl)
    const pongs: Pong[] = []
    const lease: TestLease = {
      ...{ id, ttl, due: 0, deadline: 0, late: false, pinger: undefined, pongs, lost: false },
      pong: pong => {
        if (pong.ttl > 0) lease.pongs.push(pong)
        else lease.lost = true
      },
      failed: () => undefined,
      release: () => remove(lease),
    }
    add(lease, now())
    return lease
  }
  const grants = (count: number, ttl?: number) =>
    Array.from({ length: count }, (_, i) => grant(String(i + 1), ttl)) as unknown as Several<TestLease> & TestLease[]
  return { store, members: members as readonly FakeMember[] as Several<FakeMember>, grant, grants, close }
}

const inTime = (test: (time: VirtualHelpers) => void) => () => virtually(test)

describe('keep-alive', () => {
  it(
    'pings every third of the TTL, and reports when the answered ping was sent',
    inTime(({ advance }) => {
      const { members: [member], grant } = scene()
      member.service = 40
      const { pongs, release } = grant('1', 9)
      advance(30_000)
      expect(pongs.length).toBeGreaterThanOrEqual(9)
      expect(pongs.map(({ sentAt }) => sentAt)).toEqual(member.pings.slice(0, pongs.length).map(({ at }) => at))
      const gaps = between(pongs.map(({ sentAt }) => sentAt))
      expect(Math.max(...gaps)).toBeLessThan(3260)
      expect(Math.min(...gaps)).toBeGreaterThan(2740)
      release()
    }),
  )

  it(
    'goes on after streams that are refused at once, main or spare',
    inTime(({ advance }) => {
      for (const hosts of [1, 2]) {
        const { members, grant } = scene(hosts)
        for (const member of members) member.barred = true
        const lease = grant('1', 9)
        advance(4_000)
        for (const member of members) member.barred = false
        advance(4_000)
        expect(lease.pongs.length).toBeGreaterThan(0)
        for (const member of members) member.barred = true
        members[0].cut()
        advance(4_000)
        for (const member of members) member.barred = false
        advance(10_000)
        expect(lease.lost).toBe(false)
        expect(lease.deadline).toBeGreaterThan(now())
        lease.release()
      }
    }),
  )

  it(
    'keeps a lease whose answers take over a third of its TTL: the ping that was due meanwhile follows at once',
    inTime(({ advance }) => {
      const { members: [member], grant } = scene()
      member.service = 2100
      const lease = grant('1', 5)
      let last = 0
      for (let t = 0; t < 60_000; t += 100) {
        advance(100)
        last = Math.max(last, now() - lease.deadline)
      }
      expect([lease.lost, last <= 0]).toEqual([false, true])
      expect(Math.min(...between(member.pings.map(({ at }) => at)))).toBeGreaterThan(1600)
      lease.release()
    }),
  )

  it(
    '11.10 has at most a hundred leases on a stream, and one timer for each stream',
    inTime(({ advance, pending }) => {
      const { members: [member], grants, close } = scene()
      const kept = grants(300)
      expect(member.opened()).toBe(3)
      advance(10)
      expect(pending()).toBe(3)
      advance(40_000)
      expect(member.opened()).toBe(3)
      for (const { pongs } of kept) expect(pongs.length).toBeGreaterThanOrEqual(12)
      for (const stream of [1, 2, 3]) expect(new Set(member.pings.filter(ping => ping.stream === stream).map(({ id }) => id)).size).toBe(100)
      kept.forEach(({ release }) => release())
      expect(member.open()).toBe(0)
      expect(pending()).toBe(0)
      close()
    }),
  )

  it(
    'spreads the pings of leases that were granted together over three slots of an interval',
    inTime(({ advance }) => {
      const { members: [member], grants } = scene()
      const kept = grants(1000, 10)
      advance(60_000)
      const second = member.pings.filter(({ at }) => at > 30_000 && at <= 40_000)
      const perTick = new Map<number, number>()
      for (const { at } of second) perTick.set(Math.floor(at / 10), (perTick.get(Math.floor(at / 10)) ?? 0) + 1)
      expect(second.length).toBeGreaterThan(2900)
      expect(perTick.size).toBe(9)
      expect(Math.max(...perTick.values())).toBeLessThan(400)
      kept.forEach(({ release }) => release())
    }),
  )

  it(
    'reports that a lease is gone, and keeps the others',
    inTime(({ advance }) => {
      const { store, grants } = scene()
      const [first, second] = grants(2)
      store.leases.delete('1')
      advance(5000)
      expect(first.lost).toBe(true)
      expect(second.lost).toBe(false)
      advance(20_000)
      expect(second.pongs.length).toBeGreaterThan(7)
      second.release()
    }),
  )

  it(
    'opens another stream at once when one breaks, on the next member, and pings every lease',
    inTime(({ advance }) => {
      const { members: [first, second], grants } = scene(2)
      const kept = grants(20)
      advance(100)
      first.cut()
      advance(10)
      expect(second.open()).toBe(1)
      expect(second.pings.map(({ id }) => Number(id)).sort((a, b) => a - b)).toEqual(kept.map(({ id }) => Number(id)))
      kept.forEach(({ release }) => release())
    }),
  )

  it(
    'retries at most a second apart while every member refuses, loses no lease that etcd keeps, and starts without backoff after the outage',
    inTime(({ advance }) => {
      const { members: [member], grants } = scene()
      const kept = grants(150, 30)
      advance(100)
      member.down = true
      member.cut()
      advance(15_000)
      member.down = false
      const before = member.opened()
      advance(1100)
      expect(member.opened() - before).toBe(2)
      for (const { pongs, lost } of kept) expect([pongs.length > 0, lost]).toEqual([true, false])
      kept.forEach(({ release }) => release())
    }),
  )

  it(
    '11.10 pings another member if one is silent for a second, and stays with the one that answers',
    inTime(({ advance }) => {
      const { members: [first, second], grants } = scene(2)
      first.silent = true
      const kept = grants(10, 6)
      advance(2000 + 1000 + 200)
      expect(second.pings.length).toBeGreaterThan(0)
      expect([first.open(), second.open()]).toEqual([0, 1])
      advance(60_000)
      for (const { pongs, lost } of kept) expect([pongs.length > 25, lost]).toEqual([true, false])
      expect(second.opened()).toBe(1)
      kept.forEach(({ release }) => release())
    }),
  )

  it(
    'finds the one member of three that answers before the TTL is over',
    inTime(({ advance }) => {
      const { members: [first, second, third], grants } = scene(3)
      first.silent = second.silent = true
      const kept = grants(10, 9)
      advance(60_000)
      for (const { lost, pongs } of kept) expect([lost, pongs.length > 15]).toEqual([false, true])
      expect([first.open(), second.open(), third.open()]).toEqual([0, 0, 1])
      kept.forEach(({ release }) => release())
    }),
  )

  it(
    'finds the one that answers behind members that refuse and one that is silent',
    inTime(({ advance }) => {
      const { members, grants } = scene(5)
      const [first, second, third, fourth] = members as unknown as [FakeMember, FakeMember, FakeMember, FakeMember]
      const kept = grants(10, 5)
      advance(3_000)
      first.down = second.down = third.silent = true
      first.cut()
      advance(60_000)
      for (const { lost } of kept) expect(lost).toBe(false)
      expect(fourth.open()).toBe(1)
      kept.forEach(({ release }) => release())
    }),
  )

  it(
    'keeps the first stream if it answers while the spare one is opening',
    inTime(({ advance }) => {
      const { members: [first, second], grants } = scene(2)
      second.silent = true
      first.service = 1200
      const kept = grants(1, 9)
      advance(60_000)
      expect(second.opened()).toBeGreaterThan(5)
      expect([first.opened(), first.open()]).toEqual([1, 1])
      expect(kept[0].lost).toBe(false)
      kept.forEach(({ release }) => release())
    }),
  )

  it(
    '11.10 pings a lease past its deadline alone, half a second apart, and among the others again once it is confirmed',
    inTime(({ advance }) => {
      const { store, members: [member], grant } = scene()
      const other = grant('2', 60)
      const late = grant('1', 6)
      member.silent = true
      advance(6000)
      store.grant('1', 6)
      advance(14_000)
      const alone = member.pings.filter(({ id, at }) => id === '1' && at >= 6000)
      expect(alone.length).toBeGreaterThan(2)
      expect(alone.every(({ stream }) => stream > 1)).toBe(true)
      const gaps = between(alone.map(({ at }) => at))
      expect(Math.min(...gaps)).toBeGreaterThanOrEqual(500)
      expect(late.lost).toBe(false)
      store.grant('1', 6)
      member.silent = false
      member.cut()
      advance(6000)
      expect(late.pongs.length).toBeGreaterThan(0)
      expect(member.open()).toBe(1)
      late.release()
      other.release()
    }),
  )

  it(
    'reports a lease past its deadline as gone only after etcd has answered so',
    inTime(({ advance, pending }) => {
      const { members: [member], grants, close } = scene()
      const kept = grants(200, 5)
      member.down = true
      member.cut()
      advance(60_000)
      expect(kept.every(({ lost }) => !lost)).toBe(true)
      member.down = false
      advance(10_000)
      expect(kept.every(({ lost }) => lost)).toBe(true)
      expect([member.open(), pending()]).toEqual([0, 0])
      close()
    }),
  )

  it(
    'leaves no stream and no timer if leases are removed while they are pinged alone, or wait for it',
    inTime(({ advance, pending }) => {
      const { members: [member], grants, close } = scene()
      const kept = grants(100, 5)
      member.silent = true
      advance(7000)
      expect(member.open()).toBe(32)
      kept.forEach(({ release }) => release())
      expect([member.open(), pending()]).toEqual([0, 0])
      const { length } = member.pings
      advance(10_000)
      expect(member.pings.length).toBe(length)
      close()
    }),
  )

  it(
    '11.10 pings the lease for which a stream was denied on a stream of its own',
    inTime(({ advance }) => {
      const { members: [member], grants } = scene()
      const kept = grants(50, 9)
      member.judge = id => (id === '7' ? new Denied('permission denied') : undefined)
      advance(60_000)
      expect(kept.filter(({ lost }) => lost)).toEqual([])
      for (const { id, pongs } of kept) expect([id, pongs.length > 15]).toEqual([id, id !== '7'])
      expect(Math.min(...between(member.pings.filter(({ id }) => id === '7').slice(1).map(({ at }) => at)))).toBeGreaterThanOrEqual(500)
      const shared = new Map<number, number>()
      for (const { stream } of member.pings) shared.set(stream, (shared.get(stream) ?? 0) + 1)
      expect([...shared.values()].filter(count => count > 1).length).toBeLessThan(5)
      kept.forEach(({ release }) => release())
    }),
  )

  it(
    '11.10 opens more streams if answers queue for more than a sixth of the TTL, and none after a pause',
    inTime(({ advance }) => {
      const far = scene()
      far.members[0].service = 21
      const crowd = far.grants(100, 3)
      advance(60_000)
      expect(crowd.filter(({ lost }) => lost)).toEqual([])
      expect(far.members[0].open()).toBeGreaterThanOrEqual(3)
      expect(far.members[0].open()).toBeLessThanOrEqual(16)
      const worst = Math.max(...crowd.map(({ pongs }) => now() - (pongs.at(-1)?.sentAt ?? 0)))
      expect(worst).toBeLessThan(2000)
      crowd.forEach(({ release }) => release())

      const near = scene()
      const calm = near.grants(100, 6)
      advance(3000)
      let paused = false
      near.members[0].judge = () => {
        near.members[0].service = paused ? 1 : 1500
        paused = true
        return undefined
      }
      advance(60_000)
      expect(calm.filter(({ lost }) => lost)).toEqual([])
      expect(near.members[0].open()).toBe(1)
      calm.forEach(({ release }) => release())
    }),
  )

  it(
    'leaves no empty group if the answers of its only lease queued behind those of a removed one',
    inTime(({ advance }) => {
      const { members: [member], grant } = scene(1, () => 0)
      member.service = 1000
      const first = grant('1', 9)
      const second = grant('2', 9)
      advance(5_500)
      first.release()
      advance(1_000)
      const third = grant('3', 9)
      expect(member.opened()).toBe(1)
      second.release()
      third.release()
    }),
  )

  it(
    'allows a lease to be removed from within an answer',
    inTime(({ advance, pending }) => {
      const { members: [member], grant, close } = scene()
      const lease = grant('1')
      Object.assign(lease.pongs, { push: () => lease.release() })
      advance(10_000)
      expect([member.open(), pending(), member.pings.length]).toEqual([0, 0, 1])
      close()
    }),
  )
})
