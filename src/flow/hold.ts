import {
  catchError,
  defer,
  distinctUntilChanged,
  EMPTY,
  ignoreElements,
  map,
  merge,
  mergeMap,
  NEVER,
  of,
  repeat,
  Subject,
  switchMap,
  takeWhile,
  tap,
  throwError,
  type BehaviorSubject,
  type Observable,
} from 'rxjs'
import type { Backoff } from '../core/backoff.js'
import { Closed, Denied, InvalidArgument, LeaseLost, Taken } from '../core/errors.js'
import { plan } from '../core/holding.js'
import type { Registration, RegistrationEvent } from '../core/registration.js'
import type { Change, Lease } from '../core/store.js'
import { now as clock } from './clock.js'
import { conflateMap } from './conflate.js'
import { ownKeys } from './own-keys.js'
import { recover, toError } from './recover.js'
import type { Registry } from './registry.js'
import { wait } from './wait.js'
import type { Wish } from './wish.js'

/** Options of {@link holder}. */
export interface HolderOptions {
  readonly registry: Registry
  readonly wish: BehaviorSubject<Wish | undefined>
  readonly onTaken: 'replace' | 'fail'
  readonly backoff: Backoff
}

interface Step {
  readonly event?: RegistrationEvent
  readonly again: boolean
}

/** How many of its own former leases a registration recognises. */
const remembered = 64

const deleted = (key: string): Error => new Error(`${key} was deleted, by another hand or with its lease`)
const stands = (registration: Registration): RegistrationEvent => ({ type: 'stands', registration })
const sameKeys = (a: readonly string[], b: readonly string[]): boolean => a.length === b.length && a.every((key, index) => key === b[index])

/**
 * Keeps a registration's own keys as they are wished, under one lease after another. Each run writes, then watches its keys;
 * after any failure it reads them first.
 */
export const holder = ({ registry, wish, onTaken, backoff }: HolderOptions): ((lease: Lease) => Observable<RegistrationEvent>) => {
  const keys = ownKeys(registry)
  const former = new Set<string>()
  let established = false
  let rival: { readonly key: string; readonly by: string; readonly since: number } | undefined
  // the keys that were there when we looked last: one of these that is absent was deleted by another hand
  let held: ReadonlySet<string> = new Set()
  let standing: 'nowhere' | 'held' | 'taken' | 'withdrawn' = 'nowhere'

  const rested = (lease: Lease, { key: keyOf, draining, healthError }: Wish, desired: ReadonlyMap<string, string>): RegistrationEvent => {
    const [key = keyOf(lease)] = desired.keys()
    const there = key === undefined ? undefined : keys.found.get(key)
    const present = there !== undefined && there.value !== null
    established ||= present
    standing = present ? 'held' : 'withdrawn'
    held = new Set(desired.keys())
    keys.settle(held)
    if (key === undefined || (!present && !draining)) return stands({ status: 'withdrawn' })
    const as = draining ? 'draining' : 'registered'
    return { type: 'settled', as, key, revision: there?.revision ?? 0, ...(healthError === undefined ? {} : { healthError }) }
  }

  const step = (lease: Lease, now: Wish): Observable<Step> => {
    const desired = now.entries(lease)
    const next = plan({ desired, found: keys.found, lease: lease.id, former, replace: onTaken === 'replace' && !established })
    switch (next.type) {
      case 'rest':
        return of({ event: rested(lease, now, desired), again: false })
      case 'taken':
        standing = 'taken'
        return of({ event: stands({ status: 'taken', key: next.by.key, by: next.by.lease }), again: false })
      case 'write': {
        const before = new Map(keys.found)
        const gone = next.entries.find(({ key, value }) => value !== null && held.has(key) && keys.found.get(key)?.value === null)
        if (gone !== undefined) return throwError(() => deleted(gone.key))
        keys.writes(next.entries)
        return registry.put(next.entries, lease).pipe(
          tap(revision => {
            held = new Set(desired.keys())
            keys.wrote(next.entries, lease, revision)
          }),
          catchError((error: unknown) => {
            if (!(error instanceof Taken)) return throwError(() => toError(error))
            // else the same write would follow at once, for ever
            return keys.refused(error.found, before) ? of(null) : throwError(() => new Error(`refused without a reason: ${error.message}`))
          }),
          map((): Step => ({ again: true })),
        )
      }
    }
  }

  const failing = (event: RegistrationEvent, { ttl }: Lease): Observable<never> => {
    if (established || onTaken !== 'fail' || event.type !== 'stands' || event.registration.status !== 'taken') return NEVER
    const { key, by } = event.registration
    // whatever else is news in between, a holder is waited for once
    if (rival?.key !== key || rival.by !== by) rival = { key, by, since: clock() }
    return wait(rival.since + ttl * 1000 - clock()).pipe(
      switchMap(() => keys.look(key)),
      map(there => {
        throw there.value === null ? new Error(`${key} is free`) : new Taken([there])
      }),
    )
  }

  const wants = (lease: Lease, key: string): boolean => wish.value?.entries(lease).has(key) ?? false

  const run = (lease: Lease, prepared: Observable<unknown>): Observable<RegistrationEvent> => {
    const news = new Subject<void>()
    const settled = new Subject<RegistrationEvent>()
    let settling = false
    const settle = (now: Wish | undefined): Observable<RegistrationEvent> =>
      now === undefined
        ? EMPTY
        : defer(() => {
            settling = true
            return step(lease, wish.value ?? now)
          }).pipe(
            repeat(),
            takeWhile(({ again }) => again, true),
            mergeMap(({ event }) => (event === undefined ? EMPTY : of(event))),
            // before it completes downstream, where the next one may begin at once
            tap({ complete: () => (settling = false) }),
          )
    const heed = (change: Change): void => {
      if (!keys.learn(change)) return
      if (change.value === null && !settling && wants(lease, change.key)) throw deleted(change.key)
      news.next()
    }
    const watched = (key: string): Observable<unknown> =>
      registry.watch(key, keys.base(key)).pipe(
        tap(({ changes, revision }) => {
          for (const change of changes) if (change.key === key) heed(change)
          keys.reached(key, revision)
        }),
      )
    const watching = settled.pipe(
      map(() => [...keys.found.values()].filter(({ value }) => value !== null).map(({ key }) => key)),
      distinctUntilChanged(sameKeys),
      switchMap(all => merge(...all.map(watched))),
      ignoreElements(),
    )
    const waiting = settled.pipe(switchMap(event => failing(event, lease)))
    const settling$ = merge(wish, news.pipe(map(() => wish.value))).pipe(
      conflateMap(settle),
      tap(event => settled.next(event)),
    )
    return prepared.pipe(switchMap(() => merge(watching, waiting, settling$)))
  }

  return lease =>
    defer(() => {
      former.add(lease.id)
      for (const id of former) if (former.size > remembered) former.delete(id)
      standing = 'nowhere'
      held = new Set()
      let failed = false
      return defer(() => run(lease, failed ? keys.read(wish.value?.entries(lease).keys() ?? []) : of([]))).pipe(
        catchError((error: unknown) => (error instanceof Closed ? NEVER : throwError(() => toError(error)))),
        recover({
          backoff,
          fatal: error =>
            error instanceof LeaseLost || error instanceof InvalidArgument || error instanceof Taken || (error instanceof Denied && !established),
          interrupted: ({ error: cause, attempt, retryAt }) => {
            failed = true
            const gone = [...keys.found.values()].some(({ key, value }) => value === null && wants(lease, key))
            if ((standing === 'held' || standing === 'taken') && !gone) return EMPTY
            const registration: Registration = standing === 'taken' ? { status: 'registering' } : { status: 'lost', cause, attempt, retryAt }
            standing = 'nowhere'
            held = new Set()
            return of(stands(registration))
          },
        }),
      )
    })
}
