import { asyncScheduler, catchError, concat, defer, EMPTY, ignoreElements, merge, ReplaySubject, switchMap, tap, throwError, type Observable } from 'rxjs'
import { exponential } from '../../../core/backoff.js'
import { Closed, Compacted, InvalidArgument } from '../../../core/errors.js'
import { recordedText } from '../../../core/recording/recorded-event.js'
import type { Batch, Listing, Revision } from '../../../core/store.js'
import { revisionsOf } from '../../../core/view/revisions.js'
import { afterBatch, contentId, contentOf, isReplaced, noContent, rowsBetween, type Content } from '../../../core/wire/content.js'
import type { Serving } from '../../../core/wire/serving.js'
import { wireChangesText, wireEventText, wireTroubleOf } from '../../../core/wire/wire-event.js'
import { gatherListing } from '../../../flow/gather-listing.js'
import { inSlices } from '../../../flow/in-slices.js'
import { recover } from '../../../flow/recover.js'
import type { ReadableRegistry } from '../../../flow/registry.js'
import { signalsOf } from '../../../flow/registry-signals.js'

/** How much is kept. */
export interface FleetHistoryLimits {
  /** How many revisions before the start are read, at most. */
  readonly past: number
  /** How many events are kept; of those before, only what they have made. */
  readonly events: number
}

/** What has happened to all that is served, from before the start of the program. */
export interface FleetHistory {
  /** Follows the registry; never emits. Errors `Closed`. */
  readonly following: Observable<never>
  /** Emits once everything up to the start of the program is read. */
  readonly caughtUp: Observable<unknown>
  /** All of it as a recording: one event of the bridge a line, with the time at which it was seen; 0: before the start of the program. */
  readonly text: () => string
  /** The last revision that it knows. */
  readonly revision: () => Revision
}

/** One event of the recording, and what was there afterwards. */
interface Recorded {
  readonly at: number
  readonly text: string
  readonly content: Content
}

const listingLine = (at: number, content: Content): string => {
  const rows = [...content.served.values()].map(({ text }) => text)
  return recordedText(at, 'listing', wireChangesText(content.cluster, content.revision, rows), contentId(content))
}

/**
 * Records what is served: from the oldest revision that can be read, if it is near enough, one listing there and one watch after it. Revisions from before the start have no
 * time, since etcd keeps none.
 */
export const fleetHistory = (registry: ReadableRegistry, serving: Serving, limits: FleetHistoryLimits): FleetHistory => {
  const { prefix, hides } = serving
  let content = noContent
  /** What was there before the first event that is kept. */
  let base: Pick<Recorded, 'at' | 'content'> = { at: 0, content }
  let events: Recorded[] = []
  /** The revision at the start: what is not newer has no time. */
  let head: Revision = 0
  let startedAt = 0
  const caughtUp = new ReplaySubject<void>(1)

  const timeOf = (revision: Revision): number => (revision <= head ? 0 : asyncScheduler.now())
  const keep = (at: number, text: string): void => {
    events.push({ at, text, content })
    if (events.length <= limits.events) return
    const dropped = events[Math.floor(limits.events / 4)]
    if (dropped === undefined) return
    base = dropped
    events = events.slice(Math.floor(limits.events / 4) + 1)
  }
  /** The first event with a time shows when the program has started. */
  const reached = (): void => {
    if (startedAt === 0 || content.revision < head) return
    if (head > 0) keep(startedAt, recordedText(startedAt, 'progress', '{}', contentId(content)))
    startedAt = 0
    caughtUp.next()
  }
  const listed = (next: Content): void => {
    const before = content
    content = next
    const isOther = before !== noContent && isReplaced(before, next)
    if (isOther) head = 0
    const at = timeOf(next.revision)
    if (before === noContent) base = { at, content }
    else if (isOther) keep(at, listingLine(at, next))
    else {
      const rows = rowsBetween(before, next, hides).map(({ text }) => text)
      if (rows.length > 0) keep(at, recordedText(at, 'batch', wireChangesText(next.cluster, next.revision, rows), contentId(next)))
    }
    reached()
  }
  const changed = (batch: Batch): void => {
    for (const one of revisionsOf(batch, Infinity)) {
      const [next, rows] = afterBatch(serving, content, one)
      content = next
      const at = timeOf(one.revision)
      if (rows.length > 0) keep(at, recordedText(at, 'batch', wireChangesText(next.cluster, next.revision, rows.map(({ text }) => text)), contentId(next)))
    }
    content = { ...content, revision: Math.max(content.revision, batch.revision) }
    reached()
  }

  const served = (source: Observable<Listing>): Observable<unknown> => source.pipe(gatherListing(), switchMap(listing => inSlices(contentOf(serving, listing, content))), tap(listed))
  const oldest = (from: Revision): Observable<Listing> =>
    registry.list(prefix, { at: from }).pipe(catchError((error: unknown) => (error instanceof Compacted && error.revision > from ? oldest(error.revision) : throwError(() => error as Error))))
  const first = defer(() => registry.check({ key: prefix }, 0)).pipe(
    switchMap(({ revision }) => {
      startedAt = asyncScheduler.now()
      const from = Math.max(1, revision - limits.past)
      if (from >= revision) return served(registry.list(prefix))
      head = revision
      return served(oldest(from))
    }),
  )
  const watch = defer(() => registry.watch(prefix, content.revision)).pipe(tap(changed))
  const { closed, returned } = signalsOf(registry)
  let isTroubled = false
  const following = defer(() => concat(content === noContent ? first : served(registry.list(prefix)), watch)).pipe(
    tap(() => (isTroubled = false)),
    recover<unknown, unknown>({
      backoff: exponential(),
      fatal: error => error instanceof Closed || error instanceof InvalidArgument,
      interrupted: ({ error }) => {
        if (!isTroubled && content !== noContent) {
          const at = asyncScheduler.now()
          keep(at, recordedText(at, 'trouble', wireEventText({ type: 'trouble', ...wireTroubleOf(error, at) })))
        }
        isTroubled = true
        return EMPTY
      },
      hasten: merge(closed, returned),
    }),
    ignoreElements(),
  )
  return {
    following,
    caughtUp,
    text: () => (content === noContent ? '' : listingLine(base.at, base.content) + events.map(({ text }) => text).join('')),
    revision: () => content.revision,
  }
}
