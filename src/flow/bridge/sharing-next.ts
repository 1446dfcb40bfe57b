import { defer, finalize, ReplaySubject, share, switchMap, take, tap, type Observable } from 'rxjs'
import { now } from '../clock.js'
import { wait } from '../wait.js'

/**
 * Shares runs of `work` among its subscribers: one run at a time, and at most one every `interval` ms. A subscriber that comes during a run gets the next
 * one, so that each answer is newer than its question.
 */
export const sharingNext = <A>(work: Observable<A>, interval: number): Observable<A> => {
  let startedAt = -Infinity
  let running: Observable<unknown> | undefined
  let next: Observable<A> | undefined
  const begin = (): Observable<A> => {
    const before = running
    const run: Observable<A> = defer(() => (before === undefined ? wait(startedAt + interval - now()) : before.pipe(take(1), switchMap(() => wait(startedAt + interval - now()))))).pipe(
      take(1),
      tap(() => {
        startedAt = now()
        next = undefined
        running = ended
      }),
      switchMap(() => work),
      finalize(() => {
        ended.next(undefined)
        if (running === ended) running = undefined
        if (next === run) next = undefined
      }),
      share({ connector: () => new ReplaySubject<A>(1), resetOnRefCountZero: true, resetOnComplete: false, resetOnError: false }),
    )
    const ended = new ReplaySubject<unknown>(1)
    return run
  }
  return defer(() => (next ??= begin()))
}
