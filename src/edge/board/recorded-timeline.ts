import { catchError, defer, map, of, switchMap, type Observable } from 'rxjs'
import { finished } from '#internal/core/finished'
import { readRecording } from '#internal/core/recording/recorded-event'
import type { Change } from '#internal/core/store'
import { projection, type Snapshot } from '#internal/core/view/projection'
import { completedChanges } from '#internal/core/wire/completed-changes'
import type { WireChange } from '#internal/core/wire/wire-event'
import { native } from 'rx-discovery'
import { advanced, emptyTimeline, noted, type Timeline } from './timeline.js'

const services = projection(native())

const restored = (changes: readonly Change[], revision: number): Snapshot<unknown> =>
  finished(services.restore(services.empty, changes.map(change => services.decode(services.empty, change)), revision))

/** The timeline of the text of a recording, one event a line. Lines that cannot be read are skipped. Events of the time 0 are from before the start of what has recorded them. */
export const timelineOf = (text: string, keep: number): Timeline => {
  const { events } = readRecording(text)
  let timeline = emptyTimeline(events.find(({ at }) => at > 0)?.at ?? Date.now(), keep)
  let snapshot = services.empty
  /** The parts of the event under way, and which one that is: a process that was killed may have left some. */
  let rows: readonly WireChange[] = []
  let under = ''
  const values = new Map<string, string | null>()
  for (const { at: seenAt, event, id } of events) {
    const at = seenAt > 0 ? seenAt : undefined
    const note = (type: 'stale' | 'live', text: string): Timeline => noted(timeline, { type, service: '', id: '', text, revision: snapshot.revision, at })
    if (event.type === 'trouble') timeline = note('stale', event.error)
    if (event.type !== 'listing' && event.type !== 'batch') continue
    const name = `${event.type} ${event.revision}`
    rows = [...(name === under ? rows : []), ...event.changes]
    under = name
    if (id === undefined) continue
    if (event.type === 'listing') values.clear()
    const changes = completedChanges(rows, key => values.get(key)).filter(change => change !== undefined)
    for (const { key, value } of changes) values.set(key, value)
    under = ''
    snapshot = event.type === 'listing' ? restored(changes, event.revision) : services.apply(snapshot, { revision: event.revision, changes })
    const isTroubled = timeline.journal.at(-1)?.type === 'stale'
    timeline = advanced(timeline, snapshot, at)
    if (isTroubled) timeline = note('live', 'the registry answers again')
  }
  return timeline
}

/** How long a page waits for a recording, ms. */
const patience = 10_000

/** The timeline of a recording at a URL; an empty one if it cannot be read. */
export const recordedTimeline = (url: string, keep: number): Observable<Timeline> =>
  defer(() => fetch(url, { signal: AbortSignal.timeout(patience) })).pipe(
    switchMap(response => (response.ok ? response.text() : of(''))),
    catchError(() => of('')),
    map(text => timelineOf(text, keep)),
  )
