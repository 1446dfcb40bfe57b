import type { IRequestOp, ITxnResponse } from 'etcd3'
import { EtcdLeaseInvalidError } from 'etcd3'
import { catchError, defer, map, throwError, type Observable } from 'rxjs'
import { quotedValue } from '../../../core/validation.js'
import { InvalidArgument, LeaseLost, Taken } from '../../../core/errors.js'
import { isUnicode, type Change, type Entry, type Lease, type Revision } from '../../../core/store.js'
import type { Members } from '../connection/changing-members.js'
import { textIn } from '../wire/text-in.js'

// etcd itself checks its limits (1.5 MiB and 128 entries by default), since its flags can change them.
const refusal = (entries: readonly Entry[]): InvalidArgument | undefined => {
  if (new Set(entries.map(({ key }) => key)).size < entries.length) return new InvalidArgument('entries', 'must name each key at most once (put a key twice in two calls)')
  if (entries.some(({ key }) => key === '')) return new InvalidArgument('entries', 'must have no empty key (an etcd key is at least one byte)')
  const unfit = entries.find(({ key, value }) => !isUnicode(key) || !isUnicode(value ?? ''))
  if (unfit !== undefined) return new InvalidArgument('entries', `must have keys and values without lone surrogates, got the key ${quotedValue(unfit.key)} (UTF-8 cannot carry them)`)
  return undefined
}

const toRevision = (text: string): Revision => {
  const revision = Number(text)
  if (!Number.isSafeInteger(revision)) throw new RangeError(`etcd's number ${text} is not below 2^53`)
  return revision
}

const guard = ({ key, expect }: Entry) => ({ key: Buffer.from(key), target: 'Mod', result: 'Equal', mod_revision: String(expect) }) as const

const write =
  (lease: Lease) =>
  ({ key, value }: Entry): IRequestOp =>
    value === null
      ? { request_delete_range: { key: Buffer.from(key) } }
      : { request_put: { key: Buffer.from(key), value: Buffer.from(value), lease: lease.id } }

const read = ({ key }: Entry): IRequestOp => ({ request_range: { key: Buffer.from(key) } })

const found = (entries: readonly Entry[], { responses }: ITxnResponse): readonly Change[] =>
  entries.map(({ key }, index) => {
    const kv = responses[index]?.response_range.kvs[0]
    return kv === undefined
      ? { key, value: null, lease: '0', revision: 0 }
      : { key, value: textIn(kv.value), lease: kv.lease, revision: toRevision(kv.mod_revision) }
  })

/**
 * See `Registry.put`. Every entry is guarded, so that a write that arrives late changes nothing. Errors `Taken` with the current content of the keys,
 * `LeaseLost` if the lease is gone.
 */
export const put = (members: Members, entries: readonly Entry[], lease: Lease): Observable<Revision> =>
  defer(() => {
    const refused = refusal(entries)
    if (refused) return throwError(() => refused)
    const txn = { compare: entries.map(guard), success: entries.map(write(lease)), failure: entries.map(read) }
    return members.on(member => member.call((client, options) => client.kv.txn(txn, options)))
  }).pipe(
    map(response => {
      if (!response.succeeded) throw new Taken(found(entries, response))
      return toRevision(response.header.revision)
    }),
    catchError((error: unknown) => {
      throw error instanceof EtcdLeaseInvalidError ? new LeaseLost(lease.id) : error
    }),
  )
