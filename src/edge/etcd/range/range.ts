import { catchError, Observable, throwError } from 'rxjs'
import { now } from '../../../flow/clock.js'
import { asError, isAhead } from '../connection/etcd-errors.js'
import type { Range } from '../../../core/store.js'
import type { Page } from '../wire/messages.js'

/** A range as etcd encodes it: from `key` up to but not including `range_end`; one key has no end. */
export const rangeOf = (range: Range): { readonly key: Buffer; readonly range_end?: Buffer } => {
  if (typeof range !== 'string') return { key: Buffer.from(range.key) }
  const prefix = range
  // For all of its keys etcd wants a zero byte at both ends.
  if (prefix === '') return { key: Buffer.from('\0'), range_end: Buffer.from('\0') }
  const key = Buffer.from(prefix)
  const range_end = Buffer.from(prefix)
  // The last byte is never the highest: UTF-8 has no 0xff.
  range_end.writeUInt8(range_end.readUInt8(range_end.length - 1) + 1, range_end.length - 1)
  return { key, range_end }
}

/** Whether it is there, or may be read at all, does not matter: only that there is an answer. */
export const anyKey = { key: Buffer.from('\0'), count_only: true }

/** Some etcds now and then answer a linearizable read from the past (up to 3.4.41, 3.5.27, 3.6.8): the future is believed when told twice. */
export const askedTwice = <T>(ask: Observable<T>): Observable<T> =>
  ask.pipe(catchError((error: unknown) => (isAhead(error) ? ask : throwError(() => asError(error)))))

/** For how long (ms) a page is read, and what is read worked at, before the event loop gets its turn. */
const slice = 1
/** How many key-values are handed out at once. */
const few = 100

/** Reads every key-value of a page, in slices between which the event loop goes on; emits them a few at a time, once at least, and completes. */
export const readAll = <A>({ bytes, bounds }: Page, read: (bytes: Buffer, start: number, end: number) => A): Observable<readonly A[]> =>
  new Observable(subscriber => {
    let index = 0
    let turn: NodeJS.Immediate | undefined
    const some = (): readonly A[] => {
      const part: A[] = []
      for (const stop = Math.min(index + 2 * few, bounds.length); index < stop; index += 2) part.push(read(bytes, bounds[index] ?? 0, bounds[index + 1] ?? 0))
      return part
    }
    const work = (): void => {
      const until = now() + slice
      try {
        do subscriber.next(some())
        while (index < bounds.length && now() < until && !subscriber.closed)
      } catch (error) {
        subscriber.error(error)
        return
      }
      if (subscriber.closed) return
      if (index < bounds.length) turn = setImmediate(work)
      else subscriber.complete()
    }
    work()
    return () => clearImmediate(turn)
  })
