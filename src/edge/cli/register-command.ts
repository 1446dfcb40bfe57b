import { Command } from 'commander'
import { either as E, option as O } from 'fp-ts'
import { connect, defer, filter, ignoreElements, merge, mergeMap, tap, type Observable } from 'rxjs'
import { ttlSeconds } from '../../core/arguments.js'
import { invalid, quotedValue } from '../../core/validation.js'
import { InvalidArgument } from '../../core/errors.js'
import { serviceInstance, type ServiceInstance, type Status } from '../../core/instance/instance.js'
import type { Format } from '../../core/formats/format.js'
import { isRecord, parseJson, sameValue } from '../../core/instance/json.js'
import type { Registration } from '../../core/register/registration.js'
import type { RegisterOptions as Options } from '../../flow/registration/register-options.js'
import { register } from '../../flow/registration/register.js'
import type { Registry } from '../../flow/registry.js'
import { durationOf } from './duration-of.js'
import { healthOf, type HealthOptions } from './health-of.js'
import type { Host, Signal } from './host.js'
import { numberOf } from './number-of.js'
import { printer } from './output.js'
import { registrationLines, type OnTaken } from './registration-lines.js'
import { reportSilence } from './report-silence.js'
import { required } from './required.js'
import { settingsOf, type SharedOptions } from './settings.js'
import { sidecarLines } from './sidecar-lines.js'
import { sidecar } from './sidecar.js'
import { withRegistry } from './with-registry.js'

interface RegisterCommandOptions extends SharedOptions, HealthOptions {
  readonly address?: string
  readonly id?: string
  readonly ttl: number
  readonly weight?: number
  readonly zone?: string
  readonly version?: string
  readonly tag?: readonly string[]
  readonly metadata?: unknown
  readonly drain: number
  readonly onTaken: string
  readonly exec?: string
  readonly killAfter?: number
}

const ttlOf = (text: string): number => {
  const ttl = numberOf(text)
  const found = ttlSeconds(ttl)
  if (found !== undefined) throw invalid('ttl', { ...found, got: quotedValue(text) })
  return ttl
}

const metadataOf = (text: string): unknown => {
  const json = parseJson(text)
  if (E.isRight(json)) return json.right
  throw invalid('metadata', json.left)
}

/** How long a command may take to end after a signal, ms. */
const standardKillAfter = 10_000
/** The longest wait until the program explains what it waits for, ms: what one timer can wait, rounded down. */
const longestWait = 2_000_000_000

/** Formats that store nothing else. */
const addressOnly: readonly string[] = ['plain', 'goZero', 'goKit']

/** What a reader of the format sees of an instance that is up. Throws `InvalidArgument` if the format cannot store the instance. */
const readBack = (format: Format, instance: ServiceInstance): ServiceInstance | undefined => {
  const key = format.key(instance, { id: '1', ttl: 1, expiresAt: 0, renewals: 0 })
  const read = format.decode(key, format.encode({ ...instance, status: 'up' }) ?? '', instance.service)
  return E.isRight(read) ? O.toUndefined(read.right) : undefined
}

const isCarried = (given: unknown, read: unknown): boolean => {
  if (typeof given === 'number' && typeof read === 'number') return Math.abs(given - read) <= 1e-9 * given
  // The metadata of some formats also hold zone and weight.
  return isRecord(given) && isRecord(read) ? Object.entries(given).every(([name, value]) => sameValue(value, read[name])) : sameValue(given, read)
}

/** The instance that the options describe. Throws `InvalidArgument` if a field is invalid, or if the format cannot store it. */
const instanceOf = (service: string, options: RegisterCommandOptions, format: Format): ServiceInstance => {
  const { id, status, weight, zone, version, tag, metadata } = options
  const address = required('address', options.address, 'localhost:8000')
  const instance = serviceInstance({ service, id, address, status: status as Status | undefined, weight, zone, version, tags: tag, metadata })
  const read = readBack(format, instance)
  const lost = Object.entries({ weight, zone, version, tag, metadata }).find(
    ([name, given]) => given !== undefined && !isCarried(given, read?.[name === 'tag' ? 'tags' : (name as keyof ServiceInstance)]),
  )
  if (lost === undefined) return instance
  const only = addressOnly.includes(format.name) ? ', which stores only the address' : ''
  throw new InvalidArgument(lost[0], `cannot be stored by --format ${format.name}${only} (use --format native)`)
}

const onTakenOf = (onTaken: string): OnTaken => {
  if (onTaken === 'wait' || onTaken === 'replace' || onTaken === 'fail') return onTaken
  throw new InvalidArgument('on-taken', `must be wait, replace or fail, got "${onTaken}"`)
}

/** `register <service>`: keeps one instance registered until a signal, or until the command that it runs has ended. */
export const registerCommand = (host: Host, exit: (code: number) => void): Command =>
  new Command('register')
    .description('keep an instance registered until Ctrl-C or SIGTERM, then revoke its lease')
    .argument('<service>', 'service name')
    .option('--address <host:port>', 'address of the instance; required')
    .option('--id <id>', 'instance id, unique in its service (default: the address)')
    .option('--ttl <seconds>', 'lease TTL: how long the instance stays registered after this process has crashed', ttlOf, 10)
    .option('--status <status>', 'starting, up, draining or down (default: up)')
    .option('--weight <number>', 'share of the load, relative to the other instances (default: 1)', numberOf)
    .option('--zone <name>', 'zone in which the instance runs')
    .option('--version <text>', 'version of the instance')
    .option('--tag <tag>', 'tag; can be repeated', (tag: string, before: readonly string[] | undefined) => [...(before ?? []), tag])
    .option('--metadata <json>', 'any other data, as JSON', metadataOf)
    .option('--drain <seconds>', 'how long the instance is draining before its lease is revoked', durationOf('drain'), 0)
    .option('--on-taken <wait|replace|fail>', 'if another client that lives has the key: wait until it leaves, replace its key, or fail', 'wait')
    .option('--exec <command>', 'run this command, register it once its port answers, and pass signals and its exit code on')
    .option('--kill-after <seconds>', 'how long the command of --exec may take to end after a signal, before it is killed (default: 10)', durationOf('kill-after'))
    .option('--health-http <path>', 'check the health by HTTP: a path at the address, or a URL')
    .option('--health-tcp [host:port]', 'check the health by a TCP connection (default: to the address)')
    .option('--health-exec <command>', 'check the health by a command: exit code 0 is a pass')
    .option('--health-interval <seconds>', 'from one check to the next (default: 5)', durationOf('health-interval', 0.1))
    .action(async (service: string, _: unknown, command: Command) => {
      const options = command.optsWithGlobals<RegisterCommandOptions>()
      const settings = settingsOf(options, host)
      const { format } = settings
      const instance = instanceOf(service, options, format)
      const checked = healthOf(options, instance)
      const onTaken = onTakenOf(options.onTaken)
      const { exec, drain, killAfter = standardKillAfter } = options
      if (exec === undefined && options.killAfter !== undefined) throw new InvalidArgument('kill-after', 'requires --exec')
      if (exec?.trim() === '') throw new InvalidArgument('exec', `must be a command, got ${quotedValue(exec)} (such as "node server.js")`)
      /** The registration; reports if etcd does not answer. */
      const registered = (registry: Registry, more: Pick<Options, 'drain' | 'health' | 'until'>): Observable<Registration> =>
        defer(() => {
          const states = register(registry, instance, { ttl: { seconds: options.ttl }, format, onTaken, ...more })
          return merge(states, states.pipe(filter(({ status }) => status !== 'registering'), reportSilence(host, settings), ignoreElements()))
        })
      const untilStopped = (registry: Registry, until: Observable<Signal>): Observable<never> =>
        registered(registry, { drain, until, health: checked.isChecked ? checked.health : undefined }).pipe(
          registrationLines(instance, onTaken),
          tap(printer(host, settings.json)),
          ignoreElements(),
        )
      const withCommand = (running: string) => (registry: Registry, stop: Observable<Signal>): Observable<number> =>
        sidecar({ ...checked, command: running, registration: (health, until) => registered(registry, { health, until }), stop, drain, killAfter }).pipe(
          connect(events =>
            merge(
              // Standard output is that of the command.
              events.pipe(sidecarLines(instance, onTaken, running, checked.port), tap(printer({ print: host.printError }, settings.json)), ignoreElements()),
              events.pipe(mergeMap(event => (event.type === 'exited' ? [event.code] : []))),
            ),
          ),
        )
      exit(
        exec === undefined
          ? await withRegistry(host, settings, untilStopped, { explainAfter: drain + 1_000 })
          : await withRegistry(host, settings, withCommand(exec), { explainAfter: Math.min(drain + killAfter, longestWait) + 3_000, signals: 2 }),
      )
    })
