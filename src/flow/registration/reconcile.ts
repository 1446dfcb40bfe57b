import { catchError, concat, EMPTY, last, map, NEVER, Observable, of, Subscription, switchMap, type Subscriber } from 'rxjs'
import type { Backoff } from '../../core/backoff.js'
import { Closed, Denied, InvalidArgument, LeaseLost, Taken } from '../../core/errors.js'
import { entriesOf, keyOf, type Desired } from '../../core/register/desired.js'
import { plan } from '../../core/register/plan.js'
import type { Registration, RegistrationEvent } from '../../core/register/registration.js'
import type { Batch, Change, Entry, Lease } from '../../core/store.js'
import { now } from '../clock.js'
import { recover, type Interruption } from '../recover.js'
import type { Registry } from '../registry.js'
import { nothing, subscribeWithin } from '../subscribe-within.js'
import { wait } from '../wait.js'
import { look, type Observed } from './observed.js'

/** Options of {@link reconcile}. */
export interface ReconcileOptions {
  readonly registry: Registry
  readonly onTaken: 'replace' | 'fail'
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
const deleted = (key: string): Error => new Error(`${key} is gone: something else deleted it, or revoked its lease`)
const absent = (registration: Registration): RegistrationEvent => ({ type: 'absent', registration })

/** One run, from its subscription until something fails. */
class Run {
  readonly #session: Session
  readonly #to: Subscriber<RegistrationEvent>
  readonly #watches = new Map<string, Subscription>()
  /** The wait for another holder to leave. */
  #waiting = Subscription.EMPTY
  /** A round is under way; what changes meanwhile makes for another one. */
  #busy = false
  #again = false

  constructor(session: Session, to: Subscriber<RegistrationEvent>) {
    this.#session = session
    this.#to = to
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
    const replace = onTaken === 'replace' && !observed.established
    const next = plan({ desired: entries, observed: observed.found, lease: lease.id, former: observed.leases, replace })
    switch (next.type) {
      case 'write':
        return this.#write(next.entries) ? 'next' : 'wait'
      case 'taken':
        this.#taken(next.by)
        return 'rest'
      case 'rest':
        this.#synced()
        return 'rest'
    }
  }

  /** Whether the write is answered already. If so, the caller's loop continues; otherwise the answer continues it. */
  #write(entries: readonly Entry[]): boolean {
    const session = this.#session
    const { entries: desired, lease, observed, registry, synced } = session
    const before = new Map(observed.found)
    const gone = entries.find(({ key, value }) => value !== null && synced.has(key) && before.get(key)?.value === null)
    if (gone !== undefined) throw deleted(gone.key)
    observed.sending(entries)
    const answer = registry.put(entries, lease).pipe(
      map(revision => {
        session.synced = desired
        observed.wrote(entries, lease, revision)
        return wroteNothing
      }),
      catchError((thrown: unknown) => {
        if (!(thrown instanceof Taken)) throw thrown
        observed.refused(thrown.found, before)
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
    const { draining, healthError } = wanted
    const [key = keyOf(wanted, lease)] = entries.keys()
    const there = key === undefined ? undefined : observed.found.get(key)
    const present = there !== undefined && there.value !== null
    observed.established ||= present
    observed.keepOnly(entries)
    session.result = present ? 'present' : 'withdrawn'
    session.synced = entries
    if (key === undefined || (!present && !draining)) this.#report(absent({ status: 'withdrawn' }))
    else {
      const as = draining ? 'draining' : 'registered'
      this.#report({ type: 'present', as, key, revision: there?.revision ?? 0, ...(healthError === undefined ? {} : { healthError }) })
    }
  }

  /** Another holder has a key of ours: leaves it alone, and at the start, with `onTaken: 'fail'`, waits one TTL for it to leave. */
  #taken({ key, lease: by }: Change): void {
    const { lease, observed, onTaken, registry } = this.#session
    this.#session.result = 'taken'
    this.#report(absent({ status: 'taken', key, by }))
    if (onTaken !== 'fail' || observed.established || this.#to.closed) return
    const freed = wait(observed.takenSince(key, by, now()) + lease.ttl * 1000 - now()).pipe(
      switchMap(() => look(registry, key)),
      map(there => {
        throw there.value === null ? new Error(`${key} is free`) : new Taken([there])
      }),
    )
    this.#waiting = subscribeWithin(this.#to, freed, { next: nothing, complete: nothing })
  }

  #report(event: RegistrationEvent): void {
    this.#waiting.unsubscribe()
    this.#watch()
    if (!this.#to.closed) this.#to.next(event)
  }

  /** Watches exactly the keys that are there. */
  #watch(): void {
    const { observed, registry } = this.#session
    const isPresent = (key: string): boolean => typeof observed.found.get(key)?.value === 'string'
    for (const [key, watching] of this.#watches)
      if (!isPresent(key)) {
        watching.unsubscribe()
        this.#watches.delete(key)
      }
    for (const key of observed.found.keys()) {
      if (this.#to.closed) return
      if (this.#watches.has(key) || !isPresent(key)) continue
      const next = ({ changes, revision }: Batch): void => {
        for (const change of changes) if (change.key === key) this.#saw(change)
        observed.reached(key, revision)
      }
      this.#watches.set(key, subscribeWithin(this.#to, registry.watch({ key }, observed.revisionOf(key)), { next, complete: nothing }))
    }
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
  return of(absent(result === 'taken' ? { status: 'registering' } : { status: 'lost', cause, attempt, retryAt }))
}

/**
 * Brings what is `observed` to what is `desired` under one lease, one guarded transaction at a time: writes, watches what it wrote, and writes
 * again at each change. After a failure it pauses and reads its keys first.
 */
export const reconcile = (desired: Observable<Desired>, observed: Observed, lease: Lease, options: ReconcileOptions): Observable<RegistrationEvent> => {
  const { registry, onTaken, backoff } = options
  const session: Session = { registry, onTaken, backoff, desired, observed, lease, wanted: undefined, entries: none, synced: none, result: 'unknown', failed: false }
  observed.leased(lease)
  return new Observable<RegistrationEvent>(subscriber => new Run(session, subscriber).begin()).pipe(
    recover({
      backoff,
      fatal: error => error instanceof LeaseLost || error instanceof InvalidArgument || error instanceof Taken || (error instanceof Denied && !observed.established),
      interrupted: interruption => interrupted(session, interruption),
    }),
  )
}
