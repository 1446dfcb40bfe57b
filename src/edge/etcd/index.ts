import type { Etcd3 } from 'etcd3'
import { InvalidArgument } from '../../core/errors.js'
import { quotedValue } from '../../core/validation.js'
import type { ClosableRegistry } from '../../flow/registry.js'
import { withHosts } from '../../flow/registry-hosts.js'
import { connect, type ConnectOptions } from './connection/members.js'
import { permitted } from './permitted.js'
import { registryOf } from './registry-of.js'

export type { ConnectOptions } from './connection/members.js'
export { pemFiles, type PemFiles } from './connection/pem-files.js'
export { fromEnvironment, type EnvironmentConnection, type EnvironmentOptions } from './environment.js'

/** A namespace of etcd3 prefixes the keys of its own methods only, not those of the calls that the registry makes: these would go outside of it. */
const refuseNamespace = (from: ConnectOptions | Etcd3): void => {
  // In JavaScript `from` may be anything.
  const prefix = (from as { readonly prefix?: unknown } | null | undefined)?.prefix
  if (prefix instanceof Uint8Array && prefix.length > 0)
    throw new InvalidArgument('client', `must be an Etcd3 client, got its namespace ${quotedValue(Buffer.from(prefix).toString())} (pass the client itself, and put the prefix into the format, such as native({ prefix: '/t' }))`)
}

/**
 * A registry on etcd.
 *
 * @param from How to reach etcd (the registry then makes its own connections), or an `Etcd3` client. A client stays open after `close`, and its own
 * fault policies and reconnect delays apply.
 * @throws `InvalidArgument` if there are no hosts, a host is not an endpoint, certificates cannot be used, or the client is a namespace.
 */
export const etcdRegistry = (from: ConnectOptions | Etcd3): ClosableRegistry => {
  refuseNamespace(from)
  const members = connect(from)
  const registry = permitted(registryOf(members), 'kv' in from ? {} : from)
  return 'kv' in from ? registry : withHosts(registry, members.hosts)
}
