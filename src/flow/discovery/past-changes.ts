import { catchError, concatMap, defer, takeWhile, throwError, type Observable } from 'rxjs'
import { Compacted, toError } from '../../core/errors.js'
import type { Batch, Revision } from '../../core/store.js'
import { revisionsOf } from '../../core/view/revisions.js'
import type { ReadableRegistry } from '../registry.js'

/** A part of the past. */
export interface Span {
  readonly from: Revision
  readonly to: Revision
  /**
   * A revision up to `from` with a change in the range, or `from`. The watch begins there, so that a change comes again: etcd sends it together with all that
   * follows, which shows at once that everything has come. Without a change that takes a second.
   */
  readonly start: Revision
}

/** The changes under a prefix up to `to`, a batch for each revision that has some; completes. Those up to `from` may be among them. Errors `Compacted`. */
export const pastChanges = (registry: ReadableRegistry, prefix: string, { from, to, start }: Span): Observable<Batch> => {
  const watched = (revision: Revision): Observable<Batch> =>
    // A batch of `to` or more shows that everything up to `to` has come: the registry delivers whole revisions, in order.
    registry.watch(prefix, revision).pipe(takeWhile(batch => batch.revision < to, true), concatMap(batch => revisionsOf(batch, to)))
  return defer(() => watched(start)).pipe(catchError((error: unknown) => (error instanceof Compacted && start < from ? watched(from) : throwError(() => toError(error)))))
}
