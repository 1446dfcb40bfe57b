import { concat, defer, filter, finalize, ignoreElements, merge, NEVER, of, repeat, share, Subject, tap, type Observable } from 'rxjs'
import { beginning, positionAfter, type Moment } from '../../core/recording/moment.js'
import type { Played } from '../../core/recording/played.js'
import { recordedOf, type Recorded, type RecordedEvent } from '../../core/recording/recorded-event.js'
import { background, now } from '../clock.js'
import { wait } from '../wait.js'

/** Plays the moments of a recording. */
export interface Player {
  /** Emits as soon as there is a first moment, and after each further one; plays on while someone subscribes. */
  readonly steps: Observable<unknown>
  /** The moments up to the present one. To be called while `steps` is subscribed. */
  readonly played: () => Played
}

/** A player of a recording that is over. */
export interface TimedPlayer extends Player {
  /** The time in the recording that is being played, epoch ms. */
  readonly wall: () => number
  /** How long it takes from now to a time in the recording, ms. */
  readonly until: (at: number) => number
}

const playedOf = (moments: readonly Moment[], index: number): Played => {
  const present = moments[index]
  if (present === undefined) throw new Error('nothing has been played yet')
  return { moments, present, index }
}

/** The moments of a recording. */
export const momentsOf = (events: Iterable<Recorded>): readonly Moment[] => {
  const moments: Moment[] = []
  let position = beginning
  for (const event of events) {
    const { moment } = position
    position = positionAfter(position, event)
    if (position.moment !== moment) moments.push(position.moment)
  }
  return moments
}

/** Plays moments by the clock, from the first subscription on; there is at least one. Without a subscriber the clock goes on; the next subscription first plays the moments that are due by then. */
export const timedPlayer = (moments: readonly Moment[], speed: number): TimedPlayer => {
  const [{ at: start } = beginning.moment] = moments
  const stepped = new Subject<void>()
  let startedAt: number | undefined
  let index = 0

  const position = (): number => start + (startedAt === undefined ? 0 : (now() - startedAt) * speed)
  // Whole ms: shorter ones would not let virtual time advance.
  const until = (at: number): number => Math.max(0, Math.ceil((at - position()) / speed))
  let advancing = false
  const advance = (): void => {
    startedAt ??= now()
    // Whoever asks inside a step is answered as of this step: all others see it before the next one.
    if (advancing) return
    advancing = true
    for (let next = moments[index + 1]; next !== undefined && next.at <= position(); next = moments[index + 1]) {
      index += 1
      stepped.next()
    }
    advancing = false
  }
  const playing = defer(() => {
    advance()
    const next = moments[index + 1]
    return next === undefined ? NEVER : wait(until(next.at), background)
  }).pipe(repeat(), ignoreElements(), share())
  return {
    // What is delivered late, as timers are, is stamped with its own time.
    wall: () => (advancing ? (moments[index]?.at ?? start) : position()),
    until,
    steps: defer(() => {
      advance()
      return merge(stepped, of(undefined), playing)
    }),
    played: () => playedOf(moments, index),
  }
}

/** Plays a recording while it is made, from its beginning whenever there was no subscriber before. */
export const livePlayer = (recording: Observable<RecordedEvent>): Player => {
  const stepped = new Subject<void>()
  let moments: Moment[] = []
  let position = beginning
  const take = (event: RecordedEvent): void => {
    const recorded = recordedOf(event)
    if (recorded === undefined) return
    const { moment } = position
    position = positionAfter(position, recorded)
    if (position.moment === moment) return
    moments.push(position.moment)
    stepped.next()
  }
  /** What comes inside the subscription is of before it: only the end of that counts. */
  let isBeginning = true
  const begun = defer(() => {
    isBeginning = false
    return NEVER
  })
  const playing = merge(concat(recording, NEVER).pipe(tap(take)), begun).pipe(
    finalize(() => {
      moments = []
      position = beginning
      isBeginning = true
    }),
    ignoreElements(),
    share(),
  )
  return {
    steps: merge(stepped.pipe(filter(() => !isBeginning)), playing, defer(() => (moments.length > 0 ? of(undefined) : NEVER))),
    played: () => playedOf(moments, moments.length - 1),
  }
}
