import { InvalidArgument } from '../../core/errors.js'
import type { Format } from '../../core/formats/format.js'
import type { ConnectOptions } from '../etcd/index.js'
import { namedFormat } from './named-format.js'
import type { Host } from './host.js'

/** The options that all commands share, as parsed. */
export interface SharedOptions {
  readonly endpoints?: string
  readonly format: string
  readonly prefix?: string
  readonly json?: boolean
  readonly user?: string
  readonly cacert?: string
  readonly cert?: string
  readonly key?: string
}

/** The settings that all commands need: how to connect to etcd, and how instances are stored. */
export interface Settings {
  readonly connection: ConnectOptions & { readonly hosts: readonly string[] }
  readonly format: Format
  readonly json: boolean
}

const hostsOf = ({ endpoints }: SharedOptions, { ETCD_ENDPOINTS }: Host['env']): readonly string[] => {
  // An empty variable counts as unset; an empty option is an error.
  const given = endpoints ?? (ETCD_ENDPOINTS?.trim() ? ETCD_ENDPOINTS : 'http://127.0.0.1:2379')
  const hosts = given.split(',').map(host => host.trim()).filter(host => host !== '')
  if (hosts.length === 0) throw new InvalidArgument('hosts', `must have at least one endpoint, such as http://127.0.0.1:2379, got "${given}"`)
  return hosts
}

const authOf = ({ user }: SharedOptions, { ETCD_USER, ETCD_PASSWORD }: Host['env']): Pick<ConnectOptions, 'auth'> => {
  const username = user ?? ETCD_USER
  if (username === undefined || username === '') return {}
  // The message does not repeat the value: the part after the colon is a password.
  if (username.includes(':')) throw new InvalidArgument('user', 'must be a name without a colon (set the password as ETCD_PASSWORD in the environment)')
  if (ETCD_PASSWORD === undefined) throw new InvalidArgument('user', 'requires a password (set ETCD_PASSWORD in the environment)')
  return { auth: { username, password: ETCD_PASSWORD } }
}

const credentialsOf = ({ cacert, cert, key }: SharedOptions, hosts: readonly string[], { readFile }: Host): Pick<ConnectOptions, 'credentials'> => {
  if (cert !== undefined && key === undefined) throw new InvalidArgument('cert', 'requires --key')
  if (key !== undefined && cert === undefined) throw new InvalidArgument('key', 'requires --cert')
  if (cacert === undefined) {
    if (cert !== undefined) throw new InvalidArgument('cert', 'requires --cacert')
    return {}
  }
  if (hosts.some(host => host.startsWith('http://'))) throw new InvalidArgument('cacert', 'requires endpoints that begin with https:// (see --endpoints)')
  const read = (option: string, path: string): Buffer => {
    try {
      return readFile(path)
    } catch (error) {
      throw new InvalidArgument(option, `cannot be read: ${error instanceof Error ? error.message : path}`)
    }
  }
  const client = cert === undefined || key === undefined ? {} : { certChain: read('cert', cert), privateKey: read('key', key) }
  return { credentials: { rootCertificate: read('cacert', cacert), ...client } }
}

/** The settings from the options and the environment. Throws `InvalidArgument`. */
export const settingsOf = (options: SharedOptions, host: Host): Settings => {
  const hosts = hostsOf(options, host.env)
  const connection = { hosts, ...authOf(options, host.env), ...credentialsOf(options, hosts, host) }
  return { connection, format: namedFormat(options.format, options.prefix), json: options.json ?? false }
}
