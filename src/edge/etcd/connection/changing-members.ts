import { catchError, defer, EMPTY, map, merge, Observable, of, raceWith, repeat, ReplaySubject, Subject, Subscription, switchMap, take, tap, throwError } from 'rxjs'
import { Closed, Disconnected, toError } from '../../../core/errors.js'
import { background, timeout, timer } from '../../../flow/clock.js'
import { nothing, subscribeWithin } from '../../../flow/subscribe-within.js'
import { warn } from '../../../flow/warn.js'
import { anyKey } from '../range/range.js'
import { isOutage } from './etcd-errors.js'
import { sameEndpoint } from './hosts.js'
import type { Member } from './member.js'
import { usedMember, type UsedMember } from './used-member.js'

/** The members of one cluster. */
export interface Members {
  /** Runs `call` on the member in use. If it errors as an outage, the next call goes to the next member. While no hosts are known, it waits for them. */
  readonly on: <T>(call: (member: Member) => Observable<T>) => Observable<T>
  /** Those that are listed now, the preferred one first. */
  readonly all: readonly Member[]
  /** The listed hosts as the user wrote them, now and whenever they change. */
  readonly hosts: Observable<readonly string[]>
  /** Emits the member to which all streams on other members are to move: the new stream first, the old one closed after. It has just answered. */
  readonly moves: Observable<Member>
  /** Emits whenever a member that was down answers again, or other hosts are listed. */
  readonly returned: Observable<unknown>
  readonly close: () => void
}

/** Where members come from, and when they are left. */
export interface ChangingMembersOptions {
  /** The hosts at first; none: they are not known yet. */
  readonly hosts: readonly string[]
  /** Further lists, and reasons why there is none. It is subscribed at the first use, and until `close`. `outages` emits at each outage. */
  readonly changes: (on: Members['on'], outages: Observable<unknown>) => Observable<readonly string[] | Error>
  /** Makes the member behind a host. `close` closes its connections. */
  readonly open: (host: string) => { readonly member: Member; readonly close: () => void }
  /** Uniform in [0, 1). */
  readonly random: () => number
  /** Within how many ms a process moves back to the member that it prefers. */
  readonly moveWithin: number
  /** Errors at `close`. */
  readonly closed: Subject<never>
}

/** How long (ms) a call waits for the first list of hosts. */
const listedWithin = 1_500
/** The pauses (ms) between two tries to leave a member that is no longer listed. */
const leaveAgainAfter = (tries: number): number => Math.min(30_000, 1_000 * 2 ** Math.min(tries, 10))

const isSame = (a: readonly string[], b: readonly string[]): boolean => [...a].sort().join(' ') === [...b].sort().join(' ')

/**
 * Members that come and go, one of them in use. An outage moves on to the next one. A process moves back to the one that it prefers, at a random moment, once
 * that answers; a member that is no longer listed is left as soon as a listed one answers, and then its connections close.
 */
export const changingMembers = ({ hosts: initial, changes, open, random, moveWithin, closed }: ChangingMembersOptions): Members => {
  /** The listed ones, and others until they are left. */
  const known: UsedMember[] = []
  let listed: readonly UsedMember[] = []
  let shown: readonly Member[] = []
  let hosts: readonly string[] = []
  let current: UsedMember | undefined
  const relisted = new Subject<void>()
  /** The last one is kept until hosts are known: the trouble of a later call shows it, too. */
  const reasons = new ReplaySubject<Error>(1)
  const outages = new Subject<void>()
  const moves = new Subject<Member>()
  const open$ = new Subscription()

  const dropUnused = (used: UsedMember): void => {
    if (listed.includes(used) || used === current || used.calls + used.streams > 0) return
    const index = known.indexOf(used)
    if (index < 0) return
    known.splice(index, 1)
    used.close()
  }
  const enter = (host: string): UsedMember => {
    const { member, close } = open(host)
    const used = usedMember(member, close, random(), kind => {
      if (kind === 'streams') look()
      dropUnused(used)
    })
    known.push(used)
    return used
  }
  const list = (next: readonly string[]): void => {
    warned = false
    const unique = next.filter((host, index) => next.findIndex(other => sameEndpoint(other, host)) === index)
    if (isSame(unique, hosts)) return
    const former = listed
    listed = unique.map(host => known.find(({ member }) => sameEndpoint(member.host, host)) ?? enter(host)).sort((a, b) => b.weight - a.weight)
    shown = listed.map(({ member }) => member)
    hosts = unique
    current ??= listed[0]
    for (const used of former) dropUnused(used)
    // The new hosts are tried at once, whatever the pause after the last try of others.
    if (moving.by === leave) stay()
    look()
    relisted.next()
  }

  /** Tries whether a member answers; then calls go there, and all streams move. If it does not, `failed` gets the reason. */
  const moveTo = (used: UsedMember, failed: (error: Error) => void = nothing): Observable<unknown> =>
    used.member.call((client, options) => client.kv.range(anyKey, options)).pipe(
      // A refusal is an answer.
      catchError((error: unknown) => (isOutage(error) ? throwError(() => toError(error)) : of(undefined))),
      tap(() => {
        const former = current
        current = used
        moves.next(used.member)
        if (former !== undefined) dropUnused(former)
        look()
      }),
      catchError((error: unknown) => {
        failed(toError(error))
        return EMPTY
      }),
    )
  const leave = defer(() => {
    let tries = 0
    const failed = ({ message }: Error): void => {
      // One that has just been started may answer at the second try.
      if (tries !== Math.max(2, listed.length)) return
      const left = known.filter(used => !listed.includes(used)).map(({ member }) => member.host)
      warn('RX_DISCOVERY_HOSTS', `no host of etcd's new list can be used (${hosts.join(', ')}), so those before stay in use (${left.join(', ')}): ${message}`)
    }
    return defer(() => {
      const order = [...listed].sort((a, b) => Number(b === current) - Number(a === current))
      const next = order[tries++ % order.length]
      return next === undefined ? EMPTY : moveTo(next, failed)
    }).pipe(repeat({ delay: () => timer(leaveAgainAfter(tries - 1), background) }))
  })
  const moveBack = defer(() => timer(moveWithin * (1 - random()), background)).pipe(
    switchMap(() => (listed[0] === undefined ? EMPTY : moveTo(listed[0]))),
    repeat(),
  )
  /** Why streams are to move. */
  const reason = (): Observable<unknown> | undefined => {
    const inUse = known.filter(({ streams }) => streams > 0)
    if (listed.length === 0) return undefined
    if ([current, ...inUse].some(used => used !== undefined && !listed.includes(used))) return leave
    return inUse.length > 0 && [current, ...inUse].some(used => used !== listed[0]) ? moveBack : undefined
  }
  const resting: { readonly by: Observable<unknown> | undefined; readonly until: Subscription } = { by: undefined, until: Subscription.EMPTY }
  let moving = resting
  const stay = (): void => {
    moving.until.unsubscribe()
    moving = resting
  }
  const look = (): void => {
    const by = reason()
    if (by === moving.by) return
    stay()
    const until = new Subscription()
    moving = { by, until }
    if (by !== undefined && !open$.closed) subscribeWithin(until, by, { next: nothing, error: nothing, complete: nothing })
  }

  let warned = false
  const refuse = (error: Error): void => {
    reasons.next(error)
    // As long as the hosts before work, no trouble shows it.
    if (hosts.length > 0 && !warned) warn('RX_DISCOVERY_HOSTS', `there is no new list of etcd's hosts, so the one before stays in use (${hosts.join(', ')}): ${error.message}`)
    warned = true
  }
  let listening = false
  /** At the first use: a registry that is not used asks nothing. */
  const listen = (): void => {
    if (listening) return
    listening = true
    subscribeWithin(open$, changes(on, outages), {
      next: answer => {
        if (answer instanceof Error) refuse(answer)
        else list(answer)
      },
      error: error => refuse(toError(error)),
      complete: nothing,
    })
  }
  const failed = (error: unknown, member: Member): void => {
    // The stream may have moved to another member in the meantime.
    const host = (error as { readonly host?: string }).host ?? member.host
    const former = current
    if (former?.member.host === host) {
      current = listed[(listed.indexOf(former) + 1) % listed.length] ?? former
      dropUnused(former)
      look()
    }
    outages.next()
  }
  /** Emits once when hosts are known. */
  const whenListed = new Observable<unknown>(subscriber => {
    const refused = reasons.pipe(
      map(error => {
        throw new Disconnected(`the hosts of etcd are not known: ${error.message}`, { cause: error })
      }),
    )
    const waited = (): Observable<never> => throwError(() => new Disconnected(`the hosts of etcd are not known yet (waited ${listedWithin} ms)`))
    subscriber.add(merge(relisted, refused).pipe(take(1), timeout({ first: listedWithin, with: waited }), raceWith(closed)).subscribe(subscriber))
    outages.next()
  })
  const on: Members['on'] = <T>(call: (member: Member) => Observable<T>) =>
    new Observable<T>(subscriber => {
      listen()
      const use = (): void => {
        if (current === undefined) return
        const { member } = current
        subscribeWithin(subscriber, call(member), {
          error: thrown => {
            if (isOutage(thrown)) failed(thrown, member)
            subscriber.error(thrown)
          },
        })
      }
      if (current === undefined) subscribeWithin(subscriber, whenListed, { next: use, complete: nothing })
      else use()
    })

  if (initial.length > 0) list(initial)
  return {
    on,
    get all() {
      return shown
    },
    hosts: new Observable(subscriber => {
      listen()
      if (hosts.length > 0) subscriber.next(hosts)
      subscriber.add(relisted.pipe(map(() => hosts)).subscribe(subscriber))
    }),
    moves,
    returned: defer(() => merge(relisted, ...shown.map(({ returned }) => returned))),
    close: () => {
      closed.error(new Closed())
      open$.unsubscribe()
      moving.until.unsubscribe()
      relisted.complete()
      for (const { close } of known) close()
    },
  }
}
