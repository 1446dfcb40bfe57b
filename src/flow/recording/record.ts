import { concatMap, connect, defer, endWith, filter, ignoreElements, map, merge, takeUntil, throwError, type Observable } from 'rxjs'
import { backoff as backoffCheck, callIt, formats as formatsCheck, invalidArguments, invalidOptions, period, readableRegistry, type Checks } from '../../core/arguments.js'
import type { Backoff } from '../../core/backoff.js'
import { Closed, Denied } from '../../core/errors.js'
import type { Format } from '../../core/formats/format.js'
import { native } from '../../core/formats/native.js'
import { recordedEvent, type RecordedEvent } from '../../core/recording/recorded-event.js'
import { must, throwIfInvalid } from '../../core/validation.js'
import { contentId, type Content } from '../../core/wire/content.js'
import { inParts } from '../../core/wire/in-parts.js'
import { projectCheck, serving as servingOf, servicesCheck, type Project, type Services } from '../../core/wire/serving.js'
import { wireChangesText, wireEventText, wireTroubleOf } from '../../core/wire/wire-event.js'
import { bridge as bridgeOf, type BridgeEvent } from '../bridge/bridge.js'
import { interval } from '../clock.js'
import { endOnClosed } from '../discovery/end-on-closed.js'
import type { ReadableRegistry } from '../registry.js'
import { timeOf } from '../registry-time.js'

/** Options of {@link record}. */
export interface RecordOptions {
  /** The services that are recorded. @default 'all' of the format */
  readonly services?: Services
  /** The format in the registry. A recording always has `native()`. @default native() */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- formats are invariant
  readonly format?: Format<any>
  /** What of an instance is recorded. @default everything but its metadata */
  readonly project?: Project
  /** How often a quiet recording shows how far it has come, ms. @default 15000 */
  readonly heartbeat?: number
  /** The pauses between tries while the registry does not answer. @default exponential() */
  readonly backoff?: Backoff
}

const checks: Checks<RecordOptions> = {
  services: servicesCheck,
  format: must(value => !Array.isArray(value) && formatsCheck(value) === undefined, 'be one format, such as native()', callIt),
  project: projectCheck,
  heartbeat: period,
  backoff: backoffCheck,
}

/** What an event of a bridge, or a heartbeat, adds to a recording. `troubled`: whether the registry did not answer before. */
function* recorded(seen: BridgeEvent | 'heartbeat', content: Content, troubled: boolean, at: number): Generator<RecordedEvent, undefined> {
  const changes = function* (event: 'listing' | 'batch', { cluster, revision }: Content, texts: Iterable<string>) {
    for (const { rows, isLast } of inParts(texts)) yield recordedEvent(at, event, wireChangesText(cluster, revision, rows), isLast ? contentId(content) : undefined)
  }
  const trouble = (error: Error, since?: number): RecordedEvent => recordedEvent(at, 'trouble', wireEventText({ type: 'trouble', ...wireTroubleOf(error, since) }))
  const listing = (): Generator<RecordedEvent> => changes('listing', content, [...content.served.values()].map(({ text }) => text))
  if (seen === 'heartbeat') yield recordedEvent(at, 'progress', '{}', contentId(content))
  else if (seen.type === 'trouble') yield trouble(seen.error, seen.since)
  else if (seen.type === 'replaced') {
    yield trouble(seen.error)
    yield* listing()
  } else if (seen.before.revision === 0) yield* listing()
  else if (seen.rows.length > 0 || troubled) yield* changes('batch', content, seen.rows.map(({ text }) => text))
}

/**
 * Records what happens to services: the events that `sseHandler` of `rx-discovery/sse` would send, each with the time at which it was seen. etcd keeps no times, so a recording is
 * what gives revisions their times. It begins with a listing, goes on through outages, which are events, and completes when the registry is closed. Each subscription is a
 * recording of its own. Errors `InvalidArgument`; `Closed` if the registry is closed at subscription; `Denied` before the first listing.
 *
 * @example record(registry, { services: ['web'] }).pipe(writeRecording('incident.jsonl'))
 */
export const record = (registry: ReadableRegistry, options?: RecordOptions): Observable<RecordedEvent> =>
  defer(() => {
    throwIfInvalid(invalidArguments('record(registry, options)', ['registry', readableRegistry, registry]) ?? invalidOptions<RecordOptions>('record', options, checks))
    const { wall, backoff: defaultBackoff } = timeOf(registry)
    const { services = 'all', format = native(), project = { metadata: [] }, heartbeat = 15_000, backoff = defaultBackoff() } = options ?? {}
    const bridge = bridgeOf(registry, servingOf({ services, format, project }), { backoff, linger: 0 })
    let at = -Infinity
    let troubled = false
    const heartbeats = interval(heartbeat).pipe(
      filter(() => bridge.trouble() === undefined && bridge.content().revision > 0),
      map(() => 'heartbeat' as const),
    )
    return bridge.events.pipe(
      endOnClosed<BridgeEvent>(registry, undefined, (_, since) => ({ type: 'trouble', error: new Closed(), since })),
      connect(events => merge(events, heartbeats.pipe(takeUntil(events.pipe(ignoreElements(), endWith(true)))))),
      concatMap(seen => {
        const content = bridge.content()
        if (seen !== 'heartbeat' && seen.type === 'trouble' && seen.error instanceof Denied && content.revision === 0) return throwError(() => seen.error)
        at = Math.max(at, wall())
        const was = troubled
        troubled = seen !== 'heartbeat' && seen.type === 'trouble'
        return recorded(seen, seen === 'heartbeat' || seen.type === 'trouble' ? content : seen.content, was, at)
      }),
    )
  })
