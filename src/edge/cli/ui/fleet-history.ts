import { asyncScheduler, catchError, concat, defer, EMPTY, ignoreElements, merge, ReplaySubject, switchMap, tap, throwError, type Observable } from 'rxjs'
import { exponential } from '../../../core/backoff.js'
import { Closed, Compacted, InvalidArgument } from '../../../core/errors.js'
import { beginning, positionAfter, type Moment } from '../../../core/recording/moment.js'
import { recordedOf, recordedText } from '../../../core/recording/recorded-event.js'
import type { Batch, Change, Listing, Revision } from '../../../core/store.js'
import { revisionsOf } from '../../../core/view/revisions.js'
import { afterBatch, contentId, contentOf, isReplaced, noContent, rowsBetween, type Content } from '../../../core/wire/content.js'
import { digestText } from '../../../core/wire/digest.js'
import type { Serving } from '../../../core/wire/serving.js'
import { wireChangesText, wireChangeText, wireEventText, wireIdText, wireTroubleOf } from '../../../core/wire/wire-event.js'
import { gatherListing } from '../../../flow/gather-listing.js'
import { inSlices } from '../../../flow/in-slices.js'
import { recover } from '../../../flow/recover.js'
import type { ReadableRegistry } from '../../../flow/registry.js'
import { signalsOf } from '../../../flow/registry-signals.js'

/** How much is kept. */
export interface FleetHistoryLimits {
  /** How many revisions before the start are read, at most. */
  readonly past: number
  /** How many events are kept, and how many bytes of them; of those before, only what they have made. */
  readonly events: number
  readonly bytes: number
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

/** What was there at one time, as the first line of a recording. */
const listingLine = ({ at, cluster, revision, digest, entries }: Moment): string => {
  const rows = [...entries.values()].map(wireChangeText)
  return recordedText(at, 'listing', wireChangesText(cluster, revision, rows), wireIdText({ revision, digest }))
}

const momentOf = ({ cluster, revision, digest, served }: Content, at: number): Moment => {
  const entries = served.map(({ key, value, revision, lease }): Change => ({ key, value, revision, lease }))
  return { ...beginning.moment, at, cluster, revision, digest: digestText(digest), entries, oldest: revision }
}

/**
 * Records what is served: from the oldest revision that can be read, if it is near enough, one listing there and one watch after it. Revisions from before the start have no
 * time, since etcd keeps none.
 */
export const fleetHistory = (registry: ReadableRegistry, serving: Serving, limits: FleetHistoryLimits): FleetHistory => {
  const { prefix, hides } = serving
  let content = noContent
  /** What was there before the first line that is kept. */
  let base = beginning
  const lines: string[] = []
  let bytes = 0
  /** The revision at the start: what is not newer has no time. */
  let head: Revision = 0
  let startedAt = 0
  const caughtUp = new ReplaySubject<void>(1)
  let isTroubled = false

  const timeOf = (revision: Revision): number => (revision <= head ? 0 : asyncScheduler.now())
  /** Forgets the oldest line: what it has changed becomes a part of the beginning. */
  const forget = (line: string): void => {
    bytes -= Buffer.byteLength(line)
    const event = recordedOf(JSON.parse(line))
    if (event !== undefined) base = positionAfter(base, event)
  }
  const keep = (line: string): void => {
    lines.push(line)
    bytes += Buffer.byteLength(line)
    while (lines.length > limits.events || bytes > limits.bytes) forget(lines.shift() ?? '')
  }
  /** The first event with a time shows when the program has started. */
  const reached = (): void => {
    if (startedAt === 0 || content.revision < head) return
    if (head > 0) keep(recordedText(startedAt, 'progress', '{}', contentId(content)))
    startedAt = 0
    caughtUp.next()
  }
  const listed = (next: Content): void => {
    const before = content
    content = next
    const isOther = before !== noContent && isReplaced(before, next)
    if (isOther) head = 0
    const at = timeOf(next.revision)
    if (before === noContent) base = { moment: momentOf(content, at), parts: undefined }
    else if (isOther) keep(listingLine(momentOf(content, at)))
    else {
      const rows = rowsBetween(before, next, hides).map(({ text }) => text)
      // Even without changes it ends an outage, and that is now.
      if (rows.length > 0 || isTroubled) keep(recordedText(isTroubled ? asyncScheduler.now() : at, 'batch', wireChangesText(next.cluster, next.revision, rows), contentId(next)))
    }
    reached()
  }
  const changed = (batch: Batch): void => {
    for (const one of revisionsOf(batch, Infinity)) {
      const [next, rows] = afterBatch(serving, content, one)
      content = next
      const at = timeOf(one.revision)
      if (rows.length > 0) keep(recordedText(at, 'batch', wireChangesText(next.cluster, next.revision, rows.map(({ text }) => text)), contentId(next)))
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
  const following = defer(() => concat(content === noContent ? first : served(registry.list(prefix)), watch)).pipe(
    tap(() => (isTroubled = false)),
    recover<unknown, unknown>({
      backoff: exponential(),
      fatal: error => error instanceof Closed || error instanceof InvalidArgument,
      interrupted: ({ error }) => {
        if (!isTroubled && content !== noContent) {
          const at = asyncScheduler.now()
          keep(recordedText(at, 'trouble', wireEventText({ type: 'trouble', ...wireTroubleOf(error, at) })))
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
    text: () => (content === noContent ? '' : listingLine(base.moment) + lines.join('')),
    revision: () => content.revision,
  }
}
