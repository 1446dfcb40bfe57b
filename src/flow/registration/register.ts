import type { io } from 'fp-ts'
import { defer, identity, ignoreElements, merge, Observable, of, ReplaySubject, scan, share, takeUntil } from 'rxjs'
import { instanceInput, invalidArguments, registry as registryCheck } from '../../core/arguments.js'
import { throwIfInvalid } from '../../core/validation.js'
import { exponential } from '../../core/backoff.js'
import { Closed, Denied, InvalidArgument, Taken } from '../../core/errors.js'
import { formatsOf, type Format, type Formats, type MetadataOf } from '../../core/formats/format.js'
import { native } from '../../core/formats/native.js'
import type { ServiceInstanceInput } from '../../core/instance/instance.js'
import { progress, registering, type Registration, type RegistrationEvent, type RegistrationState } from '../../core/register/registration.js'
import type { Lease } from '../../core/store.js'
import { channels } from '../channels.js'
import { recover, type Interruption } from '../recover.js'
import type { Registry } from '../registry.js'
import { isClosed, signalsOf } from '../registry-signals.js'
import { subscribeWithin } from '../subscribe-within.js'
import { desired } from './desired.js'
import { drain } from './drain.js'
import { leaseSession } from './lease-session.js'
import { Observed } from './observed.js'
import { reconcile } from './reconcile.js'
import { invalidRegisterOptions, type RegisterOptions } from './register-options.js'
import { untilOf } from './until.js'

// Made once: they have no state, and every registration needs them.
const standard: Format = native()
const steady = exponential()
const once = share<Registration>({ connector: () => new ReplaySubject(1) })
// eslint-disable-next-line no-restricted-properties -- the default of an option
const chance: io.IO<number> = Math.random

const drawn = (random: io.IO<number>): string => Math.floor(random() * 2 ** 53).toString(36)

/**
 * Emits `registering` first, then each registration that differs from the one before, and at the end `revoked`: also when the registry is closed,
 * unless it was closed before; and publishes them. One operator, since map, distinctUntilChanged, catchError and endWith take 3.6 kB of heap more for each registration.
 */
const registrations = (registry: Registry, run: { readonly service: string }) => (states: Observable<RegistrationState>): Observable<Registration> =>
  new Observable(subscriber => {
    // Before the first value: its subscriber may close the registry. A registry without signals was closed if the error comes before the second one.
    let wasClosed = isClosed(registry) ?? true
    let last = registering
    const publish = (registration?: Registration): void => {
      if (channels.registration.hasSubscribers) channels.registration.publish({ run, registry, registration })
    }
    const emit = (registration: Registration): void => {
      publish(registration)
      subscriber.next(registration)
    }
    const next = (state: RegistrationState): void => {
      const before = last.registration
      wasClosed = false
      last = state
      if (state.registration !== before) emit(state.registration)
    }
    const complete = (): void => {
      if (last.registration.status !== 'revoked') next(progress(last, { type: 'revoked' }))
      subscriber.complete()
    }
    const error = (thrown: unknown): void => {
      if (thrown instanceof Closed && !wasClosed) complete()
      else subscriber.error(thrown)
    }
    subscriber.add(() => publish())
    emit(last.registration)
    subscribeWithin(subscriber, states, { next, error, complete })
    wasClosed = false
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
      invalidArguments('register(registry, instance, options)', ['registry', registryCheck, registry], ['instance', instanceInput, instance]) ?? invalidRegisterOptions(options),
    )
    const { ttl = 10, format = standard, health, until, drain: drainMs = 0, endWithin = 2_000 } = options ?? {}
    const { onTaken = 'wait', throttle = 100, override = true, backoff = steady, random = chance } = options ?? {}

    const run = { service: '' }
    const graceful = until && drain(untilOf(until), { drain: drainMs, endWithin })
    const end = graceful?.end
    const desired$ = desired({ formats: formatsOf(format), instance, health, draining: graceful?.draining, incarnation: drawn(random), run, overrides: override ? registry : undefined })
    const observed = new Observed()
    const reconciled = (lease: Lease): Observable<RegistrationEvent> => reconcile(desired$, observed, lease, { registry, onTaken, throttle, backoff })
    const session = defer(() => leaseSession(registry.lease(typeof ttl === 'number' ? ttl : ttl.seconds, end), reconciled, end))
    const { closed, returned } = signalsOf(registry)
    return session.pipe(
      recover({
        backoff,
        hasten: end ? merge(end, closed, returned) : merge(closed, returned),
        fatal: error => error instanceof Closed || error instanceof InvalidArgument || error instanceof Taken || (error instanceof Denied && !observed.established),
        interrupted: leaseless,
      }),
      graceful?.bounded ?? identity,
      scan(progress, registering),
      registrations(registry, run),
      // Subscribed first: an invalid instance that is known at once errors before a lease is granted. Later errors end the registration.
      takeUntil((end ? merge(end, desired$) : desired$).pipe(ignoreElements())),
    )
  }).pipe(once)
