import { filter, take, type Subscription } from 'rxjs'
import { hostsOf } from '../../flow/registry-hosts.js'
import { nothing } from '../../flow/subscribe-within.js'

/** Where services come from, for `server.address`. */
export interface ServerAddresses {
  /** A service was seen in a registry. */
  readonly learn: (service: string, registry: object) => void
  /** `etcd://host:port/service`, with the first endpoint that the registry has reported; only the service if it reports none. A service is taken from the registry in which it was seen last. */
  readonly of: (service: string, registry?: object) => string
}

/** An endpoint without its scheme, which decides about TLS only. */
const bare = (host: string): string => host.replace(/^https?:\/\//, '').replace(/\/$/, '')

/** The addresses, as registries report them, until `scope` ends. */
export const serverAddresses = (scope: Subscription): ServerAddresses => {
  const hosts = new WeakMap<object, string>()
  const followed = new WeakSet()
  const registries = new Map<string, WeakRef<object>>()
  return {
    learn: (service, registry) => {
      if (registries.get(service)?.deref() !== registry) registries.set(service, new WeakRef(registry))
      if (followed.has(registry)) return
      followed.add(registry)
      // The first one for good: another one would begin each time series again.
      scope.add(hostsOf(registry)?.pipe(filter(all => all.length > 0), take(1)).subscribe({ next: ([host = '']) => hosts.set(registry, bare(host)), error: nothing }))
    },
    of: (service, registry = registries.get(service)?.deref()) => {
      const host = registry && hosts.get(registry)
      return host === undefined ? service : `etcd://${host}/${service}`
    },
  }
}
