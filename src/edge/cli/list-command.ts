import { Command } from 'commander'
import { concatMap, from, map, race, tap, toArray, type Observable } from 'rxjs'
import { invalidIf, throwIfInvalid } from '../../core/validation.js'
import { InvalidArgument } from '../../core/errors.js'
import type { Format } from '../../core/formats/format.js'
import { projection, type Scope } from '../../core/view/projection.js'
import type { SetContent } from '../../core/sets/service-set.js'
import type { ServiceInstance, Status } from '../../core/instance/instance.js'
import { leased } from '../../core/instance/leased.js'
import { serviceName } from '../../core/instance/names.js'
import { overridePrefix } from '../../core/register/desired.js'
import type { Revision } from '../../core/store.js'
import { listing } from '../../flow/discovery/listing.js'
import type { ReadableRegistry } from '../../flow/registry.js'
import { findFormats, type FoundFormat, type FoundFormats } from './find-formats.js'
import { exitCodeOf, type Host } from './host.js'
import { knownOverrides, type KnownOverrides } from './known-overrides.js'
import { onEachEndpoint } from './on-each-endpoint.js'
import { printable, printableJson } from './output.js'
import { reportSilence } from './report-silence.js'
import { requireRoot } from './require-root.js'
import { settingsOf, type SharedOptions } from './settings.js'
import { wholeNumberOf } from './whole-number-of.js'
import { withRegistry } from './with-registry.js'

/** One prefix to list, and the services whose keys it contains. */
interface Target {
  readonly format: Format
  readonly prefix: string
  readonly scope: Scope
}

/** A service at one revision. */
interface Listed {
  readonly format: string
  readonly content: SetContent<unknown>
  readonly revision: Revision
}

/** What `list` prints: services, and with `--format auto` the formats that were found. */
interface Report {
  readonly listed: readonly Listed[]
  readonly targets: readonly Target[]
  readonly formats: FoundFormats | undefined
  /** Those of the listed services; `undefined` if they may not be read. */
  readonly overrides: KnownOverrides | undefined
}

interface ListOptions extends SharedOptions {
  readonly at?: string
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

/** What is under the prefix of a target, now or at a past revision. */
const listed = (registry: ReadableRegistry, { format, prefix, scope }: Target, at: Revision | undefined): Observable<readonly Listed[]> =>
  listing(registry, prefix, projection(format, scope), undefined, at === undefined ? undefined : { at }).pipe(
    map(({ services, revision }) => services.toArray().map(content => ({ format: format.name, content, revision }))),
  )

/** Rows as lines, with aligned columns. */
const tableOf = (rows: readonly (readonly string[])[]): readonly string[] => {
  const widths = (rows[0] ?? []).map((_, column) => rows.reduce((widest, row) => Math.max(widest, row[column]?.length ?? 0), 0))
  return rows.map(row => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd())
}

const splitName = (name: string): readonly [service: string, id: string] => {
  const cut = name.lastIndexOf('/')
  return [name.slice(0, cut), name.slice(cut + 1)]
}

const documentOf = ({ listed: all, formats, overrides }: Report): string =>
  printableJson({
    ...(formats !== undefined && {
      formats: formats.found.map(({ format, services, keys }) => ({ format: format.name, root: format.root, services: services.length, keys })),
      skipped: formats.skipped,
    }),
    services: all.map(({ format, revision, content: { service, instances, rejected } }) => ({
      ...(formats !== undefined && { format }),
      service,
      revision,
      instances: instances.toArray(),
      rejected: [...rejected.values()],
    })),
    ...(overrides !== undefined && {
      overrides: [...overrides].map(([name, status]) => {
        const [service, id] = splitName(name)
        return { service, id, key: `${overridePrefix}${name}`, status }
      }),
    }),
  })

const formatLines = ({ found, keys, skipped }: FoundFormats): readonly string[] => [
  ...found.map(({ format, services, keys: own }) => `found ${format.name}${format.root === undefined ? '' : ` under ${format.root}`}: services ${services.length}, keys ${own}`),
  ...(found.length === 0 ? [`found no format of services among ${keys} keys`] : []),
  ...skipped.map(({ prefix, keys: some }) => `did not look at ${some} keys ${prefix === '' ? 'elsewhere' : `under ${prefix}`} (list them with --format, and --prefix or service names)`),
]

/** What an operator has to know of an instance besides its fields. */
const notesOf = (instance: ServiceInstance, override: Status | undefined): readonly string[] => {
  const lease = leased(instance) ? [] : ['no lease']
  if (override === undefined) return lease
  return [...lease, override === instance.status ? 'overridden' : `overridden as ${override}, not followed`]
}

/** Overrides of instances that are not there: drained in a format without an entry for that, or left over. */
const leftOver = (contents: readonly SetContent<unknown>[], overrides: KnownOverrides): readonly string[] => {
  const present = new Set(contents.flatMap(({ instances }) => instances.toArray().map(({ service, id }) => `${service}/${id}`)))
  return [...overrides].filter(([name]) => !present.has(name)).map(([name, status]) => `${name} is not registered, and overridden as ${status} (rx-discovery undrain ${name} deletes the override)`)
}

const textOf = ({ listed: all, targets, formats, overrides = new Map() }: Report): string => {
  const contents = all.map(({ content }) => content)
  const rejected = contents.flatMap(content => [...content.rejected.values()])
  const inAuto = (cell: string): readonly string[] => (formats === undefined ? [] : [cell])
  const rows = all.flatMap(({ format, content }) =>
    content.instances.toArray().map(instance => {
      const { service, id, address, status, weight, version, zone } = instance
      return [...inAuto(format), service, id, address, status, String(weight), version || '-', zone || '-', notesOf(instance, overrides.get(`${service}/${id}`)).join(', ')]
    }),
  )
  const empty = contents.filter(({ instances, rejected: none }) => instances.size === 0 && none.size === 0).map(({ service }) => `${service}: no instances`)
  const nothing = contents.length === 0 && formats === undefined ? targets.map(({ prefix }) => `no services under ${prefix}`) : []
  return [
    ...(formats === undefined ? [] : formatLines(formats)),
    ...(rows.length === 0 ? [] : tableOf([[...inAuto('FORMAT'), 'SERVICE', 'ID', 'ADDRESS', 'STATUS', 'WEIGHT', 'VERSION', 'ZONE'], ...rows])),
    ...empty,
    ...nothing,
    ...leftOver(contents, overrides),
    ...rejected.map(({ key, reason }) => `! ${key}: ${reason}`),
  ].map(line => `${printable(line)}\n`).join('')
}

/** `list [service...]`: prints the current instances. */
export const listCommand = (host: Host, exit: (code: number) => void): Command =>
  new Command('list')
    .description('print the instances of all services, or of the given ones, as they are now or were at a revision')
    .argument('[service...]', 'service names; required for --format plain, grpcNaming and goZero without --prefix')
    .option('--at <revision>', 'the revision to list; etcd knows those since its last compaction (default: the latest)')
    .action(async (services: readonly string[], _: unknown, command: Command) => {
      const options = command.optsWithGlobals<ListOptions>()
      const isAuto = options.format === auto
      if (isAuto && options.prefix !== undefined) throw new InvalidArgument('prefix', 'cannot be used with --format auto, which looks under the prefixes that the formats have by default')
      if (isAuto && options.at !== undefined) throw new InvalidArgument('at', 'cannot be used with --format auto, which reads what is there now')
      const at = options.at === undefined ? undefined : wholeNumberOf('at', options.at)
      const { defaultPort, ...others } = options
      const settings = settingsOf(isAuto ? { ...others, format: 'native' } : options, host)
      for (const service of services) throwIfInvalid(invalidIf('service', serviceName, service))
      const named = [...new Set(services)]
      const fixed = isAuto ? [] : targetsOf(settings.format, named)
      const tried = <A>(ask: () => Observable<A>): Observable<A> => onEachEndpoint(host, settings, ask)
      const reportOf = (registry: ReadableRegistry, targets: readonly Target[], formats?: FoundFormats): Observable<Report> =>
        from(targets).pipe(
          concatMap(target => tried(() => listed(registry, target, at))),
          reportSilence(host, settings),
          toArray(),
          concatMap(all =>
            tried(() => knownOverrides(registry, at === undefined ? undefined : { at })).pipe(
              map(overrides => ({ listed: all.flat(), targets, formats, overrides: overrides && new Map([...overrides].filter(([name]) => named.length === 0 || named.includes(splitName(name)[0]))) })),
            ),
          ),
        )
      const report = (registry: ReadableRegistry): Observable<Report> =>
        isAuto
          ? tried(() => findFormats(registry, { defaultPort })).pipe(reportSilence(host, settings), concatMap(formats => reportOf(registry, formats.found.flatMap(one => foundTargets(one, named)), formats)))
          : reportOf(registry, fixed)
      const work = (registry: ReadableRegistry): Observable<number> =>
        report(registry).pipe(
          tap(found => host.print(settings.json ? `${documentOf(found)}\n` : textOf(found))),
          map(() => 0),
        )
      exit(await withRegistry(host, settings, (registry, stop) => race(work(registry), stop.pipe(map(exitCodeOf)))))
    })
