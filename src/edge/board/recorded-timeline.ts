import { connect, defer, map, merge, of, switchMap, takeUntil, type Observable } from 'rxjs'
import { finished } from '#internal/core/finished'
import { beginning, positionAfter, type Moment } from '#internal/core/recording/moment'
import { readRecording } from '#internal/core/recording/recorded-event'
import { projection, type Snapshot } from '#internal/core/view/projection'
import { timer } from '#internal/flow/clock'
import { recover } from '#internal/flow/recover'
import { exponential, native } from 'rx-discovery'
import { advanced, emptyTimeline, noted, type Timeline } from './timeline.js'

const services = projection(native())

const restored = ({ entries, revision }: Moment): Snapshot<unknown> =>
  finished(services.restore(services.empty, entries.toArray().map(entry => services.decode(services.empty, entry)), revision))

/** The timeline of the text of a recording, one event a line. Lines that cannot be read are skipped. Events of the time 0 are from before the start of what has recorded them. */
export const timelineOf = (text: string, keep: number): Timeline => {
  const { events } = readRecording(text)
  let timeline = emptyTimeline(events.find(({ at }) => at > 0)?.at ?? Date.now(), keep)
  let snapshot = services.empty
  let position = beginning
  for (const event of events) {
    const before = position.moment
    position = positionAfter(position, event)
    const { moment } = position
    if (moment === before) continue
    const { revision, changes, history, trouble } = moment
    const at = moment.at > 0 ? moment.at : undefined
    const note = (type: 'stale' | 'live', text: string): Timeline => noted(timeline, { type, service: '', id: '', text, revision: snapshot.revision, at })
    if (trouble !== undefined) {
      if (trouble.error !== before.trouble?.error) timeline = note('stale', trouble.error === 'Disconnected' ? 'the registry does not answer' : trouble.error)
      continue
    }
    snapshot = before.revision === 0 || history !== before.history ? restored(moment) : services.apply(snapshot, { revision, changes })
    timeline = advanced(timeline, snapshot, at)
    if (before.trouble !== undefined) timeline = note('live', 'the registry answers again')
  }
  return timeline
}

/** How long a recording is waited for before the present is shown without it, and how long one may take, ms. */
const [patience, longest] = [10_000, 120_000]

/** The timeline of a recording at a URL. Emits `undefined` while it cannot be read or takes long; it tries again until it can. */
export const recordedTimeline = (url: string, keep: number): Observable<Timeline | undefined> =>
  defer(() => fetch(url, { signal: AbortSignal.timeout(longest) })).pipe(
    switchMap(response => {
      if (!response.ok) throw new Error(`the server answered ${response.status}`)
      return response.text()
    }),
    map(text => timelineOf(text, keep)),
    recover({ backoff: exponential({ first: 1_000, max: 30_000 }), fatal: () => false, interrupted: () => of(undefined) }),
    connect(read => merge(read, timer(patience).pipe(map(() => undefined), takeUntil(read)))),
  )
