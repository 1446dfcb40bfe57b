import { defer, EMPTY, merge, Observable, of, ReplaySubject, share, type ObservableInput } from 'rxjs'
import { checkedDurations } from '../../core/arguments.js'
import { exponential, type Backoff } from '../../core/backoff.js'
import { Closed, Denied, InvalidArgument, Taken } from '../../core/errors.js'
import { formatsOf, type Format, type Formats, type MetadataOf } from '../../core/formats/format.js'
import { native } from '../../core/formats/native.js'
import type { ServiceInstanceInput, Status } from '../../core/instance/instance.js'
import { progress, registering, type Registration, type RegistrationEvent } from '../../core/register/registration.js'
import { ending } from './drain.js'
import { hold } from './hold.js'
import { holder, wish } from './holder.js'
import { recover, type Interruption } from '../recover.js'
import type { Registry } from '../registry.js'
import { signalsOf } from '../registry-signals.js'
import { tenure } from './lease-session.js'
import { wishes } from './desired.js'
import { subscribeWithin } from '../subscribe-within.js'

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

// once for all: they hold nothing, and there may be thousands of registrations
const standard: Format = native()
const steady = exponential()
const once = share<Registration>({ connector: () => new ReplaySubject(1) })
// eslint-disable-next-line no-restricted-properties -- a name, and nothing is decided by it
const drawnIncarnation = (): string => Math.random().toString(36).slice(2, 13)

const unleased = ({ error: cause, attempt, retryAt }: Interruption): Observable<RegistrationEvent> =>
  of({ type: 'unleased', registration: { status: 'lost', cause, attempt, retryAt } })

/**
 * Keeps an instance registered for as long as it is subscribed: it holds a lease, writes the instance under it, and revokes it on unsubscribe.
 * Shared: two subscribers are one registration. Errors only with `InvalidArgument`, `Closed`, `Denied` at the start, `Taken` with `onTaken: 'fail'`,
 * or what the instance Observable errors with; every other trouble is a `lost` or `taken` value, and is overcome.
 */
export const register = <const F extends Formats = Format>(
  registry: Registry,
  instance: NoInfer<ServiceInstanceInput<MetadataOf<F>> | Observable<ServiceInstanceInput<MetadataOf<F>> | null>>,
  { ttl = 10, format, health, until, drain = 0, onTaken = 'replace', backoff = steady }: RegisterOptions<F> = {},
): Observable<Registration> =>
  new Observable<Registration>(subscriber => {
    const wrong = checkedDurations({ drain })
    if (wrong) throw wrong
    const formats = formatsOf(format ?? standard)
    if (formats.length === 0) throw new InvalidArgument('format', 'must be a format, or at least one')

    const holding = holder({ registry, onTaken, backoff })
    const drains = wishes(subscriber, { formats, instance, health, incarnation: drawnIncarnation() }, wished => wish(holding, wished))
    const graceful = until && ending(subscriber, until, drain, drains)
    // not heard if one of them has failed already
    subscriber.next(registering.registration)
    if (subscriber.closed) return

    let established = false
    let state = registering
    const happened = (event: RegistrationEvent): void => {
      established ||= event.type === 'settled'
      if (holding.wish?.draining === true) graceful?.heed(event)
      const { registration } = state
      state = progress(state, event)
      if (state.registration !== registration) subscriber.next(state.registration)
    }
    const { closed } = signalsOf(registry)
    const leases = defer(() =>
      graceful?.ended() === true ? EMPTY : tenure(registry, registry.lease(ttl, graceful?.end), lease => hold(holding, lease), graceful?.end),
    )
    const events = recover<RegistrationEvent, RegistrationEvent>({
      backoff,
      hasten: graceful ? merge(graceful.end, closed) : closed,
      fatal: error => error instanceof Closed || error instanceof InvalidArgument || error instanceof Taken || (error instanceof Denied && !established),
      interrupted: unleased,
    })(leases)
    const revoked = (): void => {
      subscriber.next({ status: 'revoked' })
      subscriber.complete()
    }
    let opening = true
    const failed = (thrown: unknown): void => {
      // as `endOnClosed` does
      if (thrown instanceof Closed && !opening) revoked()
      else subscriber.error(thrown)
    }
    subscribeWithin(subscriber, events, { next: happened, error: failed, complete: revoked })
    opening = false
  }).pipe(once)
