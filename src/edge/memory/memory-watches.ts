import { mergeMap, Observable, queueScheduler, takeUntil } from 'rxjs'
import type { Batch, Range, Revision } from '../../core/store.js'
import type { MemoryStore } from './memory-store.js'
import type { Network } from './network.js'

/** The watches of one registry. */
export interface MemoryWatches {
  /** See `ReadableRegistry.watch`. */
  readonly watch: (range: Range, from: Revision) => Observable<Batch>
  /** Delivers to each watch the changes that it has not had yet. */
  readonly serve: () => void
}

/** Watches that read the history, each at a position of its own, so that a late one needs no buffer and no revision is split. */
export const memoryWatches = (store: () => MemoryStore, network: () => Network): MemoryWatches => {
  const open = new Set<() => void>()
  const follow = (range: Range, from: Revision): Observable<Batch> =>
    new Observable(subscriber => {
      const atSubscription = store().revision()
      let last = from
      let reached = -1
      const deliver = (batch: Batch): void => {
        reached = batch.revision
        subscriber.next(batch)
      }
      const advance = (): void => {
        if (!network().serving()) return
        try {
          // taken first: the subscriber may write inside `next`
          const head = store().revision()
          const batch = store().after(range, last)
          last = batch.revision
          if (batch.changes.length > 0) deliver(batch)
          if (reached < atSubscription) deliver({ cluster: batch.cluster, revision: head, changes: [] })
        } catch (error) {
          subscriber.error(error)
        }
      }
      open.add(advance)
      advance()
      return () => open.delete(advance)
    })
  return {
    watch: (range, from) =>
      network().call(() => store().after(range, from)).pipe(
        mergeMap(() => follow(range, from)),
        takeUntil(network().cuts),
      ),
    // queued: a subscriber that writes inside `next` gets the answer to its write after the current batch
    serve: () => void queueScheduler.schedule(() => open.forEach(advance => advance())),
  }
}
