import { defer, map, merge, scan, throwError, type Observable } from 'rxjs'
import { exponential, type Backoff } from '../../core/backoff.js'
import { checkedDurations, checkedFormats, checkedName } from '../../core/arguments.js'
import { formatsOf, type Format, type Formats, type MetadataOf } from '../../core/formats/format.js'
import { native } from '../../core/formats/native.js'
import { folding } from '../../core/view/view.js'
import { merged, unmerged } from '../../core/sets/merge.js'
import { pendingSet, serviceSetOf, type ServiceSet } from '../../core/sets/service-set.js'
import { closedSet, endOnClosed } from './end-on-closed.js'
import { coalesce as coalesced } from './coalesce.js'
import { listWatch, type FollowOptions } from './list-watch.js'
import type { ReadableRegistry } from '../registry.js'
import { shareLatest } from '../share-latest.js'

/** Options of {@link discover}. */
export interface DiscoverOptions<F extends Formats = Format> {
  /** How it is read; of several, the first listed wins where two tell of one address. @default native() */
  readonly format?: F
  /** @default exponential() */
  readonly backoff?: Backoff
  /** At most one set in so many ms, the latest; the first, and a change of status, at once. @default 0 */
  readonly coalesce?: number
  /** How long the watch is kept after the last subscriber has left, ms. @default 0 */
  readonly linger?: number
  /** How often what is known is compared with etcd, ms; 0: never. @default 60000 */
  readonly verify?: number
}

const one = <M>(registry: ReadableRegistry, service: string, format: Format<M>, options: FollowOptions): Observable<ServiceSet<M>> =>
  listWatch(registry, format.prefix(service), folding(format, { service }), options).pipe(
    map(({ known, status, asOf, trouble }) => {
      const roster = known.services.get(service)
      return roster === undefined ? pendingSet<M>(service) : serviceSetOf(roster, { status, revision: known.revision, asOf, trouble })
    }),
  )

const several = <M>(registry: ReadableRegistry, service: string, formats: readonly Format<M>[], options: FollowOptions): Observable<ServiceSet<M>> =>
  merge(...formats.map((format, index) => one(registry, service, format, options).pipe(map(set => ({ set, index }))))).pipe(
    scan((state, { set, index }) => merged(state, index, set), unmerged<M>(service, formats.length)),
    map(({ result }) => result),
  )

/**
 * The instances of a service as they change: `pending` at once, then a set per change, `live` while it is true and `stale` while etcd is away.
 * Shared: all subscribers of one Observable have one watch, and late ones get the last set. Errors only with `InvalidArgument`, `Closed`,
 * and `Denied` before the first live set.
 */
export const discover = <const F extends Formats = Format>(
  registry: ReadableRegistry,
  service: string,
  { format, backoff = exponential(), coalesce = 0, linger = 0, verify = 60_000 }: DiscoverOptions<F> = {},
): Observable<ServiceSet<MetadataOf<F>>> =>
  defer(() => {
    const formats = formatsOf((format ?? native()) as F)
    const wrong = checkedDurations({ coalesce, linger, verify }) ?? checkedName('service', service) ?? checkedFormats(formats, service)
    if (wrong !== undefined) return throwError(() => wrong)
    const [first] = formats
    const options = { backoff, verify }
    return (formats.length === 1 && first !== undefined ? one(registry, service, first, options) : several(registry, service, formats, options)).pipe(
      endOnClosed(pendingSet<MetadataOf<F>>(service), closedSet),
      coalesced(coalesce, (before, after) => before.status !== after.status),
    )
  }).pipe(shareLatest(linger))
