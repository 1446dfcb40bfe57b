import { closeSync, fstatSync, openSync, readdirSync, readSync, renameSync, rmSync, writeSync } from 'node:fs'
import { basename, dirname, extname, join } from 'node:path'
import { defer, finalize, tap, type MonoTypeOperatorFunction } from 'rxjs'
import { invalidOptions, notNegative, numberFrom, type Checks } from '../../core/arguments.js'
import { listingEvents } from '../../core/recording/listing-events.js'
import { beginning, positionAfter } from '../../core/recording/moment.js'
import { recordedLine, recordedOf, type RecordedEvent } from '../../core/recording/recorded-event.js'
import { flaw, invalid, invalidIf, must, throwIfInvalid } from '../../core/validation.js'
import { fileFlaw } from './file-flaw.js'
import { lockFile } from './lock-file.js'

/** Options of {@link writeRecording}. */
export interface WriteRecordingOptions {
  /** A file that is longer, bytes, is renamed, and another one begun. @default 67108864 (64 MiB) */
  readonly maxBytes?: number
  /** A file that is older, ms, is renamed, and another one begun. @default 86400000 (a day) */
  readonly maxAge?: number
  /** How many renamed files are kept; the oldest ones are deleted. @default 7 */
  readonly keep?: number
}

const checks: Checks<WriteRecordingOptions> = { maxBytes: numberFrom(1, Infinity), maxAge: numberFrom(1, Infinity), keep: notNegative }

const newLine = 10

/** What is known of the file that is being written. */
interface Open {
  readonly file: number
  /** Whether it is a regular file. Others, such as a pipe, are never renamed. */
  readonly isFile: boolean
  /** When its first event was seen, epoch ms; `undefined`: it is empty. */
  since: number | undefined
  /** Its length, and how much of that is the listing at its beginning, bytes. */
  bytes: number
  listed: number
}

const bytesAt = (file: number, position: number, length: number): Buffer => {
  const bytes = Buffer.alloc(length)
  return bytes.subarray(0, readSync(file, bytes, 0, length, position))
}

const write = (to: Open, text: string): void => {
  const bytes = Buffer.from(text)
  for (let written = 0; written < bytes.length; ) written += writeSync(to.file, bytes, written)
  to.bytes += bytes.length
}

/** Opens a file to append to it. Throws `InvalidArgument` if it is no recording. */
const open = (path: string): Open => {
  const file = openSync(path, 'a+')
  const stats = fstatSync(file)
  const isFile = stats.isFile()
  const { size } = stats
  if (size === 0) return { file, isFile, since: undefined, bytes: 0, listed: 0 }
  const start = bytesAt(file, 0, 64).toString()
  const [, since] = /^\{"at":(-?[\d.]+),/.exec(start) ?? []
  if (since === undefined) {
    closeSync(file)
    throw invalid('path', flaw('must be a recording, or a file that does not exist', path, `it begins with ${JSON.stringify(start.slice(0, 20))}`))
  }
  const opened = { file, isFile, since: Number(since), bytes: size, listed: 0 }
  // A process that was killed may have left a part of a line.
  if (bytesAt(file, size - 1, 1)[0] !== newLine) write(opened, '\n')
  return opened
}

/** Locks a file and opens it. Throws `InvalidArgument` if that cannot be, and the error of Node if the path is not to blame. */
const openLocked = (path: string): { readonly to: Open; readonly unlock: () => void } => {
  let unlock = (): void => undefined
  try {
    unlock = lockFile(path)
    return { to: open(path), unlock }
  } catch (error) {
    unlock()
    const found = fileFlaw(path, 'write', error)
    throw found === undefined ? error : invalid('path', found)
  }
}

/** The names of a recording's renamed files, oldest first. */
const renamedFiles = (path: string): readonly string[] => {
  const extension = extname(path)
  const stem = basename(path, extension)
  const isRenamed = (name: string): boolean =>
    name.startsWith(`${stem}.`) && name.endsWith(extension) && /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}Z(_\d+)?$/.test(name.slice(stem.length + 1, name.length - extension.length))
  return readdirSync(dirname(path)).filter(isRenamed).sort()
}

/** Renames the file that is written, after the time at which it begins, and deletes the oldest files. */
const rename = (path: string, since: number, keep: number): void => {
  const extension = extname(path)
  const time = new Date(since).toISOString().replaceAll(':', '-')
  const free = (name: string, others: readonly string[], number = 0): string => {
    const numbered = `${name}${number === 0 ? '' : `_${number}`}${extension}`
    return others.includes(numbered) ? free(name, others, number + 1) : numbered
  }
  renameSync(path, join(dirname(path), free(`${basename(path, extension)}.${time}`, renamedFiles(path))))
  const all = renamedFiles(path)
  for (const name of all.slice(0, Math.max(0, all.length - keep))) rmSync(join(dirname(path), name))
}

/**
 * Writes the events of `record` into a file, one a line, each with one write of the system, and passes them on. A file that is there already is continued. A file that becomes too
 * long or too old is renamed after the time at which it begins, such as `incident.2026-01-01T03-00-00.000Z.jsonl`; the next one begins with all that is known, so each file is a
 * recording of its own. While it is written, a file beside it, such as `incident.jsonl.lock`, names the process. Errors `InvalidArgument` if the file is no recording or cannot be opened, or
 * if something else records into it, and with the error of Node if it can be written no more.
 *
 * @example record(registry).pipe(writeRecording('incident.jsonl', { maxAge: 3_600_000 })).subscribe()
 */
export const writeRecording = (path: string, options?: WriteRecordingOptions): MonoTypeOperatorFunction<RecordedEvent> => source =>
  defer(() => {
    throwIfInvalid(invalidIf('path', must(value => typeof value === 'string' && value !== '', 'be the path of a file'), path) ?? invalidOptions<WriteRecordingOptions>('writeRecording', options, checks))
    const { maxBytes = 64 * 1024 * 1024, maxAge = 86_400_000, keep = 7 } = options ?? {}
    const { to: first, unlock } = openLocked(path)
    let to = first
    let position = beginning
    // A listing that is longer than a file may be is followed by as many bytes of events.
    const isFull = (at: number): boolean => to.isFile && ((to.bytes > maxBytes && to.bytes > 2 * to.listed) || (to.since !== undefined && at - to.since >= maxAge))
    const beginAgain = ({ at, event }: RecordedEvent): void => {
      closeSync(to.file)
      rename(path, to.since ?? at, keep)
      to = open(path)
      to.since = at
      if (event !== 'listing') for (const listed of listingEvents(position.moment, at)) write(to, recordedLine(listed))
      to.listed = to.bytes
    }
    return source.pipe(
      tap(event => {
        if (position.parts === undefined && position.moment.trouble === undefined && to.bytes > to.listed && isFull(event.at)) beginAgain(event)
        to.since ??= event.at
        write(to, recordedLine(event))
        const recorded = recordedOf(event)
        if (recorded !== undefined) position = positionAfter(position, recorded)
      }),
      finalize(() => {
        closeSync(to.file)
        unlock()
      }),
    )
  })
