import { Denied, Disconnected, InvalidArgument, LeaseLost, Taken } from '../../core/errors.js'

/** What standard error says of an error, and the exit code: 1 for what went wrong, 2 for what was asked wrongly. */
export interface Complaint {
  readonly message: string
  readonly code: 1 | 2
}

const options: Readonly<Record<string, string>> = { hosts: '--endpoints', service: '<service>', services: '<service>', tags: '--tag', entries: '<service>', credentials: '--cacert, --cert and --key' }

const hint = (error: Error): string => {
  if (error instanceof Denied) return ' (see --user, and ETCD_PASSWORD in the environment)'
  if (error instanceof Disconnected) return ' (is etcd running there? see --endpoints)'
  if (error instanceof Taken) return ' (--on-taken replace takes it over)'
  return ''
}

/** A lease as etcdctl writes it. */
export const hexOf = (leaseId: string): string => BigInt(leaseId).toString(16)

const lacksEtcd3 = (error: Error): boolean =>
  'code' in error && error.code === 'ERR_MODULE_NOT_FOUND' && error.message.includes("'etcd3'")

/** An outage without what our own waiting adds to its message, so that the same one is known again. */
export const reasonOf = (error: Error): string => {
  if (error instanceof LeaseLost) return error.message.replace(error.leaseId, hexOf)
  return error instanceof Disconnected && error.cause instanceof Disconnected ? reasonOf(error.cause) : error.message
}

/** What stays the same when an outage is met again: how long it took, and when it was, does not. */
export const gistOf = (error: Error): string => (error instanceof Disconnected ? (reasonOf(error).split(': ')[0] ?? '') : error.message)

/** An error in the operator's words. */
export const complaintOf = (thrown: unknown): Complaint => {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown))
  if (error instanceof InvalidArgument) {
    const option = options[error.argument] ?? `--${error.argument}`
    return { message: `${option} ${error.message.slice(error.argument.length + 1)}`, code: 2 }
  }
  if (lacksEtcd3(error)) return { message: 'etcd3, which speaks to etcd, is not installed: npm install etcd3, beside rx-discovery', code: 1 }
  return { message: `${reasonOf(error)}${hint(error)}`, code: 1 }
}
