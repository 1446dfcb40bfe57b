import type { Observable } from 'rxjs'

const hosts = new WeakMap<object, Observable<readonly string[]>>()

/**
 * Attaches to a registry where it is: its endpoints as the user wrote them, such as `'http://etcd:2379'`, and again when they change. Not part of the port: a registry works
 * without it, and a copy of it, or a registry that wraps it, does not have it. Returns the registry.
 */
export const withHosts = <R extends object>(registry: R, endpoints: Observable<readonly string[]>): R => {
  hosts.set(registry, endpoints)
  return registry
}

/** The endpoints of a registry; `undefined` if it does not report them. */
export const hostsOf = (registry: object): Observable<readonly string[]> | undefined => hosts.get(registry)
