import { catchError, concat, defer, EMPTY, last, map, NEVER, Observable, of, Subscription, type Subscriber } from 'rxjs'
import type { Backoff } from '../../core/backoff.js'
import { Closed, Denied, InvalidArgument, LeaseLost, Taken } from '../../core/errors.js'
import { entriesOf, keyOf, type Desired } from '../../core/register/desired.js'
import { plan } from '../../core/register/plan.js'
import { reasonsOf, type Registration, type RegistrationEvent } from '../../core/register/registration.js'
import type { Change, Entry, Lease } from '../../core/store.js'
import { now } from '../clock.js'
import { recover, type Interruption } from '../recover.js'
import type { Registry } from '../registry.js'
import { signalsOf } from '../registry-signals.js'
import { nothing, subscribeWithin } from '../subscribe-within.js'
import { wait } from '../wait.js'
import { holder } from './holder.js'
import { KeyWatches } from './key-watches.js'
import { look, type Observed } from './observed.js'

/** Options of {@link reconcile}. */
export interface ReconcileOptions {
  readonly registry: Registry
  readonly onTaken: 'wait' | 'replace' | 'fail'
  /** At most one update per so many ms. */
  readonly throttle: number
  readonly backoff: Backoff
}

/** What stays from run to run under one lease. */
interface Session extends ReconcileOptions {
  readonly desired: Observable<Desired>
  readonly observed: Observed
  readonly lease: Lease
  /** The desired state that `entries` were made of. */
  wanted: Desired | undefined
  /** The values that should be there under this lease, by key. */
  entries: ReadonlyMap<string, string>
  /** The keys present at the last sync. If one is missing now, something else deleted it. */
  synced: ReadonlyMap<string, unknown>
  /** How the last round ended. */
  result: 'unknown' | 'present' | 'taken' | 'withdrawn'
  /** A run has failed, so what was observed may be outdated. */
  failed: boolean
}

const none: ReadonlyMap<string, never> = new Map<string, never>()
const wroteNothing = 'a write was answered by nothing that it wrote'
const hint = "choose another id, end the process that holds it, or pass onTaken: 'replace'"
const deleted = (key: string): Error => new Error(`${key} is gone: something else deleted it, or revoked its lease`)
const absent = (registration: Registration): RegistrationEvent => ({ type: 'absent', registration })

/** How many writes in a row may be refused because a key has changed, until the next one waits for the backoff. */
const refusals = 3

/** One run, from its subscription until something fails. */
class Run {
  readonly #session: Session
  readonly #to: Subscriber<RegistrationEvent>
  readonly #watches: KeyWatches
  /** Finds out whether another holder lives. */
  #judging = Subscription.EMPTY
  /** The wait until the next update may be written. */
  #throttled = Subscription.EMPTY
  #refused = 0
  /** A round is under way; what changes meanwhile makes for another one. */
  #busy = false
  #again = false

  constructor(session: Session, to: Subscriber<RegistrationEvent>) {
    this.#session = session
    this.#to = to
    this.#watches = new KeyWatches(session.registry, to, change => this.#saw(change))
  }

  begin(): void {
    const { desired, failed, observed, registry } = this.#session
    const wanted = failed ? concat(observed.reread(registry), desired) : desired
    subscribeWithin(this.#to, wanted, { next: state => this.#want(state), complete: nothing })
  }

  #want(state: Desired): void {
    const session = this.#session
    // Once for each state: formats may be slow, and every round needs the entries.
    if (state !== session.wanted) session.entries = entriesOf(state, session.lease)
    session.wanted = state
    this.#reconcile()
  }

  #saw(change: Change): void {
    const { entries, observed } = this.#session
    if (!observed.learn(change)) return
    if (change.value === null && !this.#busy && entries.has(change.key)) throw deleted(change.key)
    this.#reconcile()
  }

  #reconcile(): void {
    this.#again = this.#busy
    if (this.#busy) return
    this.#busy = true
    this.#steps()
  }

  // A loop: steps that are answered synchronously must not nest.
  #steps(): void {
    while (this.#busy && !this.#to.closed) {
      // The step regards all that has changed by now.
      this.#again = false
      const then = this.#step()
      if (then === 'wait') return
      if (then === 'rest') this.#busy = this.#again
    }
  }

  /** Takes the next step: another one follows at once, or none, or one when a write is answered. */
  #step(): 'next' | 'rest' | 'wait' {
    const { entries, lease, observed, onTaken } = this.#session
    const next = plan({
      desired: entries,
      observed: observed.found,
      lease: lease.id,
      ours: change => observed.isOurs(change),
      replaces: ({ lease: by }) => !observed.established && (onTaken === 'replace' || observed.holderOf(by) === 'dead'),
    })
    switch (next.type) {
      case 'write':
        if (this.#isTooSoon()) return 'rest'
        return this.#write(next.entries) ? 'next' : 'wait'
      case 'taken':
        this.#taken(next.by)
        return 'rest'
      case 'rest':
        this.#synced()
        return 'rest'
    }
  }

  /** Whether an update must wait; then it is written later, as it is desired then. The first write under a lease and that of `draining` never wait. */
  #isTooSoon(): boolean {
    const { observed, synced, throttle, wanted } = this.#session
    const left = observed.wroteAt + throttle - now()
    if (left <= 0 || synced === none || wanted?.draining === true) return false
    const next = (): void => {
      // Real timers may fire a fraction of a millisecond early. Then this round waits again, and would not while this subscription looks open.
      this.#throttled.unsubscribe()
      this.#reconcile()
    }
    if (this.#throttled.closed) this.#throttled = subscribeWithin(this.#to, wait(left), { next, complete: nothing })
    return true
  }

  /** Whether the write is answered already. If so, the caller's loop continues; otherwise the answer continues it. */
  #write(entries: readonly Entry[]): boolean {
    const session = this.#session
    const { entries: desired, lease, observed, registry, synced } = session
    const before = new Map(observed.found)
    const gone = entries.find(({ key, value }) => value !== null && synced.has(key) && before.get(key)?.value === null)
    if (gone !== undefined) throw deleted(gone.key)
    observed.sending(entries)
    observed.wroteAt = now()
    const answer = registry.put(entries, lease).pipe(
      map(revision => {
        session.synced = desired
        this.#refused = 0
        observed.wrote(entries, lease, revision)
        return wroteNothing
      }),
      catchError((thrown: unknown) => {
        if (!(thrown instanceof Taken)) throw thrown
        observed.refused(thrown.found, before)
        this.#refused += 1
        if (this.#refused > refusals) throw new Error(`${thrown.message}, and changes faster than it can be written`)
        return of(`refused without a reason: ${thrown.message}`)
      }),
      last(null, wroteNothing),
    )
    let returned = false
    let answered = false
    const next = (problem: string): void => {
      // Without news, the same write would follow at once, for ever.
      if (!observed.differsFrom(before)) throw new Error(problem)
      answered = true
      if (returned) this.#steps()
    }
    subscribeWithin(this.#to, answer, { next, complete: nothing })
    returned = true
    return answered
  }

  /** Nothing is left to do: the keys are as desired. */
  #synced(): void {
    const session = this.#session
    const { entries, lease, observed, wanted } = session
    if (wanted === undefined) return
    const { draining, instance } = wanted
    const reasons = reasonsOf(wanted)
    const [key = keyOf(wanted, lease)] = entries.keys()
    const there = key === undefined ? undefined : observed.found.get(key)
    const present = there !== undefined && there.value !== null
    observed.established ||= present
    observed.keepOnly(entries)
    session.result = present ? 'present' : 'withdrawn'
    session.synced = entries
    if (instance === null || key === undefined || (!present && !draining)) this.#report(absent({ status: 'withdrawn', ...reasons }))
    else this.#report({ type: 'present', as: draining ? 'draining' : 'registered', key, revision: there?.revision ?? 0, published: instance.status, ...reasons })
  }

  /** Something else wrote a key of ours: leaves it alone, and at the start finds out whether its holder lives. */
  #taken(by: Change): void {
    const { observed } = this.#session
    this.#session.result = 'taken'
    this.#report(absent({ status: 'taken', key: by.key, by: by.lease }))
    if (observed.established || this.#to.closed) return
    const holds = observed.holderOf(by.lease)
    if (holds === 'lives') this.#left(by)
    else if (this.#judging.closed) this.#judge(by)
  }

  #judge(by: Change): void {
    const { observed, registry } = this.#session
    // A key without a lease expires by no crash, so it is there on purpose; under a lease of ours, another client wrote it just now.
    const holds = by.lease === '0' || observed.isOwnLease(by.lease) ? of('lives' as const) : holder(registry, by.lease)
    const next = (found: 'lives' | 'dead'): void => {
      this.#judging.unsubscribe()
      observed.judged(by.lease, found)
      this.#reconcile()
    }
    this.#judging = subscribeWithin(this.#to, holds, { next, complete: nothing })
  }

  /** With `onTaken: 'fail'`, a holder that lives is an error, unless it has left meanwhile. */
  #left({ key }: Change): void {
    const { onTaken, registry } = this.#session
    if (onTaken !== 'fail') return
    const next = (there: Change): void => {
      throw there.value === null ? new Error(`${key} is free`) : new Taken([there], hint)
    }
    subscribeWithin(this.#to, look(registry, key), { next, complete: nothing })
  }

  #report(event: RegistrationEvent): void {
    this.#watches.follow(this.#session.observed)
    if (!this.#to.closed) this.#to.next(event)
  }
}

/** What a failed run means for the registration. */
const interrupted = (session: Session, { error: cause, attempt, retryAt }: Interruption): Observable<RegistrationEvent> => {
  // The lease ends as well, once it is revoked.
  if (cause instanceof Closed) return NEVER
  const { entries, observed, result } = session
  const gone = [...observed.found.values()].some(({ key, value }) => value === null && entries.has(key))
  // If the registration may not read its keys, it does not know whether they are there. Every other failure is over before the lease expires, or the lease reports it.
  const unshaken = result === 'taken' || (result === 'present' && !(cause instanceof Denied))
  session.failed = true
  if (unshaken && !gone) return EMPTY
  session.result = 'unknown'
  session.synced = none
  if (result === 'taken') return of(absent({ status: 'registering' }))
  const lost = { status: 'lost', cause, attempt, retryAt } as const
  return of(gone ? absent(lost) : { type: 'unseen', registration: lost })
}

/**
 * Brings what is `observed` to what is `desired` under one lease, one guarded transaction at a time: writes, watches what it wrote, and writes
 * again at each change. After a failure it pauses and reads its keys first.
 */
export const reconcile = (desired: Observable<Desired>, observed: Observed, lease: Lease, options: ReconcileOptions): Observable<RegistrationEvent> => {
  const { registry, onTaken, throttle, backoff } = options
  const session: Session = { registry, onTaken, throttle, backoff, desired, observed, lease, wanted: undefined, entries: none, synced: none, result: 'unknown', failed: false }
  observed.leased(lease)
  return new Observable<RegistrationEvent>(subscriber => new Run(session, subscriber).begin()).pipe(
    recover({
      backoff,
      // It errors once the registry is closed. Then the lease ends the registration, once it is revoked.
      hasten: defer(() => signalsOf(registry).returned).pipe(catchError(() => NEVER)),
      fatal: error => error instanceof LeaseLost || error instanceof InvalidArgument || error instanceof Taken || (error instanceof Denied && !observed.established),
      interrupted: interruption => interrupted(session, interruption),
    }),
  )
}
