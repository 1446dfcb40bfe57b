import { Denied, Disconnected, InvalidArgument, Taken, toError } from '../../core/errors.js'
import { NotPermitted } from '../etcd/permitted.js'

/** How the program reports an error: the message for standard error, and the exit code (1: failure, 2: wrong usage). */
export interface Failure {
  readonly message: string
  readonly code: 1 | 2
}

/** The options of the command line for arguments whose names differ. */
const options: Readonly<Record<string, string>> = { hosts: '--endpoints', service: '<service>', shell: '<shell>', services: '<service>', tags: '--tag', entries: '<service>', from: '--since', to: '--until', maxBehind: '--max-behind', path: '--out', maxBytes: '--max-size', maxAge: '--max-age', recording: '<file>', instance: '<instance>', file: '<file>', credentials: '--cacert, --cert and --key' }

/** What an operator can do. */
const hintOf = (error: Error): string => {
  if (error instanceof NotPermitted) return ''
  if (error instanceof Denied) return ' (check --user, and ETCD_PASSWORD in the environment)'
  if (error instanceof Disconnected && error.message.includes('has no leader')) return ' (rx-discovery doctor shows which members are missing; list --stale reads what this one knows)'
  if (error instanceof Disconnected && error.message.includes('the hosts of etcd are not known')) return ' (check --srv, and the DNS of this machine)'
  if (error instanceof Disconnected && /then write https?:/.test(error.message)) return ' (see --endpoints)'
  if (error instanceof Disconnected && error.message.includes('failed the TLS handshake')) return ' (check --cacert, --cert and --key)'
  if (error instanceof Disconnected) return ' (check that etcd runs there, or set --endpoints)'
  if (error instanceof Taken) return ' (to take the key over, use --on-taken replace)'
  return ''
}

const lacksEtcd3 = (error: Error): boolean =>
  'code' in error && error.code === 'ERR_MODULE_NOT_FOUND' && error.message.includes("'etcd3'")

/** The message of an error, without the time that a call has waited, which differs from attempt to attempt, and without a hint that names options of the library. */
export const errorText = (error: Error): string => {
  if (error instanceof Disconnected && error.cause instanceof Disconnected) return errorText(error.cause)
  const hint = error instanceof Denied || error instanceof Taken ? error.hint : undefined
  return hint === undefined ? error.message : error.message.slice(0, -` (${hint})`.length)
}

/** A key that is equal for repetitions of one outage: the message without its details, such as how long a call took. */
export const outageKey = (error: Error): string => (error instanceof Disconnected ? (errorText(error).split(': ')[0] ?? '') : errorText(error))

/** The failure that an error ends the program with. */
export const failureOf = (thrown: unknown): Failure => {
  const error = toError(thrown)
  if (error instanceof InvalidArgument) {
    const [argument = ''] = error.argument.split('.')
    const option = options[argument] ?? `--${argument}`
    return { message: `${option} ${error.message.slice(error.argument.length).replace(/^:? /, '')}`, code: 2 }
  }
  if (lacksEtcd3(error)) return { message: 'the package etcd3 is not installed (run npm install etcd3 where rx-discovery is installed)', code: 1 }
  return { message: `${errorText(error)}${hintOf(error)}`, code: 1 }
}
