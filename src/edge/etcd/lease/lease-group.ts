import { Subscription } from 'rxjs'
import { exponential } from '../../../core/backoff.js'
import { Denied } from '../../../core/errors.js'
import { now, timers } from '../../../flow/clock.js'
import { longestDelay } from '../../../core/arguments.js'
import { confirm, heldUpNext, isUnconfirmed, nextDue, type Held } from './kept-lease.js'
import type { Member, Members } from '../connection/member.js'
import { pingStream, type PingStream, type Pong } from './ping-stream.js'

/** The leases of one keep-alive stream. */
export interface LeaseGroup {
  readonly leases: ReadonlyMap<string, Held>
  readonly add: (lease: Held) => void
  readonly remove: (lease: Held) => void
  /** How many it takes: fewer once answers were late. */
  capacity: number
}

interface GroupEvents {
  /** This lease must not be pinged among others any more: it is past its deadline, or the stream died of it. */
  readonly separate: (lease: Held) => void
  /** Answers queue too long: fewer leases would be better. */
  readonly crowded: () => void
  /** The last lease left; the stream is closed. */
  readonly emptied: () => void
}

/** An unanswered stream gets help from another member after this long, ms, and from the next one as soon after one that breaks. */
const patience = 1000
const soon = 100

/** Pings its leases every third of their TTL, on one stream and with one timer; the stream is opened anew, elsewhere, when it breaks or is silent. */
export const leaseGroup = (members: Members, capacity: number, random: () => number, { separate, crowded, emptied }: GroupEvents): LeaseGroup => {
  const leases = new Map<string, Held>()
  const backoff = exponential({ random })
  let main: PingStream | undefined
  let spare: PingStream | undefined
  let breaks = 0
  let reopened = false
  let helpedAt = -Infinity
  let helper: Member | undefined
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

  const remove = (lease: Held): void => {
    if (!leases.delete(lease.id)) return
    lease.home = undefined
    if (leases.size > 0) return
    close()
    emptied()
  }

  const mostUrgentFirst = (of: readonly Held[]): string[] => [...of].sort((a, b) => a.deadline - b.deadline).map(({ id }) => id)
  const all = (): string[] => mostUrgentFirst([...leases.values()])
  const unconfirmed = (): string[] => mostUrgentFirst([...leases.values()].filter(isUnconfirmed))

  const open = (through: Parameters<typeof pingStream>[0], first: () => Iterable<string>): PingStream => {
    const stream = pingStream(through, {
      first,
      answered: pong => answered(stream, pong),
      broken: error => broken(stream, error),
    })
    return stream
  }

  const connect = (): void => {
    // After a break pings may have been in vain, and etcd may have forgotten; a new group's leases were granted a moment ago.
    const stream = open(members.on, reopened ? all : unconfirmed)
    main = stream
    // It may break at once, and then it is the main one no more.
    stream.start()
    helper = stream.member()
    wakeBy(now() + patience)
  }

  const answered = (stream: PingStream, pong: Pong): void => {
    breaks = 0
    if (stream === spare) {
      main?.close()
      main = spare
    } else spare?.close()
    spare = undefined
    const lease = leases.get(pong.id)
    if (!lease) return
    if (pong.ttl <= 0) remove(lease)
    else if (confirm(lease, pong)) crowded()
    if (leases.has(pong.id) && heldUpNext(pong)) main?.ping(pong.id)
    lease.answered(pong)
  }

  const broken = (stream: PingStream, error: unknown): void => {
    stream.close()
    if (stream === spare) {
      spare = undefined
      // The next one need not wait its whole turn.
      helpedAt -= patience - soon
      wakeBy(now() + soon)
      return
    }
    if (stream !== main) return
    const suspect = error instanceof Denied ? leases.get(stream.oldest() ?? '') : undefined
    main = spare
    spare = undefined
    if (!main) {
      // At once the first time, then spread out.
      reopening = timers.schedule(connect, breaks === 0 ? 0 : backoff.delay(breaks)())
      breaks += 1
      reopened = true
    }
    if (suspect) {
      remove(suspect)
      separate(suspect)
    }
  }

  const help = (t: number): void => {
    const since = main?.waitingSince()
    if (members.all.length < 2 || since === undefined || t - Math.max(since, helpedAt) < patience) return
    helpedAt = t
    // Round and round, from the one that is silent: also one that breaks at once has had its turn.
    const asked = members.all.findIndex(member => member === helper) + 1
    const order = [...members.all.slice(asked), ...members.all.slice(0, asked)]
    const next = (helper = order.find(member => member !== main?.member()))
    spare?.close()
    spare = next && open(use => use(next), all)
    spare?.start()
  }

  const tick = (): void => {
    const t = now()
    let next = Infinity
    wakeAt = Infinity
    for (const lease of leases.values()) {
      if (lease.deadline <= t) {
        remove(lease)
        separate(lease)
        continue
      }
      if (lease.due <= t) {
        main?.ping(lease.id)
        spare?.ping(lease.id)
        lease.due = nextDue(lease)
      }
      next = Math.min(next, lease.due, lease.deadline)
    }
    help(t)
    const since = members.all.length > 1 ? main?.waitingSince() : undefined
    wakeBy(since === undefined ? next : Math.min(next, Math.max(since, helpedAt) + patience))
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
    add: lease => {
      leases.set(lease.id, lease)
      lease.home = group
      if (leases.size === 1) connect()
      wakeBy(Math.min(lease.due, lease.deadline))
    },
  }
  return group
}
