import { Command } from 'commander'
import { ignoreElements, merge, takeUntil, tap } from 'rxjs'
import { invalidIf, throwIfInvalid } from '../../core/validation.js'
import { serviceName } from '../../core/instance/names.js'
import { discover } from '../../flow/discovery/discover.js'
import type { Host } from './host.js'
import { printer } from './output.js'
import { overrideLines } from './override-lines.js'
import { reportSilence } from './report-silence.js'
import { setLines } from './set-lines.js'
import { settingsOf, type SharedOptions } from './settings.js'
import { withRegistry } from './with-registry.js'

/** `watch <service...>`: prints changes of instances until a signal. */
export const watchCommand = (host: Host, exit: (code: number) => void): Command =>
  new Command('watch')
    .description('print instances that join (+), leave (-) or change (~), and outages of etcd')
    .argument('<service...>', 'service names')
    .action(async (services: readonly string[], _: unknown, command: Command) => {
      const settings = settingsOf(command.optsWithGlobals<SharedOptions>(), host)
      for (const service of services) {
        throwIfInvalid(invalidIf('service', serviceName, service))
      }
      const { format } = settings
      const print = printer(host, settings.json)
      const watched = [...new Set(services)]
      exit(
        await withRegistry(host, settings, (registry, stop) =>
          merge(...watched.map(service => discover(registry, service, { format }).pipe(setLines())), overrideLines(registry, service => watched.includes(service))).pipe(
            reportSilence(host, settings),
            tap(print),
            ignoreElements(),
            takeUntil(stop),
          ),
        ),
      )
    })
