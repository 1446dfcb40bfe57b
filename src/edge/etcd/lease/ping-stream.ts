import type { ILeaseKeepAliveRequest } from 'etcd3'
import { concat, defer, filter, map, NEVER, Observable, Subscription, type Subscriber } from 'rxjs'
import { now } from '../../../flow/clock.js'
import { subscribeWithin } from '../../../flow/subscribe-within.js'
import type { Member } from '../connection/member.js'
import { readKeepAlive } from '../wire/messages.js'
import { inBytes } from '../wire/protobuf.js'

/** A ping that was sent: when (monotonic ms), and whether others were waiting for their answers. */
interface Ping {
  readonly sentAt: number
  readonly queued: boolean
}

/** An answered ping; `ttl` in seconds, 0: the lease is gone. */
export interface Pong extends Ping {
  readonly id: string
  readonly ttl: number
}

/** One keep-alive stream. etcd answers in the order of the pings, and no lease has two in flight, so each answer has a known sending time. */
export interface PingStream {
  readonly member: () => Member | undefined
  /** Sends unless this lease's last ping is unanswered; before the stream is open nothing is sent, `first` says what is then. */
  readonly ping: (id: string) => void
  /** The lease whose ping has waited longest. */
  readonly oldest: () => string | undefined
  /** Since when etcd owes an answer; `undefined` when it owes none. */
  readonly waitingSince: () => number | undefined
  readonly start: () => void
  readonly close: () => void
}

interface PingHandlers {
  /** What to ping as soon as the stream is open. */
  readonly first: () => Iterable<string>
  readonly answered: (pong: Pong) => void
  readonly broken: (error: unknown) => void
}

/** Keep-alives on `member`, answered in bytes. */
const keepAlive = (member: Member, requests: Observable<ILeaseKeepAliveRequest>): Observable<Buffer> =>
  member.stream<ILeaseKeepAliveRequest, Buffer>((client, options) => client.leaseClient.leaseKeepAlive(inBytes(options)) as never, requests)

/** One lease asked about on a stream of its own. */
export const pingAlone = (member: Member, id: string): Observable<Pong> =>
  defer(() => {
    let sentAt = now()
    const sent = defer(() => {
      sentAt = now()
      return [{ ID: id }]
    })
    return keepAlive(member, concat(sent, NEVER)).pipe(
      map(message => ({ ...readKeepAlive(message), sentAt, queued: false })),
      filter(pong => pong.id === id),
    )
  })

/** Opens a stream `through` a member of somebody's choice. */
export const pingStream = (
  through: (use: (member: Member) => Observable<Buffer>) => Observable<Buffer>,
  { first, answered, broken }: PingHandlers,
): PingStream => {
  const sent = new Map<string, Ping>()
  const running = new Subscription()
  let heardAt = now()
  let member: Member | undefined
  let open: Subscriber<ILeaseKeepAliveRequest> | undefined

  // Few records, and no operators: a message passes here for each renewal of each of thousands of leases.
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
  const heard = (message: Buffer): void => {
    const { id, ttl } = readKeepAlive(message)
    const about = sent.get(id)
    if (about === undefined) return
    sent.delete(id)
    heardAt = now()
    answered({ id, ttl, sentAt: about.sentAt, queued: about.queued })
  }

  return {
    ping,
    member: () => member,
    oldest: () => sent.keys().next().value,
    waitingSince: () => {
      if (open === undefined) return heardAt
      const [oldest] = sent.values()
      return oldest && Math.max(heardAt, oldest.sentAt)
    },
    start: () => {
      const messages = through(chosen => {
        member = chosen
        return keepAlive(chosen, requests)
      })
      const next = (message: Buffer): void => {
        try {
          heard(message)
        } catch (thrown) {
          broken(thrown)
        }
      }
      subscribeWithin(running, messages, { next, error: broken, complete: () => broken(undefined) })
    },
    close: () => running.unsubscribe(),
  }
}
