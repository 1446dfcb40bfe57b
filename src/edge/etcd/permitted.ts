import { catchError, throwError, type MonoTypeOperatorFunction } from 'rxjs'
import { Denied, toError } from '../../core/errors.js'
import { overridePrefix } from '../../core/register/desired.js'
import type { Range } from '../../core/store.js'
import type { ClosableRegistry } from '../../flow/registry.js'
import { signalsOf, withSignals } from '../../flow/registry-signals.js'
import type { ConnectOptions } from './connection/members.js'
import { grantLine, type Permission } from './grant-line.js'

/** etcd knows the user, which lacks a permission. The message says which one, and how to grant it. */
export class NotPermitted extends Denied {}

const shown = (range: Range): string => (typeof range === 'string' ? (range === '' ? 'all keys' : range) : range.key)

/** The etcd user of a connection, for messages. A function, or a client that was passed, does not show it. */
const userOf = ({ auth, credentials }: Pick<ConnectOptions, 'auth' | 'credentials'>): string => {
  if (typeof auth === 'object') return `user "${auth.username}"`
  return auth === undefined && credentials !== undefined ? 'the user of the client certificate (its common name)' : 'this user'
}

/** The prefix of a key up to its last segment, because a user who writes one instance usually writes several. `doctor` writes below a segment that no service has. */
const folderOf = (key: string): string => key.slice(0, key.lastIndexOf('/') + 1).replace(/\.\/$/, '')

const grantFor = (permission: Permission, range: Range): string => {
  const isOverride = (typeof range === 'string' ? range : range.key).startsWith(overridePrefix)
  // Whoever asks for an override is about to write it.
  return isOverride ? grantLine('readwrite', overridePrefix) : grantLine(permission, range)
}

/** The registry, whose refusals name the user, what it may not do, and what allows it. */
export const permitted = (registry: ClosableRegistry, connection: Pick<ConnectOptions, 'auth' | 'credentials'>): ClosableRegistry => {
  const user = userOf(connection)
  const explained = <A>(deed: string, permission: Permission, ranges: readonly Range[]): MonoTypeOperatorFunction<A> =>
    catchError((thrown: unknown) => {
      const error = toError(thrown)
      if (!(error instanceof Denied) || !error.message.includes('permission denied')) return throwError(() => error)
      const grants = [...new Set(ranges.map(range => grantFor(permission, range)))].join(' && ')
      const advice = grants === '' ? 'it needs readwrite on each key of the lease' : `root can allow it: ${grants}`
      return throwError(() => new NotPermitted(`${error.host ?? 'etcd'}: permission denied: ${user} may not ${deed} (${advice})`, { host: error.host, cause: error }))
    })
  const reads = <A>(range: Range): MonoTypeOperatorFunction<A> => explained(`read ${shown(range)}`, 'read', [range])
  const wrapped: ClosableRegistry = {
    list: (range, options) => registry.list(range, options).pipe(reads(range)),
    watch: (range, from) => registry.watch(range, from).pipe(reads(range)),
    check: (range, since) => registry.check(range, since).pipe(reads(range)),
    put: (entries, lease) => {
      const keys = entries.map(({ key }) => key)
      return registry.put(entries, lease).pipe(explained(`write ${keys.join(', ')}`, 'readwrite', keys.map(folderOf)))
    },
    lease: (ttl, end) => registry.lease(ttl, end).pipe(explained('revoke or renew its lease', 'readwrite', [])),
    remaining: registry.remaining,
    close: registry.close,
  }
  return withSignals(wrapped, signalsOf(registry))
}
