import { randomBytes } from 'node:crypto'
import { Command } from 'commander'
import { defer, finalize, ignoreElements, map, merge, takeUntil, tap, type Observable } from 'rxjs'
import { serviceName } from '../../core/instance/names.js'
import { invalidIf, throwIfInvalid } from '../../core/validation.js'
import { serving as servingOf, type Project } from '../../core/wire/serving.js'
import type { Registry } from '../../flow/registry.js'
import { sseHandler } from '../sse/index.js'
import type { Host } from './host.js'
import { numberUpTo } from './number-up-to.js'
import { repeated } from './repeated.js'
import { requireRoot } from './require-root.js'
import { settingsOf, type Settings, type SharedOptions } from './settings.js'
import { boardHandler } from './ui/board-handler.js'
import { boardLine } from './ui/board-line.js'
import { boardPage } from './ui/board-page.js'
import { boardServer, type BoardServerOptions } from './ui/board-server.js'
import { fleetHistory } from './ui/fleet-history.js'
import { overrideDesk } from './ui/override-desk.js'
import { uiRoutes } from './ui/ui-routes.js'
import { withServerOptions } from './ui/with-server-options.js'
import { withRegistry } from './with-registry.js'

interface UiOptions extends SharedOptions, BoardServerOptions {
  readonly heading: string
  readonly past: number
  readonly metadata?: readonly string[]
  readonly allowOverride?: boolean
}

/** How many events are kept for the time line, and how many bytes of them: values may be large. */
const [mostEvents, mostBytes] = [20_000, 64 * 1024 * 1024]

const isLoopback = (address: string): boolean => /^(?:127\.|::1$|localhost$)/.test(address)

/** What of an instance is served: on the loopback everything, elsewhere the metadata that is named. */
const projectOf = ({ metadata, bind }: UiOptions): Project => (metadata === undefined && isLoopback(bind) ? instance => instance : { metadata: metadata ?? [] })

/** Serves a board until it is unsubscribed; emits its URL once it can be opened. */
const served = (registry: Registry, { format }: Settings, services: readonly string[], options: UiOptions, script: Buffer): Observable<string> =>
  defer(() => {
    const { heading, past, allowOverride = false } = options
    const shown = { services: services.length === 0 ? ('all' as const) : services, format, project: projectOf(options) }
    const token = allowOverride ? randomBytes(24).toString('base64url') : undefined
    const history = fleetHistory(registry, servingOf(shown), { past, events: mostEvents, bytes: mostBytes })
    const desk = overrideDesk(registry, { format, isShown: service => services.length === 0 || services.includes(service), revision: history.revision })
    const discovery = sseHandler(registry, shown)
    const page = boardPage(heading, { url: '/discovery', recording: '/recording', control: '/control' })
    const routes = uiRoutes({ registry, discovery, history, desk, token })
    return merge(
      boardServer(options, names => boardHandler({ page, script, names }, routes)).pipe(map(url => `${url}${token === undefined ? '' : `#token=${token}`}`)),
      history.following,
      desk.following,
    ).pipe(finalize(() => discovery.close()))
  })

/** `ui [service...]`: serves a board until a signal. */
export const uiCommand = (host: Host, exit: (code: number) => void): Command =>
  withServerOptions(new Command('ui'))
    .description('serve a board of all services, or of the given ones, for browsers on this machine')
    .argument('[service...]', 'service names; required for --format plain, grpcNaming and goZero without --prefix')
    .option('--past <revisions>', 'how many revisions of etcd before the start the time line covers, if they can be read', numberUpTo('past', 10_000_000), 10_000)
    .option('--metadata <name>', 'show only this field of the metadata; can be repeated (default: all on the loopback, else none)', repeated)
    .option('--allow-override', 'let those who open the printed address drain instances and give them back')
    .action(async (services: readonly string[], _: unknown, command: Command) => {
      const options = command.optsWithGlobals<UiOptions>()
      const settings = settingsOf(options, host)
      for (const service of services) throwIfInvalid(invalidIf('service', serviceName, service))
      if (services.length === 0) requireRoot(settings.format)
      const script = host.boardScript()
      exit(
        await withRegistry(host, settings, (registry, stop) =>
          served(registry, settings, [...new Set(services)], options, script).pipe(
            tap(url => host.print(boardLine(url, settings.json))),
            ignoreElements(),
            takeUntil(stop),
          ),
        ),
      )
    })
