import { Etcd3, type IOptions } from 'etcd3'
import { defer, EMPTY, filter, finalize, map, merge, NEVER, of, Subject, tap, type Observable } from 'rxjs'
import { invalidOptions, longestDelay, observable, period, randomSource, anObject, userAndPassword, type Checks } from '../../../core/arguments.js'
import { must, throwIfInvalid } from '../../../core/validation.js'
import { InvalidArgument } from '../../../core/errors.js'
import { nothing } from '../../../flow/subscribe-within.js'
import { certificates, tlsCredentials, type TlsCredentials } from './certificates.js'
import { changingMembers, type ChangingMembersOptions, type Members } from './changing-members.js'
import { oneCluster } from './cluster.js'
import { connections } from './connections.js'
import { foundHosts, memberList } from './found-hosts.js'
import { askEvery, asking, hostLists, type ChangingHosts, type HostList } from './host-lists.js'
import { isOutage } from './etcd-errors.js'
import { channelAddress, parseHosts, sameAddress } from './hosts.js'
import { httpProxyFor } from './http-proxy.js'
import { etcdMember } from './member.js'
import { srvHosts, type SrvResolver } from './srv.js'
import { suppliedOr, type Supplied } from './supplied.js'
import { tokens, type Credentials } from './tokens.js'

/** How to connect to etcd: options of etcd3's client, except those that would retry or time out beside the registry. */
export interface ConnectOptions extends Pick<IOptions, 'grpcOptions'> {
  /**
   * Endpoints: `'localhost:2379'`, `'http://…'`, `'https://…'`, `'unix:///path'`; one, or a list. If they change: an Observable of lists, or a function that
   * returns a list or a Promise of one. The function is called at the first use of the registry, at outages (at most once a second), and every 30 to 60 s.
   * An empty list, a wrong one or an error keeps the hosts before. Required, unless `srv` is given.
   */
  readonly hosts?: HostList | ChangingHosts
  /**
   * The domain whose DNS names the hosts, instead of `hosts`: the SRV records `_etcd-client-ssl._tcp` (TLS) or, if there are none, `_etcd-client._tcp`.
   * They are looked up when a function `hosts` would be called.
   */
  readonly srv?: string
  /**
   * Whether the members that the cluster lists are used besides the hosts; a number: how often they are asked for, ms, from 1000 to 2147483647. They are asked for at
   * outages as well. A member's URL is used once our cluster has answered on it. @default false; `true`: 60 000
   */
  readonly autoSync?: boolean | number
  /**
   * TLS: the contents of PEM files. A function, such as {@link pemFiles}, is asked before the first connection and again at each outage, at most once a
   * second; if it returns other ones, a new connection is made with them. If it fails, the former ones are used, and the errors of the outage say why.
   */
  readonly credentials?: Supplied<TlsCredentials>
  /** etcd user name and password. A function is asked at each login: before the first call to a member, and after etcd has refused a token. */
  readonly auth?: Supplied<Credentials>
  /** Uniform in [0, 1): orders the endpoints for this process, so that many processes with the same list spread over the members. @default Math.random */
  readonly random?: () => number
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
  srv: must(value => typeof value === 'string' && /^[^\s:/@]+$/.test(value), 'be a domain', "such as 'example.com'"),
  autoSync: must(value => typeof value === 'boolean' || (period(value) === undefined && Number(value) >= 1_000), `be true, false or a whole number of milliseconds from 1000 to ${longestDelay}`, 'true asks every minute'),
  credentials: suppliedOr(tlsCredentials),
  auth: suppliedOr(userAndPassword),
  grpcOptions: anObject,
  random: randomSource,
}

const isChanging = (hosts: unknown): hosts is ChangingHosts => typeof hosts === 'function' || observable(hosts) === undefined

const isClient = (from: ConnectOptions | Etcd3): from is Etcd3 => {
  // In JavaScript an endpoint may be passed alone.
  if (Object(from) !== from || Array.isArray(from)) throw new InvalidArgument('hosts', "must be passed by name: { hosts: 'http://127.0.0.1:2379' }")
  const fields = from as { readonly [K in keyof Etcd3]?: unknown }
  // A namespace of a client has them, too.
  if ([fields.kv, fields.leaseClient, fields.watchClient].every(raw => typeof raw === 'object' && raw !== null)) return true
  throwIfInvalid(invalidOptions('etcdRegistry', from, checks))
  return false
}

/** What only tests change. */
export interface ConnectSettings {
  /** Within how many ms a process moves back to the member that it prefers. @default ten minutes */
  readonly moveWithin?: number
  readonly resolver?: () => SrvResolver
}

/** The hosts that are fixed; none if they change. */
const fixedHosts = ({ hosts, srv }: ConnectOptions): readonly string[] => {
  if (srv !== undefined && hosts !== undefined) throw new InvalidArgument('srv', 'must not be passed beside hosts (the hosts are those that DNS names)')
  return srv !== undefined || isChanging(hosts) ? [] : parseHosts(hosts)
}

/** The members behind the endpoints, each through a client of its own; or one member, through a client that the user made and closes. */
export const connect = (from: ConnectOptions | Etcd3, { moveWithin = 600_000, resolver }: ConnectSettings = {}): Members => {
  const closed = new Subject<never>()
  if (isClient(from)) {
    const member = etcdMember({ host: 'etcd', connections: connections(() => from, () => undefined), tokens: undefined, cluster: oneCluster(), closed, trouble: () => undefined })
    return changingMembers({ hosts: [member.host], changes: () => NEVER, open: () => ({ member, close: nothing }), random: Math.random, moveWithin, closed })
  }
  const { random = Math.random, autoSync = false, srv, hosts } = from
  const fixed = fixedHosts(from)
  /** The hosts of the user, and those that the cluster named besides. */
  let configured = fixed
  let found: readonly string[] = []
  const isIn = (list: readonly string[], host: string): boolean => list.some(other => sameAddress(other, host))
  const cluster = oneCluster(host => isIn(configured, host))
  const tls = certificates(from.credentials, closed)
  const open: ChangingMembersOptions['open'] = host => {
    const clients = connections(
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
    )
    return {
      member: etcdMember({
        host,
        connections: clients,
        tokens: tokens(host, { credentials: from.auth, ready: tls.ready, auth: () => clients.current().auth }),
        cluster,
        closed,
        trouble: tls.trouble,
      }),
      close: () => {
        clients.close()
        cluster.forget(host)
      },
    }
  }

  /** Asks a host that the cluster names on a connection that closes again. Only our cluster counts as an answer, and TLS stays on. */
  const answers = (url: string): Observable<unknown> =>
    defer(() => {
      if (isIn([...configured, ...found], url)) return of(url)
      const [host = url] = parseHosts(url)
      if (!/^https:/i.test(host) && configured.some(other => /^https:/i.test(other))) return EMPTY
      const { member, close } = open(host)
      return memberList(member).pipe(finalize(close))
    })
  const changes: ChangingMembersOptions['changes'] = (on, outages) => {
    const lists = srv !== undefined ? srvHosts(srv, resolver) : isChanging(hosts) ? hostLists(hosts) : NEVER
    const asked = <A>(ask: Observable<A>, every = askEvery): Observable<A | Error> => asking(ask, every, outages, random)
    const synced = autoSync === false ? NEVER : asked(foundHosts(on, answers), autoSync === true ? askEvery : autoSync)
    return merge(
      asked(lists).pipe(tap(list => (configured = list instanceof Error ? configured : list))),
      synced.pipe(
        // The outage itself is reported by those who meet it.
        filter(list => !isOutage(list)),
        tap(list => (found = list instanceof Error ? found : list)),
      ),
    ).pipe(map(list => (list instanceof Error ? list : [...configured, ...found.filter(url => !isIn(configured, url))])))
  }
  return changingMembers({ hosts: fixed, changes, open, random, moveWithin, closed })
}
