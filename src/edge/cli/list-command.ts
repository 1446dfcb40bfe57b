import { Command } from 'commander'
import { concatMap, defer, from, map, race, retry, tap, throwError, timer, toArray, type Observable } from 'rxjs'
import { invalidIf, throwIfInvalid } from '../../core/check.js'
import { Disconnected, InvalidArgument } from '../../core/errors.js'
import { folding, type Roster, type Scope } from '../../core/view/view.js'
import { serviceName } from '../../core/instance/names.js'
import type { Revision } from '../../core/store.js'
import { toError } from '../../core/errors.js'
import type { ReadableRegistry } from '../../flow/registry.js'
import { complaintOf } from './complaint.js'
import { killedBy, type Host } from './host.js'
import { printable } from './output.js'
import { session } from './session.js'
import { noticingSilence } from './silence.js'
import { settingsOf, type Settings, type SharedOptions } from './settings.js'
import { tableOf } from './table.js'

/** One prefix to list, and whose keys lie under it. */
interface Target {
  readonly prefix: string
  readonly scope: Scope
}

/** A service as it was at one revision. */
interface Listed {
  readonly roster: Roster<unknown>
  readonly revision: Revision
}

const targetsOf = ({ format }: Settings, services: readonly string[]): readonly Target[] => {
  for (const service of services) {
    throwIfInvalid(invalidIf('service', serviceName, service))
  }
  if (services.length > 0) return [...new Set(services)].map(service => ({ prefix: format.prefix(service), scope: { service } }))
  if (format.root !== undefined) return [{ prefix: format.root, scope: {} }]
  throw new InvalidArgument('service', `is needed: with --format ${format.name} and no --prefix there is no place under which all services lie`)
}

const listed = (registry: ReadableRegistry, { format }: Settings, { prefix, scope }: Target): Observable<readonly Listed[]> =>
  registry.list(prefix).pipe(
    map(({ revision, changes }) => {
      const fold = folding(format, scope)
      const { services } = fold.relisted(fold.nothing, changes.map(change => fold.read(fold.nothing, change)), revision)
      return Array.from(services.values(), roster => ({ roster, revision }))
    }),
  )

const documentOf = (all: readonly Listed[]): string =>
  JSON.stringify({
    services: all.map(({ revision, roster: { service, instances, rejected } }) => ({
      service,
      revision,
      instances: instances.toArray(),
      rejected: rejected.toArray(),
    })),
  })

const textOf = (all: readonly Listed[], targets: readonly Target[]): string => {
  const rosters = all.map(({ roster }) => roster)
  const rejected = rosters.flatMap(roster => roster.rejected.toArray())
  const rows = rosters.flatMap(({ instances }) => instances.toArray()).map(
    ({ service, id, address, status, weight, version, zone }) => [service, id, address, status, String(weight), version || '-', zone || '-'],
  )
  const empty = rosters.filter(({ instances, rejected: none }) => instances.size === 0 && none.size === 0).map(({ service }) => `${service}: no instances`)
  const nothing = rosters.length === 0 ? targets.map(({ prefix }) => `no services under ${prefix}`) : []
  return [
    ...(rows.length === 0 ? [] : tableOf([['SERVICE', 'ID', 'ADDRESS', 'STATUS', 'WEIGHT', 'VERSION', 'ZONE'], ...rows])),
    ...empty,
    ...nothing,
    ...rejected.map(({ key, reason }) => `! ${key}: ${reason}`),
  ].map(line => `${printable(line)}\n`).join('')
}

/** `list [service...]`: who is there now. */
export const listCommand = (host: Host, exit: (code: number) => void): Command =>
  new Command('list')
    .description('print who is there now: all services, or those named')
    .argument('[service...]', 'their names; needed with --format plain unless --prefix is given')
    .action(async (services: readonly string[], _: unknown, command: Command) => {
      const settings = settingsOf(command.optsWithGlobals<SharedOptions>(), host)
      const targets = targetsOf(settings, services)
      // Each outage sends us to the next endpoint.
      const elsewhere = (error: unknown): Observable<unknown> => {
        if (!(error instanceof Disconnected)) return throwError(() => toError(error))
        host.complain(`${printable(complaintOf(error).message)}\n`)
        return timer(0)
      }
      const work = (registry: ReadableRegistry): Observable<number> =>
        from(targets).pipe(
          concatMap(target =>
            defer(() => listed(registry, settings, target)).pipe(retry({ count: settings.connection.hosts.length - 1, delay: elsewhere })),
          ),
          noticingSilence(host, settings),
          toArray(),
          map(all => all.flat()),
          tap(all => host.print(settings.json ? `${printable(documentOf(all))}\n` : textOf(all, targets))),
          map(() => 0),
        )
      exit(await session(host, settings, (registry, stop) => race(work(registry), stop.pipe(map(killedBy)))))
    })
