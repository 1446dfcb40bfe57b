import { defer, merge, Observable, type Subscription } from 'rxjs'

/** Work that outlives its subscriber, by the lease it is about. */
export interface Detached {
  readonly run: (id: string, work: Observable<never>) => void
  /** Completes when the work for `id` is done. */
  readonly settled: (id: string) => Observable<never>
  /** Completes when all that is running now is done. */
  readonly idle: Observable<never>
}

/** Runs what nobody is subscribed to any more, so that it can be waited for after all; its errors are nobody's. */
export const detached = (): Detached => {
  const running = new Map<string, Subscription>()
  const settled = (id: string): Observable<never> =>
    new Observable(subscriber => {
      const complete = (): void => subscriber.complete()
      const task = running.get(id)
      if (task) task.add(complete)
      else complete()
    })
  return {
    run: (id, work) => {
      const task = work.subscribe({ error: () => undefined })
      running.set(id, task)
      task.add(() => running.delete(id))
    },
    settled,
    idle: defer(() => merge(...[...running.keys()].map(settled))),
  }
}
