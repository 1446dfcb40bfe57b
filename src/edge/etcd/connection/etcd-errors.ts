import { ClientClosedError, GRPCResourceExhastedError } from 'etcd3'
import { Closed, Compacted, Denied, Disconnected, InvalidArgument, Rewound } from '../../../core/errors.js'

/** How an RPC ended, in full: etcd3's error classes drop the code and the details. */
export interface Ending {
  readonly code: number
  readonly details: string
}

/** The token is expired, or older than a change of users or roles: get another one and ask again. */
export const isStaleToken = ({ details }: Ending): boolean => /auth store is old|user name is empty|invalid auth token/.test(details)

/** The revision asked for is ahead of the member that answered; believed only when asked twice. */
export const isAhead = (error: unknown): boolean => error instanceof Rewound && error.message.includes('future revision')

/** No connection came about, so etcd has not heard of the call. */
export class NeverSent extends Disconnected {}
const neverSent = /^No connection established|[Nn]ame resolution failed/

const symptoms: readonly (readonly [RegExp, string])[] = [
  [/ECONNREFUSED/, 'refused the connection'],
  [/ENOTFOUND|EAI_AGAIN|[Nn]ame resolution failed/, 'could not be found by its name'],
  [/no leader/, 'has no leader'],
  [/learner/, 'is a learner'],
  [/corrupt/, 'takes no writes while a member is corrupt'],
  [/certificate|SSL|TLS|altnames|CERT_|EPROTO|unable to verify/, 'failed the TLS handshake'],
  [/Protocol error|ERR_HTTP2|HTTP status|Bad status|Received HTTP/, 'does not speak gRPC over HTTP/2'],
  [/ECONNRESET|EPIPE|Connection dropped|GOAWAY|socket hang up|closed before|Failed to connect/, 'reset the connection'],
  [/ETIMEDOUT|EHOSTUNREACH|ENETUNREACH/, 'could not be reached'],
]

const reason = (details: string): string =>
  details.replace(/^No connection established\. Last error: (?:Error: )?/, '').replace(/ \(\d{4}-\d\d-[^)]*Z\)/, '').replace(/\.? Resolution note: .*$/s, '')

/** An outage, in words: which host, what it did. */
const disconnected = (host: string, { code, details }: Ending, cause?: unknown): Disconnected => {
  // What gRPC says of a deadline is where in its own machinery the call was.
  if (code === 4) return new Disconnected(`${host} did not answer in time`, { host, cause })
  const [, symptom] = symptoms.find(([text]) => text.test(details)) ?? [null, 'broke off']
  return new (neverSent.test(details) ? NeverSent : Disconnected)(`${host} ${symptom}: ${reason(details)}`, { host, cause })
}

const outages: readonly number[] = [1, 2, 4, 10, 12, 13, 14, 15]

/** The registry's error for how an RPC ended; undefined for an answer that only the caller understands. */
export const translate = (host: string, ending: Ending): Error | undefined => {
  const { code, details } = ending
  if (isStaleToken(ending)) return new Disconnected(`${host} wants a new token: ${details}`, { host })
  if (code === 7 || /permission denied|authentication failed|invalid user/.test(details)) return new Denied(`${host}: ${details}`, { host })
  if (details.includes('revision has been compacted')) return new Compacted(0)
  if (details.includes('future revision')) return new Rewound(`${host}: ${details}`)
  if (/request is too large|too many operations|larger than max/.test(details))
    return new InvalidArgument('entries', `must fit what etcd takes at once, 1.5 MiB and 128 of them unless it was started with other limits (${details})`)
  // From 3.6 on a learner's refusal has the code of one that any host would give.
  if (outages.includes(code) || details.includes('not supported for learner')) return disconnected(host, ending)
  // Its quota is not ours, and another member's is the same; but a connection that is told to calm down is an outage.
  if (code === 8) return details.includes('etcdserver:') ? new GRPCResourceExhastedError(`${host}: ${details}`) : disconnected(host, ending)
  return undefined
}

/** The registry's error for what an RPC of etcd3 rejected with, given how it ended, if it came so far. */
export const failure = (host: string, error: unknown, ending?: Ending): Error => {
  // Without an ending it never was a call: a client of the user's was refused its own login.
  const told = ending ?? { code: 0, details: error instanceof Error ? error.message : '' }
  const known = ending?.code === 0 ? undefined : translate(host, told)
  if (known !== undefined) return known
  if (error instanceof ClientClosedError) return new Closed('the etcd client is closed')
  if (!(error instanceof Error)) return new Disconnected(`${host}: ${String(error)}`, { host })
  // What a client's own circuit breaker holds back never reached etcd.
  if ('isBrokenCircuitError' in error) return new Disconnected(`${host}: ${error.message}`, { host, cause: error })
  return error
}

export { toError as asError } from '../../../core/errors.js'

/** Whether the member should be left for another one. */
export const isOutage = (error: unknown): boolean => error instanceof Error && (error.name === 'Disconnected' || error.name === 'Lagging')
