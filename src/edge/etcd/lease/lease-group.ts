import { Subscription } from 'rxjs'
import { exponential } from '../../../core/backoff.js'
import { Closed, Denied } from '../../../core/errors.js'
import { now, timers } from '../../../flow/clock.js'
import { longestDelay } from '../../../core/arguments.js'
import { confirm, delayedNextPing, isUnconfirmed, nextDue, type KeptLease } from './kept-lease.js'
import type { Member } from '../connection/member.js'
import type { Members } from '../connection/changing-members.js'
import { pingStream, type PingStream, type Pong } from './ping-stream.js'

/** The leases of one keep-alive stream. */
export interface LeaseGroup {
  readonly leases: ReadonlyMap<string, KeptLease>
  readonly add: (lease: KeptLease) => void
  readonly remove: (lease: KeptLease) => void
  /** Pings on this member as well. The stream there is kept as soon as it answers, and the one before closes. */
  readonly move: (member: Member) => void
  /** How many leases it takes; fewer after answers were late. */
  capacity: number
}

interface GroupEvents {
  /** This lease must be pinged on a stream of its own: it is past its deadline, or the stream broke because of it. */
  readonly isolate: (lease: KeptLease) => void
  /** Answers queue for too long, so the group has too many leases. */
  readonly crowded: () => void
  /** The last lease left; the stream is closed. */
  readonly emptied: () => void
}

/** After how many ms without an answer another member is pinged as well, and then the next one. */
const spareAfter = 1000
/** The same after the stream to such a member broke. */
const spareAfterBreak = 100
/** How long (ms) the member to which the leases move may take to answer. */
const arriveWithin = 5000

/** Pings its leases every third of their TTL, on one stream and with one timer. If the stream breaks or is silent, it opens another one on another member. */
export const leaseGroup = (members: Members, capacity: number, random: () => number, { isolate, crowded, emptied }: GroupEvents): LeaseGroup => {
  const leases = new Map<string, KeptLease>()
  const backoff = exponential({ random })
  let main: PingStream | undefined
  let spare: PingStream | undefined
  /** The spare one, if the leases move to it: then answers on the main one do not make it needless. */
  let arriving: PingStream | undefined
  let breaks = 0
  let reopened = false
  let spareOpenedAt = -Infinity
  let lastTried: Member | undefined
  let wakeAt = Infinity
  let waking = new Subscription()
  let reopening = new Subscription()

  const close = (): void => {
    main?.close()
    spare?.close()
    main = spare = undefined
    waking.unsubscribe()
    wakeAt = Infinity
    reopening.unsubscribe()
  }

  const remove = (lease: KeptLease): void => {
    if (!leases.delete(lease.id)) return
    lease.pinger = undefined
    if (leases.size > 0) return
    close()
    emptied()
  }

  const mostUrgentFirst = (of: readonly KeptLease[]): string[] => [...of].sort((a, b) => a.deadline - b.deadline).map(({ id }) => id)
  const all = (): string[] => mostUrgentFirst([...leases.values()])
  const unconfirmed = (): string[] => mostUrgentFirst([...leases.values()].filter(isUnconfirmed))

  const open = (through: Parameters<typeof pingStream>[0], first: () => Iterable<string>): PingStream => {
    const stream = pingStream(through, {
      first,
      pong: pong => receive(stream, pong),
      broken: error => broken(stream, error),
    })
    return stream
  }

  const connect = (): void => {
    // After a break, pings may be lost, and etcd may have lost the leases. The leases of a new group were granted just now.
    const stream = open(members.on, reopened ? all : unconfirmed)
    main = stream
    // If it breaks at once, it is no longer the main one.
    stream.start()
    lastTried = stream.member()
    wakeBy(now() + spareAfter)
  }

  const receive = (stream: PingStream, pong: Pong): void => {
    breaks = 0
    if (stream === spare) {
      main?.close()
      main = spare
      spare = undefined
    } else if (spare !== arriving) {
      spare?.close()
      spare = undefined
    }
    const lease = leases.get(pong.id)
    if (!lease) return
    if (pong.ttl <= 0) remove(lease)
    else if (confirm(lease, pong)) crowded()
    if (leases.has(pong.id) && delayedNextPing(pong)) main?.ping(pong.id)
    lease.pong(pong)
  }

  const fail = (error: Closed): void => {
    for (const lease of [...leases.values()]) {
      remove(lease)
      lease.failed(error)
    }
  }

  const broken = (stream: PingStream, error: unknown): void => {
    stream.close()
    // A client that its user has closed stays closed.
    if (error instanceof Closed) {
      fail(error)
      return
    }
    if (stream === spare) {
      spare = undefined
      // The next member is tried sooner.
      spareOpenedAt -= spareAfter - spareAfterBreak
      wakeBy(now() + spareAfterBreak)
      return
    }
    if (stream !== main) return
    const suspect = error instanceof Denied ? leases.get(stream.oldest() ?? '') : undefined
    main = spare
    spare = undefined
    if (!main) {
      // At once the first time, then with backoff.
      reopening = timers.schedule(connect, breaks === 0 ? 0 : backoff.delay(breaks)())
      breaks += 1
      reopened = true
    }
    if (suspect) {
      remove(suspect)
      isolate(suspect)
    }
  }

  const openSpare = (t: number): void => {
    const since = main?.waitingSince()
    if (members.all.length < 2 || since === undefined || t - Math.max(since, spareOpenedAt) < spareAfter) return
    spareOpenedAt = t
    // In a circle, starting after the last member that was tried.
    const index = members.all.findIndex(member => member === lastTried) + 1
    const order = [...members.all.slice(index), ...members.all.slice(0, index)]
    const next = (lastTried = order.find(member => member !== main?.member()))
    spare?.close()
    spare = next && open(use => use(next), all)
    spare?.start()
  }

  const move = (member: Member): void => {
    // While no stream is open, the next one goes to the member in use anyway.
    if (main === undefined || main.member() === member) return
    spareOpenedAt = now()
    lastTried = member
    spare?.close()
    spare = arriving = open(use => use(member), all)
    spare.start()
  }

  const tick = (): void => {
    const t = now()
    let next = Infinity
    wakeAt = Infinity
    for (const lease of leases.values()) {
      if (lease.deadline <= t) {
        remove(lease)
        isolate(lease)
        continue
      }
      if (lease.due <= t) {
        main?.ping(lease.id)
        spare?.ping(lease.id)
        lease.due = nextDue(lease)
      }
      next = Math.min(next, lease.due, lease.deadline)
    }
    if (arriving !== undefined && t - spareOpenedAt > arriveWithin) {
      if (spare === arriving) spare = undefined
      if (main !== arriving) arriving.close()
      arriving = undefined
    }
    openSpare(t)
    const since = members.all.length > 1 ? main?.waitingSince() : undefined
    wakeBy(since === undefined ? next : Math.min(next, Math.max(since, spareOpenedAt) + spareAfter))
  }

  const wakeBy = (at: number): void => {
    if (at >= wakeAt || leases.size === 0) return
    waking.unsubscribe()
    wakeAt = at
    waking = timers.schedule(tick, Math.min(Math.max(0, at - now()), longestDelay))
  }

  const group: LeaseGroup = {
    leases,
    capacity,
    remove,
    move,
    add: lease => {
      leases.set(lease.id, lease)
      lease.pinger = group
      if (leases.size === 1) connect()
      wakeBy(Math.min(lease.due, lease.deadline))
    },
  }
  return group
}
