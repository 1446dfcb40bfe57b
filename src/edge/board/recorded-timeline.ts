import { either as E, option as O } from 'fp-ts'
import { catchError, defer, from, map, of, type Observable } from 'rxjs'
import { isRecord, parseJson } from '#internal/core/instance/json'
import type { Change } from '#internal/core/store'
import { projection, type Snapshot } from '#internal/core/view/projection'
import { readWireEvent, readWireId, type WireChange, type WireEvent, type WireId } from '#internal/core/wire/wire-event'
import { native } from 'rx-discovery'
import { advanced, emptyTimeline, noted, type Timeline } from './timeline.js'

interface Line {
  /** Epoch ms; `undefined`: not known. */
  readonly at: number | undefined
  readonly event: WireEvent
  readonly id: WireId | undefined
}

const readLine = (text: string): readonly Line[] => {
  const parsed = parseJson(text)
  if (E.isLeft(parsed) || !isRecord(parsed.right)) return []
  const { at, event, data, id } = parsed.right
  if (typeof event !== 'string') return []
  const read = readWireEvent(event, JSON.stringify(data))
  if (E.isLeft(read) || O.isNone(read.right)) return []
  return [{ at: typeof at === 'number' && at > 0 ? at : undefined, event: read.right.value, id: typeof id === 'string' ? readWireId(id) : undefined }]
}

const services = projection(native())

const restored = (changes: readonly Change[], revision: number): Snapshot<unknown> => {
  const parts = services.restore(services.empty, changes.map(change => services.decode(services.empty, change)), revision)
  for (;;) {
    const part = parts.next()
    if (part.done === true) return part.value
  }
}

/** The timeline of the text of a recording, one event a line. Lines that cannot be read are skipped. */
export const timelineOf = (text: string, keep: number): Timeline => {
  const lines = text.split('\n').filter(line => line !== '').flatMap(readLine)
  let timeline = emptyTimeline(lines.find(({ at }) => at !== undefined)?.at ?? Date.now(), keep)
  let snapshot = services.empty
  let rows: readonly WireChange[] = []
  const values = new Map<string, string>()
  let isTroubled = false
  for (const { at, event, id } of lines) {
    if (event.type === 'trouble') {
      timeline = noted(timeline, { type: 'stale', service: '', id: '', text: event.error, revision: snapshot.revision, at })
      isTroubled = true
      continue
    }
    if (event.type !== 'listing' && event.type !== 'batch') continue
    rows = [...rows, ...event.changes]
    if (id === undefined) continue
    if (event.type === 'listing') values.clear()
    const changes = rows.flatMap(({ key, value, revision, lease }): readonly Change[] => {
      const known = value === undefined ? values.get(key) : value
      if (typeof known === 'string') values.set(key, known)
      else values.delete(key)
      return known === undefined ? [] : [{ key, value: known, revision, lease }]
    })
    rows = []
    snapshot = event.type === 'listing' ? restored(changes, event.revision) : services.apply(snapshot, { revision: event.revision, changes })
    timeline = advanced(timeline, snapshot, at)
    if (isTroubled) timeline = noted(timeline, { type: 'live', service: '', id: '', text: 'the registry answers again', revision: snapshot.revision, at })
    isTroubled = false
  }
  return timeline
}

/** How long a page waits for a recording, ms. */
const patience = 10_000

/** The timeline of a recording at a URL; an empty one if it cannot be read. */
export const recordedTimeline = (url: string, keep: number): Observable<Timeline> =>
  defer(() => from(fetch(url, { signal: AbortSignal.timeout(patience) }).then(response => (response.ok ? response.text() : Promise.reject(new Error(String(response.status))))))).pipe(
    map(text => timelineOf(text, keep)),
    catchError(() => of(emptyTimeline(Date.now(), keep))),
  )
