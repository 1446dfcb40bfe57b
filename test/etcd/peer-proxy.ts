import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { idOf } from './leader.js'
import { freePort } from './provision-binary.js'
import { faultProxy, type Proxy } from './proxy.js'
import { etcdCluster, type EtcdCluster, type EtcdServerOptions } from './server.js'

/** A proxy in front of a member's peer address, which knows who dials. */
export interface PeerProxy {
  readonly endpoint: string
  /** The way of one dialler, by its member id as etcd writes it (hex), or `''`: all that does not say who it is. */
  readonly from: (dialler: string) => Promise<Proxy>
  /** Pulls on the ways of all diallers, also of those who dial for the first time later. */
  readonly all: (pull: (way: Proxy) => unknown) => Promise<void>
  readonly close: () => Promise<void>
}

const head = '\r\n\r\n'
const longestHead = 16_384

/** What a connection begins with, up to the end of its first request's head; `undefined` when it ends before. */
const beginning = (socket: Socket): Promise<Buffer | undefined> =>
  new Promise(resolve => {
    let read = Buffer.alloc(0)
    const hear = (chunk: Buffer): void => {
      read = Buffer.concat([read, chunk])
      if (read.includes(head) || read.length > longestHead) give(read)
    }
    const end = (): void => give(undefined)
    const give = (result: Buffer | undefined): void => {
      socket.pause().off('data', hear).off('close', end)
      resolve(result)
    }
    socket.on('data', hear).on('close', end)
  })

/** Opens a proxy to the peer address of a member: each connection of rafthttp names its dialler in its first request. */
export const peerProxy = async (target: string): Promise<PeerProxy> => {
  const ways = new Map<string, Promise<Proxy>>()
  const sockets = new Set<Socket>()
  let common: (way: Proxy) => unknown = () => undefined
  const from = (dialler: string): Promise<Proxy> => {
    const known = ways.get(dialler) ?? faultProxy(target).then(async way => {
      await common(way)
      return way
    })
    ways.set(dialler, known)
    return known
  }
  const serve = async (socket: Socket): Promise<void> => {
    const first = await beginning(socket)
    const text = first?.toString('latin1') ?? ''
    // What probes is turned away, which only etcd's log would miss: it leaves behind a connection that others go on using without a word of whose it is.
    if (first === undefined || text.startsWith('GET /raft/probing')) {
      socket.destroy()
      return
    }
    const way = await from(/^X-Server-From: (\w+)\r$/im.exec(text)?.[1] ?? '')
    const onward = connect({ port: way.port, host: '127.0.0.1' })
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
    all: async pull => {
      common = pull
      for (const way of ways.values()) await pull(await way)
    },
    close: async () => {
      const closed = new Promise(resolve => server.close(resolve))
      sockets.forEach(socket => socket.destroy())
      await Promise.all([closed, ...[...ways.values()].map(async way => (await way).close())])
    },
  }
}

/** A cluster whose members reach each other through proxies. */
export interface PartibleCluster extends EtcdCluster {
  /** Whatever this member and the others send each other is swallowed, and nobody is told. */
  readonly isolate: (index: number) => Promise<void>
  /** What the others send to this member comes so many ms late; raised slowly, since it takes a longer silence for the loss of its leader. */
  readonly lag: (index: number, milliseconds: number) => Promise<void>
  /** All hear each other again, at once. */
  readonly rejoin: () => Promise<void>
}

/** etcd's leader is heard of every 100 ms, and taken for lost after a second of silence. */
const step = 100

/** Starts a cluster whose members can be parted. */
export const partibleCluster = async (options: EtcdServerOptions = {}, size = 3): Promise<PartibleCluster> => {
  const proxies: PeerProxy[] = []
  const closeProxies = (): Promise<unknown> => Promise.all(proxies.splice(0).map(proxy => proxy.close()))
  const through = async (peers: readonly string[]): Promise<readonly string[]> => {
    // The ports of a former try were taken.
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
      await proxies[index]?.all(way => way.stall())
      for (const way of await dialledBy(index)) way.stall()
    },
    lag: async (index, milliseconds) => {
      const ways = await dialledBy(index)
      for (let late = 0; late <= milliseconds; late += step) {
        for (const way of ways) way.latency(late)
        await sleep(step)
      }
    },
    rejoin: () =>
      Promise.all(proxies.map(proxy =>
        proxy.all(way => {
          // What was swallowed is not made up for.
          way.reset()
          way.latency(0)
          way.resume()
        }),
      )).then(() => undefined),
    close: () => cluster.close().then(closeProxies).then(() => undefined),
  }
}
