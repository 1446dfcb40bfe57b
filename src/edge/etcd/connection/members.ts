import { Etcd3, type IOptions } from 'etcd3'
import { merge, Observable, Subject } from 'rxjs'
import { invalidOptions, randomSource, record, userAndPassword, type Checks } from '../../../core/arguments.js'
import { throwIfInvalid } from '../../../core/validation.js'
import { Closed, InvalidArgument } from '../../../core/errors.js'
import { subscribeWithin } from '../../../flow/subscribe-within.js'
import { certificates, tlsCredentials, type TlsCredentials } from './certificates.js'
import { oneCluster } from './cluster.js'
import { connections } from './connections.js'
import { isOutage } from './etcd-errors.js'
import { channelAddress, parseHosts } from './hosts.js'
import { httpProxyFor } from './http-proxy.js'
import { etcdMember, type Member } from './member.js'
import { suppliedOr, type Supplied } from './supplied.js'
import { tokens, type Credentials } from './tokens.js'

/** How to connect to etcd: options of etcd3's client, except those that would retry or time out beside the registry. */
export interface ConnectOptions extends Pick<IOptions, 'grpcOptions'> {
  /** Endpoints: `'localhost:2379'`, `'http://…'`, `'https://…'`. */
  readonly hosts: string | readonly string[]
  /**
   * TLS: the contents of PEM files. A function, such as {@link pemFiles}, is asked before the first connection and again at each outage, at most once a
   * second; if it returns other ones, a new connection is made with them. If it fails, the former ones are used, and the errors of the outage say why.
   */
  readonly credentials?: Supplied<TlsCredentials>
  /** etcd user name and password. A function is asked at each login: before the first call to a member, and after etcd has refused a token. */
  readonly auth?: Supplied<Credentials>
  /** Uniform in [0, 1): chooses the endpoint that is used first, so that many processes with the same list spread over the members. @default Math.random */
  readonly random?: () => number
}

/** The members of one cluster. */
export interface Members {
  /** Runs `call` on the member in use. If it errors as an outage, the next call goes to the next member. */
  readonly on: <T>(call: (member: Member) => Observable<T>) => Observable<T>
  readonly all: readonly Member[]
  /** Emits whenever a member that was down answers again. */
  readonly returned: Observable<unknown>
  readonly close: () => void
}

type Policies = NonNullable<IOptions['faultHandling']>

const event = (): { readonly dispose: () => void } => ({ dispose: () => undefined })
// etcd3 expects policies of cockatiel, but uses only these members.
const passThrough = {
  // etcd3 reports a failure by throwing in `run`, and catches only rejections: an `execute` that throws would end the process.
  execute: (run: (context: { readonly signal: AbortSignal }) => unknown) => Promise.resolve({ signal: new AbortController().signal }).then(run),
  onSuccess: event,
  onFailure: event,
} as unknown as NonNullable<Policies['global']>

const channel: NonNullable<IOptions['grpcOptions']> = {
  'grpc.max_receive_message_length': -1,
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
  'grpc.initial_reconnect_backoff_ms': 50,
  'grpc.max_reconnect_backoff_ms': 100,
  // At a redial, a host name may have another address. By default grpc-js looks it up at most every 30 s.
  'grpc.dns_min_time_between_resolutions_ms': 1_000,
  // Otherwise each connection to a name that has several addresses leads to the first one that accepts it.
  'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ pick_first: { shuffleAddressList: true } }] }),
}

// For each connection that an HTTP proxy refuses, grpc-js writes a line to stderr.
const proxiedChannel: typeof channel = { 'grpc.initial_reconnect_backoff_ms': 1_000, 'grpc.max_reconnect_backoff_ms': 1_000 }

const channelFor = (host: string, own: typeof channel = {}): typeof channel => ({
  ...channel,
  ...(own['grpc.enable_http_proxy'] !== 0 && httpProxyFor(host) && proxiedChannel),
  ...own,
})

const checks: Checks<ConnectOptions> = {
  // parseHosts checks each of them.
  hosts: () => undefined,
  credentials: suppliedOr(tlsCredentials),
  auth: suppliedOr(userAndPassword),
  grpcOptions: record,
  random: randomSource,
}

const isClient = (from: ConnectOptions | Etcd3): from is Etcd3 => {
  // In JavaScript an endpoint may be passed alone.
  if (Object(from) !== from || Array.isArray(from)) throw new InvalidArgument('hosts', "must be passed by name: { hosts: 'http://127.0.0.1:2379' }")
  if ('kv' in from) return true
  throwIfInvalid(invalidOptions('etcdRegistry', from, checks))
  return false
}

/** The members behind the endpoints, each through a client of its own; or one member, through a client that the user made and closes. */
export const connect = (from: ConnectOptions | Etcd3): Members => {
  const closed = new Subject<never>()
  const cluster = oneCluster()
  const tls = certificates(isClient(from) ? undefined : from.credentials, closed)
  const owned = isClient(from)
    ? []
    : parseHosts(from.hosts).map(host => ({
        host,
        clients: connections(
          number => {
            const credentials = tls.current()
            return new Etcd3({
              ...(credentials && { credentials }),
              hosts: channelAddress(host),
              // Clients of one host share its connection if their options are equal; this number makes them differ.
              grpcOptions: { ...channelFor(host, from.grpcOptions), 'rx-discovery.connection': number },
              faultHandling: { host: () => passThrough, global: passThrough },
            })
          },
          client => client.close(),
          tls,
        ),
      }))
  const all = isClient(from)
    ? [etcdMember({ host: 'etcd', connections: connections(() => from, () => undefined), tokens: undefined, cluster, closed, trouble: tls.trouble })]
    : owned.map(({ host, clients }) =>
        etcdMember({
          host,
          connections: clients,
          tokens: tokens(host, { credentials: from.auth, ready: tls.ready, auth: () => clients.current().auth }),
          cluster,
          closed,
          trouble: tls.trouble,
        }),
      )

  const random = isClient(from) ? Math.random : (from.random ?? Math.random)
  const first = all[Math.min(all.length - 1, Math.floor(random() * all.length))]
  if (first === undefined) throw new InvalidArgument('hosts', 'needs at least one endpoint, such as \'localhost:2379\'')
  let current = first
  const leave = (member: Member): void => {
    if (current === member) current = all[(all.indexOf(member) + 1) % all.length] ?? member
  }
  return {
    all,
    returned: merge(...all.map(({ returned }) => returned)),
    on: <A>(call: (member: Member) => Observable<A>) =>
      new Observable<A>(subscriber => {
        const member = current
        subscribeWithin(subscriber, call(member), {
          error: thrown => {
            if (isOutage(thrown)) leave(member)
            subscriber.error(thrown)
          },
        })
      }),
    close: () => {
      closed.error(new Closed())
      for (const { clients } of owned) clients.close()
    },
  }
}
