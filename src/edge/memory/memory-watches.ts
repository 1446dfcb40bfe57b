import { mergeMap, Observable, queueScheduler, takeUntil } from 'rxjs'
import type { Batch, Range, Revision } from '../../core/store.js'
import type { Store } from './memory-store.js'
import type { Wire } from './network.js'

/** The watches of one registry: `serve` hands each of them what it has not had yet. */
export interface Watches {
  readonly watch: (range: Range, from: Revision) => Observable<Batch>
  readonly serve: () => void
}

/** Watches read the history behind a cursor each, so being late costs nothing and a revision cannot be split. */
export const watches = (store: () => Store, wire: () => Wire): Watches => {
  const cursors = new Set<() => void>()
  const follow = (range: Range, from: Revision): Observable<Batch> =>
    new Observable(subscriber => {
      let last = from
      let established = false
      const advance = (): void => {
        if (!wire().serving()) return
        try {
          const batch = store().after(range, last)
          last = batch.revision
          if (established && batch.changes.length === 0) return
          established = true
          subscriber.next(batch)
        } catch (error) {
          subscriber.error(error)
        }
      }
      cursors.add(advance)
      advance()
      return () => cursors.delete(advance)
    })
  return {
    watch: (range, from) =>
      wire().call(() => store().after(range, from)).pipe(
        mergeMap(() => follow(range, from)),
        takeUntil(wire().cuts),
      ),
    // queued: a subscriber that writes inside `next` gets the answer to its write after the batch it is in
    serve: () => void queueScheduler.schedule(() => cursors.forEach(advance => advance())),
  }
}
