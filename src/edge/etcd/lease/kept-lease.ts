import { now } from '../../../flow/clock.js'
import type { Pong } from './ping-stream.js'

/** A lease that is kept alive, in one flat record, since there may be thousands; times are monotonic ms. */
export interface Held {
  readonly id: string
  ttl: number
  /** Told of each answer that counts; TTL 0: it is gone. */
  readonly answered: (pong: Pong) => void
  /** When its next ping is due. */
  due: number
  /** When etcd may have dropped it: the granted TTL after the sending of the last ping that was answered. */
  deadline: number
  /** Whether its last answer had to queue for too long. */
  late: boolean
  /** Where it is pinged, if it is. */
  home: { readonly remove: (lease: Held) => void } | undefined
}

/**
 * Pings go out on a common grid, in three slots of an interval: one packet carries those of many leases and streams, and a process that has thousands
 * sleeps in between, which halves what they cost. With fewer slots those of a stream would queue where etcd is far away.
 */
const slots = 3
const grid = (ttl: number): number => Math.floor((ttl * 1000) / 3 / slots)
const onGrid = (at: number, ttl: number): number => Math.floor(at / grid(ttl)) * grid(ttl)

/** When the first ping of a lease is due that was granted at `sentAt`: one of the next slots, so that not all are pinged together. */
export const firstDue = (sentAt: number, ttl: number, random: () => number): number => onGrid(sentAt, ttl) + grid(ttl) * (1 + Math.floor(random() * slots))

/** When the next one is: a third of the TTL after this one, also when this one is late. */
export const nextDue = ({ due, ttl }: Held): number => Math.max(due, onGrid(now(), ttl)) + grid(ttl) * slots

/** Whether its last confirmation is more than half an interval old. */
export const isUnconfirmed = ({ deadline, ttl }: Held): boolean => deadline - now() < (ttl * 1000 * 5) / 6

/** Whether an answer came so late that the next ping was due before it: that one waits for it. */
export const heldUpNext = ({ sentAt, ttl }: Pong): boolean => now() - sentAt > (ttl * 1000) / 3

/** Takes an answer in; true when this lease's answers have been late twice in a row and behind others: a queue that stays, not a pause of etcd's. */
export const confirm = (lease: Held, { sentAt, ttl, queued }: Pong): boolean => {
  const wasLate = lease.late
  lease.ttl = ttl
  lease.deadline = Math.max(lease.deadline, sentAt + ttl * 1000)
  lease.late = queued && now() - sentAt > (ttl * 1000) / 6
  return lease.late && wasLate
}
