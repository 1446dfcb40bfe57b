import type { Registry } from 'rx-discovery'
import type { ServiceDiscoveryOptions } from './module-options.js'

/** The registry of the module: the given one, or one on etcd. */
export const configuredRegistry = async ({ registry, etcd }: ServiceDiscoveryOptions): Promise<Registry> => {
  if (registry !== undefined) return registry
  // eslint-disable-next-line no-restricted-syntax -- etcd3 is an optional peer, which an app with another registry does not have
  const { etcdRegistry, fromEnvironment } = await import('rx-discovery/etcd')
  return etcdRegistry(etcd ?? fromEnvironment())
}
