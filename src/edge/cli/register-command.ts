import { Command } from 'commander'
import { either as E } from 'fp-ts'
import { filter, ignoreElements, tap } from 'rxjs'
import { ttlSeconds } from '../../core/arguments.js'
import { invalid, quotedValue } from '../../core/validation.js'
import { InvalidArgument } from '../../core/errors.js'
import { serviceInstance, type ServiceInstance, type Status } from '../../core/instance/instance.js'
import { parseJson } from '../../core/instance/json.js'
import { register } from '../../flow/registration/register.js'
import type { Host } from './host.js'
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

const numberOf = (text: string): number => (text.trim() === '' ? NaN : Number(text))

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

/** The instance that the options describe. Throws `InvalidArgument` if a field is invalid, or if the format cannot store it. */
const instanceOf = (service: string, options: RegisterOptions): ServiceInstance => {
  const { address, id, status, weight, zone, version, tag, metadata, format } = options
  const lost = format === 'plain' ? Object.entries({ weight, zone, version, tag, metadata }).find(([, value]) => value !== undefined) : undefined
  if (lost !== undefined) throw new InvalidArgument(lost[0], 'cannot be stored by --format plain, which stores only the address (use --format native)')
  return serviceInstance({ service, id, address, status: status as Status | undefined, weight, zone, version, tags: tag, metadata })
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
      const instance = instanceOf(service, options)
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
