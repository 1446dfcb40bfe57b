import { Observable, Subscription, type Subscriber } from 'rxjs'
import { Closed, Taken } from '../../core/errors.js'
import { plan } from '../../core/register/plan.js'
import type { RegistrationEvent } from '../../core/register/registration.js'
import type { Change, Entry, Lease } from '../../core/store.js'
import { desired, type Holder } from './holder.js'
import { baseOf, isNews, learn, reached, refused, reread, writes, wrote } from './observed.js'
import { toError } from '../../core/errors.js'
import { patience, rested, stands } from './standing.js'
import type { Wish } from '../../core/register/wish.js'
import { nothing, subscribeWithin } from '../subscribe-within.js'

/** The holding of the keys under one lease, until something fails. */
interface Run {
  readonly holder: Holder
  readonly lease: Lease
  readonly subscriber: Subscriber<RegistrationEvent>
  /** All that it has subscribed. */
  readonly scope: Subscription
  /** Steps are under way; what is news meanwhile makes for another round. */
  settling: boolean
  again: boolean
  watched: readonly string[]
  watches: readonly Subscription[]
  waiting: Subscription | undefined
}

const deleted = (key: string): Error => new Error(`${key} is gone: another hand deleted it, or revoked its lease`)
const sameKeys = (a: readonly string[], b: readonly string[]): boolean => a.length === b.length && a.every((key, index) => key === b[index])

const fail = ({ subscriber, scope }: Run, thrown: unknown): void => {
  // the lease ends with it as well, once it is revoked
  if (thrown instanceof Closed) scope.unsubscribe()
  else subscriber.error(thrown)
}

const attempt = (run: Run, act: () => void): void => {
  try {
    act()
  } catch (thrown) {
    fail(run, thrown)
  }
}

const heed = (run: Run, change: Change): void => {
  const { holder, lease } = run
  if (!learn(holder.keys, change)) return
  if (change.value === null && !run.settling && desired(holder, lease).has(change.key)) throw deleted(change.key)
  settle(run)
}

const watched = (run: Run, key: string): Subscription => {
  const { keys, registry } = run.holder
  return subscribeWithin(run.scope, registry.watch({ key }, baseOf(keys, key)), {
    next: batch =>
      attempt(run, () => {
        const { changes, revision } = batch
        for (const change of changes) if (change.key === key) heed(run, change)
        reached(keys, key, revision)
      }),
    error: (thrown: unknown) => fail(run, thrown),
    complete: nothing,
  })
}

const watch = (run: Run): void => {
  const present = [...run.holder.keys.found.values()].filter(({ value }) => value !== null).map(({ key }) => key)
  if (sameKeys(present, run.watched)) return
  for (const watching of run.watches) watching.unsubscribe()
  run.watched = present
  run.watches = []
  for (const key of present) {
    if (run.scope.closed) return
    const watching = watched(run, key)
    // what comes while it is being subscribed may watch other keys
    run.watches = run.watches.concat(watching)
  }
}

const tell = (run: Run, event: RegistrationEvent): void => {
  watch(run)
  if (run.scope.closed) return
  run.waiting?.unsubscribe()
  const waiting = patience(run.holder, run.lease, event)
  run.waiting = waiting && subscribeWithin(run.scope, waiting, { next: nothing, error: (thrown: unknown) => fail(run, thrown), complete: nothing })
  run.subscriber.next(event)
}

/** Whether it is answered already; else the steps go on when it is. */
const write = (run: Run, entries: readonly Entry[], wanted: ReadonlyMap<string, string>): boolean => {
  const { holder, lease, scope } = run
  const { keys, registry } = holder
  const before = new Map(keys.found)
  const gone = entries.find(({ key, value }) => value !== null && holder.held.has(key) && before.get(key)?.value === null)
  if (gone !== undefined) throw deleted(gone.key)
  writes(keys, entries)
  // what is answered while it is being subscribed is gone on from by who called
  let subscribed = false
  let done = false
  const goOn = (reason: string): void => {
    // else the same write would follow at once, for ever
    if (!isNews(keys, before)) throw new Error(reason)
    done = true
    if (subscribed) steps(run)
  }
  subscribeWithin(scope, registry.put(entries, lease), {
    next: revision => {
      holder.held = wanted
      wrote(keys, entries, lease, revision)
    },
    error: (thrown: unknown) =>
      attempt(run, () => {
        if (!(thrown instanceof Taken)) throw toError(thrown)
        refused(keys, thrown.found, before)
        goOn(`refused without a reason: ${thrown.message}`)
      }),
    complete: () => attempt(run, () => goOn('a write was answered by nothing that it wrote')),
  })
  subscribed = true
  return done
}

/** The next step: whether there is another one, or none, or one once a write is answered. */
const step = (run: Run, wish: Wish): 'next' | 'rest' | 'answer' => {
  const { holder, lease } = run
  const { keys, former, onTaken, established } = holder
  const wanted = desired(holder, lease)
  const next = plan({ desired: wanted, found: keys.found, lease: lease.id, former, replace: onTaken === 'replace' && !established })
  switch (next.type) {
    case 'write':
      return write(run, next.entries, wanted) ? 'next' : 'answer'
    case 'taken':
      holder.standing = 'taken'
      tell(run, stands({ status: 'taken', key: next.by.key, by: next.by.lease }))
      return 'rest'
    case 'rest':
      tell(run, rested(holder, lease, wish, wanted))
      return 'rest'
  }
}

// a loop: steps that are answered at once must not nest
const steps = (run: Run): void =>
  attempt(run, () => {
    const { holder, scope } = run
    while (run.settling && !scope.closed && holder.wish !== undefined) {
      // the step knows all that is news by now
      run.again = false
      const then = step(run, holder.wish)
      if (then === 'answer') return
      if (then === 'rest') run.settling = run.again
    }
  })

const settle = (run: Run): void => {
  if (run.holder.wish === undefined) return
  run.again = run.settling
  if (run.settling) return
  run.settling = true
  steps(run)
}

/** Writes the keys as they are wished, watches them, and writes again; reads them first when something has failed. Emits how they stand. */
export const settled = (holder: Holder, lease: Lease): Observable<RegistrationEvent> =>
  new Observable(subscriber => {
    const scope = new Subscription()
    subscriber.add(scope)
    const run: Run = { holder, lease, subscriber, scope, settling: false, again: false, watched: [], watches: [], waiting: undefined }
    const begin = (): void => {
      holder.heed = () => settle(run)
      settle(run)
    }
    if (holder.broken)
      attempt(run, () => {
        const known = reread(holder.keys, holder.registry, desired(holder, lease).keys())
        subscribeWithin(scope, known, { next: begin, error: (thrown: unknown) => fail(run, thrown), complete: nothing })
      })
    else begin()
  })
