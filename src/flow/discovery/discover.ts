import { asyncScheduler, defer, distinctUntilChanged, filter, identity, map, merge, of, scan, switchMap, tap, type Observable } from 'rxjs'
import { backoff as backoffCheck, duration, flag, formats as formatsCheck, invalidArguments, invalidOptions, readableRegistry, type Checks } from '../../core/arguments.js'
import type { Backoff } from '../../core/backoff.js'
import { flaw, invalid, throwIfInvalid } from '../../core/validation.js'
import type { ServiceInstance } from '../../core/instance/instance.js'
import { serviceName } from '../../core/instance/names.js'
import { formatsOf, invalidPrefixes, type Format, type Formats, type MetadataOf } from '../../core/formats/format.js'
import { native } from '../../core/formats/native.js'
import { projection } from '../../core/view/projection.js'
import { merged, unmerged } from '../../core/sets/merge.js'
import { restoring, savedSet, type SavedSet } from '../../core/sets/saved-set.js'
import { closedSet, instancesOf, pendingSet, serviceSetOf, type ServiceSet } from '../../core/sets/service-set.js'
import type { SortedMap } from '../../core/sorted-map/sorted-map.js'
import { endOnClosed } from './end-on-closed.js'
import { coalesce as coalesced } from './coalesce.js'
import { listWatch, type ListWatchOptions } from './list-watch.js'
import { published } from './published.js'
import { inSlices } from '../in-slices.js'
import type { ReadableRegistry } from '../registry.js'
import { timeOf } from '../registry-time.js'
import { shareLatest } from '../share-latest.js'
import { startingFrom } from './starting-from.js'

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
  /**
   * A set of the service that was saved earlier, or its JSON as `JSON.parse` returns it. It is emitted at once, stale, in place of the `pending` set, until
   * etcd has been listed, so that a process can start while etcd is away. The JSON of more than 256 instances is read in slices first. @default none
   */
  readonly initial?: ServiceSet<MetadataOf<F>> | SavedSet | undefined
  /** If the first listing fails, reads from one member without its leader, as etcd can while it has no quorum; this set is stale, and may be old. @default false */
  readonly local?: boolean
}

/** The checks of the options that `catalog` has, too. */
export const sharedChecks = (): Checks<Omit<DiscoverOptions, 'initial'>> => ({
  ...{ format: formatsCheck, backoff: backoffCheck, coalesce: duration, linger: duration, verify: duration },
  local: flag,
})

/** The checks of the options. */
const discoverChecks = (): Checks<DiscoverOptions> => ({ ...sharedChecks(), initial: savedSet })

/**
 * The sets of one format: `listWatch` is the `scan` over the listing and the watch events, and each of its views becomes a set. Instances that are equal to
 * one of `known` are the same object.
 */
export const inOneFormat = <M>(registry: ReadableRegistry, service: string, format: Format<M>, options: ListWatchOptions, known?: SortedMap<ServiceInstance<M>>): Observable<ServiceSet<M>> =>
  listWatch(registry, format.prefix(service), projection(format, { service }, known), options).pipe(
    map(({ snapshot: { revision, services }, status, asOf, trouble }) => {
      const content = services.get(service)
      return content === undefined ? pendingSet<M>(service) : serviceSetOf(content, { status, revision, asOf, trouble })
    }),
  )

/**
 * The sets of several formats, merged into one set after each change of what it shows. Each format has a watch of its own, so a transaction in several of them
 * may be several changes.
 */
const inSeveralFormats = <M>(
  registry: ReadableRegistry,
  service: string,
  formats: readonly Format<M>[],
  options: ListWatchOptions,
  known?: SortedMap<ServiceInstance<M>>,
): Observable<ServiceSet<M>> => {
  const none = unmerged<M>(service, formats.length)
  return merge(...formats.map((format, index) => inOneFormat(registry, service, format, options, known).pipe(map(set => ({ set, index }))))).pipe(
    scan((state, { set, index }) => merged(state, index, set), none),
    map(({ result }) => result),
    // The same result again changes nothing, and neither does one without any content while `discover` has already emitted a pending set.
    distinctUntilChanged(),
    filter(result => result !== none.result),
  )
}

/**
 * The instances of a service as they change: a `pending` set at once, then one set per change, `live` while etcd confirms it and `stale` while etcd is away.
 * All subscribers of one Observable share one watch, and a late one gets the last set. Errors only with `InvalidArgument`, with `Closed` if the registry
 * is closed at subscription, and with `Denied` before the first live set.
 */
export const discover = <const F extends Formats = Format>(
  registry: ReadableRegistry,
  service: string,
  options?: DiscoverOptions<F>,
): Observable<ServiceSet<MetadataOf<F>>> => {
  // Later runs begin without `initial`, which is older than what etcd held in this one.
  let wasLive = false
  return defer(() => {
    throwIfInvalid(
      invalidArguments('discover(registry, service, options)', ['registry', readableRegistry, registry], ['service', serviceName, service]) ??
        invalidOptions<object>('discover', options, discoverChecks()),
    )
    const { format = native() as F, backoff = timeOf(registry).backoff(), coalesce = 0, verify = 60_000, initial, local = false } = options ?? {}
    if (initial !== undefined && initial.service !== service) throw invalid('initial.service', flaw(`must be ${service}`, initial.service))
    const formats = formatsOf(format)
    throwIfInvalid(invalidPrefixes(formats.map(({ prefix }) => prefix(service))))
    const [first] = formats
    const watching = { backoff, verify, local }
    const follow = (start: ServiceSet<MetadataOf<F>>): Observable<ServiceSet<MetadataOf<F>>> => {
      const known = instancesOf(start)
      return (formats.length === 1 && first !== undefined ? inOneFormat(registry, service, first, watching, known) : inSeveralFormats(registry, service, formats, watching, known)).pipe(
        start.status === 'pending' ? identity : startingFrom(start),
        tap(({ status }) => (wasLive ||= status === 'live')),
        endOnClosed(registry, start, closedSet),
      )
    }
    const start =
      initial === undefined || initial.revision === 0 || wasLive
        ? of(pendingSet<MetadataOf<F>>(service))
        : inSlices(restoring<MetadataOf<F>>(service, initial, formats, asyncScheduler.now()))
    return start.pipe(
      switchMap(follow),
      coalesced(coalesce, (before, after) => before.status !== after.status),
      published(registry, set => new Map([[service, set]])),
    )
  }).pipe(shareLatest(options?.linger ?? 0))
}
