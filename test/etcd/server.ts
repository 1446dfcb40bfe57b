import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Etcd3, type IOptions } from 'etcd3'
import { tokenFlags, type TokenOptions } from './auth.js'
import { accepts, findEtcd, freePort } from './provision-binary.js'
import { launch, PortTaken, type EtcdProcess } from './provision-process.js'
import { tlsFlags, type Certificates } from './tls.js'

/** What a test may ask of its etcd. */
export interface EtcdServerOptions {
  /** Further flags of etcd, `--quota-backend-bytes=…` and the like. */
  readonly flags?: readonly string[]
  /** Serves TLS by these certificates, and demands one of the client. */
  readonly tls?: Certificates
  /** The kind and life of the tokens handed out once authentication is enabled. */
  readonly token?: TokenOptions
  /** A further address at which it serves clients, on the same port. */
  readonly address?: string
}

/** An etcd process of a test's own, with levers. */
export interface EtcdServer {
  readonly endpoint: string
  /** Where its data, keys and certificates are. */
  readonly dir: string
  /** A client that retries nothing and breaks no circuit; closed with the server. */
  readonly client: (options?: Partial<IOptions>) => Etcd3
  readonly start: () => Promise<void>
  /** SIGKILL: no goodbye. */
  readonly kill: () => Promise<void>
  /** SIGTERM: etcd closes its streams and ends. */
  readonly terminate: () => Promise<void>
  /** Kills it if it runs, and starts it on the same data and ports. */
  readonly restart: () => Promise<void>
  /** Kills it and starts it empty: the revisions begin anew, the cluster id stays unless another token is given. */
  readonly wipe: (clusterToken?: string) => Promise<void>
  /** Copies its data, for `restore`: etcd stops for that moment. */
  readonly save: () => Promise<void>
  /** Goes back to what was saved: an older history under the same cluster id. */
  readonly restore: () => Promise<void>
  /** SIGSTOP: connections stay open, nothing is answered. */
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

/** Runs `use` with free ports, and again with others when somebody else was quicker. */
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

/** An etcd3 client that retries nothing and breaks no circuit. */
export const plainClient = (options: IOptions): Etcd3 =>
  new Etcd3({ faultHandling: { host: () => passThrough, global: passThrough }, ...options })

const addressOf = ({ peer }: Ports): string => `http://127.0.0.1:${peer}`

const member = async (options: EtcdServerOptions, ports: Ports, name: string, peers: string, advertised = addressOf(ports)): Promise<EtcdServer> => {
  const binary = findEtcd()
  if (binary === undefined) throw new Error('this test runs an etcd process of its own: put `etcd` on the PATH, or name it in ETCD_BIN')
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

/** Starts an etcd of one's own on free ports and waits until it serves. */
export const etcdServer = (options: EtcdServerOptions = {}): Promise<EtcdServer> =>
  withPorts(1, async ports => {
    const [own] = ports as [Ports]
    return member(options, own, 'default', `default=${addressOf(own)}`)
  })

/** Adds a member without a vote to the cluster of `voter`, and starts it. */
export const etcdLearner = (voter: EtcdServer): Promise<EtcdServer> =>
  withPorts(
    1,
    async ports => {
      const [own] = ports as [Ports]
      const added = await voter.client().cluster.memberAdd({ peerURLs: [`http://127.0.0.1:${own.peer}`], isLearner: true })
      const peers = added.members.map(({ name, peerURLs: [peer = ''] }) => `${name || 'learner'}=${peer}`).join()
      return member({ flags: ['--initial-cluster-state', 'existing'] }, own, 'learner', peers)
    },
    // Of learners there may be one, also of those that never started.
    1,
  )

/** Several members of one cluster, each with its own levers. */
export interface EtcdCluster {
  readonly members: readonly EtcdServer[]
  readonly endpoints: readonly string[]
  /** Adds one more member, which is closed with the others; as a learner, if asked for. */
  readonly join: (as: 'voter' | 'learner') => Promise<EtcdServer>
  readonly close: () => Promise<void>
}

/** etcd changes its members only once all of them have been connected for five seconds. */
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
    const peers = members.flatMap(({ ID, name: known, peerURLs }) => peerURLs.map(url => `${ID === added.ID ? name : known}=${url}`)).join()
    return member({ ...options, flags: [...(options.flags ?? []), '--initial-cluster-state', 'existing'] }, own, name, peers)
  }, 1)

/** Starts a cluster of three members, or of so many, who tell each other the addresses that `advertise` makes of theirs. */
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
      join: async as => {
        const added = await joined(options, first.client({ hosts: endpoints }), as)
        later.push(added)
        return added
      },
      close,
    }
  })
