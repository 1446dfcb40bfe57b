import { setTimeout as sleep } from 'node:timers/promises'
import type { Etcd3, IOptions } from 'etcd3'
import { faultProxy, type Proxy } from '../etcd/proxy.js'
import { randomWrites, seeded, type RandomWrites } from '../etcd/random-writes.js'
import { etcdCluster, etcdServer, type EtcdServer, type EtcdServerOptions } from '../etcd/server.js'
import type { Launch } from '../etcd/program.js'
import { subject, type Subject } from './subject.js'
import type { Assignment } from './told.js'
import { truthOf, type Truth } from './truth.js'

/** Where a fault happens. */
export interface Setting {
  /** One member or three. @default 1 */
  readonly members?: number
  readonly server?: EtcdServerOptions
  /** Other members than `etcdServer` or `etcdCluster` start. */
  readonly start?: () => Promise<{ readonly members: readonly EtcdServer[]; readonly close: () => Promise<unknown> }>
  /** Once etcd runs and before anybody is there: authentication and the like; what it returns is how the subjects and we log in. */
  readonly prepare?: (members: readonly EtcdServer[]) => Promise<{ readonly subjects?: Partial<Assignment>; readonly admin?: Partial<IOptions> }>
  /** The TTL of our registration, s; etcd3's has one more, so that their leases can be told apart. @default 5 */
  readonly ttl?: number
  /** Whether another hand writes all the time. @default true */
  readonly writes?: boolean
  readonly assignment?: Partial<Assignment>
  readonly launch?: Launch
  /** Which endpoints the subjects are given. @default those of their proxies */
  readonly hosts?: (endpoints: readonly string[]) => readonly string[]
  /** What their lines are like from the start. */
  readonly line?: (proxy: Proxy) => unknown
}

/** A subject and its way to etcd. */
export interface Party {
  readonly subject: Subject
  /** One for each member. */
  readonly proxies: readonly Proxy[]
  readonly ttl: number
  readonly id: string
}

/** All that a fault may touch. */
export interface Stage {
  readonly members: readonly EtcdServer[]
  readonly ours: Party
  readonly stock: Party
  readonly truth: Truth
  /** Replaces etcd's history by `change`, while nobody writes. */
  readonly replaceHistory: (change: () => unknown) => Promise<void>
  readonly writes: RandomWrites | undefined
  readonly random: () => number
  /** Another hand, which goes round the proxies: a client of one member. */
  readonly admin: (member?: number) => Etcd3
  /** Pulls on the proxies of both parties. */
  readonly network: (pull: (proxy: Proxy, member: number) => unknown) => Promise<void>
  /** Resolves once some member answers a linearizable read: when, and at which revision. */
  readonly answering: () => Promise<{ readonly at: number; readonly revision: number }>
  /** Starts a further process of ours, with a way of its own to etcd; its TTL is 7 s unless given. */
  readonly newcomer: (assignment: Partial<Assignment>) => Promise<Party>
  readonly newcomers: readonly Party[]
  /** What is to be said of it in the matrix, awaited before the subjects are told to end; rejected, it is a problem. */
  readonly note: (text: string | Promise<string>) => void
  readonly notes: readonly Promise<string>[]
  /** Runs `call` on whichever member answers first. */
  readonly anywhere: <A>(call: (client: Etcd3) => Promise<A>) => Promise<A>
}

const service = 'web'
export const prefix = `/rx-discovery/${service}/`
/** How an instance is stored. */
export const valueOf = (weight: number): string => JSON.stringify({ v: 1, address: '10.0.0.1:8080', weight })

const started = async ({ members: size = 1, server = {}, start }: Setting): Promise<{ readonly members: readonly EtcdServer[]; readonly close: () => Promise<unknown> }> => {
  if (start) return start()
  if (size > 1) return etcdCluster(server, size)
  const one = await etcdServer(server)
  return { members: [one], close: one.close }
}

/** Sets the stage, plays, and leaves nothing behind. */
export const onStage = async <A>(setting: Setting, seed: number, play: (stage: Stage) => Promise<A>): Promise<A> => {
  const random = seeded(seed)
  const closing: (() => unknown)[] = []
  try {
    const { members, close } = await started(setting)
    closing.push(close)
    const { subjects, admin: login } = (await setting.prepare?.(members)) ?? {}
    // What history tells at once may be more than the 4 MB that gRPC takes.
    const options = { grpcOptions: { 'grpc.max_receive_message_length': -1 }, ...login }
    const clients = members.map(member => member.client(options))
    const [first] = members
    if (first === undefined) throw new Error('a stage needs an etcd')
    const everywhere = first.client({ hosts: members.map(({ endpoint }) => endpoint), ...options })
    const admin = (member = 0): Etcd3 => clients[member] ?? everywhere
    const anywhere = <B>(call: (client: Etcd3) => Promise<B>): Promise<B> => Promise.any(clients.map(call))

    const party = async (which: 'ours' | 'stock', ttl: number, further: Partial<Assignment> = {}): Promise<Party> => {
      const proxies = await Promise.all(members.map(({ endpoint }) => faultProxy(endpoint)))
      closing.push(() => Promise.all(proxies.map(proxy => proxy.close())))
      if (setting.line) proxies.forEach(setting.line)
      const endpoints = proxies.map(({ endpoint }) => endpoint)
      const assignment = { hosts: setting.hosts?.(endpoints) ?? endpoints, service, id: which, ttl, ...setting.assignment, ...subjects, ...further }
      const it = subject(which, assignment, setting.launch)
      closing.push(() => it.signal('SIGKILL'))
      return { subject: it, proxies, ttl: assignment.ttl, id: assignment.id }
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
    const truth = truthOf(living, prefix)
    const network: Stage['network'] = async pull => {
      await Promise.all([ours, stock].flatMap(({ proxies }) => proxies.map((proxy, member) => pull(proxy, member))))
    }
    const replaceHistory: Stage['replaceHistory'] = async change => {
      await writes?.pause()
      await truth.harvest()
      await change()
      truth.replaced()
      writes?.resume()
    }
    const newcomers: Party[] = []
    const newcomer: Stage['newcomer'] = async further => {
      const come = await party('ours', 7, further)
      newcomers.push(come)
      return come
    }
    const notes: Promise<string>[] = []
    const note = (text: string | Promise<string>): void => {
      const noted = Promise.resolve(text)
      notes.push(noted)
      // It is looked at later.
      noted.catch(() => undefined)
    }
    return await play({ members, replaceHistory, ours, stock, truth, writes, random, admin, network, answering, newcomer, newcomers, note, notes, anywhere })
  } finally {
    for (const close of closing.reverse()) await close()
  }
}
