import { defer, filter, map, merge, scan, skipWhile, type Observable } from 'rxjs'
import { invalidArguments, invalidOptions, readableRegistry, serviceNames, type Checks } from '../../core/arguments.js'
import { throwIfInvalid } from '../../core/validation.js'
import { mergedCatalog, pendingCatalog, unmergedCatalog, type Catalog } from '../../core/sets/catalog.js'
import { InvalidArgument } from '../../core/errors.js'
import { formatsOf, invalidPrefixes, type Format, type Formats, type MetadataOf } from '../../core/formats/format.js'
import { native } from '../../core/formats/native.js'
import { closedSet, type ServiceSet } from '../../core/sets/service-set.js'
import type { SortedMap } from '../../core/sorted-map/sorted-map.js'
import { endOnClosed } from './end-on-closed.js'
import { coalesce as coalesced } from './coalesce.js'
import { inOneFormat, sharedChecks, type DiscoverOptions } from './discover.js'
import type { ListWatchOptions } from './list-watch.js'
import { published } from './published.js'
import { rootedCatalog } from './rooted-catalog.js'
import type { ReadableRegistry } from '../registry.js'
import { timeOf } from '../registry-time.js'
import { shareLatest } from '../share-latest.js'

/** Options of {@link catalog}. */
export interface CatalogOptions<F extends Formats = Format> extends Omit<DiscoverOptions<F>, 'initial'> {
  /** Only these services, which are always present, even while empty. Required if a format has no root. @default every service */
  readonly services?: readonly string[]
}

const catalogChecks = (): Checks<CatalogOptions> => ({ services: serviceNames, ...sharedChecks() })

type Sets<M> = SortedMap<ServiceSet<M>>

const wrongFormats = <M>(formats: readonly Format<M>[], services: readonly string[] | undefined): InvalidArgument | undefined => {
  if (services !== undefined)
    return ['any', ...services].map(service => invalidPrefixes(formats.map(({ prefix }) => prefix(service)))).find(problem => problem !== undefined)
  return formats.some(({ root }) => root === undefined)
    ? new InvalidArgument('services', "must be named, such as ['web'], since the format has no root under which all services lie")
    : invalidPrefixes(formats.map(({ root = '' }) => root))
}

/** One listing and one watch for each of the services. */
const byService = <M>(registry: ReadableRegistry, format: Format<M>, services: readonly string[], options: ListWatchOptions): Observable<Catalog<M>> =>
  merge(...services.map(service => inOneFormat(registry, service, format, options))).pipe(
    scan((all, set) => ({ ...all, sets: all.sets.set(set.service, set) }), pendingCatalog<M>(services)),
  )

const statusChanged = <M>(before: ReadonlyMap<string, ServiceSet<M>>, after: ReadonlyMap<string, ServiceSet<M>>): boolean =>
  [...after.values()].some(({ service, status }) => (before.get(service)?.status ?? status) !== status)

/**
 * All services, or those named, by name, as they change. A format with a root needs one listing and one watch for all of them. Named services are there
 * at once, `pending`, and stay; others leave the map when they are empty. Errors like `discover`.
 */
export const catalog = <const F extends Formats = Format>(
  registry: ReadableRegistry,
  options?: CatalogOptions<F>,
): Observable<ReadonlyMap<string, ServiceSet<MetadataOf<F>>>> =>
  defer(() => {
    throwIfInvalid(
      invalidArguments('catalog(registry, options)', ['registry', readableRegistry, registry]) ??
        invalidOptions<object>('catalog', options, catalogChecks()),
    )
    const { services, format = native() as F, backoff = timeOf(registry).backoff(), coalesce = 0, verify = 60_000, local = false } = options ?? {}
    const formats = formatsOf(format)
    throwIfInvalid(wrongFormats(formats, services))

    const watching = { backoff, verify, local }
    const catalogs = formats.map(one =>
      one.root === undefined ? byService(registry, one, [...new Set(services)], watching) : rootedCatalog(registry, one.root, one, watching, services),
    )
    // Without names there is no map before the first listing: an empty one would mean that there are no services.
    const pending: Sets<MetadataOf<F>> | undefined = services && pendingCatalog<MetadataOf<F>>(services).sets
    const [first] = catalogs
    const sets =
      catalogs.length === 1 && first !== undefined
        ? first.pipe(filter(({ state }) => services !== undefined || state.status !== 'pending'), map(({ sets: all }) => all))
        : merge(...catalogs.map((all, index) => all.pipe(map(next => ({ next, index }))))).pipe(
            scan((state, { next, index }) => mergedCatalog(state, index, next), unmergedCatalog<MetadataOf<F>>(catalogs.length)),
            skipWhile(({ catalogs: all, sets: { size } }) => services === undefined && size === 0 && all.some(({ state }) => state.status === 'pending')),
            map(({ sets: all }) => all),
          )
    return sets.pipe(
      endOnClosed<Sets<MetadataOf<F>>>(registry, pending, (last, now) => last.map(set => closedSet(set, now))),
      coalesced(coalesce, statusChanged),
      published(registry, all => all),
    )
  }).pipe(shareLatest(options?.linger ?? 0))
