import { Command } from 'commander'
import { concat, concatMap, defer, from, ignoreElements, map, mergeMap, race, takeUntil, tap, toArray, type Observable } from 'rxjs'
import { InvalidArgument } from '../../core/errors.js'
import type { ServiceSet } from '../../core/sets/service-set.js'
import { serviceName } from '../../core/instance/names.js'
import { invalidIf, throwIfInvalid } from '../../core/validation.js'
import { discover } from '../../flow/discovery/discover.js'
import { history } from '../../flow/discovery/history.js'
import type { ReadableRegistry } from '../../flow/registry.js'
import { exitCodeOf, type Host } from './host.js'
import { eventPrinter, type Line } from './output.js'
import { onEachEndpoint } from './on-each-endpoint.js'
import { reportSilence } from './report-silence.js'
import { changeLines, followedLines } from './set-lines.js'
import { settingsOf, type SharedOptions } from './settings.js'
import { wholeNumberOf } from './whole-number-of.js'
import { withRegistry } from './with-registry.js'

interface EventsOptions extends SharedOptions {
  readonly since: string
  readonly until?: string
  readonly maxBehind?: string
}

/** What happened at a revision; `live`: just now. */
interface Event {
  readonly revision: number
  readonly line: Line
  readonly live: boolean
}

const startLine = ({ service, size, revision }: ServiceSet): Line => ({
  text: `${service} had ${size} ${size === 1 ? 'instance' : 'instances'}`,
  json: { type: 'start', service, revision, size },
})

/** What the sets of the past show: how many instances there were at first, and what has changed since. */
const pastEvents = (sets: readonly ServiceSet[]): readonly Event[] =>
  sets.flatMap((set, at) => {
    const before = sets[at - 1]
    const lines = before === undefined ? [startLine(set)] : changeLines(before, set)
    return lines.map(line => ({ revision: set.revision, line, live: false }))
  })

/** `events <service>`: prints what has changed since a revision, and goes on until a signal, unless it has an end. */
export const eventsCommand = (host: Host, exit: (code: number) => void): Command =>
  new Command('events')
    .description('print which instances joined (+), left (-) or changed (~) since a revision; goes on as it happens, unless --until is given')
    .argument('<service>', 'service name')
    .requiredOption('--since <revision>', 'the revision to begin at; etcd knows those since its last compaction')
    .option('--until <revision>', 'the last revision to print; the command then ends (default: goes on until a signal, like watch)')
    .option('--max-behind <revisions>', 'how far --since may lie back; the further, the longer etcd delays writes meanwhile (default: 10000)')
    .action(async (service: string, _: unknown, command: Command) => {
      const options = command.optsWithGlobals<EventsOptions>()
      const settings = settingsOf(options, host)
      throwIfInvalid(invalidIf('service', serviceName, service))
      const { format } = settings
      const bounds = {
        ...{ format, from: wholeNumberOf('since', options.since) },
        ...(options.maxBehind !== undefined && { maxBehind: wholeNumberOf('max-behind', options.maxBehind) }),
      }
      const until = options.until === undefined ? undefined : wholeNumberOf('until', options.until)
      const print = eventPrinter(host, settings.json)
      const past = (registry: ReadableRegistry, to: number): Observable<readonly ServiceSet[]> =>
        // Collected, so that the next endpoint can begin again. Where nothing changes, the end of the past takes a second; the first set does not.
        onEachEndpoint(host, settings, () => history(registry, service, { ...bounds, to }).pipe(reportSilence(host, settings), toArray()))
      const ended = (registry: ReadableRegistry, to: number): Observable<Event> => past(registry, to).pipe(mergeMap(pastEvents))
      const endless = (registry: ReadableRegistry): Observable<Event> =>
        defer(() => {
          let lines = followedLines()
          let begun = false
          const seen = (set: ServiceSet): readonly Event[] => lines(set).map(line => ({ revision: set.revision, line, live: true }))
          return discover(registry, service, { format }).pipe(
            reportSilence(host, settings),
            // The past up to the first live set; the sets after it wait meanwhile, so that nothing is missing in between.
            concatMap(set => {
              if (begun || set.status !== 'live') return seen(set)
              if (set.revision < bounds.from) throw new InvalidArgument('since', `must be at most ${set.revision}, the latest revision, got ${bounds.from}`)
              begun = true
              const before = past(registry, set.revision).pipe(
                mergeMap(sets => {
                  lines = followedLines(sets.at(-1))
                  return pastEvents(sets)
                }),
              )
              return concat(before, defer(() => seen(set)))
            }),
          )
        })
      const printed = (events: Observable<Event>): Observable<never> =>
        events.pipe(
          tap(({ revision, line, live }) => print(revision, line, live)),
          ignoreElements(),
        )
      exit(
        await withRegistry(host, settings, (registry, stop) =>
          until === undefined
            ? printed(endless(registry)).pipe(takeUntil(stop))
            : race(concat(printed(ended(registry, until)), from([0])), stop.pipe(map(exitCodeOf))),
        ),
      )
    })
