import { asyncScheduler, lastValueFrom, Observable, type Subscriber } from 'rxjs'
import { Closed, InvalidArgument, LeaseLost } from '../../core/errors.js'
import type { Lease } from '../../core/store.js'
import { now } from '../../flow/clock.js'
import { detached } from './detached.js'
import { grant, type Grant, type Granted } from './grant.js'
import type { Held } from './held.js'
import { keepAlives } from './keep-alive.js'
import type { Members } from './member.js'
import type { Pong } from './ping-stream.js'
import { revoke } from './revoke.js'

/** etcd's longest TTL, s. */
const longestTtl = 9_000_000_000
/** A lease past its deadline may live, since etcd extends all when it restarts: it is revoked if etcd answers within this, ms. */
const lastTry = 1500

/** The leases of a registry. */
export interface Leases {
  /** See `Registry.lease`. */
  readonly lease: (ttl: number, end?: Observable<unknown>) => Observable<Lease>
  /** Revokes every lease, whose subscribers then get `Closed`; resolves once nothing is left to do, at the latest when the TTLs have passed. */
  readonly close: () => Promise<void>
}

const refusal = (ttl: number): InvalidArgument | undefined =>
  Number.isInteger(ttl) && ttl >= 1 && ttl <= longestTtl
    ? undefined
    : new InvalidArgument('ttl', `must be a whole number of seconds, 1 to ${longestTtl}, not ${ttl}`)

/** A lease and its subscriber, from the grant on. What granted it is dropped once that is answered: there may be thousands. */
interface Tenure extends Held {
  id: string
  readonly subscriber: Subscriber<Lease>
  renewals: number
  granting: Grant | undefined
  over: boolean
}

/** Grants, keeps alive and revokes leases. */
export const leases = (members: Members): Leases => {
  const keepAlive = keepAlives(members)
  const { run, settled, idle } = detached()
  const tenures = new Set<Tenure>()
  let closing = false
  let closed: Promise<void> | undefined

  const finish = (tenure: Tenure): void => {
    tenure.over = true
    tenures.delete(tenure)
    keepAlive.release(tenure)
  }
  const leave = (tenure: Tenure): void => {
    if (tenure.over) return
    finish(tenure)
    const { id, granting, deadline } = tenure
    if (granting) run(id, granting.undo())
    else if (id) run(id, revoke(members, id, Math.max(deadline, now() + lastTry)))
  }
  const leaveThen = (tenure: Tenure, outcome: () => void): void => {
    if (tenure.over) return
    leave(tenure)
    tenure.subscriber.add(settled(tenure.id).subscribe({ error: () => undefined, complete: outcome }))
  }

  const emit = ({ subscriber, id, ttl, deadline, renewals }: Tenure): void => {
    const left = deadline - now()
    // A grant that took longer than its TTL says nothing yet: the first ping will.
    if (left > 0) subscriber.next({ id, ttl, expiresAt: Math.round(asyncScheduler.now() + left), renewals })
  }
  const answered = (tenure: Tenure, { ttl }: Pong): void => {
    if (ttl > 0) {
      tenure.renewals += 1
      emit(tenure)
    } else {
      finish(tenure)
      tenure.subscriber.error(new LeaseLost(tenure.id))
    }
  }
  const hold = (tenure: Tenure, { ttl, sentAt }: Granted): void => {
    if (tenure.over) return
    tenure.granting = undefined
    tenure.ttl = ttl
    keepAlive.hold(tenure, sentAt)
    emit(tenure)
  }

  const begin = (ttl: number, subscriber: Subscriber<Lease>, end?: Observable<unknown>): void => {
    const tenure: Tenure = {
      id: '',
      ttl,
      due: 0,
      deadline: 0,
      late: false,
      home: undefined,
      answered: pong => answered(tenure, pong),
      subscriber,
      renewals: 0,
      granting: undefined,
      over: false,
    }
    const failed = (error: unknown): void => {
      if (!tenure.over) subscriber.error(error)
    }
    tenures.add(tenure)
    subscriber.add(() => leave(tenure))
    if (end) subscriber.add(end.subscribe({ next: () => leaveThen(tenure, () => subscriber.complete()), error: failed }))
    if (tenure.over) return
    tenure.granting = grant(members, ttl)
    tenure.id = tenure.granting.id
    subscriber.add(tenure.granting.answer$.subscribe({ next: granted => hold(tenure, granted), error: failed }))
  }

  return {
    lease: (ttl, end) =>
      new Observable(subscriber => {
        const refused = closing ? new Closed() : refusal(ttl)
        if (refused) subscriber.error(refused)
        else begin(ttl, subscriber, end)
      }),
    close: () => {
      closing = true
      for (const tenure of [...tenures]) leaveThen(tenure, () => tenure.subscriber.error(new Closed()))
      closed ??= lastValueFrom(idle, { defaultValue: undefined }).then(keepAlive.close)
      return closed
    },
  }
}
