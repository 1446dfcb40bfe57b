import {
  asyncScheduler,
  concat,
  defer,
  EMPTY,
  exhaustMap,
  first,
  interval,
  merge,
  mergeMap,
  Observable,
  of,
  Subject,
  switchMap,
  tap,
  throwError,
  timer,
} from 'rxjs'
import { answered, audit, confirmed, heard } from '../../core/view/audit.js'
import type { Backoff } from '../../core/backoff.js'
import { Closed, Compacted, Denied, Diverged, InvalidArgument, Lagging, Rewound } from '../../core/errors.js'
import type { Folding, View } from '../../core/view/view.js'
import type { SetStatus, Trouble } from '../../core/sets/service-set.js'
import type { Batch, Check, Revision } from '../../core/store.js'
import { listing } from './listing.js'
import { recover, type Interruption } from '../recover.js'
import type { ReadableRegistry } from '../registry.js'
import { signalsOf } from '../registry-signals.js'
import { inSlices } from '../in-slices.js'
import { subscribeWithin } from '../subscribe-within.js'

/** What is known of a prefix, and how far it can be trusted. */
export interface Followed<M> {
  readonly known: View<M>
  readonly status: SetStatus
  readonly trouble: Trouble | undefined
  /** When the registry last confirmed it, epoch ms. */
  readonly asOf: number
}

/** Options of {@link listWatch}. */
export interface FollowOptions {
  readonly backoff: Backoff
  /** How often the fold is compared with the registry, ms; 0: never. */
  readonly verify: number
}

/** Up to so many keys a listing is cheaper for etcd than a resumption; up to so many every key is compared at one. */
const small = 1_000
const medium = 10_000
/** Over so many revisions a watch that catches up stalls etcd's writers; a listing does not. */
const longGap = 10_000
/** How long the watch may take to deliver what the registry is known to hold, ms. */
const patience = 5_000

const distrusts = (error: Error): boolean =>
  error instanceof Compacted || error instanceof Rewound || error instanceof Diverged || error instanceof Lagging

/**
 * Everything under a prefix as it changes: one listing and the watch after it. What is known survives every break; afterwards the watch
 * resumes, or all is listed anew where that is cheaper or where the history cannot be trusted.
 */
export const listWatch = <M>(registry: ReadableRegistry, prefix: string, fold: Folding<M>, { backoff, verify }: FollowOptions): Observable<Followed<M>> =>
  defer(() => {
    const signals = signalsOf(registry)
    let known = fold.nothing
    let verified: Revision = 0
    let distrusted = false
    let differences = 0
    let live = false
    let trouble: Trouble | undefined
    let asOf = 0
    const status = (): SetStatus => (live ? 'live' : known.revision === 0 ? 'pending' : 'stale')
    const now = (): Followed<M> => ({ known, status: status(), trouble, asOf })
    const confirm = (): void => void (asOf = asyncScheduler.now())
    const isLive = defer(() => {
      live = true
      trouble = undefined
      confirm()
      return of(now())
    })

    // an old member may once answer a linearizable read from the past: a history is only believed to be replaced when it says so twice
    const twice = <A extends { readonly revision: Revision }>(read: () => Observable<A>): Observable<A> =>
      defer(() => {
        const reached = known.revision
        return defer(read).pipe(switchMap(answer => (answer.revision < reached ? read() : of(answer))))
      })
    const listed = twice(() => listing(registry, prefix, change => fold.read(known, change))).pipe(
      switchMap(({ revision, all }) => inSlices(fold.relisting(known, all, revision))),
      tap(relisted => {
        known = relisted
        verified = relisted.revision
        distrusted = false
      }),
    )

    const folded = new Subject<Batch>()
    const watched = new Observable<Followed<M>>(subscriber => {
      const next = (batch: Batch): void => {
        const wasLive = live
        const before = known.services
        try {
          known = fold.changed(known, batch)
        } catch (thrown) {
          // a format may be anybody's
          subscriber.error(thrown)
          return
        }
        if (live) confirm()
        folded.next(batch)
        // what has become live by this batch was emitted as that
        if (known.services !== before && live === wasLive) subscriber.next(now())
      }
      subscribeWithin(subscriber, registry.watch(prefix, known.revision), {
        next,
        error: (thrown: unknown) => subscriber.error(thrown),
        complete: () => subscriber.complete(),
      })
    })
    const differ = (check: Check) => {
      if (known.revision < check.revision)
        return new Lagging(`events up to revision ${check.revision} have not come within ${patience} ms, only up to ${known.revision}`)
      differences += 1
      return new Diverged(`what is known differs from the registry at revision ${check.revision}`, differences)
    }
    /** Completes when what is known has been the truth at the revision of the check. */
    const audited = (check$: Observable<Check>): Observable<never> =>
      defer(() => {
        let state = audit(known)
        const answers = check$.pipe(
          switchMap(check => {
            state = answered(fold, state, check)
            return concat(of(check), timer(patience).pipe(switchMap(() => throwError(() => differ(check)))))
          }),
        )
        const news = folded.pipe(
          tap(({ changes, revision }) => {
            state = heard(fold, state, changes)
            if (state.check !== undefined && revision >= state.check.revision && !confirmed(state)) throw differ(state.check)
          }),
        )
        return merge(answers, news).pipe(
          first(() => confirmed(state)),
          mergeMap(() => {
            const { check } = state
            verified = check?.revision ?? verified
            if (verified > known.revision) known = fold.changed(known, { revision: verified, changes: [] })
            confirm()
            return EMPTY
          }),
        )
      })
    const checked = (since: Revision): Observable<Check> =>
      defer(() => {
        const reached = known.revision
        return twice(() => registry.check(prefix, since)).pipe(
          tap(({ revision }) => {
            if (revision < reached) throw new Rewound(`the registry is at revision ${revision}, before ${reached}`)
          }),
        )
      })
    const verifying = verify === 0 ? EMPTY : interval(verify).pipe(exhaustMap(() => audited(checked(verified))))

    const anew = defer(() => listed.pipe(switchMap(() => merge(isLive, watched, verifying))))
    const resumed = defer(() => checked(known.readings.size <= medium ? 0 : verified)).pipe(
      switchMap(check =>
        // the audit first: it begins with what is known before the watch adds to it
        check.revision - known.revision > longGap ? anew : merge(concat(audited(of(check)), isLive, verifying), watched),
      ),
    )
    const fatal = (error: Error): boolean =>
      error instanceof Closed || error instanceof InvalidArgument || (error instanceof Denied && known.revision === 0)
    const interrupted = ({ error, attempt, retryAt }: Interruption): Observable<Followed<M>> => {
      live = false
      distrusted ||= distrusts(error)
      const host = 'host' in error && typeof error.host === 'string' ? { host: error.host } : {}
      trouble = { error, since: trouble?.since ?? asyncScheduler.now(), attempt, retryAt, ...host }
      return of(now())
    }
    return defer(() => (distrusted || known.readings.size <= small ? anew : resumed)).pipe(recover({ backoff, fatal, interrupted, hasten: merge(signals.closed, signals.returned) }))
  })
