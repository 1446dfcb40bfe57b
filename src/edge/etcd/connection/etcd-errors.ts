import { ClientClosedError, GRPCResourceExhastedError } from 'etcd3'
import { Closed, Compacted, Denied, Disconnected, InvalidArgument, Rewound, textOf } from '../../../core/errors.js'
import { httpProxyFor } from './http-proxy.js'

/** The status with which an RPC ended. The error classes of etcd3 drop the code and the details. */
export interface Ending {
  readonly code: number
  readonly details: string
}

/** The token has expired, or users or roles have changed since: get a new token and call again. */
export const isStaleToken = ({ details }: Ending): boolean => /auth store is old|user name is empty|invalid auth token/.test(details)

/** The requested revision is in the future of the member that answered. One such answer may be wrong (see `askedTwice`). */
export class Ahead extends Rewound {}

/** No connection was made, so etcd did not receive the call. */
export class NeverSent extends Disconnected {}
const unexplained = 'it gave no reason'

/** Whether gRPC gave no reason: of several calls that wait for one connection, only some get the reason why there is none. */
export const isUnexplained = (error: unknown): boolean => error instanceof NeverSent && error.message.endsWith(unexplained)

const neverSent = /^No connection established|[Nn]ame resolution failed/

/** The alerts with which a server refuses a client's certificate, or misses one (RFC 8446, section 6). Go answers 42 to an expired one, and up to Go 1.21 to none. */
const refusedCertificate = /alert number (?:42|43|44|45|46|48|116)\b/
const certificateRefused = 'etcd requires a client certificate that its authority has signed and that has not expired'

/** Whether etcd refused the client's certificate. It goes on doing so until the certificate or etcd's authorities change. */
export const isCertificateRefused = (error: unknown): boolean => error instanceof Disconnected && error.message.includes(certificateRefused)

/** The connection stands, and the answer did not come within the deadline of the call. */
export class TimedOut extends Disconnected {}

const symptoms: readonly (readonly [RegExp, string])[] = [
  [/ECONNREFUSED/, 'refused the connection'],
  // Only of a Unix socket.
  [/\bENOENT\b/, 'does not exist'],
  [/\bEACCES\b/, 'may not be opened by this process'],
  [/ENOTFOUND|EAI_AGAIN|[Nn]ame resolution failed/, 'could not be found by its name'],
  [/no leader/, 'has no leader'],
  [/learner/, 'is a learner'],
  [/corrupt/, 'takes no writes while a member is corrupt'],
  [/wrong version number|before secure TLS connection/, 'failed the TLS handshake (perhaps it has no TLS, then write http://)'],
  [/unable to verify|unable to get|self.signed|signature failure/, 'failed the TLS handshake (its certificate is not signed by an authority that this process trusts; a private one is passed as the root certificate)'],
  [refusedCertificate, `failed the TLS handshake (${certificateRefused})`],
  [/certificate|SSL|TLS|altnames|CERT_|EPROTO/, 'failed the TLS handshake'],
  [/Protocol error|ERR_HTTP2|HTTP status|Bad status|Received HTTP/, 'does not speak gRPC over HTTP/2'],
  [/Failed to connect/, 'reset the connection before it answered (perhaps it speaks TLS, then write https://)'],
  [/ECONNRESET|EPIPE|Connection dropped|GOAWAY|socket hang up|closed before/, 'reset the connection'],
  [/ETIMEDOUT|EHOSTUNREACH|ENETUNREACH/, 'could not be reached'],
]

const withoutSources = (text: string): string => {
  const [, problem, alert] = /error:[\dA-F]+:SSL routines:[^:]*:([^:]+):.*?(?::(SSL alert number \d+))?\s*$/s.exec(text) ?? []
  if (problem === undefined) return text
  return alert === undefined ? problem : `${problem} (${alert})`
}

const reason = (details: string): string =>
  withoutSources(details.replace(/^No connection established\. Last error: (?:Error: )?/, '').replace(/ \(\d{4}-\d\d-[^)]*Z\)/, '').replace(/\.? Resolution note: .*$/s, ''))

/** A failure of an HTTP proxy has no text: grpc-js writes it to stderr and rejects with nothing. */
const hasNoReason = (details: string): boolean => /^(?:undefined|null)?$/.test(reason(details))

/** What an HTTP proxy has to do with a failure, if no connection was made through it. */
const throughProxy = (host: string, details: string): string | undefined => {
  const proxy = httpProxyFor(host)
  const withoutConnection = proxy !== undefined && (hasNoReason(details) || details.includes(proxy.address) || details.includes('Waiting for LB pick'))
  if (!withoutConnection) return undefined
  const remedy = "list the host in no_proxy, or pass grpcOptions: { 'grpc.enable_http_proxy': 0 }"
  return `could not be reached through the HTTP proxy ${proxy.address}, which the environment variable ${proxy.variable} names (${remedy})`
}

/** An outage: the host, and what it did. */
const disconnected = (host: string, { code, details }: Ending, cause?: unknown): Disconnected => {
  const Outage = neverSent.test(details) ? NeverSent : Disconnected
  const proxied = throughProxy(host, details)
  if (proxied !== undefined) return new Outage(`${host} ${proxied}`, { host, cause })
  // For a deadline, gRPC's text describes its own internals.
  if (code === 4) return new TimedOut(`${host} did not answer in time`, { host, cause })
  const [, symptom] = symptoms.find(([text]) => text.test(details)) ?? [null, 'broke off']
  return new Outage(`${host} ${symptom}: ${hasNoReason(details) ? unexplained : reason(details)}`, { host, cause })
}

const outages: readonly number[] = [1, 2, 4, 10, 12, 13, 14, 15]

/** The code of an ending. `etcd grpc-proxy` passes on etcd's refusal of a write with its text and without its code. */
const codeOf = ({ code, details }: Ending): number =>
  code !== 2 ? code : details.includes('requested lease not found') ? 5 : details.includes('database space exceeded') ? 8 : code

/** The registry's error for how an RPC ended; undefined for an answer that only the caller can interpret. */
export const translate = (host: string, ending: Ending): Error | undefined => {
  const { details } = ending
  const code = codeOf(ending)
  if (isStaleToken(ending)) return new Disconnected(`${host} refused the token: ${details}`, { host })
  if (code === 7 || /permission denied|authentication failed|invalid user/.test(details)) return new Denied(`${host}: ${details}`, { host })
  if (details.includes('revision has been compacted')) return new Compacted(0)
  if (details.includes('future revision')) return new Ahead(`${host}: ${details}`)
  if (/request is too large|too many operations|larger than max/.test(details))
    return new InvalidArgument('entries', `must fit into one etcd transaction, by default 1.5 MiB and 128 entries (${details}; see --max-request-bytes and --max-txn-ops of etcd)`)
  // From 3.6 on a learner refuses with the code of a wrong request, which any host would refuse.
  if (outages.includes(code) || details.includes('not supported for learner')) return disconnected(host, ending)
  // With 'etcdserver:' it is etcd's quota, which every member shares. Without, the connection was refused for its load, which is an outage.
  if (code === 8) return details.includes('etcdserver:') ? new GRPCResourceExhastedError(`${host}: ${details}`) : disconnected(host, ending)
  return undefined
}

/** The registry's error for what an RPC of etcd3 rejected with. `ending` is undefined if the RPC did not get as far as a status. */
export const failure = (host: string, error: unknown, ending?: Ending): Error => {
  // Without a status no call was made: etcd refused the login of a client that the user made.
  const status = ending ?? { code: 0, details: error instanceof Error ? error.message : '' }
  const translated = ending?.code === 0 ? undefined : translate(host, status)
  if (translated !== undefined) return translated
  if (error instanceof ClientClosedError) return new Closed('the etcd client is closed')
  if (!(error instanceof Error)) return new Disconnected(`${host}: the call was rejected ${error === undefined || error === null ? 'without a reason' : `with ${textOf(error)}`}`, { host, cause: error })
  // The circuit breaker of the user's client stopped the call, so it did not reach etcd.
  if ('isBrokenCircuitError' in error) return new Disconnected(`${host}: ${error.message}`, { host, cause: error })
  return error
}

/** An outage without a connection, with a further reason for it; any other error as it is. */
export const alsoSince = (error: Error, reason: Error | undefined): Error => {
  if (reason === undefined || !(error instanceof Disconnected) || error === reason) return error
  const Outage = error instanceof NeverSent ? NeverSent : Disconnected
  return error instanceof NeverSent || error.constructor === Disconnected ? new Outage(`${error.message}; ${reason.message}`, { host: error.host, cause: error }) : error
}

/** Whether the next call should go to another member. */
export const isOutage = (error: unknown): boolean => error instanceof Error && (error.name === 'Disconnected' || error.name === 'Lagging')
