import { Observable } from 'rxjs'
import { now } from '../../../flow/clock.js'
import type { Page } from '../wire/messages.js'

/** After how many ms of reading a page, subscribers included, the event loop goes on. */
const slice = 1
/** How many key-values are emitted at once. */
const atOnce = 100

/** Reads every key-value of a page, in slices between which the event loop goes on. Emits them in parts, at least one, and completes. */
export const readAll = <A>({ bytes, bounds }: Page, read: (bytes: Buffer, start: number, end: number) => A): Observable<readonly A[]> =>
  new Observable(subscriber => {
    let index = 0
    let nextSlice: NodeJS.Immediate | undefined
    const part = (): readonly A[] => {
      const values: A[] = []
      for (const stop = Math.min(index + 2 * atOnce, bounds.length); index < stop; index += 2) values.push(read(bytes, bounds[index] ?? 0, bounds[index + 1] ?? 0))
      return values
    }
    const work = (): void => {
      const until = now() + slice
      try {
        do subscriber.next(part())
        while (index < bounds.length && now() < until && !subscriber.closed)
      } catch (error) {
        subscriber.error(error)
        return
      }
      if (subscriber.closed) return
      if (index < bounds.length) nextSlice = setImmediate(work)
      else subscriber.complete()
    }
    work()
    return () => clearImmediate(nextSlice)
  })
