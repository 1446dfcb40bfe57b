import { asyncScheduler, catchError, map, merge, mergeMap, NEVER, of, scan, startWith, type Observable } from 'rxjs'
import { toError } from '#internal/core/errors'
import { projection } from '#internal/core/view/projection'
import { emptyView, type View } from '#internal/core/view/step'
import { interval } from '#internal/flow/clock'
import { listing } from '#internal/flow/discovery/listing'
import { listWatch } from '#internal/flow/discovery/list-watch'
import { exponential, native, type ReadableRegistry, type Revision } from 'rx-discovery'
import { firstMoment, type BoardMoment } from './board-moment.js'
import { advanced, aged, joined, noted, type Timeline } from './timeline.js'
import { troubleText } from './trouble-text.js'

/** What a board shows at one time. */
export interface BoardState {
  readonly timeline: Timeline
  /** The registry as of now, and how far it can be trusted. */
  readonly view: View<unknown>
  /** The error that has ended it. */
  readonly failure: Error | undefined
  /** When the board began, epoch ms. */
  readonly opened: number
  /** What was recorded before: `missing` while it cannot be read, or takes long. */
  readonly past: 'awaited' | 'missing' | 'read'
}

/** What happens to a board; `at` is when, epoch ms. */
export type BoardEvent =
  /** What was recorded; `undefined`: it cannot be read yet. */
  | { readonly type: 'recalled'; readonly timeline: Timeline | undefined }
  | { readonly type: 'viewed'; readonly view: View<unknown>; readonly at: number }
  | { readonly type: 'failed'; readonly error: Error; readonly at: number }
  | { readonly type: 'aged'; readonly at: number }

const services = projection(native())
/** Under which every service lies that a bridge serves. */
export const boardPrefix = native().root ?? ''

/** A board before anything is known of the present, with a timeline that begins now. */
export const boardStateAtFirst = (timeline: Timeline): BoardState => ({ timeline, view: emptyView(services), failure: undefined, opened: timeline.since, past: 'awaited' })

/** The state after an event. */
const afterBoardEvent = (state: BoardState, event: BoardEvent): BoardState => {
  switch (event.type) {
    case 'recalled': {
      const { timeline } = event
      return timeline === undefined ? { ...state, past: 'missing' } : { ...state, timeline: joined(timeline, state.timeline), past: 'read' }
    }
    case 'aged':
      return { ...state, timeline: aged(state.timeline, event.at) }
    case 'failed': {
      const { error, at } = event
      return { ...state, failure: error, timeline: noted(state.timeline, { type: 'stale', service: '', id: '', text: error.message, revision: state.view.snapshot.revision, at }) }
    }
    case 'viewed': {
      const { view, at } = event
      const { revision } = view.snapshot
      const turned = view.status !== state.view.status
      let { timeline } = state
      if (view.status !== 'pending' && view.snapshot !== state.view.snapshot) timeline = advanced(timeline, view.snapshot, at)
      if (turned && view.status === 'stale') timeline = noted(timeline, { type: 'stale', service: '', id: '', text: view.trouble === undefined ? '' : troubleText(view.trouble.error), revision, at })
      if (turned && state.view.status === 'stale') timeline = noted(timeline, { type: 'live', service: '', id: '', text: 'the registry answers again', revision, at })
      return { ...state, timeline, view }
    }
  }
}

/** How often what has left is looked at, ms. */
const ageEvery = 1_000

/**
 * Follows a registry, after a timeline of what was recorded before; without a registry, that is all. If `past` emits `undefined` first, the present does not wait, and what was recorded
 * is put before it when it comes. It never errors: a fatal error is in the state.
 */
export const boardStates = (registry: ReadableRegistry | undefined, past: Observable<Timeline | undefined>, empty: Timeline): Observable<BoardState> => {
  const views = (of: ReadableRegistry): Observable<BoardEvent> =>
    listWatch(of, boardPrefix, services, { backoff: exponential(), verify: 60_000, local: false }).pipe(
      map(view => ({ type: 'viewed', view, at: asyncScheduler.now() }) as const),
      catchError((thrown: unknown) => [{ type: 'failed', error: toError(thrown), at: asyncScheduler.now() } as const]),
    )
  const ages = interval(ageEvery).pipe(map((): BoardEvent => ({ type: 'aged', at: asyncScheduler.now() })))
  const present = registry === undefined ? NEVER : merge(views(registry), ages)
  return past.pipe(
    map((timeline): BoardEvent => ({ type: 'recalled', timeline })),
    mergeMap((recalled, index) => (index === 0 ? present.pipe(startWith(recalled)) : of(recalled))),
    scan(afterBoardEvent, boardStateAtFirst(empty)),
  )
}

/** The services as of a past revision that no moment shows. Errors `Compacted`, `Rewound`. */
export const momentAtRevision = (registry: ReadableRegistry, revision: Revision, since: number): Observable<BoardMoment> =>
  listing(registry, boardPrefix, services, services.empty, { at: revision }).pipe(map(snapshot => firstMoment({ ...snapshot, revision }, { at: undefined, since, keep: 0 })))
