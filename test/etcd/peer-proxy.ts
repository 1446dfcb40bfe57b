import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { idOf } from './leader.js'
import { freePort } from './provision-binary.js'
import { faultProxy, type Proxy } from './proxy.js'
import { etcdCluster, type EtcdCluster, type EtcdServerOptions } from './server.js'

/** A proxy in front of a member's peer address that has one link per dialling member. */
export interface PeerProxy {
  readonly endpoint: string
  /** The link of one dialler, by its member id in hex; `''` for connections that name no member. */
  readonly from: (dialler: string) => Promise<Proxy>
  /** Applies `change` to the links of all diallers, and to those that are opened later. */
  readonly all: (change: (link: Proxy) => unknown) => Promise<void>
  readonly close: () => Promise<void>
}

const head = '\r\n\r\n'
const longestHead = 16_384

/** The first bytes of a connection, up to the end of its first request head; `undefined` if the connection ends before. */
const beginning = (socket: Socket): Promise<Buffer | undefined> =>
  new Promise(resolve => {
    let read = Buffer.alloc(0)
    const onData = (chunk: Buffer): void => {
      read = Buffer.concat([read, chunk])
      if (read.includes(head) || read.length > longestHead) finish(read)
    }
    const end = (): void => finish(undefined)
    const finish = (result: Buffer | undefined): void => {
      socket.pause().off('data', onData).off('close', end)
      resolve(result)
    }
    socket.on('data', onData).on('close', end)
  })

/** Opens a proxy to the peer address of a member. In rafthttp, the first request of each connection names the dialling member. */
export const peerProxy = async (target: string): Promise<PeerProxy> => {
  const links = new Map<string, Promise<Proxy>>()
  const sockets = new Set<Socket>()
  let common: (link: Proxy) => unknown = () => undefined
  const from = (dialler: string): Promise<Proxy> => {
    const link = links.get(dialler) ?? faultProxy(target).then(async link => {
      await common(link)
      return link
    })
    links.set(dialler, link)
    return link
  }
  const serve = async (socket: Socket): Promise<void> => {
    const first = await beginning(socket)
    const text = first?.toString('latin1') ?? ''
    // Probes are refused. Only etcd's log needs them, and their connections would be used again by requests that name no member.
    if (first === undefined || text.startsWith('GET /raft/probing')) {
      socket.destroy()
      return
    }
    const link = await from(/^X-Server-From: (\w+)\r$/im.exec(text)?.[1] ?? '')
    const onward = connect({ port: link.port, host: '127.0.0.1' })
    for (const [one, other] of [[socket, onward], [onward, socket]] as const)
      one.setNoDelay().on('error', () => other.destroy()).on('close', () => other.destroy())
    onward.write(first)
    socket.pipe(onward).pipe(socket)
  }
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => undefined).once('close', () => sockets.delete(socket))
    void serve(socket)
  })
  const port = await freePort()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return {
    endpoint: `http://127.0.0.1:${port}`,
    from,
    all: async change => {
      common = change
      for (const link of links.values()) await change(await link)
    },
    close: async () => {
      const closed = new Promise(resolve => server.close(resolve))
      sockets.forEach(socket => socket.destroy())
      await Promise.all([closed, ...[...links.values()].map(async link => (await link).close())])
    },
  }
}

/** A cluster whose members reach each other through proxies. */
export interface PartibleCluster extends EtcdCluster {
  /** Drops everything that this member and the others send to each other. The connections stay open. */
  readonly isolate: (index: number) => Promise<void>
  /** Delays what the others send to this member. The delay is raised slowly, because the member takes a longer silence for the loss of its leader. */
  readonly lag: (index: number, milliseconds: number) => Promise<void>
  /** Connects all members again, without delay. */
  readonly rejoin: () => Promise<void>
}

/** The heartbeat of etcd's leader, ms. A member calls an election after a second of silence. */
const step = 100

/** Starts a cluster whose members can be isolated from each other. */
export const partibleCluster = async (options: EtcdServerOptions = {}, size = 3): Promise<PartibleCluster> => {
  const proxies: PeerProxy[] = []
  const closeProxies = (): Promise<unknown> => Promise.all(proxies.splice(0).map(proxy => proxy.close()))
  const through = async (peers: readonly string[]): Promise<readonly string[]> => {
    // On a second try, since another process took a port, the first proxies are still open.
    await closeProxies()
    for (const peer of peers) proxies.push(await peerProxy(peer))
    return proxies.map(({ endpoint }) => endpoint)
  }
  const cluster = await etcdCluster(options, size, through).catch(async (error: unknown) => {
    await closeProxies()
    throw error
  })
  const ids = await Promise.all(cluster.members.map(async member => BigInt(await idOf(member)).toString(16)))
  const others = (index: number): readonly PeerProxy[] => proxies.filter((_, other) => other !== index)
  const dialledBy = (index: number): Promise<readonly Proxy[]> => Promise.all(others(index).map(proxy => proxy.from(ids[index] ?? '')))
  return {
    ...cluster,
    isolate: async index => {
      await proxies[index]?.all(link => link.stall())
      for (const link of await dialledBy(index)) link.stall()
    },
    lag: async (index, milliseconds) => {
      const links = await dialledBy(index)
      for (let late = 0; late <= milliseconds; late += step) {
        for (const link of links) link.latency(late)
        await sleep(step)
      }
    },
    rejoin: () =>
      Promise.all(proxies.map(proxy =>
        proxy.all(link => {
          // Messages that were dropped are not sent later.
          link.reset()
          link.latency(0)
          link.resume()
        }),
      )).then(() => undefined),
    close: () => cluster.close().then(closeProxies).then(() => undefined),
  }
}
