import { catchError, concat, defer, EMPTY, finalize, map, merge, mergeMap, retry, Subject, switchMap, take, takeUntil, throwError, type Observable } from 'rxjs'
import { toError } from '../../../core/errors.js'
import { now, timer, timers } from '../../../flow/clock.js'
import { nothing } from '../../../flow/subscribe-within.js'
import { isCertificateRefused } from './etcd-errors.js'
import { dialEvery, firstDialAfter, refusals } from './refusals.js'

/**
 * Why a stream must be opened again: `moved`, because its connection was silent or refused, and another one came into use; `queued`, because its
 * connection answers other streams, but has no room for this one.
 */
export type StreamEnd = 'moved' | 'queued'

/** The connection of one stream. */
export interface StreamConnection<C> {
  readonly connection: C
  /** Emits if the stream must be opened again; nothing more arrives on it. */
  readonly ended: Observable<StreamEnd>
  /** To be called at each message of the stream. */
  readonly received: () => void
  /** To be called when the stream is over. */
  readonly release: () => void
}

/** The connections of one endpoint: the one in use, and those that are dialled beside it while no answer comes on it, or only refusals. */
export interface Connections<C> {
  /** The connection for calls. */
  readonly current: () => C
  /** When (monotonic ms) a stream on the connection for calls last received a message. */
  readonly receivedAt: () => number
  /** The connection for one more stream. It is that of the calls, unless a limit of streams was found. */
  readonly stream: () => StreamConnection<C>
  /**
   * Asks on the connection in use and, while no answer comes, on new ones beside it. The first connection that answers comes into use;
   * then it emits once. Errors as soon as one connection is refused.
   * If the connection in use has been refusing for half a second, a new one is asked beside it: a balancer or a DNS name may lead it to another member.
   * The same happens if it could not be made for two seconds: its channel may wait for a dial that never ends.
   * If the streams on a silent connection are answered, its streams take up all that the server allows: from then on, calls have a connection of their own.
   */
  readonly answering: (ask: (connection: C) => Observable<unknown>) => Observable<unknown>
  readonly close: () => void
}

/** How long (ms) each connection may take: a slow line needs several round trips. */
const lifetime = 8_000
/** How long (ms) a connection may take that is dialled because the one in use refuses. */
const besideRefusals = 2_000
/** The pause (ms) before the connection in use is asked again meanwhile. */
const askAgainAfter = 25
/** If a connection is silent again within this time (ms), although its streams were answered at first, it is taken for full. */
const silentAgainWithin = 30_000

/**
 * If a stream received a message so recently (ms), its connection is not dead, and only calls get no answer on it: a call waits for 1.5 s at least,
 * and then a probe for half a second.
 */
const streamingWithin = 1_000

interface Stream {
  answered: boolean
  readonly ended: Subject<StreamEnd>
}

/** What connections are opened with, such as certificates; `renew` looks whether it has changed. A channel that redials uses what it was opened with. */
export type Renewable = Readonly<Record<'current', () => unknown> & Record<'renew', () => void>>
const unchanging: Renewable = { current: () => undefined, renew: nothing }

/** A connection and its streams. It is opened when it is used first. */
interface Line<C> {
  readonly connection: () => C
  /** What it was opened with. */
  readonly openedWith: () => unknown
  readonly streams: Set<Stream>
  receivedAt: number
}

const answeredStreams = <C>({ streams }: Line<C>): number => [...streams].filter(({ answered }) => answered).length
const endAll = (streams: Iterable<Stream>, end: StreamEnd): void => {
  for (const stream of [...streams]) stream.ended.next(end)
}

/** Makes connections by `open`, each with a number of its own. If `material` changes, the connection in use is left for a new one at the next question. */
export const connections = <C>(open: (number: number) => C, close: (connection: C) => unknown, material: Renewable = unchanging): Connections<C> => {
  let dialled = 0
  const dial = (): Line<C> => {
    const number = dialled++
    let opened: { readonly connection: C; readonly by: unknown } | undefined
    const once = () => (opened ??= { by: material.current(), connection: open(number) })
    return { connection: () => once().connection, openedWith: () => once().by, streams: new Set(), receivedAt: -Infinity }
  }
  const closeLine = (line: Line<C>): unknown => close(line.connection())
  let used = dial()
  /** How many streams a connection takes. Once a limit is known, calls and streams have different connections. */
  let room = Infinity
  /** The connections that only have streams. */
  const streamLines = new Set<Line<C>>()
  let silentAt = -Infinity

  const closeStreamLines = (): void => {
    const lines = [...streamLines]
    streamLines.clear()
    lines.forEach(closeLine)
    for (const { streams } of lines) endAll(streams, 'moved')
  }
  /** The connection in use is left, with all streams. */
  const replace = (line: Line<C>): void => {
    if (line === used) return
    const former = used
    used = line
    closeLine(former)
    endAll(former.streams, 'moved')
    closeStreamLines()
  }
  /** Another connection answered while the one in use was silent. */
  const leaveSilent = (line: Line<C>): void => {
    if (line === used) return
    const streaming = isStreaming()
    const answered = answeredStreams(used)
    const again = now() - silentAt < silentAgainWithin
    silentAt = now()
    if (room < Infinity && streaming) {
      closeLine(used)
      used = line
    } else if (room === Infinity && answered > 0 && streaming) {
      room = answered
      const former = used
      used = line
      streamLines.add(former)
      endAll([...former.streams].filter(stream => !stream.answered), 'queued')
    } else {
      if (room === Infinity && answered > 0 && again) room = answered
      replace(line)
    }
  }
  const isStreaming = (): boolean => now() - Math.max(used.receivedAt, ...[...streamLines].map(({ receivedAt }) => receivedAt)) < streamingWithin

  const refused = refusals()
  const noteRefusal = (error: unknown): void => {
    refused.note(error)
    // Its channel must not redial.
    if (isCertificateRefused(error)) replace(dial())
  }
  const renewLine = (): void => {
    material.renew()
    if (used.openedWith() !== material.current()) replace(dial())
  }
  const afterPause = <T>(next: () => Observable<T>): Observable<T> =>
    defer(() => {
      const pause = refused.pause()
      return pause > 0 ? timer(pause).pipe(switchMap(next)) : next()
    })
  type Ask = (connection: C) => Observable<unknown>
  /** Emits what to do with the connection that answered. */
  const inTurn = (ask: Ask): Observable<() => void> =>
    concat([0], timer(firstDialAfter, timers, dialEvery).pipe(map(index => index + 1))).pipe(
      mergeMap(attempt => {
        const line = attempt === 0 ? used : dial()
        return ask(line.connection()).pipe(
          // A refusal says more than silence, so a connection that is refused comes into use, too.
          catchError((error: unknown) => {
            if (attempt > 0) replace(line)
            noteRefusal(error)
            return throwError(() => toError(error))
          }),
          map(() => () => (attempt > 0 ? leaveSilent(line) : undefined)),
          takeUntil(timer(lifetime)),
          finalize(() => attempt > 0 && line !== used && closeLine(line)),
        )
      }),
    )
  /** Asks on a new connection as well. It comes into use only if it answers, because its refusal says no more than that of the one in use. */
  const andBeside = (ask: Ask): Observable<() => void> => {
    refused.dialled()
    const beside = dial()
    let underWay = true
    return merge(
      ask(beside.connection()).pipe(
        map(() => () => replace(beside)),
        catchError(() => EMPTY),
        takeUntil(timer(besideRefusals)),
        finalize(() => {
          underWay = false
          if (beside !== used) closeLine(beside)
        }),
      ),
      inTurn(ask).pipe(retry({ delay: (error: unknown) => (underWay ? timer(askAgainAfter) : throwError(() => toError(error))) })),
    )
  }

  return {
    current: () => used.connection(),
    receivedAt: () => used.receivedAt,
    stream: () => {
      let line = used
      if (room < Infinity) {
        line = [...streamLines].find(({ streams }) => streams.size < room) ?? dial()
        streamLines.add(line)
      }
      const stream: Stream = { answered: false, ended: new Subject() }
      line.streams.add(stream)
      return {
        connection: line.connection(),
        ended: stream.ended,
        received: () => {
          line.receivedAt = now()
          stream.answered = true
        },
        release: () => {
          line.streams.delete(stream)
          if (line.streams.size === 0 && streamLines.delete(line)) closeLine(line)
        },
      }
    },
    answering: ask =>
      afterPause(() => {
        renewLine()
        return refused.needsAnother() ? andBeside(ask) : inTurn(ask)
      }).pipe(
        take(1),
        map(use => {
          refused.answered()
          use()
          return used.connection()
        }),
      ),
    close: () => {
      closeLine(used)
      streamLines.forEach(closeLine)
    },
  }
}
