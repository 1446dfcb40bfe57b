import type { ILeaseKeepAliveRequest } from 'etcd3'
import { concat, defer, filter, map, NEVER, Observable, Subscription, type Subscriber } from 'rxjs'
import { now } from '../../../flow/clock.js'
import { subscribeWithin } from '../../../flow/subscribe-within.js'
import type { Member } from '../connection/member.js'
import { readKeepAlive } from '../wire/messages.js'
import { inBytes } from '../wire/raw-answers.js'

/** A ping that was sent: when (monotonic ms), and whether other pings were unanswered then. */
interface Ping {
  readonly sentAt: number
  readonly queued: boolean
}

/** An answered ping; `ttl` in seconds, 0 if the lease is gone. */
export interface Pong extends Ping {
  readonly id: string
  readonly ttl: number
}

/** One keep-alive stream. etcd answers pings in order, and a lease has at most one unanswered ping, so the sending time of each answered ping is known. */
export interface PingStream {
  readonly member: () => Member | undefined
  /** Sends a ping, unless the last one of this lease is unanswered or the stream is not open yet. */
  readonly ping: (id: string) => void
  /** The lease with the oldest unanswered ping. */
  readonly oldest: () => string | undefined
  /** Since when an answer is due; `undefined` if none is. */
  readonly waitingSince: () => number | undefined
  readonly start: () => void
  readonly close: () => void
}

interface PingHandlers {
  /** The leases to ping as soon as the stream is open. */
  readonly first: () => Iterable<string>
  readonly pong: (pong: Pong) => void
  readonly broken: (error: unknown) => void
}

/** The keep-alive RPC on `member`; its answers stay bytes. */
const keepAliveRpc = (member: Member, requests: Observable<ILeaseKeepAliveRequest>): Observable<Buffer> =>
  member.stream<ILeaseKeepAliveRequest, Buffer>((client, options) => client.leaseClient.leaseKeepAlive(inBytes(options)) as never, requests)

/** Pings one lease on a stream of its own. */
export const pingAlone = (member: Member, id: string): Observable<Pong> =>
  defer(() => {
    let sentAt = now()
    const sent = defer(() => {
      sentAt = now()
      return [{ ID: id }]
    })
    return keepAliveRpc(member, concat(sent, NEVER)).pipe(
      map(message => ({ ...readKeepAlive(message), sentAt, queued: false })),
      filter(pong => pong.id === id),
    )
  })

/** Opens a stream on the member that `through` chooses. */
export const pingStream = (
  through: (use: (member: Member) => Observable<Buffer>) => Observable<Buffer>,
  { first, pong, broken }: PingHandlers,
): PingStream => {
  const sent = new Map<string, Ping>()
  const running = new Subscription()
  let lastAnswerAt = now()
  let member: Member | undefined
  let open: Subscriber<ILeaseKeepAliveRequest> | undefined

  // No operators: the answer to every renewal of every lease passes here (D-044).
  const ping = (id: string): void => {
    if (open === undefined || sent.has(id)) return
    sent.set(id, { sentAt: now(), queued: sent.size > 0 })
    open.next({ ID: id })
  }
  const requests = new Observable<ILeaseKeepAliveRequest>(subscriber => {
    open = subscriber
    for (const id of first()) ping(id)
    return () => (open = undefined)
  })
  const receive = (message: Buffer): void => {
    const { id, ttl } = readKeepAlive(message)
    const answered = sent.get(id)
    if (answered === undefined) return
    sent.delete(id)
    lastAnswerAt = now()
    pong({ id, ttl, sentAt: answered.sentAt, queued: answered.queued })
  }

  return {
    ping,
    member: () => member,
    oldest: () => sent.keys().next().value,
    waitingSince: () => {
      if (open === undefined) return lastAnswerAt
      const [oldest] = sent.values()
      return oldest && Math.max(lastAnswerAt, oldest.sentAt)
    },
    start: () => {
      const messages = through(chosen => {
        member = chosen
        return keepAliveRpc(chosen, requests)
      })
      subscribeWithin(running, messages, { next: receive, error: broken, complete: () => broken(undefined) })
    },
    close: () => running.unsubscribe(),
  }
}
