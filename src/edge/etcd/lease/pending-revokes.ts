import { defer, merge, Observable, Subject, type Subscription } from 'rxjs'

/** The revokes that are under way. They outlive the subscriptions of their leases. */
export interface PendingRevokes {
  readonly run: (id: string, work: Observable<unknown>) => void
  /** Emits whenever etcd has revoked one. */
  readonly revoked: Observable<unknown>
  /** Completes when the revoke of this lease has ended; at once if there is none. */
  readonly ended: (id: string) => Observable<never>
  /** Completes when all revokes that are under way now have ended. */
  readonly allEnded: Observable<never>
  /** Gives up all revokes that are under way. */
  readonly cancel: () => void
}

/** Runs revokes by lease ID, so that the end of a lease can be awaited. A revoke that errors has ended. */
export const pendingRevokes = (): PendingRevokes => {
  const running = new Map<string, Subscription>()
  const revoked = new Subject<unknown>()
  const ended = (id: string): Observable<never> =>
    new Observable(subscriber => {
      const complete = (): void => subscriber.complete()
      const task = running.get(id)
      if (task) task.add(complete)
      else complete()
    })
  return {
    run: (id, work) => {
      const task = work.subscribe({ next: () => revoked.next(id), error: () => undefined })
      running.set(id, task)
      task.add(() => running.delete(id))
    },
    revoked,
    ended,
    allEnded: defer(() => merge(...[...running.keys()].map(ended))),
    cancel: () => {
      for (const task of [...running.values()]) task.unsubscribe()
    },
  }
}
