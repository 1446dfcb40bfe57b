import { InvalidArgument } from '../../core/errors.js'
import type { Format } from '../../core/formats/format.js'
import { native } from '../../core/formats/native.js'
import { plain } from '../../core/formats/plain.js'
import type { ConnectOptions } from '../etcd/index.js'
import type { Host } from './host.js'

/** The options of every command, as parsed. */
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

/** What every command needs to know: where etcd is, and how instances are written there. */
export interface Settings {
  readonly connection: ConnectOptions & { readonly hosts: readonly string[] }
  readonly format: Format
  readonly json: boolean
}

const formatOf = ({ format, prefix }: SharedOptions): Format => {
  const options = prefix === undefined ? {} : { prefix }
  if (format === 'native') return native(options)
  // That it carries no metadata is checked where there are any.
  if (format === 'plain') return plain(options) as unknown as Format
  throw new InvalidArgument('format', `must be plain or native, not '${format}'`)
}

const hostsOf = ({ endpoints }: SharedOptions, { ETCD_ENDPOINTS }: Host['env']): readonly string[] => {
  // A variable set to nothing is as good as none; an option is not.
  const given = endpoints ?? (ETCD_ENDPOINTS?.trim() ? ETCD_ENDPOINTS : 'http://127.0.0.1:2379')
  const hosts = given.split(',').map(host => host.trim()).filter(host => host !== '')
  if (hosts.length === 0) throw new InvalidArgument('hosts', 'must name at least one endpoint')
  return hosts
}

const authOf = ({ user }: SharedOptions, { ETCD_USER, ETCD_PASSWORD }: Host['env']): Pick<ConnectOptions, 'auth'> => {
  const username = user ?? ETCD_USER
  if (username === undefined || username === '') return {}
  // Not repeated in the message: what follows the colon is a password.
  if (username.includes(':')) throw new InvalidArgument('user', 'must be a name alone; the password comes from the environment, as ETCD_PASSWORD')
  if (ETCD_PASSWORD === undefined) throw new InvalidArgument('user', 'needs the password in the environment, as ETCD_PASSWORD')
  return { auth: { username, password: ETCD_PASSWORD } }
}

const credentialsOf = ({ cacert, cert, key }: SharedOptions, hosts: readonly string[], { readFile }: Host): Pick<ConnectOptions, 'credentials'> => {
  if (cert !== undefined && key === undefined) throw new InvalidArgument('cert', 'needs --key, too')
  if (key !== undefined && cert === undefined) throw new InvalidArgument('key', 'needs --cert, too')
  if (cacert === undefined) {
    if (cert !== undefined) throw new InvalidArgument('cert', 'needs --cacert, too')
    return {}
  }
  if (hosts.some(host => host.startsWith('http://'))) throw new InvalidArgument('cacert', 'needs endpoints that begin with https://')
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

/** Makes sense of the options of every command; throws `InvalidArgument`. */
export const settingsOf = (options: SharedOptions, host: Host): Settings => {
  const hosts = hostsOf(options, host.env)
  const connection = { hosts, ...authOf(options, host.env), ...credentialsOf(options, hosts, host) }
  return { connection, format: formatOf(options), json: options.json ?? false }
}
