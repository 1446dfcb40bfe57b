import { Command } from 'commander'
import { either as E } from 'fp-ts'
import { filter, ignoreElements, tap } from 'rxjs'
import { longestTtl } from '../../core/arguments.js'
import { invalid } from '../../core/check.js'
import { InvalidArgument } from '../../core/errors.js'
import { serviceInstance, type ServiceInstance, type Status } from '../../core/instance/instance.js'
import { parseJson } from '../../core/instance/json.js'
import { register } from '../../flow/registration/register.js'
import type { Host } from './host.js'
import { printer } from './output.js'
import { registrationLines } from './registration-lines.js'
import { session } from './session.js'
import { noticingSilence } from './silence.js'
import { settingsOf, type SharedOptions } from './settings.js'

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
  if (Number.isInteger(ttl) && ttl >= 1 && ttl <= longestTtl) return ttl
  throw new InvalidArgument('ttl', `must be a whole number of seconds, 1 or more, not '${text}'`)
}

const drainOf = (text: string): number => {
  const drain = numberOf(text)
  if (drain >= 0 && drain <= 2_000_000) return drain
  throw new InvalidArgument('drain', `must be a number of seconds, 0 or more, not '${text}'`)
}

const metadataOf = (text: string): unknown => {
  const json = parseJson(text)
  if (E.isRight(json)) return json.right
  throw invalid('metadata', json.left)
}

/** The instance that the options tell of; `InvalidArgument` thrown for one that is none, or that the format would cut down. */
const instanceOf = (service: string, options: RegisterOptions): ServiceInstance => {
  const { address, id, status, weight, zone, version, tag, metadata, format } = options
  const lost = format === 'plain' ? Object.entries({ weight, zone, version, tag, metadata }).find(([, value]) => value !== undefined) : undefined
  if (lost !== undefined) throw new InvalidArgument(lost[0], 'would be lost: --format plain carries the address alone')
  return serviceInstance({ service, id, address, status: status as Status | undefined, weight, zone, version, tags: tag, metadata })
}

const onTakenOf = (onTaken: string): 'replace' | 'fail' => {
  if (onTaken === 'replace' || onTaken === 'fail') return onTaken
  throw new InvalidArgument('on-taken', `must be replace or fail, not '${onTaken}'`)
}

/** `register <service>`: keeps an instance registered until a signal. */
export const registerCommand = (host: Host, exit: (code: number) => void): Command =>
  new Command('register')
    .description('keep an instance registered until Ctrl-C or SIGTERM, which revokes it')
    .argument('<service>', 'its service')
    .requiredOption('--address <host:port>', 'where it is reached')
    .option('--id <id>', 'who it is in its service (default: its address)')
    .option('--ttl <seconds>', 'how long it outlives a crash of this process', ttlOf, 10)
    .option('--status <status>', 'starting, up, draining or down (default: up)')
    .option('--weight <number>', 'its share of the load (default: 1)', numberOf)
    .option('--zone <name>', 'where it runs')
    .option('--version <text>', 'which version it is')
    .option('--tag <tag>', 'a tag; may be given again', (tag: string, before: readonly string[] | undefined) => [...(before ?? []), tag])
    .option('--metadata <json>', 'anything else, as JSON', metadataOf)
    .option('--drain <seconds>', 'how long it is shown as draining before it is revoked', drainOf, 0)
    .option('--on-taken <replace|fail>', 'when another holds its key at the start: take it over, or fail if it is still held after the TTL', 'replace')
    .action(async (service: string, _: unknown, command: Command) => {
      const options = command.optsWithGlobals<RegisterOptions>()
      const settings = settingsOf(options, host)
      const { format } = settings
      const instance = instanceOf(service, options)
      const onTaken = onTakenOf(options.onTaken)
      const drain = options.drain * 1_000
      const print = printer(host, settings.json)
      exit(
        await session(
          host,
          settings,
          (registry, stop) =>
            register(registry, instance, { ttl: options.ttl, format, onTaken, drain, until: stop }).pipe(
              registrationLines(instance),
              tap(print),
              filter(({ json }) => json.type !== 'registering'),
              noticingSilence(host, settings),
              ignoreElements(),
            ),
          { patience: drain + 2_000 },
        ),
      )
    })
