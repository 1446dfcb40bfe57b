import { asyncScheduler, catchError, Observable, throwError, type MonoTypeOperatorFunction } from 'rxjs'
import { Closed } from '../core/errors.js'
import { withState, type ServiceSet } from '../core/service-set.js'
import { toError } from './recover.js'

/** `Closed` ends what is running with `last()`; what is subscribed when the registry is closed already errors with it. */
export const endOnClosed =
  <A>(last: () => Observable<A>): MonoTypeOperatorFunction<A> =>
  source =>
    new Observable(subscriber => {
      let opening = true
      const ended = catchError<A, Observable<A>>((error: unknown) => (error instanceof Closed && !opening ? last() : throwError(() => toError(error))))
      const subscription = source.pipe(ended).subscribe(subscriber)
      opening = false
      return subscription
    })

/** The last set of a discovery whose registry was closed. */
export const closedSet = <M>(set: ServiceSet<M>): ServiceSet<M> => {
  const at = asyncScheduler.now()
  const trouble = { error: new Closed(), since: set.trouble?.since ?? at, attempt: 0, retryAt: at }
  return withState(set, { status: set.status === 'pending' ? 'pending' : 'stale', trouble })
}
