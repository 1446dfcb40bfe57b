import { Observable, type MonoTypeOperatorFunction } from 'rxjs'

/**
 * The first value of a turn of the event loop at once, all that follow in the same turn joined into one: however long a subscriber takes over each,
 * it takes it twice a turn at most, and timers and sockets get theirs.
 */
export const perTurn =
  <A>(join: (values: readonly A[]) => A): MonoTypeOperatorFunction<A> =>
  source =>
    new Observable<A>(subscriber => {
      let waiting: A[] = []
      let turn: NodeJS.Immediate | undefined
      const flush = (): void => {
        turn = undefined
        if (waiting.length === 0) return
        const values = waiting
        waiting = []
        subscriber.next(join(values))
      }
      subscriber.add(
        source.subscribe({
          next: value => {
            if (turn !== undefined) waiting.push(value)
            else {
              turn = setImmediate(flush)
              subscriber.next(value)
            }
          },
          error: (error: unknown) => {
            flush()
            subscriber.error(error)
          },
          complete: () => {
            flush()
            subscriber.complete()
          },
        }),
      )
      subscriber.add(() => clearImmediate(turn))
    })
