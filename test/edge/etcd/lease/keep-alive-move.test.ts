import { Subject } from 'rxjs'
import { describe, expect, it } from 'vitest'
import type { Member } from '../../../../src/edge/etcd/connection/member.js'
import { keepAlive } from '../../../../src/edge/etcd/lease/keep-alive.js'
import type { KeptLease } from '../../../../src/edge/etcd/lease/kept-lease.js'
import { virtually, type VirtualHelpers } from '../../../../src/edge/testing/index.js'
import { now } from '../../../../src/flow/clock.js'
import { fakeMember, fakeMembers, fakeStore, type FakeMember } from '../fake-member.js'

const scene = (test: (scene: ReturnType<typeof play>, time: VirtualHelpers) => void) => () => virtually(time => test(play(), time))
const play = () => {
  const store = fakeStore()
  const members = ['a:1', 'b:1', 'c:1'].map(host => fakeMember(host, store)) as unknown as readonly [FakeMember, FakeMember, FakeMember]
  const moves = new Subject<Member>()
  const { add, remove, close } = keepAlive({ ...fakeMembers(...members), moves }, () => 0)
  let [least, lost] = [Infinity, 0]
  const leases = Array.from({ length: 150 }, (_, i): KeptLease => {
    const lease: KeptLease = {
      ...{ id: String(i + 1), ttl: 9, due: 0, deadline: 0, late: false, pinger: undefined, failed: () => undefined },
      pong: pong => {
        if (pong.ttl <= 0) lost += 1
        least = Math.min(least, lease.deadline - pong.sentAt)
      },
    }
    store.grant(lease.id, 9)
    add(lease, now())
    return lease
  })
  return { members, moves, store, lost: () => lost, leases, stop: () => leases.forEach(lease => remove(lease)), close }
}

describe('leases that move to another member', () => {
  it('are renewed there before the stream on the former one closes; none is lost', scene(({ members: [a, b, c], moves, lost, leases, stop }, { advance }) => {
    advance(10_000)
    expect([a.open(), b.open()]).toEqual([2, 0])
    moves.next(b)
    expect([a.open(), b.open()]).toEqual([2, 2])
    advance(500)
    expect([a.open(), b.open(), c.open()]).toEqual([0, 2, 0])
    const pinged = a.pings.length
    advance(60_000)
    expect([lost(), a.pings.length, c.pings.length]).toEqual([0, pinged, 0])
    expect(leases.every(({ deadline }) => deadline > now() + 5_000)).toBe(true)
    stop()
    expect(b.open()).toBe(0)
  }))

  it('stay if it does not answer, or refuses', scene(({ members: [a, b], moves, lost, stop }, { advance }) => {
    advance(5_000)
    b.silent = true
    moves.next(b)
    advance(30_000)
    expect([a.open(), b.open(), lost()]).toEqual([2, 0, 0])
    b.silent = false
    b.down = true
    moves.next(b)
    advance(30_000)
    expect([a.open(), b.open(), lost()]).toEqual([2, 0, 0])
    stop()
  }))

  it('stay where they are if they are there, and follow nothing after close', scene(({ members: [a, b], moves, stop, close }, { advance }) => {
    advance(5_000)
    const opened = a.opened()
    moves.next(a)
    expect(a.opened()).toBe(opened)
    close()
    moves.next(b)
    expect([b.opened(), moves.observed]).toEqual([0, false])
    stop()
  }))
})
