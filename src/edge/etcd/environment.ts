import { InvalidArgument } from '../../core/errors.js'
import type { ConnectOptions } from './connection/members.js'

/** Options of {@link fromEnvironment}. */
export interface EnvironmentOptions {
  /** @default process.env */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  /** Endpoints separated by commas, instead of the variable `ETCD_ENDPOINTS`. @default `ETCD_ENDPOINTS`, or http://127.0.0.1:2379 */
  readonly endpoints?: string | undefined
  /** Name of the etcd user, instead of the variable `ETCD_USER`. @default `ETCD_USER` */
  readonly user?: string | undefined
}

/** How to reach etcd, as far as the environment says it. */
export interface EnvironmentConnection extends Pick<ConnectOptions, 'auth'> {
  readonly hosts: readonly string[]
}

const hostsFrom = (endpoints: string | undefined, variable: string | undefined): readonly string[] => {
  // An empty variable counts as unset; an empty option is an error.
  const given = endpoints ?? (variable?.trim() ? variable : 'http://127.0.0.1:2379')
  const hosts = given.split(',').map(host => host.trim()).filter(host => host !== '')
  if (hosts.length === 0) throw new InvalidArgument('hosts', `must have at least one endpoint, such as http://127.0.0.1:2379, got "${given}"`)
  return hosts
}

const authFrom = (username: string | undefined, password: string | undefined): Pick<ConnectOptions, 'auth'> => {
  if (username === undefined || username === '') return {}
  // The message does not repeat the value: the part after the colon is a password.
  if (username.includes(':')) throw new InvalidArgument('user', 'must be a name without a colon (set the password as ETCD_PASSWORD in the environment)')
  if (password === undefined) throw new InvalidArgument('user', 'requires a password (set ETCD_PASSWORD in the environment)')
  return { auth: { username, password } }
}

/**
 * Reads how to reach etcd from the environment, for `etcdRegistry`: `ETCD_ENDPOINTS` (separated by commas), `ETCD_USER` and `ETCD_PASSWORD`. The command line reads the same
 * variables, and after them those of etcdctl. Throws `InvalidArgument` if there is no endpoint, or a user without a password.
 *
 * @example const registry = etcdRegistry(fromEnvironment())
 */
export const fromEnvironment = ({ env = process.env, endpoints, user }: EnvironmentOptions = {}): EnvironmentConnection => ({
  hosts: hostsFrom(endpoints, env['ETCD_ENDPOINTS']),
  ...authFrom(user ?? env['ETCD_USER'], env['ETCD_PASSWORD']),
})
