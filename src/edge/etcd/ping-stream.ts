import type { ILeaseKeepAliveRequest, ILeaseKeepAliveResponse } from 'etcd3'
import { concat, defer, filter, from, map, Subject, Subscription, type Observable } from 'rxjs'
import { now } from '../../flow/clock.js'
import type { Member } from './member.js'

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

/** Keep-alives on `member`, each answer with the time of its ping. */
const pings = (member: Member, id$: Observable<string>, sent: Map<string, Ping>): Observable<Pong> =>
  member
    .stream<ILeaseKeepAliveRequest, ILeaseKeepAliveResponse>(
      (client, options) => client.leaseClient.leaseKeepAlive(options),
      id$.pipe(
        map(ID => {
          sent.set(ID, { sentAt: now(), queued: sent.size > 0 })
          return { ID }
        }),
      ),
    )
    .pipe(
      map(({ ID, TTL }) => {
        const ping = sent.get(ID)
        sent.delete(ID)
        return ping && { id: ID, ttl: Number(TTL), sentAt: ping.sentAt, queued: ping.queued }
      }),
      filter(pong => pong !== undefined),
    )

/** One lease asked about on a stream of its own. */
export const pingAlone = (member: Member, id: string): Observable<Pong> =>
  pings(member, concat([id], new Subject<string>()), new Map())

/** Opens a stream `through` a member of somebody's choice. */
export const pingStream = (
  through: (use: (member: Member) => Observable<Pong>) => Observable<Pong>,
  { first, answered, broken }: PingHandlers,
): PingStream => {
  const sent = new Map<string, Ping>()
  const more$ = new Subject<string>()
  const running = new Subscription()
  let heardAt = now()
  let member: Member | undefined

  return {
    member: () => member,
    oldest: () => sent.keys().next().value,
    waitingSince: () => {
      if (!more$.observed) return heardAt
      const [oldest] = sent.values()
      return oldest && Math.max(heardAt, oldest.sentAt)
    },
    ping: id => {
      if (!sent.has(id)) more$.next(id)
    },
    start: () => {
      const pong$ = through(chosen => {
        member = chosen
        return pings(chosen, concat(defer(() => from(first())), more$), sent)
      })
      running.add(
        pong$.subscribe({
          next: pong => {
            heardAt = now()
            answered(pong)
          },
          error: broken,
          complete: () => broken(undefined),
        }),
      )
    },
    close: () => running.unsubscribe(),
  }
}
