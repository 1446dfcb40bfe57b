import { Command } from 'commander'
import { firstValueFrom, ignoreElements, merge, take, takeUntil, tap, type Observable } from 'rxjs'
import { InvalidArgument } from '../../core/errors.js'
import { serviceName } from '../../core/instance/names.js'
import { invalidIf, quotedValue, throwIfInvalid } from '../../core/validation.js'
import { discover } from '../../flow/discovery/discover.js'
import { replayRegistry, type ReplayRegistry } from '../../flow/recording/replay-registry.js'
import { marbles } from '../testing/marbles.js'
import { playedThrough } from '../testing/played-through.js'
import { counted } from './counted.js'
import type { Host } from './host.js'
import { numberOf } from './number-of.js'
import { printable, printer, type Line } from './output.js'
import { readInput } from './read-input.js'
import { repeated } from './repeated.js'
import { setLines } from './set-lines.js'
import type { SharedOptions } from './settings.js'
import { someOf } from './some-of.js'
import { boardHandler } from './ui/board-handler.js'
import { boardLine } from './ui/board-line.js'
import { boardPage } from './ui/board-page.js'
import { boardServer, type BoardServerOptions } from './ui/board-server.js'
import { recordingOfServices } from './ui/recording-of-services.js'
import { withServerOptions } from './ui/with-server-options.js'

interface ReplayCommandOptions extends SharedOptions, BoardServerOptions {
  readonly service?: readonly string[]
  readonly speed: number
  readonly marbles?: boolean
  readonly ui?: boolean
  readonly heading: string
}

/** How fast: `Infinity` for `max`. */
const speedOf = (text: string): number => {
  const speed = text === 'max' ? Infinity : numberOf(text)
  if (speed > 0 && (speed < Infinity || text === 'max')) return speed
  throw new InvalidArgument('speed', `must be a number above 0, or max, got "${text}"`)
}

const textOf = (files: readonly string[]): string => files.map(file => readInput('file', file)).join('\n')

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

/** Options that count in a browser, and those that count on the terminal. */
const [ofPage, ofTerminal] = [['port', 'bind', 'host', 'heading'], ['speed', 'marbles']] as const

const throwIfMixed = (command: Command, isPage: boolean): void => {
  const given = (names: readonly string[]): string | undefined => names.find(name => command.getOptionValueSource(name) === 'cli')
  const wrong = given(isPage ? ofTerminal : ofPage)
  if (wrong !== undefined) throw new InvalidArgument(wrong, isPage ? 'cannot be combined with --ui (the page plays the recording)' : 'requires --ui')
}

/** The board of a recording that is over; the file is read once. */
const board = (text: string, options: ReplayCommandOptions, script: Buffer): Observable<string> => {
  const page = boardPage(options.heading, { recording: '/recording' })
  const read = ({ path }: { readonly path: string }) => Promise.resolve(path === '/recording' ? (['application/x-ndjson; charset=utf-8', text] as const) : undefined)
  return boardServer(options, names => boardHandler({ page, script, names }, { read }))
}

/** `replay <file...>`: prints what a recording shows, as `watch` does, with the times of the recording; or serves a board of it. */
export const replayCommand = (host: Host, exit: (code: number) => void): Command => {
  const replay = new Command('replay')
    .description('print what a recording shows, as watch does, with its times, or show it on a board; needs no etcd')
    .argument('<file...>', 'recordings of one history, the oldest first')
    .option('--service <name>', 'only this service; can be repeated (default: all)', repeated)
    .option('--speed <number>', 'how many seconds of the recording are played in a second; max: print everything at once', speedOf, 1)
    .option('--marbles', 'print a marble diagram, for a bug report')
    .option('--ui', 'serve a board of the recording for browsers on this machine, until Ctrl-C or SIGTERM')
  return withServerOptions(replay, '; with --ui').action(async (files: readonly string[], _: unknown, command: Command) => {
    const options = command.optsWithGlobals<ReplayCommandOptions>()
    const { service, speed, marbles: isDiagram = false, ui: isPage = false, json = false } = options
    throwIfMixed(command, isPage)
    for (const name of service ?? []) throwIfInvalid(invalidIf('service', serviceName, name))
    const text = textOf(files)
    const atOnce = speed === Infinity
    const registry = played(files, text, atOnce ? 1 : speed)
    const services = [...new Set(service ?? registry.services)]
    if (registry.unreadable > 0) host.printError(`${counted(registry.unreadable, 'line')} cannot be read, such as one that was cut off\n`)
    const absent = services.filter(name => !registry.services.includes(name))
    if (absent.length > 0) host.printError(`${printable(`${absent.join(', ')} ${absent.length === 1 ? 'is' : 'are'} not in the recording, which has ${someOf(registry.services) || 'no service'}`)}\n`)
    const stop = host.signals.pipe(take(1))
    if (isPage) {
      const served = board(service === undefined ? text : recordingOfServices(text, services), options, host.boardScript())
      await firstValueFrom(served.pipe(tap(url => host.print(boardLine(url, json))), ignoreElements(), takeUntil(stop)), { defaultValue: undefined })
    } else if (isDiagram) host.print(marbles(text, { services }).split('\n').map(printable).join('\n'))
    else if (atOnce) for (const { at, value } of playedThrough(registry, linesOf(registry, services))) printer(host, json, () => at)(value)
    else {
      const shown = linesOf(registry, services).pipe(tap(printer(host, json, registry.now)), ignoreElements(), takeUntil(merge(registry.ended, stop)))
      await firstValueFrom(shown, { defaultValue: undefined })
    }
    exit(0)
  })
}
