import { EtcdLeaseInvalidError } from 'etcd3'
import { NEVER, concatMap, defer, filter, finalize, map, merge, Subject, switchMap, tap, throwError, timer, type Observable } from 'rxjs'
import { Disconnected } from '../../../src/core/errors.js'
import { now } from '../../../src/flow/clock.js'
import type { Member, RawClient } from '../../../src/edge/etcd/connection/member.js'
import type { Members } from '../../../src/edge/etcd/connection/members.js'
import { paging } from '../../../src/edge/etcd/range/paging.js'
import { number } from './wire/protobuf-writer.js'

/** A ping that a fake member received. */
export interface ReceivedPing {
  readonly id: string
  readonly at: number
  /** The n-th stream of the member, from 1. */
  readonly stream: number
}

interface Request {
  readonly method: string
  readonly ID: string
  readonly TTL?: number
}

/** An etcd of leases, shared by its members. */
export interface FakeStore {
  /** When each living lease expires. */
  readonly leases: Map<string, { ttl: number; expires: number }>
  readonly grant: (id: string, ttl: number) => void
}

/** A member of a fake etcd, with levers. */
export interface FakeMember extends Member {
  readonly pings: ReceivedPing[]
  readonly calls: { readonly method: string; readonly id: string; readonly at: number }[]
  readonly opened: () => number
  readonly open: () => number
  /** Breaks its streams with this error. */
  readonly cut: (error?: Error) => void
  /** How long one ping takes, ms; they are handled one at a time per stream. */
  service: number
  /** Hears, and does not answer. */
  silent: boolean
  /** Refuses streams and calls. */
  down: boolean
  /** Streams and calls fail with this error at once, as those of a client that its user has closed. */
  refusal: Error | undefined
  /** Refuses streams in the very moment of their opening, as where a login was refused a moment ago. */
  barred: boolean
  /** Called for each ping; an error breaks the stream. */
  judge: (id: string) => Error | undefined
  /** What a call answers, after how many ms; `lost`: it is executed, and the answer lost. */
  answer: (method: string) => { readonly after: number; readonly error?: Error; readonly lost?: boolean }
}

/** An etcd of leases. */
export const fakeStore = (): FakeStore => {
  const leases = new Map<string, { ttl: number; expires: number }>()
  return { leases, grant: (id, ttl) => leases.set(id, { ttl, expires: now() + ttl * 1000 }) }
}

/** A member of `store`. */
export const fakeMember = (host: string, store: FakeStore): FakeMember => {
  let opened = 0
  const cuts = new Set<Subject<never>>()
  const refused = (): Disconnected => new Disconnected(`${host} refused the connection`, { host })

  const renew = (id: string): string => {
    const lease = store.leases.get(id)
    if (!lease || lease.expires <= now()) {
      store.leases.delete(id)
      return '0'
    }
    lease.expires = now() + lease.ttl * 1000
    return String(lease.ttl)
  }

  const execute = ({ method, ID, TTL }: Request): unknown => {
    member.calls.push({ method, id: ID, at: now() })
    if (method === 'grant') store.grant(ID, Number(TTL))
    else if (!store.leases.delete(ID)) throw new EtcdLeaseInvalidError(ID)
    return { ID, TTL: String(TTL) }
  }
  /** Notes what would be sent, and sends nothing. */
  const recorder = (sent: Request[]): RawClient => {
    const record = (method: string) => (request: Omit<Request, 'method'>) => {
      sent.push({ method, ...request })
      return new Promise<never>(() => undefined)
    }
    return { leaseClient: { leaseGrant: record('grant'), leaseRevoke: record('revoke') } } as unknown as RawClient
  }

  const member: FakeMember = {
    host,
    paging: paging(),
    returned: NEVER,
    pings: [],
    calls: [],
    service: 1,
    silent: false,
    down: false,
    refusal: undefined,
    barred: false,
    judge: () => undefined,
    answer: () => ({ after: 1 }),
    opened: () => opened,
    open: () => cuts.size,
    cut: (error = new Disconnected(`${host} reset the connection`, { host })) => [...cuts].forEach(cut$ => cut$.error(error)),
    call: run =>
      defer(() => {
        if (member.refusal) return throwError(() => member.refusal)
        if (member.down) return throwError(() => refused())
        const sent: Request[] = []
        void run(recorder(sent), {})
        const [request = { method: '', ID: '' }] = sent
        const { after, error, lost = false } = member.answer(request.method)
        return timer(after).pipe(
          map(() => {
            if (error) throw error
            const answer = execute(request)
            if (lost) throw refused()
            return answer as never
          }),
        )
      }),
    stream: (_open, requests) =>
      defer(() => {
        if (member.refusal) return throwError(() => member.refusal)
        if (member.barred) return throwError(() => refused())
        if (member.down) return timer(1).pipe(switchMap(() => throwError(() => refused())))
        const stream = ++opened
        const cut$ = new Subject<never>()
        cuts.add(cut$)
        const inFlight = new Set<string>()
        const handled$ = timer(1).pipe(
          switchMap(() => requests as Observable<unknown> as Observable<{ readonly ID: string }>),
          tap(({ ID }) => {
            if (inFlight.has(ID)) throw new Error(`two pings of lease ${ID} in flight on one stream`)
            inFlight.add(ID)
            member.pings.push({ id: ID, at: now(), stream })
          }),
          concatMap(({ ID }) => {
            const error = member.judge(ID)
            return timer(error ? 1 : member.service).pipe(
              filter(() => !member.silent),
              map(() => {
                if (error) throw error
                inFlight.delete(ID)
                return Buffer.concat([number(2, BigInt(ID)), number(3, BigInt(renew(ID)))]) as never
              }),
            )
          }),
        )
        return merge(cut$, handled$).pipe(finalize(() => cuts.delete(cut$)))
      }),
  }
  return member
}

/** The members of a fake etcd; the one in use changes at each outage. */
export const fakeMembers = (...all: readonly FakeMember[]): Members => {
  let current = 0
  return {
    all,
    returned: NEVER,
    on: call =>
      defer(() => {
        const used = current
        const member = all[used]
        if (!member) return throwError(() => new Error('no members'))
        return call(member).pipe(
          tap({ error: (error: unknown) => error instanceof Disconnected && current === used && (current = (used + 1) % all.length) }),
        )
      }),
    close: () => undefined,
  }
}
