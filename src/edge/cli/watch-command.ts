import { Command } from 'commander'
import { ignoreElements, merge, takeUntil, tap } from 'rxjs'
import { invalidIf, throwIfInvalid } from '../../core/check.js'
import { serviceName } from '../../core/instance/names.js'
import { discover } from '../../flow/discovery/discover.js'
import type { Host } from './host.js'
import { printer } from './output.js'
import { session } from './session.js'
import { noticingSilence } from './silence.js'
import { setLines } from './set-lines.js'
import { settingsOf, type SharedOptions } from './settings.js'

/** `watch <service...>`: who comes, goes and changes, until a signal. */
export const watchCommand = (host: Host, exit: (code: number) => void): Command =>
  new Command('watch')
    .description('print who comes (+), goes (-) and changes (~), and whether what is known is live')
    .argument('<service...>', 'names of services')
    .action(async (services: readonly string[], _: unknown, command: Command) => {
      const settings = settingsOf(command.optsWithGlobals<SharedOptions>(), host)
      for (const service of services) {
        throwIfInvalid(invalidIf('service', serviceName, service))
      }
      const { format } = settings
      const print = printer(host, settings.json)
      const watched = [...new Set(services)]
      exit(
        await session(host, settings, (registry, stop) =>
          merge(...watched.map(service => discover(registry, service, { format }).pipe(setLines()))).pipe(
            noticingSilence(host, settings),
            tap(print),
            ignoreElements(),
            takeUntil(stop),
          ),
        ),
      )
    })
