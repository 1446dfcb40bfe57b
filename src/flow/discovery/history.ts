import { asyncScheduler, catchError, concat, defer, distinctUntilChanged, EMPTY, forkJoin, mergeMap, scan, startWith, switchMap, tap, throwError, toArray, type Observable } from 'rxjs'
import { exponential } from '../../core/backoff.js'
import { count, formats as formatsCheck, invalidArguments, invalidOptions, readableRegistry, type Checks } from '../../core/arguments.js'
import { InvalidArgument, Lagging, toError } from '../../core/errors.js'
import { formatsOf, invalidPrefixes, type Format, type Formats, type MetadataOf } from '../../core/formats/format.js'
import { native } from '../../core/formats/native.js'
import { serviceName } from '../../core/instance/names.js'
import { mergedHistory } from '../../core/sets/merged-history.js'
import { serviceSetOf, type ServiceSet } from '../../core/sets/service-set.js'
import type { Revision } from '../../core/store.js'
import { must, throwIfInvalid } from '../../core/validation.js'
import { projection, type Snapshot } from '../../core/view/projection.js'
import { agrees } from '../../core/view/step.js'
import type { ReadableRegistry } from '../registry.js'
import { hasHistory } from '../registry-history.js'
import { wait } from '../wait.js'
import { listing } from './listing.js'
import { pastChanges } from './past-changes.js'

/** Options of {@link history}. */
export interface HistoryOptions<F extends Formats = Format> {
  /** The revision of the first set. */
  readonly from: Revision
  /** The last revision that is read. @default the revision at subscription */
  readonly to?: Revision
  /** The format of the stored instances, as in `discover`. With several, all of the past is read before the first set is emitted. @default native() */
  readonly format?: F
  /** How many revisions `from` may lie behind the latest one. The further back, the longer etcd's writers wait meanwhile. @default 10000 */
  readonly maxBehind?: number
}

const revision = /* @__PURE__ */ must(
  value => typeof value === 'number' && Number.isSafeInteger(value) && value > 0,
  'be a revision, a whole number of 1 or more',
  'take it from a listing, a batch or a set',
)

const checks = (): Checks<HistoryOptions<Formats>> => ({ from: revision, to: revision, format: formatsCheck, maxBehind: count })

/** Where a history begins and ends, and before which revision no watch may begin. */
interface Bounds {
  readonly from: Revision
  readonly to: Revision
  readonly oldest: Revision
}

/** The last change of the keys that are there, if it is not too far back to watch from (see `Span.known`). */
const lastChange = ({ entries }: Snapshot<unknown>, oldest: Revision): Revision | undefined => {
  const last = entries.toArray().reduce((latest, entry) => Math.max(latest, entry.revision), 0)
  return last > oldest ? last : undefined
}

/** How often a watch is tried that misses changes, and the pauses between: only an overloaded etcd misses them. */
const tries = 10
const backoff = /* @__PURE__ */ exponential({ first: 100, max: 10_000 })

/** The sets of one format: a `scan` over the listing of the first revision and the changes after it. */
const inOneFormat = <M>(registry: ReadableRegistry, service: string, format: Format<M>, { from, to, oldest }: Bounds): Observable<ServiceSet<M>> => {
  const prefix = format.prefix(service)
  const view = projection(format, { service })
  // etcd up to 3.4.30 and 3.5.12 may confirm too early that everything has come. So what came is compared with what was there at the end.
  const changesAfter = (first: Snapshot<M>, left: number): Observable<Snapshot<M>> =>
    defer(() => {
      let reached = first
      const changed = pastChanges(registry, prefix, { from: first.revision, to, known: lastChange(first, oldest) }).pipe(
        scan(view.apply, first),
        tap(snapshot => {
          reached = snapshot
        }),
        catchError((error: unknown) => (error instanceof Lagging && left > 1 ? EMPTY : throwError(() => toError(error)))),
      )
      const completed = defer(() => listing(registry, prefix, view, reached, { at: to })).pipe(
        switchMap(({ entries }) => {
          if (agrees(reached.entries, { revision: to, count: entries.size, changed: entries.toArray() })) return EMPTY
          if (left === 1) return throwError(() => new Lagging(`not all changes up to revision ${to} have arrived, in ${tries} tries`))
          return wait(backoff.delay(tries - left + 1)()).pipe(switchMap(() => changesAfter(reached, left - 1)))
        }),
      )
      return concat(changed, completed)
    })
  return listing(registry, prefix, view, view.empty, { at: from }).pipe(
    switchMap(first => (from === to ? EMPTY : changesAfter(first, tries)).pipe(startWith(first))),
    distinctUntilChanged((a, b) => a.services === b.services),
    mergeMap(({ services, revision }) => services.toArray().map(content => serviceSetOf(content, { status: 'live', revision, asOf: asyncScheduler.now() }))),
  )
}

const inSeveralFormats = <M>(registry: ReadableRegistry, service: string, formats: readonly Format<M>[], bounds: Bounds): Observable<ServiceSet<M>> =>
  forkJoin(formats.map(format => inOneFormat(registry, service, format, bounds).pipe(toArray()))).pipe(mergeMap(all => mergedHistory(service, all)))

/**
 * What a service looked like in the past: the set as of revision `from`, then one set for each later revision that changed it, up to `to`; completes. A set is
 * `live`, since the registry confirms that it was so at its revision; `asOf` is when it was read. Errors `Compacted`, which names the oldest revision that can be
 * read, `Rewound` if `from` or `to` is in the future, `Lagging` if changes are missing after ten tries, `Disconnected`, `Denied`, `Closed`, and `InvalidArgument`, also if `from` is further back than `maxBehind`.
 *
 * @example history(registry, 'web', { from: 1200 }).pipe(changes()).subscribe(console.log)
 */
export const history = <const F extends Formats = Format>(
  registry: ReadableRegistry,
  service: string,
  options: HistoryOptions<F>,
): Observable<ServiceSet<MetadataOf<F>>> =>
  defer(() => {
    throwIfInvalid(
      invalidArguments('history(registry, service, options)', ['registry', readableRegistry, registry], ['service', serviceName, service]) ??
        invalidOptions<HistoryOptions<Formats>>('history', options, checks(), ['from']),
    )
    if (!hasHistory(registry))
      throw new InvalidArgument('registry', 'must deliver each revision of the past, which sseRegistry and replayRegistry do not: they join those that were missed (read the history on the server, or list one past set by `at`)')
    const { from, to, format = native() as F, maxBehind = 10_000 } = options
    if (to !== undefined && to < from) throw new InvalidArgument('to', `must be ${from} or more, the revision at which the history begins, got ${to}`)
    const formats = formatsOf(format)
    const prefixes = formats.map(({ prefix }) => prefix(service))
    throwIfInvalid(invalidPrefixes(prefixes))
    const [first] = formats
    const [key = ''] = prefixes
    // Cheap: at most one key. It errors if `to` is in the future.
    return registry.check({ key }, to ?? from).pipe(
      switchMap(({ revision: latest }) => {
        const behind = latest - from
        if (behind > maxBehind)
          throw new InvalidArgument('maxBehind', `must be ${behind} or more to read from revision ${from}, got ${maxBehind} (a watch from so far back delays etcd's writers, see docs/history.md)`)
        const bounds = { from, to: to ?? latest, oldest: Math.max(0, latest - maxBehind) }
        return formats.length === 1 && first !== undefined ? inOneFormat(registry, service, first, bounds) : inSeveralFormats(registry, service, formats, bounds)
      }),
    )
  })
