import { defer, Observable, type ObservableInput, type OperatorFunction, type Subscription } from 'rxjs'

/** Like `concatMap`, but only the newest of the waiting values is kept: one at a time, none lost that would still matter, no queue. */
export const conflateMap =
  <A, B>(project: (value: A) => ObservableInput<B>): OperatorFunction<A, B> =>
  source =>
    new Observable<B>(subscriber => {
      let waiting: { readonly value: A } | undefined
      let running = false
      let done = false
      const drain = (): void => {
        while (!running && waiting !== undefined && !subscriber.closed) {
          const { value } = waiting
          waiting = undefined
          running = true
          const inner: Subscription = defer(() => project(value)).subscribe({
            next: result => subscriber.next(result),
            error: (error: unknown) => subscriber.error(error),
            complete: () => {
              running = false
              drain()
            },
          })
          subscriber.add(inner)
          inner.add(() => subscriber.remove(inner))
        }
        if (done && !running) subscriber.complete()
      }
      subscriber.add(
        source.subscribe({
          next: value => {
            waiting = { value }
            drain()
          },
          error: (error: unknown) => subscriber.error(error),
          complete: () => {
            done = true
            drain()
          },
        }),
      )
    })
