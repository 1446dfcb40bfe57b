import { Command } from 'commander'
import { concat, concatMap, defer, EMPTY, filter, forkJoin, from, ignoreElements, map, merge, mergeMap, of, pairwise, race, ReplaySubject, startWith, switchMap, takeUntil, tap, toArray, type Observable } from 'rxjs'
import { InvalidArgument } from '../../core/errors.js'
import { diff } from '../../core/sets/diff.js'
import { pendingSet, type ServiceSet } from '../../core/sets/service-set.js'
import { serviceName } from '../../core/instance/names.js'
import { invalidIf, throwIfInvalid } from '../../core/validation.js'
import { discover } from '../../flow/discovery/discover.js'
import { history } from '../../flow/discovery/history.js'
import type { ReadableRegistry } from '../../flow/registry.js'
import { counted } from './counted.js'
import { exitCodeOf, type Host } from './host.js'
import { ifAllowed } from './if-allowed.js'
import { eventPrinter, type Line } from './output.js'
import { onEachEndpoint } from './on-each-endpoint.js'
import { overrideFormat } from './override-format.js'
import { overrideLine } from './override-line.js'
import { reportSilence } from './report-silence.js'
import { required } from './required.js'
import { revisionOf } from './revision-of.js'
import { changeLines, followedLines } from './set-lines.js'
import { settingsOf, type SharedOptions } from './settings.js'
import { wholeNumberOf } from './whole-number-of.js'
import { withRegistry } from './with-registry.js'

interface EventsOptions extends SharedOptions {
  readonly since?: string
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
  text: `${service} had ${counted(size, 'instance')}`,
  json: { type: 'start', service, revision, size },
})

/** The past: the sets of the service, and those of its overrides, none if they may not be read. */
interface Past {
  readonly sets: readonly ServiceSet[]
  readonly overrides: readonly ServiceSet[]
}

/** What operators have done between two sets of overrides. */
const overrideChanges = (before: ServiceSet, after: ServiceSet): readonly Line[] =>
  diff(before, after).map(({ type, instance }) => overrideLine(instance, type === 'left' ? undefined : instance.status))

const eventsOf = (sets: readonly ServiceSet[], first: (set: ServiceSet) => readonly Line[], changed: (before: ServiceSet, after: ServiceSet) => readonly Line[]): readonly Event[] =>
  sets.flatMap((set, at) => {
    const before = sets[at - 1]
    return (before === undefined ? first(set) : changed(before, set)).map(line => ({ revision: set.revision, line, live: false }))
  })

/** What the past shows: how many instances and which overrides there were at first, and what has changed since. */
const pastEvents = ({ sets, overrides }: Past): readonly Event[] =>
  [
    ...eventsOf(sets, set => [startLine(set)], changeLines),
    ...eventsOf(overrides, set => overrideChanges(pendingSet(set.service), set), overrideChanges),
  ].sort((a, b) => a.revision - b.revision)

/** What operators do after the past has ended with these overrides. */
const overridesAfter = (registry: ReadableRegistry, last: ServiceSet): Observable<Event> =>
  discover(registry, last.service, { format: overrideFormat }).pipe(
    filter(({ status }) => status === 'live'),
    startWith(last),
    pairwise(),
    mergeMap(([before, set]) => overrideChanges(before, set).map(line => ({ revision: set.revision, line, live: true }))),
    ifAllowed(EMPTY),
  )

/** `events <service>`: prints what has changed since a revision, and goes on until a signal, unless it has an end. */
export const eventsCommand = (host: Host, exit: (code: number) => void): Command =>
  new Command('events')
    .description('print which instances joined (+), left (-) or changed (~) since a revision; goes on as it happens, unless --until is given')
    .argument('<service>', 'service name')
    .option('--since <revision>', 'the revision to begin at; required. etcd knows those since its last compaction')
    .option('--until <revision>', 'the last revision to print; the command then ends (default: goes on until a signal, like watch)')
    .option('--max-behind <revisions>', 'how far --since may lie back; the further, the longer etcd delays writes meanwhile (default: 10000)')
    .action(async (service: string, _: unknown, command: Command) => {
      const options = command.optsWithGlobals<EventsOptions>()
      const settings = settingsOf(options, host)
      throwIfInvalid(invalidIf('service', serviceName, service))
      const { format } = settings
      const bounds = {
        ...{ format, from: revisionOf('since', required('since', options.since, '1200; watch and list --wide print revisions')) },
        ...(options.maxBehind !== undefined && { maxBehind: wholeNumberOf('max-behind', options.maxBehind) }),
      }
      const until = options.until === undefined ? undefined : revisionOf('until', options.until)
      const print = eventPrinter(host, settings.json)
      const past = (registry: ReadableRegistry, to: number): Observable<Past> =>
        // Collected, so that the next endpoint can begin again. Where nothing changes, the end of the past takes a second; the first set does not.
        onEachEndpoint(host, settings, () =>
          forkJoin({
            sets: history(registry, service, { ...bounds, to }).pipe(reportSilence(host, settings), toArray()),
            overrides: history(registry, service, { ...bounds, format: overrideFormat, to }).pipe(toArray(), ifAllowed(of([]))),
          }),
        )
      const ended = (registry: ReadableRegistry, to: number): Observable<Event> => past(registry, to).pipe(mergeMap(pastEvents))
      const endless = (registry: ReadableRegistry): Observable<Event> =>
        defer(() => {
          let lines = followedLines()
          let begun = false
          const reached = new ReplaySubject<ServiceSet>(1)
          const seen = (set: ServiceSet): readonly Event[] => lines(set).map(line => ({ revision: set.revision, line, live: true }))
          const instances = discover(registry, service, { format }).pipe(
            reportSilence(host, settings),
            // The past up to the first live set; the sets after it wait meanwhile, so that nothing is missing in between.
            concatMap(set => {
              if (begun || set.status !== 'live') return seen(set)
              if (set.revision < bounds.from) throw new InvalidArgument('since', `must be at most ${set.revision}, the latest revision, got ${bounds.from}`)
              begun = true
              const before = past(registry, set.revision).pipe(
                tap(({ sets }) => (lines = followedLines(sets.at(-1)))),
                concatMap(all => from(pastEvents(all)).pipe(tap({ complete: () => all.overrides.slice(-1).forEach(last => reached.next(last)) }))),
              )
              return concat(before, defer(() => seen(set)))
            }),
          )
          return merge(instances, reached.pipe(switchMap(last => overridesAfter(registry, last))))
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
