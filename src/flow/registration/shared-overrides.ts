import { catchError, concat, defer, EMPTY, filter, ignoreElements, map, merge, NEVER, of, startWith, switchMap, type Observable } from 'rxjs'
import { exponential } from '../../core/backoff.js'
import { Closed, Denied } from '../../core/errors.js'
import type { Status } from '../../core/instance/instance.js'
import { overridePrefix, statusOf } from '../../core/register/desired.js'
import type { Change } from '../../core/store.js'
import { gatherListing } from '../gather-listing.js'
import { recover } from '../recover.js'
import type { ReadableRegistry } from '../registry.js'
import { signalsOf } from '../registry-signals.js'
import { shareLatest } from '../share-latest.js'
import { wait } from '../wait.js'

/** If the overrides may not be read: how long until the next try, ms. */
const deniedPause = 60_000
const backoff = exponential()

/** The operators' overrides: the status of each, by its key. */
export type Overridden = ReadonlyMap<string, Status>

const after = (overrides: Overridden, changes: readonly Change[]): Overridden => {
  const next = new Map(overrides)
  for (const { key, value } of changes) {
    const status = statusOf(value)
    if (status === undefined) next.delete(key)
    else next.set(key, status)
  }
  return next
}

/**
 * The overrides of all instances, by key. It emits once they are read, or could not be read: then the last known ones stay, and it tries again.
 * Never errors.
 */
const overridesIn = (registry: ReadableRegistry): Observable<Overridden> =>
  defer(() => {
    let overrides: Overridden = new Map<string, Status>()
    const { closed, returned } = signalsOf(registry)
    return defer(() => registry.list(overridePrefix)).pipe(
      gatherListing(),
      switchMap(({ revision, changes }) => {
        overrides = after(new Map(), changes)
        const batches = registry.watch(overridePrefix, revision)
        return batches.pipe(filter(batch => batch.changes.length > 0), map(batch => (overrides = after(overrides, batch.changes))), startWith(overrides))
      }),
      recover({
        backoff,
        fatal: error => error instanceof Closed,
        interrupted: ({ error }) => concat(of(overrides), error instanceof Denied ? wait(deniedPause).pipe(ignoreElements()) : EMPTY),
        hasten: merge(closed, returned),
      }),
      catchError(() => NEVER),
    )
  })

const shared = new WeakMap<ReadableRegistry, Observable<Overridden>>()

/**
 * The overrides of all instances, as they change; never errors. One watch for all registrations of a registry: one for each would take 16 kB of heap more for each registration (24 kB without).
 */
export const sharedOverrides = (registry: ReadableRegistry): Observable<Overridden> => {
  const known = shared.get(registry) ?? overridesIn(registry).pipe(shareLatest(0))
  shared.set(registry, known)
  return known
}
