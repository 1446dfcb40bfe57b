import { concat, defer, distinctUntilChanged, EMPTY, filter, map, merge, mergeMap, of, scan, switchMap, tap, type Observable } from 'rxjs'
import type { Backoff } from '../../core/backoff.js'
import { Closed, Denied, InvalidArgument } from '../../core/errors.js'
import type { Check, Revision } from '../../core/store.js'
import type { Projection } from '../../core/view/projection.js'
import { agrees, emptyView, stepOf, type View, type ViewEvent } from '../../core/view/step.js'
import { channels } from '../channels.js'
import { background, interval, timer } from '../clock.js'
import { recover } from '../recover.js'
import type { ReadableRegistry } from '../registry.js'
import { signalsOf } from '../registry-signals.js'
import { timeOf } from '../registry-time.js'
import { listing } from './listing.js'
import { warnOfMany } from './warn-of-many.js'

/** Options of {@link listWatch}. */
export interface ListWatchOptions {
  readonly backoff: Backoff
  /** How often the view is compared with the registry, ms; 0: never. */
  readonly verify: number
  /** Whether one member is asked without its leader while there is no listing. */
  readonly local: boolean
}

/** Up to `small` keys, a run lists again, since a listing costs etcd less than a check and a resumed watch. */
const small = 1_000
/** Up to `medium` keys, a resumption compares all keys; above that, only those that changed since `verified`. */
const medium = 10_000
/** A watch that catches up over more revisions than this holds up etcd's writers; a listing does not. */
const longGap = 10_000
/** How long the watch may take to deliver changes that a check has shown to exist, ms. */
const patience = 5_000

const sameToSubscribers = (a: View<unknown>, b: View<unknown>): boolean =>
  a.snapshot.services === b.snapshot.services && a.status === b.status && a.trouble === b.trouble

/**
 * Follows everything under a prefix: a `scan` over one listing and the watch events after it. The view survives every failure. Afterwards the watch
 * resumes where it was; if a listing is cheaper, or the history cannot be trusted, everything is listed again.
 */
export const listWatch = <M>(registry: ReadableRegistry, prefix: string, projection: Projection<M>, { backoff, verify, local }: ListWatchOptions): Observable<View<M>> =>
  defer(() => {
    /** The view survives a run here, and nowhere else. `scanned` writes it; a run reads it to see where to begin. */
    let view = emptyView(projection)
    const { wall } = timeOf(registry)
    const publish = (event: 'listed' | 'interrupted', error: Error | undefined): void => {
      if (channels.listWatch.hasSubscribers) channels.listWatch.publish({ registry, prefix, event, error })
    }
    const step = stepOf(projection)
    const scanned = (events: Observable<ViewEvent<M>>): Observable<View<M>> =>
      defer(() => events.pipe(scan(step, view))).pipe(
        tap(next => {
          view = next
          if (next.failure !== undefined) throw next.failure
        }),
      )

    // Some versions of etcd rarely answer one linearizable read from an older state. Only a second such answer shows that the history was replaced.
    const twice = <A extends { readonly revision: Revision }>(read: () => Observable<A>): Observable<A> =>
      defer(() => {
        const { revision } = view.snapshot
        return read().pipe(switchMap(answer => (answer.revision < revision ? read() : of(answer))))
      })
    const list = twice(() => listing(registry, prefix, projection, view.snapshot)).pipe(
      tap(() => publish('listed', view.trouble?.error)),
      map((snapshot): ViewEvent<M> => ({ type: 'listed', snapshot, at: wall() })),
    )
    const watch = defer(() => registry.watch(prefix, view.snapshot.revision)).pipe(
      map((batch): ViewEvent<M> => ({ type: 'changed', batch, at: wall() })),
    )
    const check = (since: Revision): Observable<Check> => twice(() => registry.check(prefix, since))
    const answered = (answer: Check): Observable<ViewEvent<M>> =>
      concat(
        defer(() => of<ViewEvent<M>>({ type: 'checked', check: answer, at: wall() })),
        defer(() => (view.audit === undefined ? EMPTY : timer(patience, background))).pipe(map((): ViewEvent<M> => ({ type: 'late', check: answer, patience }))),
      )
    const audit = defer(() => concat(of<ViewEvent<M>>({ type: 'asked' }), check(view.verified).pipe(mergeMap(answered))))
    const verifying = verify === 0 ? EMPTY : interval(verify).pipe(filter(() => view.audit === undefined), mergeMap(() => audit))

    const listed = concat(list, merge(watch, verifying))
    const resumed = defer(() => check(view.snapshot.entries.size <= medium ? 0 : view.verified)).pipe(
      switchMap(answer => {
        const gap = answer.revision - view.snapshot.revision
        // The answer comes first: if it agrees, the watch begins at its revision, so that there is no gap.
        return gap <= longGap || agrees(view.snapshot.entries, answer) ? merge(answered(answer), watch, verifying) : listed
      }),
    )
    const run = defer(() => (view.distrusted || view.snapshot.entries.size <= small ? listed : resumed))

    const locally = defer(() => (local && view.snapshot.revision === 0 ? listing(registry, prefix, projection, view.snapshot, { local }) : EMPTY)).pipe(
      map((snapshot): ViewEvent<M> => ({ type: 'listed locally', snapshot })),
    )

    const { closed, returned } = signalsOf(registry)
    return run.pipe(
      scanned,
      recover({
        backoff,
        wall,
        fatal: error => error instanceof Closed || error instanceof InvalidArgument || (error instanceof Denied && view.verified === 0),
        interrupted: interruption => {
          publish('interrupted', interruption.error)
          return scanned(concat(of<ViewEvent<M>>({ type: 'interrupted', ...interruption, at: wall() }), locally))
        },
        hasten: merge(closed, returned),
      }),
      distinctUntilChanged<View<M>>(sameToSubscribers),
      warnOfMany(registry, prefix),
    )
  })
