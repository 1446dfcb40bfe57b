import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Command } from 'commander'
import { ignoreElements, merge, Observable, takeUntil, tap } from 'rxjs'
import { InvalidArgument } from '../../core/errors.js'
import { serviceName } from '../../core/instance/names.js'
import { invalidIf, quotedValue, throwIfInvalid } from '../../core/validation.js'
import { serving as servingOf, type Project } from '../../core/wire/serving.js'
import type { Registry } from '../../flow/registry.js'
import { sseHandler } from '../sse/index.js'
import type { Host } from './host.js'
import { numberOf } from './number-of.js'
import { repeated } from './repeated.js'
import { requireRoot } from './require-root.js'
import { settingsOf, type Settings, type SharedOptions } from './settings.js'
import { fleetHistory } from './ui/fleet-history.js'
import { overrideDesk } from './ui/override-desk.js'
import { uiHandler } from './ui/ui-handler.js'
import { withRegistry } from './with-registry.js'

interface UiOptions extends SharedOptions {
  readonly port: number
  readonly bind: string
  readonly host?: readonly string[]
  readonly heading: string
  readonly past: number
  readonly metadata?: readonly string[]
  readonly allowOverride?: boolean
}

/** How many events are kept for the time line. */
const mostEvents = 20_000

const wholeNumber =
  (option: string, most: number) =>
  (text: string): number => {
    const value = numberOf(text)
    if (Number.isInteger(value) && value >= 0 && value <= most) return value
    throw new InvalidArgument(option, `must be a whole number from 0 to ${most}, got "${text}"`)
  }

/** The host of the printed address. A page on this machine reaches what listens everywhere by the loopback. */
const hostOf = (bind: string): string => {
  if (bind === '0.0.0.0') return '127.0.0.1'
  if (bind === '::') return '[::1]'
  return bind.includes(':') ? `[${bind}]` : bind
}

const isLoopback = (address: string): boolean => /^(?:127\.|::1$|localhost$)/.test(address)

/** What of an instance is served: on the loopback everything, elsewhere the metadata that is named. */
const projectOf = ({ metadata, bind }: UiOptions): Project => (metadata === undefined && isLoopback(bind) ? instance => instance : { metadata: metadata ?? [] })

/** Why the page cannot be served at the address and the port. */
const listenError = (error: NodeJS.ErrnoException, { port, bind }: UiOptions): Error => {
  if (error.code === 'EADDRINUSE') return new InvalidArgument('port', `${port} is in use (choose another one with --port, or 0 for any)`)
  if (error.code === 'EACCES') return new InvalidArgument('port', `${port} may not be used by this user (choose one from 1024 on with --port, or 0 for any)`)
  if (error.code === 'EADDRNOTAVAIL' || error.syscall === 'getaddrinfo') return new InvalidArgument('bind', `must be an address of this machine, got ${quotedValue(bind)} (such as 127.0.0.1, or 0.0.0.0 for all of them)`)
  return error
}

/** Serves a board until it is unsubscribed; emits its URL once it can be opened. */
const served = (registry: Registry, { format }: Settings, services: readonly string[], options: UiOptions, script: Buffer): Observable<string> =>
  new Observable(subscriber => {
    const { port, bind, host: given = [], heading, past, allowOverride = false } = options
    // The printed address works, as a browser writes it.
    const own = `http://${hostOf(bind)}`
    const names = [...given.map(name => name.toLowerCase()), ...(URL.canParse(own) ? [new URL(own).hostname] : [])]
    const shown = { services: services.length === 0 ? ('all' as const) : services, format, project: projectOf(options) }
    const token = allowOverride ? randomBytes(24).toString('base64url') : undefined
    const history = fleetHistory(registry, servingOf(shown), { past, events: mostEvents })
    const desk = overrideDesk(registry, { format, isShown: service => services.length === 0 || services.includes(service), revision: history.revision })
    const discovery = sseHandler(registry, shown)
    const server = createServer(uiHandler({ registry, discovery, history, desk, script, heading, names, token }))
    server.once('error', (error: NodeJS.ErrnoException) => subscriber.error(listenError(error, options)))
    server.listen(port, bind, () => {
      const { port: used } = server.address() as AddressInfo
      subscriber.next(`http://${given[0] ?? hostOf(bind)}:${used}/${token === undefined ? '' : `#token=${token}`}`)
    })
    subscriber.add(merge(history.following, desk.following).subscribe({ error: (error: unknown) => subscriber.error(error) }))
    return () => {
      discovery.close()
      server.close()
      server.closeAllConnections()
    }
  })

/** `ui [service...]`: serves a board until a signal. */
export const uiCommand = (host: Host, exit: (code: number) => void): Command =>
  new Command('ui')
    .description('serve a board of all services, or of the given ones, for browsers on this machine')
    .argument('[service...]', 'service names; required for --format plain, grpcNaming and goZero without --prefix')
    .option('--port <number>', 'port of the page; 0: any that is free', wholeNumber('port', 65_535), 8390)
    .option('--bind <address>', 'address to listen on', '127.0.0.1')
    .option('--host <name>', 'a further name by which browsers may ask for the page; can be repeated', repeated)
    .option('--heading <text>', 'title of the board', 'Services')
    .option('--past <revisions>', 'how many revisions of etcd before the start the time line covers, if they can be read', wholeNumber('past', 10_000_000), 10_000)
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
            tap(url => host.print(settings.json ? `${JSON.stringify({ type: 'ui', url })}\n` : `board at ${url}\n`)),
            ignoreElements(),
            takeUntil(stop),
          ),
        ),
      )
    })
