import { from, Observable, share, take, type ObservableInput } from 'rxjs'
import { isSignal } from '../../core/arguments.js'

const aborted = (signal: AbortSignal): Observable<unknown> =>
  new Observable(subscriber => {
    const abort = (): void => {
      subscriber.next(signal.reason)
      subscriber.complete()
    }
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
    return () => signal.removeEventListener('abort', abort)
  })

const shared = new WeakMap<object, Observable<unknown>>()

/**
 * Emits when the registrations with this `until` should end, and completes. They share one subscription: a process with many registrations has one
 * listener for its signal, since Node warns about more than ten.
 */
export const untilOf = (until: ObservableInput<unknown> | AbortSignal): Observable<unknown> => {
  const known = shared.get(until)
  if (known !== undefined) return known
  const one = (isSignal(until) ? aborted(until) : from(until)).pipe(take(1), share())
  shared.set(until, one)
  return one
}
