import { catchError, defer, EMPTY, merge, Observable, Subject, Subscription } from 'rxjs'
import { subscribeWithin } from '../../../flow/subscribe-within.js'

/** The revokes that are under way. They outlive the subscriptions of their leases. */
export interface PendingRevokes {
  readonly run: (id: string, work: Observable<unknown>) => void
  /** Emits whenever etcd has revoked one. */
  readonly revoked: Observable<unknown>
  /** Completes when the revoke of this lease has ended, at once if there is none; errors if it failed or was given up. */
  readonly ended: (id: string) => Observable<never>
  /** Completes when all revokes that are under way now have ended. */
  readonly allEnded: Observable<never>
  /** Gives up all revokes that are under way, because of `error`. */
  readonly cancel: (error: Error) => void
}

interface Task {
  readonly subscription: Subscription
  error: unknown
}

/** Runs revokes by lease ID, so that the end of a lease can be awaited. */
export const pendingRevokes = (): PendingRevokes => {
  const running = new Map<string, Task>()
  const revoked = new Subject<unknown>()
  const ended = (id: string): Observable<never> =>
    new Observable(subscriber => {
      const task = running.get(id)
      if (task === undefined) subscriber.complete()
      else task.subscription.add(() => (task.error === undefined ? subscriber.complete() : subscriber.error(task.error)))
    })
  return {
    run: (id, work) => {
      const task: Task = { subscription: new Subscription(), error: undefined }
      running.set(id, task)
      task.subscription.add(() => running.delete(id))
      subscribeWithin(task.subscription, work, {
        next: () => revoked.next(id),
        error: error => {
          task.error = error
          task.subscription.unsubscribe()
        },
        complete: () => task.subscription.unsubscribe(),
      })
    },
    revoked,
    ended,
    allEnded: defer(() => merge(...[...running.keys()].map(id => ended(id).pipe(catchError(() => EMPTY))))),
    cancel: error => {
      for (const task of [...running.values()]) {
        task.error ??= error
        task.subscription.unsubscribe()
      }
    },
  }
}
