import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Etcd3, type IOptions } from 'etcd3'
import { tokenFlags, type TokenOptions } from './auth.js'
import { accepts, findEtcd, freePort } from './provision-binary.js'
import { launch, PortTaken, type EtcdProcess } from './provision-process.js'
import { tlsFlags, type Certificates } from './tls.js'

/** Options of an etcd for a test. */
export interface EtcdServerOptions {
  /** Further flags of etcd, such as `--quota-backend-bytes=…`. */
  readonly flags?: readonly string[]
  /** Serves TLS with these certificates, and requires a client certificate. */
  readonly tls?: Certificates
  /** The kind and the TTL of tokens, when authentication is enabled. */
  readonly token?: TokenOptions
  /** A further address on which etcd serves clients, with the same port. */
  readonly address?: string
}

/** An etcd process of one test, which can be killed, frozen, wiped and restored. */
export interface EtcdServer {
  readonly endpoint: string
  /** The directory of its data, keys and certificates. */
  readonly dir: string
  /** Makes a client without retries and circuit breakers, which is closed with the server. */
  readonly client: (options?: Partial<IOptions>) => Etcd3
  readonly start: () => Promise<void>
  /** Ends etcd by SIGKILL, so that it closes no stream. */
  readonly kill: () => Promise<void>
  /** Ends etcd by SIGTERM, so that it closes its streams. */
  readonly terminate: () => Promise<void>
  /** Kills it if it runs, and starts it on the same data and ports. */
  readonly restart: () => Promise<void>
  /** Kills it and starts it without data. Revisions begin at 1 again; the cluster id stays the same unless another token is given. */
  readonly wipe: (clusterToken?: string) => Promise<void>
  /** Copies its data for `restore`. etcd is down in the meantime. */
  readonly save: () => Promise<void>
  /** Kills it and starts it with the saved data: an older history with the same cluster id. */
  readonly restore: () => Promise<void>
  /** Stops it by SIGSTOP: connections stay open, and nothing is answered. */
  readonly freeze: () => void
  readonly thaw: () => void
  /** Kills it, closes its clients and removes its directory. */
  readonly close: () => Promise<void>
}

interface Ports {
  readonly client: number
  readonly peer: number
  readonly health: number
}

/** Runs `use` with free ports, and again with others if another process took one of them. */
const withPorts = async <A>(count: number, use: (ports: readonly Ports[]) => Promise<A>, tries = 5): Promise<A> => {
  const ports: Ports[] = []
  while (ports.length < count) ports.push({ client: await freePort(), peer: await freePort(), health: await freePort() })
  return use(ports).catch((error: unknown) => {
    if (error instanceof PortTaken && tries > 1) return withPorts(count, use, tries - 1)
    throw error
  })
}

const passThrough = {
  execute: async (run: (context: { signal: AbortSignal }) => unknown) => run({ signal: new AbortController().signal }),
  onSuccess: () => ({ dispose: () => undefined }),
  onFailure: () => ({ dispose: () => undefined }),
} as unknown as NonNullable<NonNullable<IOptions['faultHandling']>['global']>

/** An etcd3 client without retries and circuit breakers. */
export const plainClient = (options: IOptions): Etcd3 =>
  new Etcd3({ faultHandling: { host: () => passThrough, global: passThrough }, ...options })

const addressOf = ({ peer }: Ports): string => `http://127.0.0.1:${peer}`

const member = async (options: EtcdServerOptions, ports: Ports, name: string, peers: string, advertised = addressOf(ports)): Promise<EtcdServer> => {
  const binary = findEtcd()
  if (binary === undefined) throw new Error('no etcd to spawn: put `etcd` on the PATH, or set ETCD_BIN to its file')
  const dir = mkdtempSync(join(tmpdir(), 'etcd-'))
  const [data, saved] = [join(dir, 'data'), join(dir, 'saved')]
  const at = (address: string): string => `${options.tls === undefined ? 'http' : 'https'}://${address}:${ports.client}`
  const endpoint = at('127.0.0.1')
  const endpoints = [endpoint, ...(options.address === undefined ? [] : [at(options.address)])]
  const health = `http://127.0.0.1:${ports.health}`
  const flags = [
    ...['--name', name, '--data-dir', data, '--initial-cluster', peers],
    ...['--listen-client-urls', endpoints.join(), '--advertise-client-urls', endpoint, '--listen-metrics-urls', health],
    ...['--listen-peer-urls', addressOf(ports), '--initial-advertise-peer-urls', advertised],
    ...((await accepts(binary, '--unsafe-no-fsync')) ? ['--unsafe-no-fsync'] : []),
    ...(options.tls === undefined ? [] : tlsFlags(options.tls, dir)),
    ...(options.token === undefined ? [] : tokenFlags(options.token, dir)),
    ...(options.flags ?? []),
  ]
  const clients: Etcd3[] = []
  let etcd: EtcdProcess | undefined
  let clusterToken = 'etcd-cluster'

  const end = async (signal: 'SIGKILL' | 'SIGTERM'): Promise<void> => {
    await etcd?.end(signal)
    etcd = undefined
  }
  const start = async (): Promise<void> => {
    etcd ??= await launch(binary, dir, [...flags, '--initial-cluster-token', clusterToken], `${health}/health`)
  }
  const kill = (): Promise<void> => end('SIGKILL')
  const replaceData = async (by: () => void): Promise<void> => {
    await kill()
    rmSync(data, { recursive: true, force: true })
    by()
    await start()
  }
  const close = async (): Promise<void> => {
    clients.forEach(client => client.close())
    await kill()
    rmSync(dir, { recursive: true, force: true })
  }
  const client = (given: Partial<IOptions> = {}): Etcd3 => {
    const credentials = options.tls && { rootCertificate: options.tls.ca, certChain: options.tls.client.cert, privateKey: options.tls.client.key }
    const made = plainClient({ hosts: endpoint, ...(credentials && { credentials }), ...given })
    clients.push(made)
    return made
  }

  try {
    await start()
  } catch (error) {
    await close()
    throw error
  }
  return {
    endpoint,
    dir,
    client,
    start,
    kill,
    terminate: () => end('SIGTERM'),
    restart: () => kill().then(start),
    wipe: (token = clusterToken) => {
      clusterToken = token
      return replaceData(() => undefined)
    },
    save: async () => {
      await end('SIGTERM')
      rmSync(saved, { recursive: true, force: true })
      cpSync(data, saved, { recursive: true })
      await start()
    },
    restore: () => replaceData(() => cpSync(saved, data, { recursive: true })),
    freeze: () => etcd?.signal('SIGSTOP'),
    thaw: () => etcd?.signal('SIGCONT'),
    close,
  }
}

/** Starts an etcd on free ports and waits until it is healthy. */
export const etcdServer = (options: EtcdServerOptions = {}): Promise<EtcdServer> =>
  withPorts(1, async ports => {
    const [own] = ports as [Ports]
    return member(options, own, 'default', `default=${addressOf(own)}`)
  })

/** Adds a learner, a member without a vote, to the cluster of `voter`, and starts it. */
export const etcdLearner = (voter: EtcdServer): Promise<EtcdServer> =>
  withPorts(
    1,
    async ports => {
      const [own] = ports as [Ports]
      const added = await voter.client().cluster.memberAdd({ peerURLs: [`http://127.0.0.1:${own.peer}`], isLearner: true })
      const peers = added.members.map(({ name, peerURLs: [peer = ''] }) => `${name || 'learner'}=${peer}`).join()
      return member({ flags: ['--initial-cluster-state', 'existing'] }, own, 'learner', peers)
    },
    // No second try: a cluster may have one learner only, even if it never started.
    1,
  )

/** A cluster of several members. */
export interface EtcdCluster {
  readonly members: readonly EtcdServer[]
  readonly endpoints: readonly string[]
  /** Adds one more member, a voter or a learner, through one of `hosts` (by default the first members), and starts it. It is closed with the others. */
  readonly join: (as: 'voter' | 'learner', hosts?: readonly string[]) => Promise<EtcdServer>
  readonly close: () => Promise<void>
}

/** Repeats a change of the members: etcd refuses it until all members have been connected for five seconds. */
const whenHealthy = async <A>(change: () => Promise<A>): Promise<A> => {
  for (;;)
    try {
      return await change()
    } catch (error) {
      if (!String(error).includes('unhealthy cluster')) throw error
      await sleep(200)
    }
}

/** Adds a member to a cluster, through `client`. */
const joined = (options: EtcdServerOptions, client: Etcd3, as: 'voter' | 'learner'): Promise<EtcdServer> =>
  withPorts(1, async ports => {
    const [own] = ports as [Ports]
    const { member: added, members } = await whenHealthy(() => client.cluster.memberAdd({ peerURLs: [addressOf(own)], isLearner: as === 'learner' }))
    const name = `member${added.ID}`
    const peers = members.flatMap(({ ID, name: existing, peerURLs }) => peerURLs.map(url => `${ID === added.ID ? name : existing}=${url}`)).join()
    return member({ ...options, flags: [...(options.flags ?? []), '--initial-cluster-state', 'existing'] }, own, name, peers)
  }, 1)

/** Starts a cluster of `size` members. `advertise` can replace the peer addresses by which they reach each other. */
export const etcdCluster = (
  options: EtcdServerOptions = {},
  size = 3,
  advertise: (peers: readonly string[]) => Promise<readonly string[]> = peers => Promise.resolve(peers),
): Promise<EtcdCluster> =>
  withPorts(size, async ports => {
    const advertised = await advertise(ports.map(addressOf))
    const peers = advertised.map((peer, i) => `member${i}=${peer}`).join()
    const started = await Promise.allSettled(ports.map((own, i) => member(options, own, `member${i}`, peers, advertised[i])))
    const members = started.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
    const later: EtcdServer[] = []
    const close = (): Promise<void> => Promise.all([...members, ...later].map(one => one.close())).then(() => undefined)
    const [first] = members
    const failed = started.find(result => result.status === 'rejected')
    if (failed !== undefined || first === undefined) {
      await close()
      throw failed?.reason ?? new Error('a cluster needs a member')
    }
    const endpoints = members.map(({ endpoint }) => endpoint)
    return {
      members,
      endpoints,
      join: async (as, hosts = endpoints) => {
        const added = await joined(options, first.client({ hosts: [...hosts] }), as)
        later.push(added)
        return added
      },
      close,
    }
  })
