import { Etcd3, type IOptions } from 'etcd3'
import { merge, Observable, Subject, type Observer, type Subscriber } from 'rxjs'
import { Closed, InvalidArgument } from '../../../core/errors.js'
import { subscribeWithin } from '../../../flow/subscribe-within.js'
import { oneCluster } from './cluster.js'
import { connections } from './connections.js'
import { asError, isOutage } from './etcd-errors.js'
import { address, parseHosts } from './hosts.js'
import { link } from './link.js'
import type { Member, Members } from './member.js'
import { tokens, type Credentials } from './tokens.js'

/** Options of etcd3's client, but those that would retry, wait or give up beside us. */
export interface ConnectOptions extends Pick<IOptions, 'credentials' | 'grpcOptions'> {
  /** Endpoints: `'localhost:2379'`, `'http://…'`, `'https://…'`. */
  readonly hosts: string | readonly string[]
  readonly auth?: Credentials
}

type Policies = NonNullable<IOptions['faultHandling']>

const event = (): { readonly dispose: () => void } => ({ dispose: () => undefined })
// etcd3 wants policies of cockatiel, of which it uses no more than this.
const passThrough = {
  // It marks a failure by a run that throws, and catches only what is rejected: an `execute` that throws ends the process.
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
  // A name may lead elsewhere by the time we dial again; unless told otherwise it is looked up at most every 30 s.
  'grpc.dns_min_time_between_resolutions_ms': 1_000,
}

const clientOf = (options: IOptions): Etcd3 => {
  try {
    return new Etcd3(options)
  } catch (error) {
    // So does OpenSSL speak of a certificate without its key.
    throw new InvalidArgument('credentials', `must be certificates and a key, as PEM, that belong together (${asError(error).message})`, { cause: error })
  }
}

const isClient = (from: ConnectOptions | Etcd3): from is Etcd3 => {
  // Whoever writes JavaScript passes the endpoint alone.
  if (Object(from) !== from || Array.isArray(from)) throw new InvalidArgument('hosts', "must be passed by name: { hosts: 'http://127.0.0.1:2379' }")
  return 'kv' in from
}

// A class, not operators: there may be thousands at a time, and each message of a watch passes here.
class Call<A> implements Observer<A> {
  readonly #subscriber: Subscriber<A>
  readonly #member: Member
  readonly #left: (member: Member) => void

  constructor(subscriber: Subscriber<A>, member: Member, left: (member: Member) => void) {
    this.#subscriber = subscriber
    this.#member = member
    this.#left = left
  }

  next(value: A): void {
    this.#subscriber.next(value)
  }

  error(thrown: unknown): void {
    if (isOutage(thrown)) this.#left(this.#member)
    this.#subscriber.error(thrown)
  }

  complete(): void {
    this.#subscriber.complete()
  }
}

/** The members behind the endpoints, each by a client of its own; or one member, behind a client that stays its user's. */
export const connect = (from: ConnectOptions | Etcd3): Members => {
  const closed = new Subject<never>()
  const cluster = oneCluster()
  const owned = isClient(from)
    ? []
    : parseHosts(from.hosts).map(host => ({
        host,
        clients: connections(
          number =>
            clientOf({
              ...(from.credentials && { credentials: from.credentials }),
              hosts: address(host),
              // Clients of one host with the same options share its connection; those with another number do not.
              grpcOptions: { ...channel, ...from.grpcOptions, 'rx-discovery.connection': number },
              faultHandling: { host: () => passThrough, global: passThrough },
            }),
          client => client.close(),
        ),
      }))
  const all = isClient(from)
    ? [link({ host: 'etcd', connections: connections(() => from, () => undefined), tokens: undefined, cluster, closed })]
    : owned.map(({ host, clients }) =>
        link({ host, connections: clients, tokens: tokens(host, () => clients.current().auth, from.auth), cluster, closed }),
      )

  const [first] = all
  if (first === undefined) throw new InvalidArgument('hosts', 'needs at least one endpoint')
  let current = first
  const left = (member: Member): void => {
    if (current === member) current = all[(all.indexOf(member) + 1) % all.length] ?? member
  }
  return {
    all,
    returned: merge(...all.map(({ returned }) => returned)),
    on: <A>(call: (member: Member) => Observable<A>) =>
      new Observable<A>(subscriber => {
        const member = current
        subscribeWithin(subscriber, call(member), new Call(subscriber, member, left))
      }),
    close: () => {
      closed.error(new Closed())
      for (const { clients } of owned) clients.close()
    },
  }
}
