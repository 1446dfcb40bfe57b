import { Command } from 'commander'
import { connect, filter, ignoreElements, mergeWith, takeUntil, tap, type Observable } from 'rxjs'
import { InvalidArgument } from '../../core/errors.js'
import type { ServiceInstance } from '../../core/instance/instance.js'
import { serviceName } from '../../core/instance/names.js'
import { invalidIf, throwIfInvalid } from '../../core/validation.js'
import type { ReadableRegistry } from '../../flow/registry.js'
import { fleetLines } from './fleet-lines.js'
import { followServices, type FollowedServices } from './follow-services.js'
import type { Host, Signal } from './host.js'
import { isSick } from './is-sick.js'
import type { KnownOverrides } from './known-overrides.js'
import { liveTable } from './live-table.js'
import { printer, type Line } from './output.js'
import { overrideLines } from './override-lines.js'
import { reportSilence } from './report-silence.js'
import { requireRoot } from './require-root.js'
import { runOnChange } from './run-on-change.js'
import { settingsOf, type SharedOptions } from './settings.js'
import { shownOverrides } from './shown-overrides.js'
import { withRegistry } from './with-registry.js'

interface WatchOptions extends SharedOptions {
  readonly errors?: boolean
  readonly exec?: string
}

/** Whether a line is about something that is sick, or was; about outages and their ends, all of them. */
const isAboutSick = ({ json }: Line): boolean =>
  !['joined', 'left', 'updated'].includes(json.type) || [json['instance'], json['previous']].some(instance => instance !== undefined && isSick(instance as ServiceInstance))

/** `watch [service...]`: prints changes of instances until a signal, or shows them as a table on a terminal. */
export const watchCommand = (host: Host, exit: (code: number) => void): Command =>
  new Command('watch')
    .description('show the instances of all services, or of the given ones, as they change: a table on a terminal, else lines')
    .argument('[service...]', 'service names; required for --format plain, grpcNaming and goZero without --prefix')
    .option('--errors', 'only what is sick: instances that are not up or have no lease, entries that cannot be read, outages of etcd')
    .option('--exec <command>', 'run this command at each change of a service, with its instances as JSON on standard input')
    .action(async (services: readonly string[], _: unknown, command: Command) => {
      const { errors = false, exec, ...options } = command.optsWithGlobals<WatchOptions>()
      const settings = settingsOf(options, host)
      for (const service of services) throwIfInvalid(invalidIf('service', serviceName, service))
      if (services.length === 0) requireRoot(settings.format)
      if (exec?.trim() === '') throw new InvalidArgument('exec', `must be a command, got "${exec}" (such as "./reload.sh")`)
      const watched = (registry: ReadableRegistry): Observable<FollowedServices> => followServices(registry, settings.format, [...new Set(services)])
      const overrides = (registry: ReadableRegistry): Observable<KnownOverrides> => shownOverrides(registry, service => services.length === 0 || services.includes(service))
      const { terminal } = host
      // With a command, standard output is that of the command.
      const print = printer({ print: exec === undefined ? host.print : host.printError }, settings.json)
      const lines = (fleet: Observable<FollowedServices>): Observable<Line> =>
        fleet.pipe(
          fleetLines(),
          filter(line => !errors || isAboutSick(line)),
        )
      const changes = (registry: ReadableRegistry, stop: Observable<Signal>): Observable<never> =>
        watched(registry).pipe(
          // eslint-disable-next-line rxjs-x/no-unsafe-takeuntil -- a command that runs is waited for
          takeUntil(stop),
          connect(fleet => (exec === undefined ? lines(fleet) : lines(fleet).pipe(mergeWith(fleet.pipe(runOnChange(exec)))))),
          mergeWith(overrides(registry).pipe(overrideLines(), takeUntil(stop))),
          reportSilence(host, settings),
          tap(print),
          ignoreElements(),
        )
      const table = terminal !== undefined && exec === undefined && !settings.json ? terminal : undefined
      exit(
        await withRegistry(host, settings, (registry, stop) =>
          table === undefined ? changes(registry, stop) : liveTable(watched(registry), overrides(registry), host, table, errors).pipe(takeUntil(stop)),
        ),
      )
    })
