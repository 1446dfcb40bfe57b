import { concatMap, map, of, switchMap, take, type Observable } from 'rxjs'
import type { Projection, Snapshot } from '../../core/view/projection.js'
import { interval, timers } from '../clock.js'
import { gatherListing } from '../gather-listing.js'
import { inSlices } from '../in-slices.js'
import type { ListOptions, ReadableRegistry } from '../registry.js'

/** How many entries are decoded before the event loop continues. The etcd edge delivers at most 100 in a part; another registry may deliver all in one. */
const perSlice = 2_000

/**
 * Lists a prefix and makes a snapshot of it that shares with `previous` what did not change. The entries are decoded and indexed in slices, so that the
 * event loop is never blocked for long. Emits once, completes.
 */
export const listing = <M>(
  registry: ReadableRegistry,
  prefix: string,
  { decode, restore, empty }: Projection<M>,
  previous: Snapshot<M> = empty,
  options?: ListOptions,
): Observable<Snapshot<M>> =>
  registry.list(prefix, options).pipe(
    concatMap(({ cluster, revision, changes }) => {
      const decoded = (index: number) => changes.slice(index * perSlice, (index + 1) * perSlice).map(change => decode(previous, change))
      const slices = changes.length <= perSlice ? of(decoded(0)) : interval(0, timers).pipe(take(Math.ceil(changes.length / perSlice)), map(decoded))
      return slices.pipe(map(entries => ({ cluster, revision, changes: entries })))
    }),
    gatherListing(),
    switchMap(({ revision, changes }) => inSlices(restore(previous, changes, revision))),
  )
