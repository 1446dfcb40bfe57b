import { InvalidArgument } from '../../core/errors.js'
import type { Format } from '../../core/formats/format.js'
import { fromEnvironment } from '../etcd/environment.js'
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
  const { endpoints, user } = options
  const connection = fromEnvironment({ env: host.env, endpoints, user })
  return { connection: { ...connection, ...credentialsOf(options, connection.hosts, host) }, format: namedFormat(options.format, options.prefix), json: options.json ?? false }
}
