import { setTimeout as sleep } from 'node:timers/promises'
import type { Etcd3, IOptions } from 'etcd3'
import { faultProxy, type Proxy } from '../etcd/proxy.js'
import { randomWrites, seeded, type RandomWrites } from '../etcd/random-writes.js'
import { etcdCluster, etcdServer, type EtcdServer, type EtcdServerOptions } from '../etcd/server.js'
import type { Launch } from '../etcd/program.js'
import { subject, type Subject } from './subject.js'
import type { Assignment } from './subject-protocol.js'
import { etcdHistory, type EtcdHistory } from './etcd-history.js'
import { valueOf } from './weights.js'

/** The etcd, the network and the subjects of a row. */
export interface Setting {
  /** One member or three. @default 1 */
  readonly members?: number
  readonly server?: EtcdServerOptions
  /** Starts the members, instead of `etcdServer` or `etcdCluster`. */
  readonly start?: () => Promise<{ readonly members: readonly EtcdServer[]; readonly close: () => Promise<unknown> }>
  /** Runs when etcd runs and no client is connected, for authentication and the like. It returns the logins of the subjects and of the undisturbed client. */
  readonly prepare?: (members: readonly EtcdServer[]) => Promise<{ readonly subjects?: Partial<Assignment>; readonly admin?: Partial<IOptions> }>
  /** The TTL (s) of the subject that uses rx-discovery. That of etcd3 is one second longer, so that their leases differ. @default 5 */
  readonly ttl?: number
  /** Whether another client writes all the time. @default true */
  readonly writes?: boolean
  readonly assignment?: Partial<Assignment>
  readonly launch?: Launch
  /** The hosts of the subjects, made of the endpoints of their proxies. @default these endpoints */
  readonly hosts?: (endpoints: readonly string[]) => readonly string[]
  /** Sets up each proxy before the subjects start. */
  readonly line?: (proxy: Proxy) => unknown
}

/** A subject with its proxies. */
export interface Party {
  readonly subject: Subject
  /** One for each member. */
  readonly proxies: readonly Proxy[]
  /** In seconds. */
  readonly ttl: number
  readonly id: string
}

/** Everything that a fault may change. */
export interface Stage {
  readonly members: readonly EtcdServer[]
  readonly ours: Party
  readonly stock: Party
  readonly history: EtcdHistory
  /** Runs `change`, which replaces etcd's data, while no other client writes. */
  readonly replaceHistory: (change: () => unknown) => Promise<void>
  readonly writes: RandomWrites | undefined
  readonly random: () => number
  /** A client of one member that does not go through the proxies, so that no fault disturbs it. */
  readonly admin: (member?: number) => Etcd3
  /** Applies `pull` to the proxies of both parties. */
  readonly network: (pull: (proxy: Proxy, member: number) => unknown) => Promise<void>
  /** Waits until a member answers a linearizable read. Resolves with the time and the revision. */
  readonly answering: () => Promise<{ readonly at: number; readonly revision: number }>
  /** Starts one more process that uses rx-discovery, with proxies of its own. Its TTL is 7 s unless `assignment` has one. */
  readonly newcomer: (assignment: Partial<Assignment>) => Promise<Party>
  readonly newcomers: readonly Party[]
  /** Adds a note to the matrix. Notes are awaited before the subjects end; a rejected one is a problem. */
  readonly note: (text: string | Promise<string>) => void
  readonly notes: readonly Promise<string>[]
  /** Adds a member that has joined the cluster to those that `anywhere` asks. */
  readonly joined: (member: EtcdServer) => void
  /** Runs `call` on all members and resolves with the first answer. */
  readonly anywhere: <A>(call: (client: Etcd3) => Promise<A>) => Promise<A>
}

const service = 'web'
/** The prefix of the service of all subjects. */
export const prefix = `/rx-discovery/${service}/`

/** One member, by default the first. */
export const memberOf = ({ members }: { readonly members: readonly EtcdServer[] }, index = 0): EtcdServer => {
  const found = members[index]
  if (found === undefined) throw new Error(`the row needs a member ${index}, but etcd has ${members.length}`)
  return found
}

const started = async ({ members: size = 1, server = {}, start }: Setting): Promise<{ readonly members: readonly EtcdServer[]; readonly close: () => Promise<unknown> }> => {
  if (start) return start()
  if (size > 1) return etcdCluster(server, size)
  const one = await etcdServer(server)
  return { members: [one], close: one.close }
}

/** Starts etcd and both subjects, runs `play`, and ends everything that was started. */
export const onStage = async <A>(setting: Setting, seed: number, play: (stage: Stage) => Promise<A>): Promise<A> => {
  const random = seeded(seed)
  const closing: (() => unknown)[] = []
  try {
    const { members, close } = await started(setting)
    closing.push(close)
    const { subjects, admin: login } = (await setting.prepare?.(members)) ?? {}
    // A message of the history may be larger than gRPC's limit of 4 MB.
    const options = { grpcOptions: { 'grpc.max_receive_message_length': -1 }, ...login }
    const clients = members.map(member => member.client(options))
    const everywhere = memberOf({ members }).client({ hosts: members.map(({ endpoint }) => endpoint), ...options })
    const admin = (member = 0): Etcd3 => clients[member] ?? everywhere
    const anywhere = <B>(call: (client: Etcd3) => Promise<B>): Promise<B> => Promise.any(clients.map(call))

    const joined = (member: EtcdServer): void => void clients.push(member.client(options))

    const party = async (which: 'ours' | 'stock', ttl: number, further: Partial<Assignment> = {}): Promise<Party> => {
      const proxies = await Promise.all(members.map(({ endpoint }) => faultProxy(endpoint)))
      closing.push(() => Promise.all(proxies.map(proxy => proxy.close())))
      if (setting.line) proxies.forEach(setting.line)
      const endpoints = proxies.map(({ endpoint }) => endpoint)
      const assignment = { hosts: setting.hosts?.(endpoints) ?? endpoints, service, id: which, ttl, ...setting.assignment, ...subjects, ...further }
      const started = subject(which, assignment, setting.launch)
      closing.push(() => started.signal('SIGKILL'))
      return { subject: started, proxies, ttl: assignment.ttl, id: assignment.id }
    }
    const ttl = setting.ttl ?? 5
    const [ours, stock] = await Promise.all([party('ours', ttl), party('stock', ttl + 1)])
    const writes = setting.writes === false ? undefined : randomWrites(everywhere, prefix, valueOf, random, { writers: 2, pause: 80, fresh: 0.3, deleted: 0.25 })
    closing.push(() => writes?.stop())

    const answering: Stage['answering'] = async () => {
      for (;;) {
        const read = (client: Etcd3) => client.kv.range({ key: Buffer.from('\0'), count_only: true }, { deadline: Date.now() + 500 })
        const header = await anywhere(read).then(answer => answer.header, () => undefined)
        if (header) return { at: performance.now(), revision: Number(header.revision) }
        await sleep(5)
      }
    }
    const living = async (): Promise<Etcd3> => {
      await answering()
      return anywhere(client => client.kv.range({ key: Buffer.from('\0') }, { deadline: Date.now() + 2_000 }).then(() => client))
    }
    const history = etcdHistory(living, prefix)
    const network: Stage['network'] = async pull => {
      await Promise.all([ours, stock].flatMap(({ proxies }) => proxies.map((proxy, member) => pull(proxy, member))))
    }
    const replaceHistory: Stage['replaceHistory'] = async change => {
      await writes?.pause()
      await history.read()
      await change()
      history.replaced()
      writes?.resume()
    }
    const newcomers: Party[] = []
    const newcomer: Stage['newcomer'] = async further => {
      const started = await party('ours', 7, further)
      newcomers.push(started)
      return started
    }
    const notes: Promise<string>[] = []
    const note = (text: string | Promise<string>): void => {
      const noted = Promise.resolve(text)
      notes.push(noted)
      // It is awaited later; until then, a rejection must not be unhandled.
      noted.catch(() => undefined)
    }
    return await play({ members, replaceHistory, ours, stock, history, writes, random, admin, network, answering, newcomer, newcomers, note, notes, joined, anywhere })
  } finally {
    for (const close of closing.reverse()) await close()
  }
}
