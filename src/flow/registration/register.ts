import type { io } from 'fp-ts'
import { defer, identity, ignoreElements, merge, Observable, of, ReplaySubject, scan, share, takeUntil, tap, type ObservableInput } from 'rxjs'
import * as checks from '../../core/arguments.js'
import { invalidArguments, invalidOptions, type Checks } from '../../core/arguments.js'
import { exponential, type Backoff } from '../../core/backoff.js'
import { oneOf, throwIfInvalid } from '../../core/check.js'
import { Closed, Denied, InvalidArgument, Taken } from '../../core/errors.js'
import { formatsOf, type Format, type Formats, type MetadataOf } from '../../core/formats/format.js'
import { native } from '../../core/formats/native.js'
import type { ServiceInstanceInput, Status } from '../../core/instance/instance.js'
import { progress, registering, type Registration, type RegistrationEvent, type RegistrationState } from '../../core/register/registration.js'
import { recover, type Interruption } from '../recover.js'
import type { Registry } from '../registry.js'
import { signalsOf } from '../registry-signals.js'
import { subscribeWithin } from '../subscribe-within.js'
import { desired } from './desired.js'
import { drain } from './drain.js'
import { leaseSession } from './lease-session.js'
import { Observed } from './observed.js'
import { reconcile } from './reconcile.js'

/** Options of {@link register}. */
export interface RegisterOptions<F extends Formats = Format> {
  /** How long the registration outlives a crash of this process, seconds; etcd may grant more. @default 10 */
  readonly ttl?: number
  /** How the instance is written; several formats are written in one transaction. @default native() */
  readonly format?: F
  /** Overrides the status: `starting` until its first value, `down` once it errors; if it completes, its last value stays. */
  readonly health?: Observable<Status>
  /** Its first value ends the registration gracefully: `draining` first, then, after `drain`, revoked. */
  readonly until?: ObservableInput<unknown>
  /** How long the registration is `draining` before it is revoked, ms. @default 0 */
  readonly drain?: number
  /** If another holder has the key at the start: `replace` overwrites it once; `fail` waits one TTL for it to leave, then errors `Taken`. @default 'replace' */
  readonly onTaken?: 'replace' | 'fail'
  /** The pauses between attempts. @default exponential() */
  readonly backoff?: Backoff
  /** Uniform in [0, 1); the incarnation is drawn by it, once per subscription. @default Math.random */
  readonly random?: io.IO<number>
}

const optionChecks = (): Checks<RegisterOptions> => ({
  ttl: checks.ttlSeconds,
  format: checks.formats,
  health: checks.observable,
  until: checks.observableInput,
  drain: checks.duration,
  onTaken: oneOf('replace', 'fail'),
  backoff: checks.backoff,
  random: checks.randomSource,
})

// Made once: they have no state, and every registration needs them.
const standard: Format = native()
const steady = exponential()
const once = share<Registration>({ connector: () => new ReplaySubject(1) })
// eslint-disable-next-line no-restricted-properties -- the default of an option
const chance: io.IO<number> = Math.random

const drawn = (random: io.IO<number>): string => Math.floor(random() * 2 ** 53).toString(36)

/**
 * Emits `registering` first, then each registration that differs from the one before, and at the end `revoked`: also when the registry is closed,
 * unless it was closed before. One operator, since map, distinctUntilChanged, catchError and endWith take 3.6 kB of heap more for each registration.
 */
const registrations = (states: Observable<RegistrationState>): Observable<Registration> =>
  new Observable(subscriber => {
    let opening = true
    let { registration: last } = registering
    const next = ({ registration }: RegistrationState): void => {
      if (registration === last) return
      last = registration
      subscriber.next(registration)
    }
    const complete = (): void => {
      subscriber.next({ status: 'revoked' })
      subscriber.complete()
    }
    const error = (thrown: unknown): void => {
      if (thrown instanceof Closed && !opening) complete()
      else subscriber.error(thrown)
    }
    subscriber.next(last)
    subscribeWithin(subscriber, states, { next, error, complete })
    opening = false
  })

const leaseless = ({ error: cause, attempt, retryAt }: Interruption): Observable<RegistrationEvent> =>
  of({ type: 'leaseless', registration: { status: 'lost', cause, attempt, retryAt } })

/**
 * Keeps an instance registered for as long as it is subscribed: holds a lease, writes the instance under it, and revokes the lease on unsubscribe.
 * Shared: two subscribers are one registration. Errors only with `InvalidArgument`, `Closed`, `Denied` at the start, `Taken` with `onTaken: 'fail'`,
 * or the error of the instance Observable or of `until`; every other trouble is a `lost` or `taken` value, and is overcome.
 */
export const register = <const F extends Formats = Format>(
  registry: Registry,
  instance: NoInfer<ServiceInstanceInput<MetadataOf<F>> | Observable<ServiceInstanceInput<MetadataOf<F>> | null>>,
  options?: RegisterOptions<F>,
): Observable<Registration> =>
  defer(() => {
    throwIfInvalid(
      invalidArguments('register(registry, instance, options)', ['registry', checks.registry, registry], ['instance', checks.instanceInput, instance]) ??
        invalidOptions<object>('register', options, optionChecks()),
    )
    const { ttl = 10, format, health, until, drain: drainMs = 0, onTaken = 'replace', backoff = steady, random = chance } = options ?? {}
    const formats = formatsOf(format ?? standard)
    const graceful = until && drain(until, drainMs)
    const end = graceful?.end
    const desired$ = desired({ formats, instance, health, draining: graceful?.draining, incarnation: drawn(random) })
    const observed = new Observed()
    const session = defer(() => leaseSession(registry.lease(ttl, end), lease => reconcile(desired$, observed, lease, { registry, onTaken, backoff }), end))
    const { closed } = signalsOf(registry)
    return session.pipe(
      recover({
        backoff,
        hasten: end ? merge(end, closed) : closed,
        fatal: error => error instanceof Closed || error instanceof InvalidArgument || error instanceof Taken || (error instanceof Denied && !observed.established),
        interrupted: leaseless,
      }),
      graceful ? tap(event => graceful.events.next(event)) : identity,
      scan(progress, registering),
      registrations,
      // Subscribed first: the desired state is known before a lease is granted, and its errors end the registration.
      takeUntil((end ? merge(end, desired$) : desired$).pipe(ignoreElements())),
    )
  }).pipe(once)
