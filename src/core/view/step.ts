import { Compacted, Diverged, Lagging, Rewound } from '../errors.js'
import type { SetStatus, Trouble } from '../sets/service-set.js'
import type { Batch, Change, Check, Revision } from '../store.js'
import type { SortedMap } from '../sorted-map/sorted-map.js'
import type { Projection, Snapshot } from './projection.js'

/** What is known of a prefix, and how far it can be trusted. All that survives a run of the list-watch is here. */
export interface View<M> {
  readonly snapshot: Snapshot<M>
  /** `live` while the registry confirms the snapshot, `pending` before the first listing, otherwise `stale`. */
  readonly status: SetStatus
  /** The reason why the view is not live. */
  readonly trouble: Trouble | undefined
  /** When the registry last confirmed the snapshot, epoch ms. */
  readonly asOf: number
  /** The revision of the last listing, or of the last check that agreed; 0 before the first. */
  readonly verified: Revision
  /** Whether only a new listing can be trusted, because the history was compacted or replaced, or because events are missing. */
  readonly distrusted: boolean
  /** How often a check has disagreed with the snapshot. */
  readonly divergences: number
  /** The comparison under way. */
  readonly audit: Audit<M> | undefined
  /** The error by which the current run must end. */
  readonly failure: Error | undefined
}

/**
 * A comparison of the view with the registry. The check is answered while changes arrive, so the audit keeps a snapshot of its own: as of the request,
 * and once the answer is there, as of the revision of the answer, as far as the watch has come.
 */
export interface Audit<M> {
  readonly snapshot: Snapshot<M>
  /** The changes that came before the answer. */
  readonly waiting: readonly Change[]
  /** The answer. */
  readonly check: Check | undefined
}

/** An event of a list-watch. `at` is when it happened, epoch ms. */
export type ViewEvent<M> =
  /** A listing, already decoded and indexed. */
  | { readonly type: 'listed'; readonly snapshot: Snapshot<M>; readonly at: number }
  /** One member has listed without its leader, so that it may be behind: this is shown until there is a listing, and nothing else relies on it. */
  | { readonly type: 'listed locally'; readonly snapshot: Snapshot<M> }
  /** The watch has delivered a batch. */
  | { readonly type: 'changed'; readonly batch: Batch; readonly at: number }
  /** A check is requested: an audit begins. */
  | { readonly type: 'asked' }
  /** The check is answered. */
  | { readonly type: 'checked'; readonly check: Check; readonly at: number }
  /** `patience` ms have passed since the answer. */
  | { readonly type: 'late'; readonly check: Check; readonly patience: number }
  /** The run has failed, and begins again at `retryAt` (epoch ms). */
  | { readonly type: 'interrupted'; readonly error: Error; readonly attempt: number; readonly retryAt: number; readonly at: number }

/** The view before the first event. */
export const emptyView = <M>({ empty }: Projection<M>): View<M> => ({
  snapshot: empty,
  status: 'pending',
  trouble: undefined,
  asOf: 0,
  verified: 0,
  distrusted: false,
  divergences: 0,
  audit: undefined,
  failure: undefined,
})

/** Whether these entries are what the registry held as of the check: as many keys, and each changed key at the same revision and lease. */
export const agrees = (entries: SortedMap<{ readonly revision: Revision; readonly lease: string }>, { count, changed }: Check): boolean =>
  entries.size === count &&
  changed.every(({ key, revision, lease }) => {
    const entry = entries.get(key)
    return entry?.revision === revision && entry.lease === lease
  })

const distrusts = (error: Error): boolean =>
  error instanceof Compacted || error instanceof Rewound || error instanceof Diverged || error instanceof Lagging

const failed = <M>(view: View<M>, failure: Error): View<M> => ({ ...view, failure, distrusted: view.distrusted || distrusts(failure) })

const lagging = <M>(view: View<M>, { revision }: Check, patience: number): View<M> =>
  failed(view, new Lagging(`events up to revision ${revision} have not arrived within ${patience} ms, only up to ${view.snapshot.revision}`))

const diverged = <M>(view: View<M>, { revision }: Check): View<M> => {
  const divergences = view.divergences + 1
  return failed({ ...view, divergences }, new Diverged(`the set differs from the registry at revision ${revision}: an event was lost, or the history was replaced`, divergences))
}

/** How a view changes. Pure: the flow is `events.pipe(scan(step, view))`. */
export const stepOf = <M>({ apply }: Projection<M>): ((view: View<M>, event: ViewEvent<M>) => View<M>) => {
  const upTo = (snapshot: Snapshot<M>, changes: readonly Change[], { revision }: Check): Snapshot<M> => {
    const until = changes.filter(change => change.revision <= revision)
    return until.length === 0 ? snapshot : apply(snapshot, { revision: until.at(-1)?.revision ?? revision, changes: until })
  }

  /** An audit that agrees confirms the view as of its check, and makes it live. */
  const confirmed = (view: View<M>, at: number): View<M> => {
    const { snapshot, audit } = view
    const check = audit?.check
    if (check === undefined || audit === undefined || !agrees(audit.snapshot.entries, check)) return view
    const reached = apply(snapshot, { revision: check.revision, changes: [] })
    return { ...view, snapshot: reached, status: 'live', trouble: undefined, asOf: at, verified: check.revision, audit: undefined }
  }

  const changed = (view: View<M>, batch: Batch, at: number): View<M> => {
    const { status, trouble, asOf, verified, distrusted, divergences, audit, failure } = view
    const snapshot = apply(view.snapshot, batch)
    // Written out because this runs for each event: a spread costs ten times as much.
    if (audit === undefined) return { snapshot, status, trouble, asOf: status === 'live' ? at : asOf, verified, distrusted, divergences, audit, failure }
    const { check, waiting } = audit
    const ahead = {
      ...view,
      snapshot,
      asOf: status === 'live' ? at : asOf,
      audit: check === undefined ? { ...audit, waiting: [...waiting, ...batch.changes] } : { ...audit, snapshot: upTo(audit.snapshot, batch.changes, check) },
    }
    const next = confirmed(ahead, at)
    return next.audit !== undefined && check !== undefined && snapshot.revision >= check.revision ? diverged(next, check) : next
  }

  const checked = (view: View<M>, check: Check, at: number): View<M> => {
    const { snapshot, waiting } = view.audit ?? { snapshot: view.snapshot, waiting: [] }
    if (check.revision < snapshot.revision) return failed(view, new Rewound(`the registry is at revision ${check.revision}, before ${snapshot.revision}`))
    return confirmed({ ...view, audit: { snapshot: upTo(snapshot, waiting, check), waiting: [], check } }, at)
  }

  return (view, event) => {
    switch (event.type) {
      case 'listed': {
        const { snapshot, at } = event
        const { revision: verified } = snapshot
        return { ...view, snapshot, status: 'live', trouble: undefined, asOf: at, verified, distrusted: false, audit: undefined }
      }
      case 'listed locally':
        return { ...view, snapshot: event.snapshot, status: 'stale', distrusted: true }
      case 'changed':
        return changed(view, event.batch, event.at)
      case 'asked':
        return { ...view, audit: { snapshot: view.snapshot, waiting: [], check: undefined } }
      case 'checked':
        return checked(view, event.check, event.at)
      case 'late':
        if (view.audit?.check !== event.check) return view
        return view.snapshot.revision < event.check.revision ? lagging(view, event.check, event.patience) : diverged(view, event.check)
      case 'interrupted': {
        const { error, attempt, retryAt, at } = event
        const host = 'host' in error && typeof error.host === 'string' ? { host: error.host } : {}
        return {
          ...view,
          status: view.snapshot.revision === 0 ? 'pending' : 'stale',
          trouble: { error, since: view.trouble?.since ?? at, attempt, retryAt, ...host },
          distrusted: view.distrusted || distrusts(error),
          audit: undefined,
          failure: undefined,
        }
      }
    }
  }
}
