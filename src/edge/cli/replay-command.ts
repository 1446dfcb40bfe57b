import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { firstValueFrom, ignoreElements, merge, take, takeUntil, tap, type Observable } from 'rxjs'
import { InvalidArgument } from '../../core/errors.js'
import { serviceName } from '../../core/instance/names.js'
import { invalidIf, quotedValue, throwIfInvalid } from '../../core/validation.js'
import { discover } from '../../flow/discovery/discover.js'
import { replayRegistry, type ReplayRegistry } from '../../flow/recording/replay-registry.js'
import { marbles } from '../testing/marbles.js'
import { playedThrough } from '../testing/played-through.js'
import type { Host } from './host.js'
import { numberOf } from './number-of.js'
import { printable, printer, type Line } from './output.js'
import { repeated } from './repeated.js'
import { setLines } from './set-lines.js'
import type { SharedOptions } from './settings.js'

interface ReplayCommandOptions extends SharedOptions {
  readonly service?: readonly string[]
  readonly speed: number
  readonly marbles?: boolean
}

/** How fast: `Infinity` for `max`. */
const speedOf = (text: string): number => {
  const speed = text === 'max' ? Infinity : numberOf(text)
  if (speed > 0 && (speed < Infinity || text === 'max')) return speed
  throw new InvalidArgument('speed', `must be a number above 0, or max, got "${text}"`)
}

const textOf = (files: readonly string[]): string =>
  files
    .map(file => {
      try {
        return readFileSync(file, 'utf8')
      } catch (error) {
        throw new InvalidArgument('file', `cannot be read: ${error instanceof Error ? error.message : file}`)
      }
    })
    .join('\n')

/** The registry that plays the files. Its own message does not know their names. */
const played = (files: readonly string[], text: string, speed: number): ReplayRegistry => {
  try {
    return replayRegistry(text, { speed })
  } catch (error) {
    if (!(error instanceof InvalidArgument) || error.argument !== 'recording') throw error
    const why = text.trim() === '' ? 'nothing has been recorded yet' : 'it has no whole listing that this version can read'
    throw new InvalidArgument('file', `must be a recording, got ${files.map(quotedValue).join(' ')} (${why}; make one with rx-discovery record)`)
  }
}

const linesOf = (registry: ReplayRegistry, services: readonly string[]): Observable<Line> =>
  merge(...services.map(service => discover(registry, service).pipe(setLines())))

/** `replay <file...>`: prints what a recording shows, as `watch` does, with the times of the recording. */
export const replayCommand = (host: Host, exit: (code: number) => void): Command =>
  new Command('replay')
    .description('print what a recording shows, as watch does, with its times; needs no etcd')
    .argument('<file...>', 'recordings of one history, the oldest first')
    .option('--service <name>', 'only this service; can be repeated (default: all)', repeated)
    .option('--speed <number>', 'how many seconds of the recording are played in a second; max: print everything at once', speedOf, 1)
    .option('--marbles', 'print a marble diagram, for a bug report')
    .action(async (files: readonly string[], _: unknown, command: Command) => {
      const { service, speed, marbles: isDiagram = false, json = false } = command.optsWithGlobals<ReplayCommandOptions>()
      for (const name of service ?? []) throwIfInvalid(invalidIf('service', serviceName, name))
      const text = textOf(files)
      const atOnce = speed === Infinity
      const registry = played(files, text, atOnce ? 1 : speed)
      const services = [...new Set(service ?? registry.services)]
      if (registry.unreadable > 0) host.printError(`${registry.unreadable} ${registry.unreadable === 1 ? 'line' : 'lines'} cannot be read, such as one that was cut off\n`)
      if (isDiagram) host.print(marbles(text, { services }).split('\n').map(printable).join('\n'))
      else if (atOnce) for (const { at, value } of playedThrough(registry, linesOf(registry, services))) printer(host, json, () => at)(value)
      else {
        const shown = linesOf(registry, services).pipe(tap(printer(host, json, registry.now)), ignoreElements(), takeUntil(merge(registry.ended, host.signals).pipe(take(1))))
        await firstValueFrom(shown, { defaultValue: undefined })
      }
      exit(0)
    })
