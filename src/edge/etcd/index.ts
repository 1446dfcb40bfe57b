import type { Etcd3 } from 'etcd3'
import { defer, of, Subject, takeUntil, type Observable } from 'rxjs'
import { duration, invalidOptions } from '../../core/arguments.js'
import { quotedValue, throwIfInvalid } from '../../core/validation.js'
import { Closed, InvalidArgument } from '../../core/errors.js'
import type { ClosableRegistry, CloseOptions } from '../../flow/registry.js'
import { withHosts } from '../../flow/registry-hosts.js'
import { withSignals } from '../../flow/registry-signals.js'
import { connect, type ConnectOptions } from './connection/members.js'
import { leases } from './lease/leases.js'
import { remaining } from './lease/remaining.js'
import { check } from './range/check.js'
import { list } from './range/list.js'
import { put } from './range/put.js'
import { watches } from './watch/watches.js'

export type { ConnectOptions } from './connection/members.js'
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
  const { lease, close: closeLeases } = leases(members)
  const { watch, close: closeWatches } = watches(members)
  const closing = new Subject<never>()
  const untilClosed = <A>(source: Observable<A>): Observable<A> => source.pipe(takeUntil(closing))
  let closed: Promise<void> | undefined
  const registry: ClosableRegistry = {
    list: (range, options) => untilClosed(list(members, range, options)),
    watch,
    check: (range, since) => untilClosed(check(members, range, since)),
    put: (entries, under) => untilClosed(put(members, entries, under)),
    lease,
    remaining: leaseId => untilClosed(remaining(members, leaseId)),
    close: async options => {
      throwIfInvalid(invalidOptions<CloseOptions>('close', options, { timeout: duration }))
      const { timeout = 2_000 } = options ?? {}
      // Watches end before the leases are revoked. Otherwise each registration would take the deletion of its key for that of another client.
      closeWatches()
      closing.error(new Closed())
      closed ??= closeLeases({ timeout }).then(members.close)
      await closed
    },
  }
  const signalled = withSignals(registry, { closed: defer(() => closing), returned: untilClosed(members.returned) })
  return 'kv' in from ? signalled : withHosts(signalled, of(members.all.map(({ host }) => host)))
}
