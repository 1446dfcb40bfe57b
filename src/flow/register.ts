import { either as E } from 'fp-ts'
import {
  asyncScheduler,
  BehaviorSubject,
  combineLatest,
  concat,
  connect,
  defer,
  dematerialize,
  distinctUntilChanged,
  EMPTY,
  endWith,
  from,
  ignoreElements,
  isObservable,
  map,
  materialize,
  merge,
  NEVER,
  of,
  race,
  ReplaySubject,
  scan,
  share,
  startWith,
  Subject,
  switchMap,
  take,
  takeUntil,
  tap,
  timer,
  throwError,
  type Observable,
  type ObservableInput,
} from 'rxjs'
import { checkedDurations } from '../core/arguments.js'
import { exponential, type Backoff } from '../core/backoff.js'
import { Closed, Denied, InvalidArgument, Taken } from '../core/errors.js'
import { formatsOf, type Format, type Formats, type MetadataOf } from '../core/format.js'
import { native } from '../core/formats/native.js'
import { validInstance, type ServiceInstanceInput, type Status } from '../core/instance.js'
import { progress, registering, type Registration, type RegistrationEvent } from '../core/registration.js'
import type { Lease } from '../core/store.js'
import { endOnClosed } from './closing.js'
import { holder } from './hold.js'
import { recover } from './recover.js'
import type { Registry } from './registry.js'
import { wait } from './wait.js'
import { healthOf, wishOf, type Wish } from './wish.js'

/** Options of {@link register}. */
export interface RegisterOptions<F extends Formats = Format> {
  /** How long the registration outlives a crash of this process, seconds; etcd may grant more. @default 10 */
  readonly ttl?: number
  /** How it is written; several are written in one transaction. @default native() */
  readonly format?: F
  /** Overrides the status: `starting` until its first value, `down` once it errors; completion keeps the last value. */
  readonly health?: Observable<Status>
  /** Ends the registration gracefully: `draining` first, then, after `drain`, revoked. */
  readonly until?: ObservableInput<unknown>
  /** How long it is `draining` before it is revoked, ms. @default 0 */
  readonly drain?: number
  /** A key that another holds at the start: take it over once, or wait for one TTL and error `Taken`. @default 'replace' */
  readonly onTaken?: 'replace' | 'fail'
  /** @default exponential() */
  readonly backoff?: Backoff
}

/** How long a graceful end waits for etcd to acknowledge `draining`, ms. */
const patience = 1000

// nothing is to be waited for where there is nothing of ours
const answered = (event: RegistrationEvent): boolean =>
  event.type === 'settled' ? event.as === 'draining' : event.type === 'stands' && ['taken', 'withdrawn'].includes(event.registration.status)

/**
 * Keeps an instance registered for as long as it is subscribed: it holds a lease, writes the instance under it, and revokes it on unsubscribe.
 * Shared: two subscribers are one registration. Errors only with `InvalidArgument`, `Closed`, `Denied` at the start, `Taken` with `onTaken: 'fail'`,
 * or what the instance Observable errors with; every other trouble is a `lost` or `taken` value, and is overcome.
 */
export const register = <const F extends Formats = Format>(
  registry: Registry,
  instance: NoInfer<ServiceInstanceInput<MetadataOf<F>>> | Observable<NoInfer<ServiceInstanceInput<MetadataOf<F>>> | null>,
  { ttl = 10, format, health, until, drain = 0, onTaken = 'replace', backoff = exponential() }: RegisterOptions<F> = {},
): Observable<Registration> =>
  defer(() => {
    const wrong = checkedDurations({ drain })
    if (wrong) return throwError(() => wrong)
    const formats = formatsOf(format ?? native())
    if (formats.length === 0) return throwError(() => new InvalidArgument('format', 'must be a format, or at least one'))

    const wish = new BehaviorSubject<Wish | undefined>(undefined)
    const ending = new ReplaySubject<true>(1)
    const end = new ReplaySubject<void>(1)
    let ended = false
    const instances = (isObservable(instance) ? instance : of(instance)).pipe(
      map(input => (input === null ? E.right(null) : validInstance(input))),
      map(E.getOrElseW((error: InvalidArgument) => {
        throw error
      })),
    )
    const wishes = combineLatest([instances, healthOf(health), ending.pipe(startWith(false))]).pipe(
      tap(([valid, { status, error }, draining]) => {
        const current = valid === null ? null : { ...valid, status: draining ? 'draining' : (status ?? valid.status) }
        wish.next(wishOf(formats, current, draining, error))
      }),
      ignoreElements(),
    )

    const acknowledged = new Subject<void>()
    const untils = from(until ?? NEVER).pipe(take(1), tap(() => ending.next(true)), ignoreElements())
    const ends = ending.pipe(
      switchMap(() => race(acknowledged.pipe(map(() => drain)), timer(Math.max(drain, patience)).pipe(map(() => 0)))),
      take(1),
      switchMap(rest => timer(rest)),
      tap(() => {
        ended = true
        end.next()
      }),
      ignoreElements(),
    )

    let established = false
    const hold = holder({ registry, wish, onTaken, backoff })
    const overdue = ({ ttl: granted, expiresAt }: Lease): Observable<RegistrationEvent> =>
      // not later than a TTL from now, should the wall clock have been set back since the sending
      wait(Math.min(granted * 1000, expiresAt - asyncScheduler.now())).pipe(map(() => ({ type: 'overdue', at: asyncScheduler.now() })))
    const events = defer(() => (ended ? EMPTY : registry.lease(ttl, end))).pipe(
      connect(lease =>
        merge(
          lease.pipe(map((renewed): RegistrationEvent => ({ type: 'leased', lease: renewed }))),
          lease.pipe(switchMap(overdue)),
          // once it ends, its keys go because we revoke: that is nobody's hand
          lease.pipe(take(1), switchMap(hold), takeUntil(end)),
        ).pipe(takeUntil(lease.pipe(ignoreElements(), endWith(null)))),
      ),
      recover<RegistrationEvent, RegistrationEvent>({
        backoff,
        hasten: merge(end, registry.closed ?? NEVER),
        fatal: error => error instanceof Closed || error instanceof InvalidArgument || error instanceof Taken || (error instanceof Denied && !established),
        interrupted: ({ error: cause, attempt, retryAt }) => of({ type: 'unleased', registration: { status: 'lost', cause, attempt, retryAt } }),
      }),
      tap(event => {
        established ||= event.type === 'settled'
        if (wish.value?.draining === true && answered(event)) acknowledged.next()
      }),
    )
    const states = events.pipe(
      scan(progress, registering),
      map(({ registration }) => registration),
      startWith(registering.registration),
      distinctUntilChanged(),
    )
    const whole = concat(states, of<Registration>({ status: 'revoked' })).pipe(endOnClosed(() => of<Registration>({ status: 'revoked' })))
    return merge(untils, ends, wishes, whole.pipe(materialize())).pipe(dematerialize())
  }).pipe(share({ connector: () => new ReplaySubject(1), resetOnRefCountZero: true }))
