import { catchError, throwError, type Observable } from 'rxjs'
import { quotedValue } from '../../../core/validation.js'
import { InvalidArgument, toError } from '../../../core/errors.js'
import { Ahead } from '../connection/etcd-errors.js'
import { isUnicode, type Range, type Revision } from '../../../core/store.js'

/** A range as etcd encodes it: from `key` to before `range_end`. An exact key has no end, so that a permission on that key is enough. */
export const rangeOf = (range: Range): { readonly key: Buffer; readonly range_end?: Buffer } => {
  const text = typeof range === 'string' ? range : range.key
  if (!isUnicode(text)) throw new InvalidArgument('range', `must not hold lone surrogates, got ${quotedValue(text)} (UTF-8 cannot carry them)`)
  if (typeof range !== 'string') return { key: Buffer.from(range.key) }
  const prefix = range
  // A zero byte at both ends means all keys.
  if (prefix === '') return { key: Buffer.from('\0'), range_end: Buffer.from('\0') }
  const key = Buffer.from(prefix)
  const range_end = Buffer.from(prefix)
  // The last byte is never the highest: UTF-8 has no 0xff.
  range_end.writeUInt8(range_end.readUInt8(range_end.length - 1) + 1, range_end.length - 1)
  return { key, range_end }
}

/** A read of which only the answer counts; the key need not exist, and even a refusal is an answer. */
export const anyKey = { key: Buffer.from('\0'), count_only: true }

/** The error of a member that is asked for a revision that it does not have yet. */
export const ahead = (host: string, asked: Revision, last: Revision): Ahead => new Ahead(`${host}: revision ${asked} is a future revision, the last is ${last}`)

/** Repeats a read that is refused for a future revision: up to 3.4.41, 3.5.27 and 3.6.8 etcd can rarely answer a linearizable read from an older state. */
export const askedTwice = <T>(ask: Observable<T>): Observable<T> =>
  ask.pipe(catchError((error: unknown) => (error instanceof Ahead ? ask : throwError(() => toError(error)))))
