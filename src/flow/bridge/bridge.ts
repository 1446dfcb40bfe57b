import { concat, defer, EMPTY, filter, finalize, ignoreElements, map, merge, Observable, of, ReplaySubject, share, startWith, Subject, switchMap, take, tap, throwError } from 'rxjs'
import type { Backoff } from '../../core/backoff.js'
import { Closed, InvalidArgument, Rewound } from '../../core/errors.js'
import type { Check, Revision } from '../../core/store.js'
import { agrees } from '../../core/view/step.js'
import { afterBatch, contentOf, isReplaced, noContent, rowsBetween, type Content, type ServedRow } from '../../core/wire/content.js'
import type { Serving } from '../../core/wire/serving.js'
import { background, timer } from '../clock.js'
import { concurrencyLimit } from '../concurrency-limit.js'
import { gatherListing } from '../gather-listing.js'
import { inSlices } from '../in-slices.js'
import { recover } from '../recover.js'
import type { ReadableRegistry } from '../registry.js'
import { signalsOf } from '../registry-signals.js'
import { timeOf } from '../registry-time.js'
import { sharingNext } from './sharing-next.js'

/** What a bridge has seen. */
export type BridgeEvent =
  /** Rows have changed `before` into `content`. */
  | { readonly type: 'changed'; readonly before: Content; readonly content: Content; readonly rows: readonly ServedRow[] }
  /** The history was replaced. */
  | { readonly type: 'replaced'; readonly content: Content; readonly error: Error }
  /** The registry does not answer. */
  | { readonly type: 'trouble'; readonly error: Error; readonly since: number }

/** One watch of a registry for all clients. */
export interface Bridge {
  /** Follows the registry while someone subscribes. Errors `Closed`. */
  readonly events: Observable<BridgeEvent>
  /** The last content; while the registry does not answer, `trouble` says why. */
  readonly content: () => Content
  readonly trouble: () => Extract<BridgeEvent, { readonly type: 'trouble' }> | undefined
  /** The content as of now, linearizable; completes. Errors with the trouble. To be subscribed while `events` is. */
  readonly fresh: Observable<Content>
  /** The content once the watch has delivered everything up to now, for a stream that goes on from it; completes. Errors with the trouble. To be subscribed while `events` is. */
  readonly caughtUp: Observable<Content>
  /** The same, at most once a second, shared by all that ask. */
  readonly checked: Observable<Content>
  /** The content at a past revision: from memory, or listed once for all that ask; completes. Errors `Compacted`, `Rewound`. */
  readonly at: (revision: Revision) => Observable<Past>
}

/** Options of {@link bridge}. */
export interface BridgeOptions {
  /** The pauses between tries. */
  readonly backoff: Backoff
  /** How long the watch is kept after the last subscriber has left, ms. */
  readonly linger: number
}

/** The content at a past revision, and the rows that have made the latest one of it, if all of them are still known. */
export interface Past {
  readonly content: Content
  readonly rows: readonly ServedRow[] | undefined
}

/** How long the watch may take to deliver what a check has shown to exist before everything is listed again, ms. */
const patience = 5_000
/** How long the watch may be quiet before it begins again, ms: only a new watch shows how far it has come without a change. */
const quiet = 100
/** How many past contents are kept, for clients that resume. They share what is equal. */
const remembered = 256
/** How many past revisions are listed at once: clients choose them, and each listing is that of everything. */
const mostListings = 4

/** A past content, the rows that made it, and the last revision of which it is known to be the content. */
interface Remembered {
  readonly content: Content
  readonly rows: readonly ServedRow[]
  until: Revision
}

/** Follows everything under a prefix: a scan over a listing and the watch events after it. After each interruption everything is listed again, and what differs is one change. */
export const bridge = (registry: ReadableRegistry, serving: Serving, { backoff, linger }: BridgeOptions): Bridge => {
  const { prefix, hides } = serving
  let content = noContent
  let recent: Remembered[] = []
  let trouble: Extract<BridgeEvent, { readonly type: 'trouble' }> | undefined
  const again = new Subject<void>()
  const rewatch = new Subject<void>()

  const keep = (next: Content, rows: readonly ServedRow[], lastOf: Revision): void => {
    const former = recent.at(-1)
    if (former !== undefined) former.until = Math.max(former.content.revision, lastOf)
    content = next
    recent.push({ content, rows, until: next.revision })
    if (recent.length > remembered) recent.shift()
  }
  const changed = (next: Content, rows: readonly ServedRow[], lastOf: Revision): BridgeEvent => {
    const before = content
    keep(next, rows, lastOf)
    trouble = undefined
    return { type: 'changed', before, content: next, rows }
  }
  const replaced = (next: Content): BridgeEvent => {
    recent = []
    keep(next, [], 0)
    trouble = undefined
    return { type: 'replaced', content: next, error: new Rewound('the history was replaced') }
  }

  const list = registry.list(prefix).pipe(
    gatherListing(),
    switchMap(listing => inSlices(contentOf(serving, listing, content))),
    map(next => (content !== noContent && isReplaced(content, next) ? replaced(next) : changed(next, rowsBetween(content, next, hides), 0))),
  )
  const watch = defer(() => registry.watch(prefix, content.revision)).pipe(
    filter(batch => batch.changes.length > 0 || batch.revision > content.revision),
    map(batch => changed(...afterBatch(serving, content, batch), (batch.changes[0]?.revision ?? batch.revision) - 1)),
  )
  const run = again.pipe(startWith(undefined), switchMap(() => concat(list, rewatch.pipe(startWith(undefined), switchMap(() => watch)))))
  const { closed, returned } = signalsOf(registry)
  const events = run.pipe(
    recover<BridgeEvent, BridgeEvent>({
      backoff,
      fatal: error => error instanceof Closed || error instanceof InvalidArgument,
      interrupted: ({ error }) => {
        const known = trouble
        trouble = { type: 'trouble', error, since: known?.since ?? timeOf(registry).wall() }
        return known?.error.name === error.name ? EMPTY : of(trouble)
      },
      hasten: merge(closed, returned),
    }),
    finalize(() => {
      content = noContent
      recent = []
      trouble = undefined
    }),
    share({ resetOnRefCountZero: linger === 0 || (() => timer(linger, background)) }),
  )

  const failing = (): Observable<never> => events.pipe(switchMap(event => (event.type === 'trouble' ? throwError(() => event.error) : EMPTY)))
  const listed = defer(() => (content === noContent ? events.pipe(filter(event => event.type !== 'trouble'), take(1)) : of(undefined)))
  const isCaughtUp = ({ revision }: Check): boolean => content.revision >= revision
  /** The content as of a check that it agrees with. Changes before that may be under way, if they left no trace; so the watch alone moves `content` on. */
  const asOf = ({ revision }: Check): Content => {
    const last = recent.at(-1)
    if (last === undefined || content.revision >= revision) return content
    last.until = Math.max(last.until, revision)
    return { ...content, revision }
  }
  /** The content as of now, once `is` holds, which is the work of the watch; else everything is listed again. */
  const once = (is: (check: Check) => boolean, meanwhile: Observable<unknown> = EMPTY): Observable<Content> => {
    const reached = (check: Check): Observable<Content> =>
      is(check)
        ? of(asOf(check))
        : merge(
            events.pipe(filter(() => is(check)), map(() => asOf(check))),
            merge(meanwhile, timer(patience, background).pipe(tap(() => again.next()))).pipe(ignoreElements()),
          ).pipe(take(1))
    return defer(() => {
      if (trouble !== undefined) {
        const { error } = trouble
        return throwError(() => error)
      }
      return merge(listed.pipe(switchMap(() => registry.check(prefix, content.revision)), switchMap(reached)), failing()).pipe(take(1))
    })
  }
  const fresh = once(check => isCaughtUp(check) || agrees(content.stored, check))
  const caughtUp = once(isCaughtUp, timer(quiet, background).pipe(tap(() => rewatch.next())))

  const listings = new Map<Revision, Observable<Content>>()
  const limited = concurrencyLimit(mostListings)
  const past = (revision: Revision): Observable<Content> => {
    const shared =
      listings.get(revision) ??
      registry.list(prefix, { at: revision }).pipe(
        gatherListing(),
        switchMap(listing => inSlices(contentOf(serving, listing, content))),
        limited(),
        finalize(() => listings.delete(revision)),
        share({ connector: () => new ReplaySubject(1) }),
      )
    listings.set(revision, shared)
    return shared
  }
  return {
    events,
    content: () => content,
    trouble: () => trouble,
    fresh: sharingNext(fresh, 0),
    caughtUp: sharingNext(caughtUp, 0),
    checked: sharingNext(fresh, 1_000),
    at: revision => defer(() => {
      const index = recent.findIndex(each => each.content.revision <= revision && revision <= each.until)
      const known = recent[index]
      if (known === undefined) return past(revision).pipe(map(then => ({ content: then, rows: undefined })))
      return of({ content: { ...known.content, revision }, rows: recent.slice(index + 1).flatMap(({ rows }) => rows) })
    }),
  }
}
