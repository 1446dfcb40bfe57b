import { Resolver } from 'node:dns/promises'
import { catchError, defer, finalize, from, map, of, switchMap, throwError, type Observable } from 'rxjs'
import { toError } from '../../../core/errors.js'

/** The part of Node's DNS resolver that is used here. */
export interface SrvResolver {
  readonly resolveSrv: (name: string) => Promise<readonly { readonly name: string; readonly port: number }[]>
  /** Gives up all requests. */
  readonly cancel: () => void
}

/** The codes of Node's resolver for a name that does not exist, or has no such record. */
const absent: readonly unknown[] = ['ENOTFOUND', 'ENODATA']

/**
 * The endpoints that DNS names for a domain, once. The records are those of etcd's own client: `_etcd-client-ssl._tcp` for TLS, `_etcd-client._tcp` without.
 * Where both exist, only TLS is used, and only an answer that there are no records for TLS leads to the others: a lookup that fails must not turn TLS off.
 */
export const srvHosts = (domain: string, resolver: () => SrvResolver = () => new Resolver()): Observable<readonly string[]> =>
  defer(() => {
    const dns = resolver()
    const lookup = (service: string, scheme: string): Observable<readonly string[]> =>
      defer(() => from(dns.resolveSrv(`_${service}._tcp.${domain}`))).pipe(
        map(records => records.map(({ name, port }) => `${scheme}://${name.replace(/\.$/, '')}:${port}`)),
        catchError((error: unknown) => (absent.includes((error as { readonly code?: unknown } | null)?.code) ? of([]) : throwError(() => toError(error)))),
      )
    return lookup('etcd-client-ssl', 'https').pipe(
      switchMap(secure => (secure.length > 0 ? of(secure) : lookup('etcd-client', 'http'))),
      map(hosts => {
        if (hosts.length === 0) throw new Error(`DNS has no SRV record _etcd-client-ssl._tcp.${domain} or _etcd-client._tcp.${domain}`)
        return hosts
      }),
      finalize(() => dns.cancel()),
    )
  })
