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
   * The revision of a change in the range, up to `from`; `undefined` if none is known. The watch begins right before it, so that it comes again: etcd sends it
   * together with all that follows, which shows at once that everything has come. Without it that takes a second.
   */
  readonly known: Revision | undefined
}

/**
 * The changes under a prefix up to `to`, a batch for each revision that has some; completes. Those up to `from` may be among them. Errors `Compacted`, and
 * `Lagging` if etcd had confirmed too early that everything has come.
 */
export const pastChanges = (registry: ReadableRegistry, prefix: string, { from, to, known }: Span): Observable<Batch> => {
  const watched = (after: Revision, mustCome: boolean): Observable<Batch> =>
    defer(() => {
      let came = !mustCome
      // A batch of `to` or more shows that everything up to `to` has come: the registry delivers whole revisions, in order.
      const goesOn = ({ revision, changes }: Batch): boolean => {
        came ||= changes.length > 0
        return !came || revision < to
      }
      return registry.watch(prefix, after).pipe(takeWhile(goesOn, true), concatMap(batch => revisionsOf(batch, to)))
    })
  if (known === undefined) return watched(from, false)
  return watched(known - 1, true).pipe(catchError((error: unknown) => (error instanceof Compacted ? watched(from, false) : throwError(() => toError(error)))))
}
