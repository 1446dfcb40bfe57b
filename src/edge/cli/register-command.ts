import { Command } from 'commander'
import { either as E, option as O } from 'fp-ts'
import { filter, ignoreElements, tap } from 'rxjs'
import { ttlSeconds } from '../../core/arguments.js'
import { invalid, quotedValue } from '../../core/validation.js'
import { InvalidArgument } from '../../core/errors.js'
import { serviceInstance, type ServiceInstance, type Status } from '../../core/instance/instance.js'
import type { Format } from '../../core/formats/format.js'
import { isRecord, parseJson, sameValue } from '../../core/instance/json.js'
import { register } from '../../flow/registration/register.js'
import type { Host } from './host.js'
import { numberOf } from './number-of.js'
import { printer } from './output.js'
import { registrationLines } from './registration-lines.js'
import { reportSilence } from './report-silence.js'
import { settingsOf, type SharedOptions } from './settings.js'
import { withRegistry } from './with-registry.js'

interface RegisterOptions extends SharedOptions {
  readonly address: string
  readonly id?: string
  readonly ttl: number
  readonly status?: string
  readonly weight?: number
  readonly zone?: string
  readonly version?: string
  readonly tag?: readonly string[]
  readonly metadata?: unknown
  readonly drain: number
  readonly onTaken: string
}

const ttlOf = (text: string): number => {
  const ttl = numberOf(text)
  const found = ttlSeconds(ttl)
  if (found !== undefined) throw invalid('ttl', { ...found, got: quotedValue(text) })
  return ttl
}

/** The longest `--drain`, seconds: what one timer can wait, rounded down. */
const longestDrain = 2_000_000

const drainOf = (text: string): number => {
  const drain = numberOf(text)
  if (drain >= 0 && drain <= longestDrain) return drain
  throw new InvalidArgument('drain', `must be a number of seconds from 0 to ${longestDrain}, got "${text}"`)
}

const metadataOf = (text: string): unknown => {
  const json = parseJson(text)
  if (E.isRight(json)) return json.right
  throw invalid('metadata', json.left)
}

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
const instanceOf = (service: string, options: RegisterOptions, format: Format): ServiceInstance => {
  const { address, id, status, weight, zone, version, tag, metadata } = options
  const instance = serviceInstance({ service, id, address, status: status as Status | undefined, weight, zone, version, tags: tag, metadata })
  const read = readBack(format, instance)
  const lost = Object.entries({ weight, zone, version, tag, metadata }).find(
    ([name, given]) => given !== undefined && !isCarried(given, read?.[name === 'tag' ? 'tags' : (name as keyof ServiceInstance)]),
  )
  if (lost === undefined) return instance
  const only = addressOnly.includes(format.name) ? ', which stores only the address' : ''
  throw new InvalidArgument(lost[0], `cannot be stored by --format ${format.name}${only} (use --format native)`)
}

const onTakenOf = (onTaken: string): 'wait' | 'replace' | 'fail' => {
  if (onTaken === 'wait' || onTaken === 'replace' || onTaken === 'fail') return onTaken
  throw new InvalidArgument('on-taken', `must be wait, replace or fail, got "${onTaken}"`)
}

/** `register <service>`: keeps one instance registered until a signal. */
export const registerCommand = (host: Host, exit: (code: number) => void): Command =>
  new Command('register')
    .description('keep an instance registered until Ctrl-C or SIGTERM, then revoke its lease')
    .argument('<service>', 'service name')
    .requiredOption('--address <host:port>', 'address of the instance')
    .option('--id <id>', 'instance id, unique in its service (default: the address)')
    .option('--ttl <seconds>', 'lease TTL: how long the instance stays registered after this process has crashed', ttlOf, 10)
    .option('--status <status>', 'starting, up, draining or down (default: up)')
    .option('--weight <number>', 'share of the load, relative to the other instances (default: 1)', numberOf)
    .option('--zone <name>', 'zone in which the instance runs')
    .option('--version <text>', 'version of the instance')
    .option('--tag <tag>', 'tag; can be repeated', (tag: string, before: readonly string[] | undefined) => [...(before ?? []), tag])
    .option('--metadata <json>', 'any other data, as JSON', metadataOf)
    .option('--drain <seconds>', 'how long the instance is draining before its lease is revoked', drainOf, 0)
    .option('--on-taken <wait|replace|fail>', 'if another client that lives has the key: wait until it leaves, replace its key, or fail', 'wait')
    .action(async (service: string, _: unknown, command: Command) => {
      const options = command.optsWithGlobals<RegisterOptions>()
      const settings = settingsOf(options, host)
      const { format } = settings
      const instance = instanceOf(service, options, format)
      const onTaken = onTakenOf(options.onTaken)
      const drain = options.drain * 1_000
      const print = printer(host, settings.json)
      exit(
        await withRegistry(
          host,
          settings,
          (registry, stop) =>
            register(registry, instance, { ttl: { seconds: options.ttl }, format, onTaken, drain, until: stop }).pipe(
              registrationLines(instance),
              tap(print),
              filter(({ json }) => json.type !== 'registering'),
              reportSilence(host, settings),
              ignoreElements(),
            ),
          { explainAfter: drain + 1_000 },
        ),
      )
    })
