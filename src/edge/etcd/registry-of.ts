import { defer, Subject, takeUntil, type Observable } from 'rxjs'
import { duration, invalidOptions } from '../../core/arguments.js'
import { Closed } from '../../core/errors.js'
import { throwIfInvalid } from '../../core/validation.js'
import type { ClosableRegistry, CloseOptions } from '../../flow/registry.js'
import { withSignals } from '../../flow/registry-signals.js'
import type { Members } from './connection/changing-members.js'
import { leases } from './lease/leases.js'
import { remaining } from './lease/remaining.js'
import { check } from './range/check.js'
import { list } from './range/list.js'
import { put } from './range/put.js'
import { watches } from './watch/watches.js'

/** The registry on the members of an etcd cluster. Its `close` closes them. */
export const registryOf = (members: Members): ClosableRegistry => {
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
  return withSignals(registry, { closed: defer(() => closing), returned: untilClosed(members.returned) })
}
