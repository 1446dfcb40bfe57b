import { either as E, option as O } from 'fp-ts'
import { text } from '../arguments.js'
import { isRecord } from '../instance/json.js'
import { flaw, must, under, type Flaw } from '../validation.js'
import { readWireData, readWireId, type Received, type WireEvent } from '../wire/wire-event.js'

/**
 * One event of a recording, as `record` emits it: an event of a bridge, and when it was seen. A plain JSON value; a file has one a line. The events of one revision come in
 * parts; the last part has an `id`.
 */
export interface RecordedEvent {
  /** When it was seen, epoch ms. */
  readonly at: number
  readonly event: Exclude<WireEvent['type'], 'check'>
  /** `<revision>.<digest>`, on the last event of a revision. */
  readonly id?: string
  /** The data, as `rx-discovery/sse` sends them. */
  readonly data: Readonly<Record<string, unknown>>
}

/** A recorded event that has been read. */
export interface Recorded extends Received {
  /** When it was seen, epoch ms. */
  readonly at: number
}

/** A recording that has been read. */
export interface ReadRecording {
  readonly events: readonly Recorded[]
  /** How many lines cannot be read, such as one that was cut off. */
  readonly unreadable: number
}

/** A recorded event of data that are text already. */
export const recordedEvent = (at: number, event: RecordedEvent['event'], data: string, id?: string): RecordedEvent => ({
  at,
  event,
  ...(id !== undefined && { id }),
  data: JSON.parse(data) as RecordedEvent['data'],
})

/** A recorded event as one line, with its end. */
export const recordedLine = (event: RecordedEvent): string => `${JSON.stringify(event)}\n`

/** The same line, of data that are text already: they are not parsed. */
export const recordedText = (at: number, event: RecordedEvent['event'], data: string, id?: string): string =>
  `{"at":${at},"event":"${event}"${id === undefined ? '' : `,"id":"${id}"`},"data":${data}}\n`

const time = must(value => Number.isFinite(value), 'be a time in epoch ms')

/** Reads a recorded event; total. `none`: of a type that a later version may have; skip it. */
export const readRecordedEvent = (value: unknown): E.Either<Flaw, O.Option<Recorded>> => {
  if (!isRecord(value)) return E.left(flaw('must be an object', value))
  const { at, event: type, data, id } = value
  const wrong = under('at', time(at)) ?? under('event', text(type))
  if (wrong !== undefined) return E.left(wrong)
  const read = readWireData(type as string, data)
  if (E.isLeft(read)) return read
  return E.right(O.isNone(read.right) ? O.none : O.some({ at: at as number, event: read.right.value, id: typeof id === 'string' ? readWireId(id) : undefined }))
}

/** A recorded event as it is read; `undefined` if it cannot be read, or is of a type that a later version may have. */
export const recordedOf = (value: unknown): Recorded | undefined => {
  const read = readRecordedEvent(value)
  return E.isRight(read) ? O.toUndefined(read.right) : undefined
}

const readLine = (line: string): E.Either<unknown, O.Option<Recorded>> => {
  const parsed = E.tryCatch(() => JSON.parse(line) as unknown, () => undefined)
  return E.isLeft(parsed) ? parsed : readRecordedEvent(parsed.right)
}

/** Reads the text of a recording. A line that cannot be read is skipped: wherever a file is cut off, everything before the cut is read. */
export const readRecording = (text: string): ReadRecording => {
  const read = text.split('\n').filter(line => line.trim() !== '').map(readLine)
  return { events: read.flatMap(line => (E.isRight(line) && O.isSome(line.right) ? [line.right.value] : [])), unreadable: read.filter(E.isLeft).length }
}
