import { concatMap, EMPTY, filter, from, map, mergeMap, reduce, type Observable } from 'rxjs'
import type { Format } from '../../core/formats/format.js'
import type { SetContent } from '../../core/sets/service-set.js'
import type { Remaining, Revision } from '../../core/store.js'
import { projection, type Scope, type Snapshot } from '../../core/view/projection.js'
import { listing } from '../../flow/discovery/listing.js'
import type { ListOptions, ReadableRegistry, Registry } from '../../flow/registry.js'
import { ifAllowed } from './if-allowed.js'

/** One prefix to list, and the services whose keys it contains. */
export interface Target {
  readonly format: Format
  readonly prefix: string
  readonly scope: Scope
}

/** The key of an instance. */
export interface ListedKey {
  readonly key: string
  readonly lease: string
  readonly revision: Revision
}

/** A service at one revision. */
export interface ListedService {
  readonly format: string
  readonly content: SetContent<unknown>
  readonly revision: Revision
  /** By id. */
  readonly keys: ReadonlyMap<string, ListedKey>
}

/** What lies under the prefix of a target. */
export interface Listed {
  readonly target: Target
  readonly services: readonly ListedService[]
  /** Keys that are neither instances nor unreadable entries; only where the target is a whole format. */
  readonly unexplained: readonly string[]
}

const keysOf = ({ entries, indexes }: Snapshot<unknown>, { service, instances }: SetContent<unknown>): ReadonlyMap<string, ListedKey> => {
  const keys = indexes.get(service)?.keys
  return new Map(
    instances.toArray().flatMap(({ id }) => {
      const entry = entries.get(keys?.get(id) ?? '')
      return entry === undefined ? [] : [[id, { key: entry.key, lease: entry.lease, revision: entry.revision }] as const]
    }),
  )
}

/** Lists a target. */
export const listed = (registry: ReadableRegistry, target: Target, options: ListOptions): Observable<Listed> => {
  const { format, prefix, scope } = target
  const isWhole = scope.service === undefined && scope.services === undefined
  return listing(registry, prefix, projection(format, scope), undefined, options).pipe(
    map(snapshot => ({
      target,
      services: snapshot.services.toArray().map(content => ({ format: format.name, content, revision: snapshot.revision, keys: keysOf(snapshot, content) })),
      unexplained: isWhole ? snapshot.entries.toArray().flatMap(({ key, instance, rejection }) => ((instance ?? rejection) === undefined ? [key] : [])) : [],
    })),
  )
}

/** How many leases are asked for at once. */
const atOnce = 16

/** What is left of each lease; one that may not be asked for is missing. */
export const remainingOf = (registry: Registry, leases: Iterable<string>): Observable<ReadonlyMap<string, Remaining>> =>
  from(new Set(leases)).pipe(
    filter(lease => lease !== '0'),
    mergeMap(
      lease =>
        registry.remaining(lease).pipe(
          map(remaining => [lease, remaining] as const),
          ifAllowed(EMPTY),
        ),
      atOnce,
    ),
    reduce((all, [lease, remaining]) => all.set(lease, remaining), new Map<string, Remaining>()),
  )

/** Lists all targets, one after another. */
export const listedAll = (targets: readonly Target[], list: (target: Target) => Observable<Listed>): Observable<readonly Listed[]> =>
  from(targets).pipe(
    concatMap(list),
    reduce((all, one) => [...all, one], [] as readonly Listed[]),
  )
