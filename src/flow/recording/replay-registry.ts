import { defer, filter, isObservable, map, mergeMap, NEVER, skip, switchMap, take, type Observable } from 'rxjs'
import { either as E, option as O } from 'fp-ts'
import { invalidOptions, iterable, type Checks } from '../../core/arguments.js'
import { exponential } from '../../core/backoff.js'
import { InvalidArgument } from '../../core/errors.js'
import { native } from '../../core/formats/native.js'
import { changesAfter, entriesAt, requireReached, type Played } from '../../core/recording/played.js'
import { readRecordedEvent, readRecording, type ReadRecording, type Recorded, type RecordedEvent } from '../../core/recording/recorded-event.js'
import { covers, type Batch, type Change, type Check, type Listing, type Range, type Revision } from '../../core/store.js'
import { flaw, invalid, invalidIf, must, throwIfInvalid } from '../../core/validation.js'
import { errorOfTrouble } from '../../core/wire/wire-event.js'
import type { ListOptions, ReadableRegistry } from '../registry.js'
import { withoutHistory } from '../registry-history.js'
import { withSignals } from '../registry-signals.js'
import { withTime } from '../registry-time.js'
import { wait } from '../wait.js'
import { livePlayer, momentsOf, timedPlayer, type Player } from './player.js'

/** A recording: the text of its file, or its events. */
export type Recording = string | Iterable<RecordedEvent>

/** Options of {@link replayRegistry}. */
export interface ReplayOptions {
  /** How many seconds of the recording are played in a second. @default 1 */
  readonly speed?: number
}

/** A registry that plays a recording. */
export interface ReplayRegistry extends ReadableRegistry {
  /** The services that occur in the recording, sorted. */
  readonly services: readonly string[]
  /** How many lines of the recording cannot be read, such as one that was cut off. */
  readonly unreadable: number
  /** When the recording begins and ends, epoch ms. */
  readonly from: number
  readonly to: number
  /** The time in the recording that is being played, epoch ms; `from` before the first subscription. */
  readonly now: () => number
  /** Plays the recording to its end, emits once, completes. */
  readonly ended: Observable<unknown>
}

const checks: Checks<ReplayOptions> = { speed: must(value => typeof value === 'number' && value > 0 && value < Infinity, 'be a number above 0', 'such as 10: ten times as fast') }

const recordingCheck = must(value => typeof value === 'string' || iterable('its events')(value) === undefined || isObservable(value), 'be the text of a recording, its events, or an Observable of them')

const read = (recording: Recording): ReadRecording => {
  if (typeof recording === 'string') return readRecording(recording)
  const events = [...recording].flatMap((event, index) => {
    const recorded = readRecordedEvent(event)
    if (E.isLeft(recorded)) throw invalid('recording', { ...recorded.left, path: [String(index), ...recorded.left.path] })
    return O.isSome(recorded.right) ? [recorded.right.value] : []
  })
  return { events, unreadable: 0 }
}

const servicesIn = (events: readonly Recorded[]): readonly string[] => {
  const { serviceOf = () => undefined } = native()
  const keys = events.flatMap(({ event }) => (event.type === 'listing' || event.type === 'batch' ? event.changes.map(({ key }) => key) : []))
  return [...new Set(keys.map(serviceOf).filter(service => service !== undefined))].sort()
}

const where = 'the recording'

const entriesIn = (range: Range, { present, ...rest }: Played, at: Revision | undefined): readonly Change[] =>
  (at === undefined ? present.entries : entriesAt({ present, ...rest }, at)).toArray().filter(({ key }) => covers(range, key))

/** The verbs over a player. */
const verbsOf = (player: Player): ReadableRegistry => {
  /** The moments so far; throws the trouble of the present one. */
  const answering = (): Played => {
    const played = player.played()
    const { trouble } = played.present
    if (trouble !== undefined) throw errorOfTrouble(trouble, where)
    return played
  }
  const answer = <A>(of: (played: Played) => A): Observable<A> => player.steps.pipe(take(1), map(() => of(answering())))
  const list = (range: Range, { at }: ListOptions = {}): Observable<Listing> =>
    answer(played => {
      if (at !== undefined && !(Number.isSafeInteger(at) && at > 0)) throw invalid('at', flaw('must be a revision, a whole number of 1 or more', at, 'take it from a listing, a batch or a set'))
      const { cluster, revision } = played.present
      return { cluster, revision: at ?? revision, changes: entriesIn(range, played, at) }
    })
  const check = (range: Range, since: Revision): Observable<Check> =>
    answer(played => {
      requireReached(played, since)
      const all = entriesIn(range, played, undefined)
      return { revision: played.present.revision, count: all.length, changed: all.filter(({ revision }) => revision > since).map(({ key, revision, lease }) => ({ key, revision, lease })) }
    })
  const watch = (range: Range, from: Revision): Observable<Batch> =>
    defer(() => {
      let last = from
      let interruptions: number | undefined
      return player.steps.pipe(
        mergeMap((): readonly Batch[] => {
          const played = interruptions === undefined ? answering() : player.played()
          const { cluster, revision, interruption, ...present } = played.present
          const isFirst = interruptions === undefined
          interruptions ??= present.interruptions
          if (present.interruptions > interruptions) throw errorOfTrouble(interruption, where)
          const changes = changesAfter(played, range, last)
          last = revision
          const reached = changes.at(-1)?.revision ?? 0
          // As of etcd: what has changed, and then how far that goes if nothing in the range is as new.
          return [...(changes.length > 0 ? [{ cluster, revision: reached, changes }] : []), ...(isFirst && reached < revision ? [{ cluster, revision, changes: [] }] : [])]
        }),
      )
    })
  const returned = player.steps.pipe(skip(1), filter(() => player.played().present.trouble === undefined))
  return withoutHistory(withSignals({ list, watch, check }, { closed: NEVER, returned }))
}

interface Replay {
  (recording: Recording, options?: ReplayOptions): ReplayRegistry
  (recording: Observable<RecordedEvent>): ReadableRegistry
}

/**
 * A registry that plays a recording of `record`: `discover`, `catalog` and `balance` see what happened, outages included. Playing begins at the first subscription. It
 * runs in real time, `speed` times as fast, or inside `virtually` in virtual time, with the same emissions each time. Times of sets, such as `asOf`, are those of the recording, and
 * the default pauses between tries have no jitter. After its end, the last content stays.
 * An Observable of events, such as that of `record`, is played as it comes. It has to repeat all events for each subscriber, as `shareReplay()` does. Throws `InvalidArgument`.
 *
 * @example virtually(({ advance }) => { discover(replayRegistry(readFileSync('incident.jsonl', 'utf8')), 'web').subscribe(…); advance(60_000) })
 */
export const replayRegistry = ((recording: Recording | Observable<RecordedEvent>, options?: ReplayOptions): ReadableRegistry => {
  throwIfInvalid(invalidIf('recording', recordingCheck, recording) ?? invalidOptions<ReplayOptions>('replayRegistry', options, checks))
  if (isObservable(recording)) return verbsOf(livePlayer(recording))
  const { events, unreadable } = read(recording)
  const moments = momentsOf(events)
  const [first, last] = [moments[0], moments.at(-1)]
  if (first === undefined || last === undefined) throw new InvalidArgument('recording', `must have a whole listing, got ${events.length} parts of one, unreadable lines: ${unreadable} (make one with record)`)
  const player = timedPlayer(moments, options?.speed ?? 1)
  const { wall, until, steps } = player
  const step = steps.pipe(take(1))
  const ended = step.pipe(switchMap(() => wait(until(last.at))), switchMap(() => step))
  const registry = Object.assign(verbsOf(player), { services: servicesIn(events), unreadable, from: first.at, to: last.at, now: wall, ended })
  return withTime(registry, { wall, backoff: () => exponential({ jitter: 'none' }) })
}) as Replay
