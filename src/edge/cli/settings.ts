import { InvalidArgument, toError } from '../../core/errors.js'
import type { Format } from '../../core/formats/format.js'
import { pemFiles, type PemFiles } from '../etcd/connection/pem-files.js'
import { fromEnvironment } from '../etcd/environment.js'
import type { ConnectOptions } from '../etcd/index.js'
import { etcdctlVariables } from './etcdctl-variables.js'
import { namedFormat } from './named-format.js'
import type { Host } from './host.js'
import { readInput } from './read-input.js'

/** The options that all commands share, as parsed. */
export interface SharedOptions {
  readonly endpoints?: string
  readonly srv?: string
  readonly autoSync?: boolean
  readonly format: string
  readonly prefix?: string
  readonly defaultPort?: number
  readonly json?: boolean
  readonly user?: string
  readonly cacert?: string
  readonly cert?: string
  readonly key?: string
}

/** The settings that all commands need: how to connect to etcd, and how instances are stored. */
export interface Settings {
  readonly connection: ConnectOptions
  /** The hosts, for messages. */
  readonly hosts: string
  /** How many hosts are tried by a command that asks once. */
  readonly tries: number
  readonly format: Format
  readonly json: boolean
}

/** How many of the hosts that DNS names are tried. */
const triesOfSrv = 3

/** The certificates. If a file is wrong now, the usage is wrong. The files are read again at outages, since they may be renewed. */
const credentialsOf = ({ cacert, cert, key }: SharedOptions, given: SharedOptions, hosts: readonly string[]): Pick<ConnectOptions, 'credentials'> => {
  if (cert !== undefined && key === undefined) throw new InvalidArgument('cert', 'requires --key')
  if (key !== undefined && cert === undefined) throw new InvalidArgument('key', 'requires --cert')
  if (cacert === undefined) {
    if (cert !== undefined) throw new InvalidArgument('cert', 'requires --cacert')
    return {}
  }
  if (hosts.some(host => host.startsWith('http://'))) throw new InvalidArgument('cacert', 'requires endpoints that begin with https:// (see --endpoints)')
  const paths: PemFiles = { rootCertificate: cacert, ...(cert !== undefined && key !== undefined && { certChain: cert, privateKey: key }) }
  for (const [option, path] of Object.entries({ cert, key, cacert })) if (path !== undefined) readInput(option, path, given[option as 'cert' | 'key' | 'cacert'] === undefined ? `from ETCDCTL_${option.toUpperCase()}` : undefined)
  const credentials = pemFiles(paths)
  try {
    credentials()
  } catch (error) {
    throw new InvalidArgument('credentials', `cannot be used: ${toError(error).message}`)
  }
  return { credentials }
}

/** The settings from the options and the environment. Throws `InvalidArgument`. */
export const settingsOf = (given: SharedOptions, host: Host): Settings => {
  const { env, ...files } = etcdctlVariables(given, host.env)
  const options = { ...files, ...given }
  const { endpoints, user, srv, autoSync = false, format, prefix, defaultPort, json = false } = options
  if (srv !== undefined && endpoints !== undefined) throw new InvalidArgument('srv', 'cannot be used with --endpoints (the endpoints are those that DNS names)')
  const { hosts, ...login } = fromEnvironment({ env: srv === undefined ? env : { ...env, ETCD_ENDPOINTS: undefined }, endpoints, user })
  const place = srv === undefined ? { hosts } : { srv }
  return {
    connection: { ...place, ...login, ...(autoSync && { autoSync }), ...credentialsOf(options, given, srv === undefined ? hosts : []) },
    hosts: srv === undefined ? hosts.join(', ') : `the hosts that DNS names for ${srv}`,
    tries: srv === undefined ? hosts.length : triesOfSrv,
    format: namedFormat(format, { prefix, defaultPort }),
    json,
  }
}
