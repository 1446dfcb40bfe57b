import { Command, CommanderError } from 'commander'
import { InvalidArgument } from '../../core/errors.js'
import { quotedValue } from '../../core/validation.js'
import { completeCommand, completeWordsCommand } from './complete-command.js'
import { doctorCommand } from './doctor-command.js'
import { eventsCommand } from './events-command.js'
import { failureOf } from './failure.js'
import { formatNames } from './named-format.js'
import type { Host } from './host.js'
import { listCommand } from './list-command.js'
import { printable } from './output.js'
import { drainCommand, undrainCommand } from './override-command.js'
import { recordCommand } from './record-command.js'
import { registerCommand } from './register-command.js'
import { replayCommand } from './replay-command.js'
import { uiCommand } from './ui-command.js'
import { watchCommand } from './watch-command.js'

const after = `
Environment:
  ETCD_ENDPOINTS  default of --endpoints
  ETCD_USER       default of --user
  ETCD_PASSWORD   password of the etcd user; there is no option for it, since other users can read command lines
  ETCDCTL_*       ENDPOINTS, USER (name:password), PASSWORD, CACERT, CERT and KEY, where nothing else is set
  NO_COLOR        no colours in the table of watch

Exit codes:
  0    success; register, watch, events and record: ended by a signal, with the lease revoked. register --exec: the exit code of the command
  1    failure: etcd does not answer (list), access denied, key taken (register --on-taken fail), revision compacted, ...
  2    wrong usage: unknown command or option, invalid address, format or TTL, ...
  128+ ended at once by a signal: the second one, or the first one during list and events --until (130: Ctrl-C)

If etcd does not answer, register, watch, events and record report it and retry. replay needs no etcd.`

const portOf = (text: string): number => {
  const port = /^\d+$/.test(text) ? Number(text) : NaN
  if (port >= 1 && port <= 65_535) return port
  throw new InvalidArgument('default-port', `must be a port from 1 to 65535, got ${quotedValue(text)}`)
}

/** The option that a command knows and that takes no value, if a message complains of it with one: `commander` calls it unknown. */
const valuedFlag = (command: Command, message: string): string | undefined => {
  const [, flag] = /unknown option '(--[^'=]+)=/.exec(message) ?? []
  const options = [...command.options, ...(command.parent?.options ?? [])]
  return flag === '--help' || options.some(({ long, required, optional }) => long === flag && !required && !optional) ? flag : undefined
}

/** The message of `commander` about a wrong command line. The value of an option that it does not know may be a secret. */
const usageMessage = (command: Command, message: string): string => {
  const flag = valuedFlag(command, message)
  if (flag !== undefined) return `error: ${flag} takes no value (write ${flag} alone, or leave it out)\n`
  if (command.name() === 'register' && message.includes('too many arguments')) return 'error: register takes one argument, the service (write the address as --address host:port, and the id as --id name)\n'
  return message.replace(/(unknown option '[^'=]+)=.*'/s, "$1'").replace(/[^\n]+/g, printable)
}

const programFor = (host: Host, exit: (code: number) => void): Command => {
  const program = new Command('rx-discovery')
    .description('Service registration and discovery on etcd.')
    .version(host.version, '-V', 'print the version (also --version, as the only word)')
    .option('--endpoints <list>', 'comma-separated etcd endpoints (default: ETCD_ENDPOINTS, or http://127.0.0.1:2379)')
    .option('--srv <domain>', 'domain whose DNS names the endpoints, in its SRV records _etcd-client-ssl._tcp or _etcd-client._tcp; instead of --endpoints')
    .option('--auto-sync', 'also use the members that the cluster lists')
    .option('--format <name>', `how instances are stored: ${formatNames.join(', ')}; list also takes auto, which finds out`, 'native')
    .option('--prefix <path>', 'prefix of all keys (default: that of the format: /rx-discovery for native, none for plain)')
    .option('--default-port <port>', 'port of addresses that have none, in formats of other stacks (default: such entries are rejected)', portOf)
    .option('--json', 'print JSON: one object per line (register, watch, events, record, replay) or one document (list)')
    .option('--user <name>', 'etcd user name; the password comes from ETCD_PASSWORD (default: ETCD_USER)')
    .option('--cacert <file>', 'certificate of the authority (CA) that signed the certificate of etcd, PEM')
    .option('--cert <file>', 'client certificate, PEM; requires --key and --cacert')
    .option('--key <file>', 'key of the client certificate, PEM; requires --cert')
    .addHelpText('after', after)
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .configureOutput({ writeOut: host.print, writeErr: host.printError })
    .showHelpAfterError('(use --help for help)')
  const explained = (command: Command): Command => command.configureOutput({ outputError: (message, write) => write(usageMessage(command, message)) })
  explained(program)
  for (const command of [registerCommand, watchCommand, listCommand, eventsCommand, drainCommand, undrainCommand, doctorCommand, recordCommand, replayCommand, uiCommand, completeCommand]) program.addCommand(explained(command(host, exit).copyInheritedSettings(program)))
  program.addCommand(completeWordsCommand(host, exit).copyInheritedSettings(program), { hidden: true })
  return program
}

/** Runs a command line, given without the name of the program, and resolves with the exit code. It never rejects. */
export const run = async (argv: readonly string[], host: Host): Promise<number> => {
  let code = 0
  try {
    // As an option of the program, it would take the place of that of `register`.
    const words = argv.length === 1 && argv[0] === '--version' ? ['-V'] : [...argv]
    await programFor(host, value => (code = value)).parseAsync(words, { from: 'user' })
    return code
  } catch (error) {
    // Commander has already printed its message, or the requested help.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    const { message, code: failed } = failureOf(error)
    host.printError(`error: ${printable(message)}\n`)
    return failed
  }
}
