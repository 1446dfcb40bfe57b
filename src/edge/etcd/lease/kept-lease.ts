import { now } from '../../../flow/clock.js'
import type { Pong } from './ping-stream.js'

/** A lease that is kept alive. Times are monotonic ms. */
export interface KeptLease {
  readonly id: string
  ttl: number
  /** Called for each answer to its pings; TTL 0: the lease is gone. */
  readonly pong: (pong: Pong) => void
  /** Called when it can no longer be pinged, since the client is closed. */
  readonly failed: (error: Error) => void
  /** When its next ping is due. */
  due: number
  /** When etcd may have dropped it: the granted TTL after the last answered ping was sent. */
  deadline: number
  /** Whether its last answer was late because it queued behind others. */
  late: boolean
  /** What pings it, if anything does. */
  pinger: { readonly remove: (lease: KeptLease) => void } | undefined
}

/**
 * Pings go out on a common grid, in three slots of an interval: one packet carries those of many leases and streams, which halves the CPU of
 * an idle process with a thousand leases (D-051). With fewer slots, the pings of a stream would queue where etcd is far away.
 */
const slots = 3
const grid = (ttl: number): number => Math.floor((ttl * 1000) / 3 / slots)
const onGrid = (at: number, ttl: number): number => Math.floor(at / grid(ttl)) * grid(ttl)

/** When the first ping of a lease that was granted at `sentAt` is due: in one of the next slots, at random, so that not all are pinged together. */
export const firstDue = (sentAt: number, ttl: number, random: () => number): number => onGrid(sentAt, ttl) + grid(ttl) * (1 + Math.floor(random() * slots))

/** When the next ping is due: a third of the TTL after this one, or after now if this one is late. */
export const nextDue = ({ due, ttl }: KeptLease): number => Math.max(due, onGrid(now(), ttl)) + grid(ttl) * slots

/** Whether the last confirmation is more than half an interval old. */
export const isUnconfirmed = ({ deadline, ttl }: KeptLease): boolean => deadline - now() < (ttl * 1000 * 5) / 6

/** Whether an answer came after the next ping was due. That ping was not sent, since a lease has one unanswered ping at most. */
export const delayedNextPing = ({ sentAt, ttl }: Pong): boolean => now() - sentAt > (ttl * 1000) / 3

/**
 * Updates a lease from an answer. Returns true if its answers were late twice in a row and queued behind others: then the queue stays,
 * and is not a pause of etcd.
 */
export const confirm = (lease: KeptLease, { sentAt, ttl, queued }: Pong): boolean => {
  const wasLate = lease.late
  lease.ttl = ttl
  lease.deadline = Math.max(lease.deadline, sentAt + ttl * 1000)
  lease.late = queued && now() - sentAt > (ttl * 1000) / 6
  return lease.late && wasLate
}
