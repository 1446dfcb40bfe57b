import { Command } from 'commander'
import { catchError, defer, filter, map, race, switchMap, takeLast, takeUntil, takeWhile, tap, throwError, throwIfEmpty, type Observable } from 'rxjs'
import { InvalidArgument, toError } from '../../core/errors.js'
import type { ServiceInstance, Status } from '../../core/instance/instance.js'
import { overridePrefix } from '../../core/register/desired.js'
import type { ServiceSet } from '../../core/sets/service-set.js'
import { timer } from '../../flow/clock.js'
import { discover } from '../../flow/discovery/discover.js'
import type { Registry } from '../../flow/registry.js'
import { shellWord } from '../etcd/shell-word.js'
import { exitCodeOf, type Host } from './host.js'
import { instanceOverrides, OverrideRefused, type InstanceOverrides, type NamedInstance } from './instance-overrides.js'
import { namedInstance } from './named-instance.js'
import { numberOf } from './number-of.js'
import { onEachEndpoint } from './on-each-endpoint.js'
import { printable, printer, type Line } from './output.js'
import { reportSilence } from './report-silence.js'
import { settingsOf, type Settings, type SharedOptions } from './settings.js'
import { withRegistry } from './with-registry.js'

interface WaitOptions extends SharedOptions {
  readonly wait: number
}

interface DrainOptions extends WaitOptions {
  readonly status: string
  readonly last?: boolean
}

/** What has become of an instance. */
interface Outcome {
  /** `null`: it is not registered. */
  readonly instance: ServiceInstance | null
  /** How many other instances of the service are up. */
  readonly up: number
}

/** The longest `--wait`, seconds. */
const longestWait = 3_600

const waitOf = (text: string): number => {
  const wait = numberOf(text)
  if (wait > 0 && wait <= longestWait) return wait
  throw new InvalidArgument('wait', `must be a number of seconds, more than 0 and at most ${longestWait}, got "${text}"`)
}

/** The statuses that an operator may set. */
export const overrideStatuses: readonly Status[] = ['draining', 'down']

const overrideStatus = (text: string): Status => {
  const status = overrideStatuses.find(each => each === text)
  if (status !== undefined) return status
  throw new InvalidArgument('status', `must be draining or down, got "${text}"`)
}

const advice = {
  absent: 'check the name; rx-discovery list prints all of them',
  last: 'add --last to do it all the same',
  overridden: 'give it back first',
  changed: 'look at it with rx-discovery list, then try again',
} as const

const withAdvice = (thrown: unknown): Observable<never> =>
  throwError(() => (thrown instanceof OverrideRefused ? new Error(`${thrown.message} (${advice[thrown.reason]})`, { cause: thrown }) : toError(thrown)))

const outcomeOf = (set: ServiceSet, { id }: NamedInstance): Outcome => ({
  instance: set.get(id) ?? null,
  up: [...set].filter(other => other.id !== id && other.status === 'up').length,
})

/** Follows an instance until it is as expected, `wait` seconds at most, and at least until its service has been read. Emits what was seen last. */
const followed = (registry: Registry, { format }: Settings, named: NamedInstance, { wait }: WaitOptions, isExpected: (outcome: Outcome) => boolean): Observable<Outcome> =>
  discover(registry, named.service, { format }).pipe(
    filter(({ status }) => status === 'live'),
    map(set => outcomeOf(set, named)),
    takeWhile(outcome => !isExpected(outcome), true),
    takeUntil(timer(wait * 1_000)),
    takeLast(1),
    throwIfEmpty(() => new Error(`${named.service} could not be read within ${wait} s; the override is written`)),
  )

const othersUp = (up: number, service: string): string => `${up === 0 ? 'no other instance' : up === 1 ? '1 other instance' : `${up} other instances`} of ${service} ${up > 1 ? 'are' : 'is'} up`

/** What `drain` prints, and the error if the registration does not obey. */
const drainedText = (name: string, service: string, status: Status, before: Status | undefined, { instance, up }: Outcome): string => {
  const became = status === 'down' ? 'is down' : 'is draining'
  if (before === status) return `${name} was overridden as ${status} already; ${instance === null ? 'it is not registered at the moment' : othersUp(up, service)}`
  return `~ ${name} ${became}${instance === null ? ' and has no entry any more' : ''}; ${othersUp(up, service)}`
}

const returnedText = (name: string, had: string | undefined, { instance }: Outcome): string => {
  const is = instance === null ? 'it is not registered at the moment' : `it is ${instance.status}`
  return had === undefined ? `${name} was not drained; ${is}` : `~ ${name} is given back; ${is}`
}

const disobeyed = (name: string, key: string, instance: ServiceInstance, wait: number): string =>
  `${name} is still ${instance.status} ${wait} s after its override was written to ${key}. Its registration does not follow overrides: another program wrote it, it has override: false, or its user may not read ${overridePrefix} (the override stays; rx-discovery undrain ${shellWord(name)} deletes it)`

/** `drain <instance>`: overrides the status of an instance until it is given back. */
export const drainCommand = (host: Host, exit: (code: number) => void): Command =>
  new Command('drain')
    .description('take an instance out of service until undrain gives it back, whatever its process says, also after its restart')
    .argument('<instance>', 'the instance, such as web/node1')
    .option('--status <status>', 'draining: it finishes what it has begun; down: it is out of order', 'draining')
    .option('--last', 'also if no other instance of the service is up')
    .option('--wait <seconds>', 'how long to wait until the instance obeys', waitOf, 5)
    .action(async (text: string, _: unknown, command: Command) => {
      const options = command.optsWithGlobals<DrainOptions>()
      const settings = settingsOf(options, host)
      const named = namedInstance(text)
      const status = overrideStatus(options.status)
      const { service, id } = named
      const set = (overrides: InstanceOverrides, registry: Registry): Observable<number> =>
        onEachEndpoint(host, settings, () => overrides.set({ ...named, status, last: options.last ?? false, replace: true })).pipe(
          reportSilence(host, settings),
          switchMap(before =>
            followed(registry, settings, named, options, ({ instance }) => instance === null || instance.status === status).pipe(
              map(outcome => {
                const { instance, up } = outcome
                const key = overrides.keyOf(named)
                const obeys = instance === null || instance.status === status
                const json = { type: 'overridden', service, id, key, status, already: before === status, published: instance?.status ?? null, up }
                if (obeys || settings.json) print(host, settings, { text: drainedText(text, service, status, before, outcome), json })
                if (!obeys) host.printError(`error: ${printable(disobeyed(text, key, instance, options.wait))}\n`)
                return obeys ? 0 : 1
              }),
            ),
          ),
        )
      exit(await asked(host, settings, set))
    })

/** `undrain <instance>`: gives an instance back that was drained. */
export const undrainCommand = (host: Host, exit: (code: number) => void): Command =>
  new Command('undrain')
    .description('give an instance back: its status is again what its process says')
    .argument('<instance>', 'the instance, such as web/node1')
    .option('--wait <seconds>', 'how long to wait until the instance obeys', waitOf, 5)
    .action(async (text: string, _: unknown, command: Command) => {
      const options = command.optsWithGlobals<WaitOptions>()
      const settings = settingsOf(options, host)
      const named = namedInstance(text)
      const { service, id } = named
      const giveBack = (overrides: InstanceOverrides, registry: Registry): Observable<number> => {
        const tried = <A>(ask: () => Observable<A>): Observable<A> => onEachEndpoint(host, settings, ask).pipe(reportSilence(host, settings))
        const known = (had: string | undefined): Observable<Outcome> =>
          had === undefined
            ? tried(() => overrides.instances(service)).pipe(map(all => ({ instance: all.find(each => each.id === id) ?? null, up: 0 })))
            : followed(registry, settings, named, options, ({ instance }) => instance !== null && instance.status !== had)
        return tried(() => overrides.giveBack(named)).pipe(
          switchMap(had => known(had).pipe(map(outcome => ({ had, outcome })))),
          tap(({ had, outcome: { instance } }) => {
            if (had === undefined && instance === null) throw new OverrideRefused('absent', `${text} is not registered, and was not drained`)
          }),
          map(({ had, outcome }) => {
            const json = { type: 'returned', service, id, key: overrides.keyOf(named), status: had ?? null, published: outcome.instance?.status ?? null }
            print(host, settings, { text: returnedText(text, had, outcome), json })
            return 0
          }),
        )
      }
      exit(await asked(host, settings, giveBack))
    })

/** One command prints one line: as text it needs no time. */
const print = (host: Host, { json }: Settings, line: Line): void => (json ? printer(host, json)(line) : host.print(`${printable(line.text)}\n`))

/** Asks for an override to be written; a signal ends it. */
const asked = (host: Host, settings: Settings, ask: (overrides: InstanceOverrides, registry: Registry) => Observable<number>): Promise<number> =>
  withRegistry(host, settings, (registry, stop) =>
    race(
      defer(() => ask(instanceOverrides(registry, settings.format), registry)).pipe(catchError(withAdvice)),
      stop.pipe(map(exitCodeOf)),
    ),
  )
