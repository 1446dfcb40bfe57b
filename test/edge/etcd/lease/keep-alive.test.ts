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

interface Tenant extends KeptLease {
  readonly pongs: Pong[]
  lost: boolean
  readonly release: () => void
}

type Several<A> = readonly [A, A, A]

const scene = (hosts = 1) => {
  const store = fakeStore()
  const members = Array.from({ length: hosts }, (_, i) => fakeMember(`host${i}`, store))
  const { add, remove, close } = keepAlive(fakeMembers(...members), seeded())
  const grant = (id: string, ttl = 9): Tenant => {
    store.grant(id, ttl)
    const pongs: Pong[] = []
    const tenant: Tenant = {
      ...{ id, ttl, due: 0, deadline: 0, late: false, pinger: undefined, pongs, lost: false },
      answered: pong => {
        if (pong.ttl > 0) tenant.pongs.push(pong)
        else tenant.lost = true
      },
      release: () => remove(tenant),
    }
    add(tenant, now())
    return tenant
  }
  const grants = (count: number, ttl?: number) =>
    Array.from({ length: count }, (_, i) => grant(String(i + 1), ttl)) as unknown as Several<Tenant> & Tenant[]
  return { store, members: members as readonly FakeMember[] as Several<FakeMember>, grant, grants, close }
}

const inTime = (test: (time: VirtualHelpers) => void) => () => virtually(test)

describe('keep-alive', () => {
  it(
    'pings every third of the TTL, and says when the answered ping was sent',
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
    'is not confused by streams that are refused at once, alone or as help',
    inTime(({ advance }) => {
      for (const hosts of [1, 2]) {
        const { members, grant } = scene(hosts)
        for (const member of members) member.barred = true
        const tenant = grant('1', 9)
        advance(4_000)
        for (const member of members) member.barred = false
        advance(4_000)
        expect(tenant.pongs.length).toBeGreaterThan(0)
        for (const member of members) member.barred = true
        members[0].cut()
        advance(4_000)
        for (const member of members) member.barred = false
        advance(10_000)
        expect(tenant.lost).toBe(false)
        expect(tenant.deadline).toBeGreaterThan(now())
        tenant.release()
      }
    }),
  )

  it(
    'keeps a lease whose answers take a good third of its TTL: the ping that was due meanwhile follows at once',
    inTime(({ advance }) => {
      const { members: [member], grant } = scene()
      member.service = 2100
      const tenant = grant('1', 5)
      let last = 0
      for (let t = 0; t < 60_000; t += 100) {
        advance(100)
        last = Math.max(last, now() - tenant.deadline)
      }
      expect([tenant.lost, last <= 0]).toEqual([false, true])
      expect(Math.min(...between(member.pings.map(({ at }) => at)))).toBeGreaterThan(1600)
      tenant.release()
    }),
  )

  it(
    '11.10 holds at most a hundred leases on a stream, and one timer for each stream',
    inTime(({ advance, pending }) => {
      const { members: [member], grants, close } = scene()
      const tenants = grants(300)
      expect(member.opened()).toBe(3)
      advance(10)
      expect(pending()).toBe(3)
      advance(40_000)
      expect(member.opened()).toBe(3)
      for (const { pongs } of tenants) expect(pongs.length).toBeGreaterThanOrEqual(12)
      for (const stream of [1, 2, 3]) expect(new Set(member.pings.filter(ping => ping.stream === stream).map(({ id }) => id)).size).toBe(100)
      tenants.forEach(({ release }) => release())
      expect(member.open()).toBe(0)
      expect(pending()).toBe(0)
      close()
    }),
  )

  it(
    'spreads the pings of leases that were granted at once, over three moments of an interval that all share',
    inTime(({ advance }) => {
      const { members: [member], grants } = scene()
      const tenants = grants(1000, 10)
      advance(60_000)
      const second = member.pings.filter(({ at }) => at > 30_000 && at <= 40_000)
      const perTick = new Map<number, number>()
      for (const { at } of second) perTick.set(Math.floor(at / 10), (perTick.get(Math.floor(at / 10)) ?? 0) + 1)
      expect(second.length).toBeGreaterThan(2900)
      expect(perTick.size).toBe(9)
      expect(Math.max(...perTick.values())).toBeLessThan(400)
      tenants.forEach(({ release }) => release())
    }),
  )

  it(
    'says that a lease is gone, and keeps the others',
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
    'opens a broken stream anew at once, on the next member, and asks about every lease',
    inTime(({ advance }) => {
      const { members: [first, second], grants } = scene(2)
      const tenants = grants(20)
      advance(100)
      first.cut()
      advance(10)
      expect(second.open()).toBe(1)
      expect(second.pings.map(({ id }) => Number(id)).sort((a, b) => a - b)).toEqual(tenants.map(({ id }) => Number(id)))
      tenants.forEach(({ release }) => release())
    }),
  )

  it(
    'tries again at most a second apart while every member refuses, loses nothing that etcd still holds, and forgets the outage',
    inTime(({ advance }) => {
      const { members: [member], grants } = scene()
      const tenants = grants(150, 30)
      advance(100)
      member.down = true
      member.cut()
      advance(15_000)
      member.down = false
      const before = member.opened()
      advance(1100)
      expect(member.opened() - before).toBe(2)
      for (const { pongs, lost } of tenants) expect([pongs.length > 0, lost]).toEqual([true, false])
      tenants.forEach(({ release }) => release())
    }),
  )

  it(
    '11.10 asks another member when one is silent for a second, and stays with the one that answers',
    inTime(({ advance }) => {
      const { members: [first, second], grants } = scene(2)
      first.silent = true
      const tenants = grants(10, 6)
      advance(2000 + 1000 + 200)
      expect(second.pings.length).toBeGreaterThan(0)
      expect([first.open(), second.open()]).toEqual([0, 1])
      advance(60_000)
      for (const { pongs, lost } of tenants) expect([pongs.length > 25, lost]).toEqual([true, false])
      expect(second.opened()).toBe(1)
      tenants.forEach(({ release }) => release())
    }),
  )

  it(
    'finds the one member of three that answers before the TTL is over',
    inTime(({ advance }) => {
      const { members: [first, second, third], grants } = scene(3)
      first.silent = second.silent = true
      const tenants = grants(10, 9)
      advance(60_000)
      for (const { lost, pongs } of tenants) expect([lost, pongs.length > 15]).toEqual([false, true])
      expect([first.open(), second.open(), third.open()]).toEqual([0, 0, 1])
      tenants.forEach(({ release }) => release())
    }),
  )

  it(
    'finds it also behind members that refuse and one that is silent',
    inTime(({ advance }) => {
      const { members, grants } = scene(5)
      const [first, second, third, fourth] = members as unknown as [FakeMember, FakeMember, FakeMember, FakeMember]
      const tenants = grants(10, 5)
      advance(3_000)
      first.down = second.down = third.silent = true
      first.cut()
      advance(60_000)
      for (const { lost } of tenants) expect(lost).toBe(false)
      expect(fourth.open()).toBe(1)
      tenants.forEach(({ release }) => release())
    }),
  )

  it(
    'keeps the first stream when that answers while help is on its way',
    inTime(({ advance }) => {
      const { members: [first, second], grants } = scene(2)
      second.silent = true
      first.service = 1200
      const tenants = grants(1, 9)
      advance(60_000)
      expect(second.opened()).toBeGreaterThan(5)
      expect([first.opened(), first.open()]).toEqual([1, 1])
      expect(tenants[0].lost).toBe(false)
      tenants.forEach(({ release }) => release())
    }),
  )

  it(
    '11.10 never pings a lease past its deadline among others: alone, half a second apart, and back among them when it lives',
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
    'calls a lease past its deadline gone only when etcd has said so',
    inTime(({ advance, pending }) => {
      const { members: [member], grants, close } = scene()
      const tenants = grants(200, 5)
      member.down = true
      member.cut()
      advance(60_000)
      expect(tenants.every(({ lost }) => !lost)).toBe(true)
      member.down = false
      advance(10_000)
      expect(tenants.every(({ lost }) => lost)).toBe(true)
      expect([member.open(), pending()]).toEqual([0, 0])
      close()
    }),
  )

  it(
    'leaves nothing behind when leases leave while they are asked about alone, or wait for it',
    inTime(({ advance, pending }) => {
      const { members: [member], grants, close } = scene()
      const tenants = grants(100, 5)
      member.silent = true
      advance(7000)
      expect(member.open()).toBe(32)
      tenants.forEach(({ release }) => release())
      expect([member.open(), pending()]).toEqual([0, 0])
      const { length } = member.pings
      advance(10_000)
      expect(member.pings.length).toBe(length)
      close()
    }),
  )

  it(
    '11.10 puts the lease that a stream was denied for on a stream of its own',
    inTime(({ advance }) => {
      const { members: [member], grants } = scene()
      const tenants = grants(50, 9)
      member.judge = id => (id === '7' ? new Denied('permission denied') : undefined)
      advance(60_000)
      expect(tenants.filter(({ lost }) => lost)).toEqual([])
      for (const { id, pongs } of tenants) expect([id, pongs.length > 15]).toEqual([id, id !== '7'])
      expect(Math.min(...between(member.pings.filter(({ id }) => id === '7').slice(1).map(({ at }) => at)))).toBeGreaterThanOrEqual(500)
      const shared = new Map<number, number>()
      for (const { stream } of member.pings) shared.set(stream, (shared.get(stream) ?? 0) + 1)
      expect([...shared.values()].filter(count => count > 1).length).toBeLessThan(5)
      tenants.forEach(({ release }) => release())
    }),
  )

  it(
    '11.10 takes more streams where answers queue for more than a sixth of the TTL, and none for a pause',
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
    'lets a subscriber leave from within an answer',
    inTime(({ advance, pending }) => {
      const { members: [member], grant, close } = scene()
      const tenant = grant('1')
      Object.assign(tenant.pongs, { push: () => tenant.release() })
      advance(10_000)
      expect([member.open(), pending(), member.pings.length]).toEqual([0, 0, 1])
      close()
    }),
  )
})
