import { defer, map, merge, scan, type Observable } from 'rxjs'
import { backoff as backoffCheck, duration, formats as formatsCheck, invalidArguments, invalidOptions, readableRegistry, type Checks } from '../../core/arguments.js'
import { exponential, type Backoff } from '../../core/backoff.js'
import { throwIfInvalid } from '../../core/validation.js'
import { serviceName } from '../../core/instance/names.js'
import { formatsOf, invalidPrefixes, type Format, type Formats, type MetadataOf } from '../../core/formats/format.js'
import { native } from '../../core/formats/native.js'
import { projection } from '../../core/view/projection.js'
import { merged, unmerged } from '../../core/sets/merge.js'
import { closedSet, pendingSet, serviceSetOf, type ServiceSet } from '../../core/sets/service-set.js'
import { endOnClosed } from './end-on-closed.js'
import { coalesce as coalesced } from './coalesce.js'
import { listWatch, type ListWatchOptions } from './list-watch.js'
import type { ReadableRegistry } from '../registry.js'
import { shareLatest } from '../share-latest.js'

/** Options of {@link discover}. */
export interface DiscoverOptions<F extends Formats = Format> {
  /** The format of the stored instances. With several, the first listed wins if two of them hold the same address. @default native() */
  readonly format?: F
  /** @default exponential() */
  readonly backoff?: Backoff
  /** At most one set per this many ms, the latest. The first set and a change of status are emitted at once. @default 0 */
  readonly coalesce?: number
  /** How long the watch is kept after the last subscriber has left, ms. @default 0 */
  readonly linger?: number
  /** How often the set is compared with etcd, ms; 0: never. @default 60000 */
  readonly verify?: number
}

/** The checks of the options. */
export const discoverChecks = (): Checks<DiscoverOptions> => ({ format: formatsCheck, backoff: backoffCheck, coalesce: duration, linger: duration, verify: duration })

/** The sets of one format: `listWatch` is the `scan` over the listing and the watch events, and each of its views becomes a set. */
export const inOneFormat = <M>(registry: ReadableRegistry, service: string, format: Format<M>, options: ListWatchOptions): Observable<ServiceSet<M>> =>
  listWatch(registry, format.prefix(service), projection(format, { service }), options).pipe(
    map(({ snapshot: { revision, services }, status, asOf, trouble }) => {
      const content = services.get(service)
      return content === undefined ? pendingSet<M>(service) : serviceSetOf(content, { status, revision, asOf, trouble })
    }),
  )

/** The sets of several formats, merged into one set after each change. */
const inSeveralFormats = <M>(registry: ReadableRegistry, service: string, formats: readonly Format<M>[], options: ListWatchOptions): Observable<ServiceSet<M>> =>
  merge(...formats.map((format, index) => inOneFormat(registry, service, format, options).pipe(map(set => ({ set, index }))))).pipe(
    scan((state, { set, index }) => merged(state, index, set), unmerged<M>(service, formats.length)),
    map(({ result }) => result),
  )

/**
 * The instances of a service as they change: a `pending` set at once, then one set per change, `live` while etcd confirms it and `stale` while etcd is away.
 * All subscribers of one Observable share one watch, and a late one gets the last set. Errors only with `InvalidArgument`, with `Closed` if the registry
 * is closed at subscription, and with `Denied` before the first live set.
 */
export const discover = <const F extends Formats = Format>(
  registry: ReadableRegistry,
  service: string,
  options?: DiscoverOptions<F>,
): Observable<ServiceSet<MetadataOf<F>>> =>
  defer(() => {
    throwIfInvalid(
      invalidArguments('discover(registry, service, options)', ['registry', readableRegistry, registry], ['service', serviceName, service]) ??
        invalidOptions<object>('discover', options, discoverChecks()),
    )
    const { format = native() as F, backoff = exponential(), coalesce = 0, verify = 60_000 } = options ?? {}
    const formats = formatsOf(format)
    throwIfInvalid(invalidPrefixes(formats.map(({ prefix }) => prefix(service))))
    const [first] = formats
    const watching = { backoff, verify }
    return (formats.length === 1 && first !== undefined ? inOneFormat(registry, service, first, watching) : inSeveralFormats(registry, service, formats, watching)).pipe(
      endOnClosed(pendingSet<MetadataOf<F>>(service), closedSet),
      coalesced(coalesce, (before, after) => before.status !== after.status),
    )
  }).pipe(shareLatest(options?.linger ?? 0))
