import type { Etcd3 } from 'etcd3'
import { defer, Subject, takeUntil, type Observable } from 'rxjs'
import { Closed } from '../../core/errors.js'
import type { ClosableRegistry } from '../../flow/registry.js'
import { withSignals } from '../../flow/registry-signals.js'
import { check } from './range/check.js'
import { connect, type ConnectOptions } from './connection/members.js'
import { leases } from './lease/lease.js'
import { remaining } from './lease/remaining.js'
import { list } from './range/list.js'
import { put } from './range/put.js'
import { watches } from './watch/watch.js'

export type { ConnectOptions } from './connection/members.js'

/**
 * A registry on etcd: over its own connections to the members at `hosts`, or over a client that one already has, which stays open and whose
 * fault policies then apply. Throws `InvalidArgument` when there are no hosts, one is no URL, or certificates cannot be used.
 */
export const etcdRegistry = (from: ConnectOptions | Etcd3): ClosableRegistry => {
  const members = connect(from)
  const held = leases(members)
  const { watch, close: endWatches } = watches(members)
  const closing = new Subject<never>()
  const untilClosed = <A>(source: Observable<A>): Observable<A> => source.pipe(takeUntil(closing))
  let closed: Promise<void> | undefined
  const registry: ClosableRegistry = {
    list: range => untilClosed(list(members, range)),
    watch,
    check: (range, since) => untilClosed(check(members, range, since)),
    put: (entries, lease) => untilClosed(put(members, entries, lease)),
    lease: held.lease,
    remaining: id => untilClosed(remaining(members, id)),
    close: () => {
      // Watches end before the leases are revoked, or each registration would take its own end for another hand's.
      endWatches()
      closing.error(new Closed())
      closed ??= held.close().then(members.close)
      return closed
    },
  }
  return withSignals(registry, { closed: defer(() => closing), returned: untilClosed(members.returned) })
}
