import { Command } from 'commander'
import { concatMap, forkJoin, map, of, race, tap, type Observable } from 'rxjs'
import { InvalidArgument } from '../../core/errors.js'
import type { Format } from '../../core/formats/format.js'
import { serviceName } from '../../core/instance/names.js'
import { invalidIf, throwIfInvalid } from '../../core/validation.js'
import type { ReadableRegistry, Registry } from '../../flow/registry.js'
import { findFormats, type FoundFormat, type FoundFormats } from './find-formats.js'
import { exitCodeOf, type Host } from './host.js'
import { ifAllowed } from './if-allowed.js'
import { knownOverrides, type KnownOverrides } from './known-overrides.js'
import { listDocument, listText, type ListReport } from './list-output.js'
import { listed, listedAll, remainingOf, type Listed, type Target } from './listed.js'
import { onEachEndpoint } from './on-each-endpoint.js'
import { reportSilence } from './report-silence.js'
import { requireRoot } from './require-root.js'
import { revisionOf } from './revision-of.js'
import { settingsOf, type SharedOptions } from './settings.js'
import { splitName } from './split-name.js'
import { withRegistry } from './with-registry.js'

interface ListCommandOptions extends SharedOptions {
  readonly at?: string
  readonly wide?: boolean
  readonly stale?: boolean
}

const auto = 'auto'

const targetsOf = (format: Format, services: readonly string[]): readonly Target[] => {
  if (services.length > 0) return services.map(service => ({ format, prefix: format.prefix(service), scope: { service } }))
  return [{ format, prefix: requireRoot(format), scope: {} }]
}

/** The targets of a format that was found: its services, if named only these. Several formats may share a root, so its other services may be those of another one. */
const foundTargets = ({ format, services }: FoundFormat, named: readonly string[]): readonly Target[] => {
  const wanted = services.filter(service => named.length === 0 || named.includes(service))
  if (wanted.length === 0) return []
  return format.root === undefined || named.length > 0 ? targetsOf(format, wanted) : [{ format, prefix: format.root, scope: { services: wanted } }]
}

const isEmpty = ({ services }: Listed): boolean => services.length === 0 || services.some(({ content }) => content.instances.size === 0 && content.rejected.size === 0)

/** What else there is; nothing is known of it if not all keys may be read. */
const elsewhereIn = (registry: ReadableRegistry): Observable<FoundFormats | undefined> =>
  findFormats(registry).pipe(ifAllowed(of(undefined)))

const only = (overrides: KnownOverrides | undefined, named: readonly string[]): KnownOverrides | undefined =>
  overrides && named.length > 0 ? new Map([...overrides].filter(([name]) => named.includes(splitName(name).service))) : overrides

/** The options that contradict `--format auto`. */
const throwIfNotAuto = ({ prefix, at, stale }: ListCommandOptions): void => {
  if (prefix !== undefined) throw new InvalidArgument('prefix', 'cannot be used with --format auto, which looks under the prefixes that the formats have by default')
  if (at !== undefined) throw new InvalidArgument('at', 'cannot be used with --format auto, which reads what is there now')
  if (stale) throw new InvalidArgument('stale', 'cannot be used with --format auto, which needs linearizable reads')
}

/** `list [service...]`: prints the current instances. */
export const listCommand = (host: Host, exit: (code: number) => void): Command =>
  new Command('list')
    .description('print the instances of all services, or of the given ones, as they are now or were at a revision')
    .argument('[service...]', 'service names; required for --format plain, grpcNaming and goZero without --prefix')
    .option('--at <revision>', 'the revision to list; etcd knows those since its last compaction (default: the latest)')
    .option('--wide', 'also print lease, what is left of its TTL, revision, incarnation, tags and key')
    .option('--stale', 'read from one member, without its leader: works without quorum, and may be behind')
    .action(async (services: readonly string[], _: unknown, command: Command) => {
      const options = command.optsWithGlobals<ListCommandOptions>()
      const isAuto = options.format === auto
      if (isAuto) throwIfNotAuto(options)
      const at = options.at === undefined ? undefined : revisionOf('at', options.at)
      const { stale: isStale = false, wide = false } = options
      const { defaultPort, ...others } = options
      const settings = settingsOf(isAuto ? { ...others, format: 'native' } : options, host)
      for (const service of services) throwIfInvalid(invalidIf('service', serviceName, service))
      const named = [...new Set(services)]
      const fixed = isAuto ? [] : targetsOf(settings.format, named)
      const reading = { ...(at !== undefined && { at }), ...(isStale && { local: true }) }
      // What is left of a lease, and what else there is, is asked of the leader, and is so now.
      const isNow = at === undefined && !isStale
      const tried = <A>(ask: () => Observable<A>): Observable<A> => onEachEndpoint(host, settings, ask)
      const reportOf = (registry: Registry, targets: readonly Target[], formats?: FoundFormats): Observable<ListReport> =>
        listedAll(targets, target => tried(() => listed(registry, target, reading))).pipe(
          reportSilence(host, settings),
          concatMap(all => {
            const leases = all.flatMap(one => one.services.flatMap(({ keys }) => [...keys.values()].map(({ lease }) => lease)))
            return forkJoin({
              overrides: tried(() => knownOverrides(registry, reading)).pipe(map(overrides => only(overrides, named))),
              leases: wide ? (isNow ? tried(() => remainingOf(registry, leases)) : of(new Map<string, never>())) : of(undefined),
              elsewhere: isNow && formats === undefined && all.some(isEmpty) ? tried(() => elsewhereIn(registry)) : of(undefined),
            }).pipe(map(further => ({ listed: all, formats, isStale, ...further })))
          }),
        )
      const report = (registry: Registry): Observable<ListReport> =>
        isAuto
          ? tried(() => findFormats(registry, { defaultPort })).pipe(reportSilence(host, settings), concatMap(formats => reportOf(registry, formats.found.flatMap(one => foundTargets(one, named)), formats)))
          : reportOf(registry, fixed)
      const work = (registry: Registry): Observable<number> =>
        report(registry).pipe(
          tap(found => host.print(settings.json ? `${listDocument(found)}\n` : listText(found))),
          map(() => 0),
        )
      exit(await withRegistry(host, settings, (registry, stop) => race(work(registry), stop.pipe(map(exitCodeOf)))))
    })
