import { catchError, throwError, type Observable, type OperatorFunction } from 'rxjs'
import { Denied, toError } from '../../core/errors.js'

/** Reads something else if etcd denies access. */
export const ifAllowed =
  <A, B>(otherwise: Observable<B>): OperatorFunction<A, A | B> =>
  source =>
    source.pipe(catchError((error: unknown) => (error instanceof Denied ? otherwise : throwError(() => toError(error)))))
