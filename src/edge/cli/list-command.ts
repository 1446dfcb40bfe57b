import { Command } from 'commander'
import { concatMap, defer, from, map, race, retry, tap, throwError, toArray, type Observable } from 'rxjs'
import { invalidIf, throwIfInvalid } from '../../core/validation.js'
import { Disconnected, InvalidArgument, toError } from '../../core/errors.js'
import { projection, type Scope } from '../../core/view/projection.js'
import type { SetContent } from '../../core/sets/service-set.js'
import { leased } from '../../core/instance/leased.js'
import { serviceName } from '../../core/instance/names.js'
import type { Revision } from '../../core/store.js'
import { timer } from '../../flow/clock.js'
import { listing } from '../../flow/discovery/listing.js'
import type { ReadableRegistry } from '../../flow/registry.js'
import { failureOf } from './failure.js'
import { exitCodeOf, type Host } from './host.js'
import { printable } from './output.js'
import { reportSilence } from './report-silence.js'
import { settingsOf, type Settings, type SharedOptions } from './settings.js'
import { withRegistry } from './with-registry.js'

/** One prefix to list, and the services whose keys it contains. */
interface Target {
  readonly prefix: string
  readonly scope: Scope
}

/** A service at one revision. */
interface Listed {
  readonly content: SetContent<unknown>
  readonly revision: Revision
}

const targetsOf = ({ format }: Settings, services: readonly string[]): readonly Target[] => {
  for (const service of services) {
    throwIfInvalid(invalidIf('service', serviceName, service))
  }
  if (services.length > 0) return [...new Set(services)].map(service => ({ prefix: format.prefix(service), scope: { service } }))
  if (format.root !== undefined) return [{ prefix: format.root, scope: {} }]
  throw new InvalidArgument('service', `is required: --format ${format.name} has no prefix that all services share (name the services, or set --prefix)`)
}

const listed = (registry: ReadableRegistry, { format }: Settings, { prefix, scope }: Target): Observable<readonly Listed[]> =>
  listing(registry, prefix, projection(format, scope)).pipe(
    map(({ services, revision }) => services.toArray().map(content => ({ content, revision }))),
  )

/** Rows as lines, with aligned columns. */
const tableOf = (rows: readonly (readonly string[])[]): readonly string[] => {
  const widths = (rows[0] ?? []).map((_, column) => rows.reduce((widest, row) => Math.max(widest, row[column]?.length ?? 0), 0))
  return rows.map(row => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd())
}

const documentOf = (all: readonly Listed[]): string =>
  JSON.stringify({
    services: all.map(({ revision, content: { service, instances, rejected } }) => ({
      service,
      revision,
      instances: instances.toArray(),
      rejected: [...rejected.values()],
    })),
  })

const textOf = (all: readonly Listed[], targets: readonly Target[]): string => {
  const contents = all.map(({ content }) => content)
  const rejected = contents.flatMap(content => [...content.rejected.values()])
  const rows = contents.flatMap(({ instances }) => instances.toArray()).map(instance => {
    const { service, id, address, status, weight, version, zone } = instance
    return [service, id, address, status, String(weight), version || '-', zone || '-', ...(leased(instance) ? [] : ['no lease'])]
  })
  const empty = contents.filter(({ instances, rejected: none }) => instances.size === 0 && none.size === 0).map(({ service }) => `${service}: no instances`)
  const nothing = contents.length === 0 ? targets.map(({ prefix }) => `no services under ${prefix}`) : []
  return [
    ...(rows.length === 0 ? [] : tableOf([['SERVICE', 'ID', 'ADDRESS', 'STATUS', 'WEIGHT', 'VERSION', 'ZONE'], ...rows])),
    ...empty,
    ...nothing,
    ...rejected.map(({ key, reason }) => `! ${key}: ${reason}`),
  ].map(line => `${printable(line)}\n`).join('')
}

/** `list [service...]`: prints the current instances. */
export const listCommand = (host: Host, exit: (code: number) => void): Command =>
  new Command('list')
    .description('print the current instances of all services, or of the given ones')
    .argument('[service...]', 'service names; required for --format plain without --prefix')
    .action(async (services: readonly string[], _: unknown, command: Command) => {
      const settings = settingsOf(command.optsWithGlobals<SharedOptions>(), host)
      const targets = targetsOf(settings, services)
      // After an outage, the registry tries the next endpoint.
      const nextEndpoint = (error: unknown): Observable<unknown> => {
        if (!(error instanceof Disconnected)) return throwError(() => toError(error))
        host.printError(`${printable(failureOf(error).message)}\n`)
        return timer(0)
      }
      const work = (registry: ReadableRegistry): Observable<number> =>
        from(targets).pipe(
          concatMap(target =>
            defer(() => listed(registry, settings, target)).pipe(retry({ count: settings.connection.hosts.length - 1, delay: nextEndpoint })),
          ),
          reportSilence(host, settings),
          toArray(),
          map(all => all.flat()),
          tap(all => host.print(settings.json ? `${printable(documentOf(all))}\n` : textOf(all, targets))),
          map(() => 0),
        )
      exit(await withRegistry(host, settings, (registry, stop) => race(work(registry), stop.pipe(map(exitCodeOf)))))
    })
