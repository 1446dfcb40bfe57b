import { promises } from 'node:dns'
import { catchError, defer, finalize, from, map, of, switchMap, throwError, type Observable } from 'rxjs'
import { toError } from '../../../core/errors.js'
import { parseHosts } from './hosts.js'

/** The part of Node's DNS resolver that is used here. */
export interface SrvResolver {
  readonly resolveSrv: (name: string) => Promise<readonly { readonly name: string; readonly port: number }[]>
  /** Gives up all requests. */
  readonly cancel: () => void
}

/** The codes of Node's resolver for a name that does not exist, or has no such record. */
const absent: readonly unknown[] = ['ENOTFOUND', 'ENODATA']

/** A new resolver asks the servers of the system. The process may have others: `dns.setServers` does not change those of a resolver. */
const ownResolver = (): SrvResolver => {
  const made = new promises.Resolver()
  // A function that is imported by its name would be that of before `setServers`.
  const servers = promises.getServers()
  if (servers.length > 0) made.setServers(servers)
  return made
}

/** The endpoints of the records of one name. The root as target means that there is no such service at this domain (RFC 2782). */
const endpointsOf = (name: string, scheme: string, records: Awaited<ReturnType<SrvResolver['resolveSrv']>>): readonly string[] => {
  const targets = records.filter(record => record.name !== '' && record.name !== '.')
  if (targets.length === 0) return []
  try {
    return parseHosts(targets.map(target => `${scheme}://${target.name.replace(/\.$/, '')}:${target.port}`))
  } catch (error) {
    throw new Error(`DNS has an SRV record ${name} that leads to no host: ${toError(error).message}`, { cause: error })
  }
}

/**
 * The endpoints that DNS names for a domain, once. The records are those of etcd's own client: `_etcd-client-ssl._tcp` for TLS, `_etcd-client._tcp` without.
 * Where both exist, only TLS is used, and only an answer that there are no records for TLS leads to the others: a lookup that fails must not turn TLS off.
 */
export const srvHosts = (domain: string, resolver: () => SrvResolver = ownResolver): Observable<readonly string[]> =>
  defer(() => {
    const dns = resolver()
    const lookup = (service: string, scheme: string): Observable<readonly string[]> => {
      const name = `_${service}._tcp.${domain}`
      return defer(() => from(dns.resolveSrv(name))).pipe(
        map(records => endpointsOf(name, scheme, records)),
        catchError((error: unknown) => (absent.includes((error as { readonly code?: unknown } | null)?.code) ? of([]) : throwError(() => toError(error)))),
      )
    }
    return lookup('etcd-client-ssl', 'https').pipe(
      switchMap(secure => (secure.length > 0 ? of(secure) : lookup('etcd-client', 'http'))),
      map(hosts => {
        if (hosts.length === 0) throw new Error(`DNS has no SRV record _etcd-client-ssl._tcp.${domain} or _etcd-client._tcp.${domain}`)
        return hosts
      }),
      finalize(() => dns.cancel()),
    )
  })
