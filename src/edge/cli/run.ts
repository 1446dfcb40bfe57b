import { Command, CommanderError } from 'commander'
import { complaintOf } from './complaint.js'
import type { Host } from './host.js'
import { listCommand } from './list-command.js'
import { printable } from './output.js'
import { registerCommand } from './register-command.js'
import { watchCommand } from './watch-command.js'

const after = `
Environment:
  ETCD_ENDPOINTS  the endpoints, unless --endpoints is given
  ETCD_USER       the user, unless --user is given
  ETCD_PASSWORD   the password; there is no option for it, since others can read a command line

Exit codes:
  0    done; register and watch: ended by a signal, after revoking
  1    failed: no etcd (list), access denied, key taken (register --on-taken fail)
  2    asked wrongly: unknown command or option, bad address, unknown format, bad TTL, ...
  128+ ended at once by a signal: the second one, or the first during list (130: Ctrl-C)

While etcd does not answer, register and watch say so and go on trying.`

const programFor = (host: Host, exit: (code: number) => void): Command => {
  const program = new Command('rx-discovery')
    .description('Service registration and discovery on etcd.')
    .version(host.version, '-V', 'print the version')
    .option('--endpoints <list>', "etcd's endpoints, separated by commas (default: ETCD_ENDPOINTS, else http://127.0.0.1:2379)")
    .option('--format <name>', 'how instances are written: native (JSON) or plain (/web/node1 -> localhost:8000)', 'native')
    .option('--prefix <path>', 'under what all services lie (default: /rx-discovery for native, nothing for plain)')
    .option('--json', 'print JSON: one object a line (register, watch), or one document (list)')
    .option('--user <name>', 'who to be for etcd; the password is ETCD_PASSWORD in the environment')
    .option('--cacert <file>', "the authority of etcd's certificate, PEM")
    .option('--cert <file>', "this client's certificate, PEM; with --key")
    .option('--key <file>', "this client's key, PEM; with --cert")
    .addHelpText('after', after)
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .configureOutput({
      writeOut: host.print,
      writeErr: host.complain,
      // What follows an unknown option may be a secret.
      outputError: (message, write) => write(message.replace(/(unknown option '[^'=]+)=.*'/s, "$1'").replace(/[^\n]+/g, printable)),
    })
    .showHelpAfterError('(--help says more)')
  for (const command of [registerCommand, watchCommand, listCommand]) program.addCommand(command(host, exit).copyInheritedSettings(program))
  return program
}

/** Runs a command line (without the program's own name) and resolves with its exit code; never rejects. */
export const run = async (argv: readonly string[], host: Host): Promise<number> => {
  let code = 0
  try {
    await programFor(host, value => (code = value)).parseAsync([...argv], { from: 'user' })
    return code
  } catch (error) {
    // It has printed its message, or the help that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    const complaint = complaintOf(error)
    host.complain(`error: ${printable(complaint.message)}\n`)
    return complaint.code
  }
}
