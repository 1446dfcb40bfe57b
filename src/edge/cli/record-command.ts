import { Command } from 'commander'
import { catchError, concat, defer, ignoreElements, mergeMap, of, takeUntil, tap, throwError, type Observable } from 'rxjs'
import { InvalidArgument, toError } from '../../core/errors.js'
import { serviceName } from '../../core/instance/names.js'
import { beginning, positionAfter } from '../../core/recording/moment.js'
import { recordedOf, type RecordedEvent } from '../../core/recording/recorded-event.js'
import { invalidIf, throwIfInvalid } from '../../core/validation.js'
import { record } from '../../flow/recording/record.js'
import { writeRecording } from '../node/write-recording.js'
import { counted } from './counted.js'
import type { Host } from './host.js'
import { numberOf } from './number-of.js'
import { moment as timeText, printer, type Line } from './output.js'
import { repeated } from './repeated.js'
import { reportSilence } from './report-silence.js'
import { required } from './required.js'
import { requireRoot } from './require-root.js'
import { settingsOf, type SharedOptions } from './settings.js'
import { withRegistry } from './with-registry.js'

interface RecordCommandOptions extends SharedOptions {
  readonly out?: string
  readonly metadata?: readonly string[]
  readonly maxSize: number
  readonly maxAge: number
  readonly keep: number
}

/** A number above 0, as the option takes it, times `unit`. */
const positive = (option: string, noun: string, unit: number) => (text: string): number => {
  const value = numberOf(text)
  if (value > 0 && value * unit < Infinity && value * unit >= 1) return value * unit
  throw new InvalidArgument(option, `must be a number of ${noun} above 0, got "${text}"`)
}

const keepOf = (text: string): number => {
  const keep = numberOf(text)
  if (Number.isInteger(keep) && keep >= 0) return keep
  throw new InvalidArgument('keep', `must be a whole number, 0 or more, got "${text}"`)
}

/** What is printed about a recording: its beginning, its gaps and its end. */
const recordingLines = (out: string) => (source: Observable<RecordedEvent>): Observable<Line> =>
  defer(() => {
    let position = beginning
    let events = 0
    const lines = source.pipe(
      mergeMap((event): readonly Line[] => {
        const { moment: before } = position
        events += 1
        const recorded = recordedOf(event)
        if (recorded !== undefined) position = positionAfter(position, recorded)
        const { moment } = position
        const { trouble, revision, entries } = moment
        if (moment === before) return []
        if (trouble !== undefined) {
          const { error, since = moment.at } = trouble
          return before.trouble?.error === error
            ? []
            : [{ text: `nothing is recorded since ${timeText(since)} because of ${error}; retrying`, json: { type: 'interrupted', error: { name: error }, since: timeText(since) } }]
        }
        if (before.revision > 0 && before.trouble === undefined) return []
        return [{ text: `recording into ${out}: ${counted(entries.size, 'entry')} at revision ${revision}`, json: { type: 'recording', out, revision, entries: entries.size } }]
      }),
    )
    const end = defer(() => of<Line>({ text: `recorded ${counted(events, 'event')} into ${out}`, json: { type: 'recorded', out, events } }))
    return concat(lines, end)
  })

/** An error of the system about the file does not name it. */
const withFile = (out: string) => (thrown: unknown): Observable<never> => {
  const error = toError(thrown)
  return throwError(() => ('syscall' in error ? new Error(`${out} cannot be written: ${error.message}`, { cause: error }) : error))
}

/** `record [service...]`: writes what happens to services into a file, until a signal. */
export const recordCommand = (host: Host, exit: (code: number) => void): Command =>
  new Command('record')
    .description('write what happens to all services, or to the given ones, into a file, until Ctrl-C or SIGTERM')
    .argument('[service...]', 'service names; required for formats without a common prefix, such as plain')
    .option('--out <file>', 'the file, such as incident.jsonl; required. One that is there is continued')
    .option('--metadata <name>', 'a field of the metadata that is recorded; can be repeated (default: none)', repeated)
    .option('--max-size <MiB>', 'begin another file when this one is longer', positive('max-size', 'MiB', 1024 * 1024), 64 * 1024 * 1024)
    .option('--max-age <hours>', 'begin another file when this one is older', positive('max-age', 'hours', 3_600_000), 24 * 3_600_000)
    .option('--keep <number>', 'how many earlier files are kept', keepOf, 7)
    .action(async (services: readonly string[], _: unknown, command: Command) => {
      const { out: given, metadata = [], maxSize, maxAge, keep, ...options } = command.optsWithGlobals<RecordCommandOptions>()
      const out = required('out', given, 'incident.jsonl')
      const settings = settingsOf(options, host)
      for (const service of services) throwIfInvalid(invalidIf('service', serviceName, service))
      const { format } = settings
      if (services.length === 0) requireRoot(format)
      const named = services.length === 0 ? 'all' : [...new Set(services)]
      const print = printer(host, settings.json)
      exit(
        await withRegistry(host, settings, (registry, stop) => {
          const untilStopped = record(registry, { services: named, format, project: { metadata } }).pipe(takeUntil(stop))
          return untilStopped.pipe(writeRecording(out, { maxBytes: maxSize, maxAge, keep }), catchError(withFile(out)), recordingLines(out), reportSilence(host, settings), tap(print), ignoreElements())
        }),
      )
    })
