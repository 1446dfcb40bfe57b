import { Client, credentials, Metadata, Server, ServerCredentials, status as codes, type ChannelOptions, type ServerWritableStream, type ServiceError, type sendUnaryData } from '@grpc/grpc-js'
import { connect, createServer, type Server as TcpServer } from 'node:net'
import { ends, listening } from '../probe/servers.js'

const identity = (bytes: Buffer): Buffer => bytes
const bytes = { requestSerialize: identity, requestDeserialize: identity, responseSerialize: identity, responseDeserialize: identity }

/** A unary method and a server-streaming one; messages are plain bytes. */
const greeter = {
  hello: { path: '/test.Greeter/Hello', requestStream: false, responseStream: false, ...bytes },
  follow: { path: '/test.Greeter/Follow', requestStream: false, responseStream: true, ...bytes },
} as const

/** How a server behaves; may be changed while it runs. */
export interface Behaviour {
  /** How long a unary call takes, ms. */
  delay: number
  /** The status of unary calls. */
  code: codes
}

/** A gRPC server that answers with its name, behind a TCP proxy which counts connections, since grpc-js does not show its own. */
export interface Greeter {
  readonly name: string
  readonly address: string
  readonly behaviour: Behaviour
  readonly calls: () => number
  readonly accepted: () => number
  readonly open: () => number
  /** The authority of the last call; `undefined` up to grpc-js 1.10, which does not show it. */
  readonly authority: () => string | undefined
  /** Ends its streams with OK, after a last message. */
  readonly finish: () => void
  /** Cuts its connections, and accepts no others. */
  readonly kill: () => void
}

/** Forwards connections to a port. */
export const forwarder = (port: number): TcpServer =>
  createServer(socket => {
    const upstream = connect(port, '127.0.0.1')
    upstream.on('error', () => socket.destroy()).on('close', () => socket.destroy())
    socket.on('close', () => upstream.destroy()).on('error', () => undefined)
    socket.pipe(upstream).pipe(socket)
  })

/** Starts a server, which ends with the test. */
export const greeterNamed = async (name: string): Promise<Greeter> => {
  const behaviour: Behaviour = { delay: 0, code: codes.OK }
  const streams = new Set<ServerWritableStream<Buffer, Buffer>>()
  let [calls, authority] = [0, undefined as string | undefined]
  const server = new Server()
  server.addService(greeter, {
    hello: (call: { readonly getHost?: () => string }, respond: sendUnaryData<Buffer>) => {
      calls += 1
      authority = call.getHost?.()
      const { delay, code } = behaviour
      setTimeout(() => (code === codes.OK ? respond(null, Buffer.from(name)) : respond({ code, details: `${name} fails` })), delay)
    },
    follow: (call: ServerWritableStream<Buffer, Buffer>) => {
      calls += 1
      streams.add(call)
      call.on('cancelled', () => streams.delete(call))
      setTimeout(() => call.write(Buffer.from(name)), behaviour.delay)
    },
  })
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => (error === null ? resolve(bound) : reject(error))),
  )
  ends.push(() => server.forceShutdown())
  const tcp = forwarder(port)
  const proxy = await listening(tcp)
  return {
    name,
    address: proxy.address,
    behaviour,
    calls: () => calls,
    accepted: proxy.accepted,
    open: () => proxy.open.size,
    authority: () => authority,
    finish: () => {
      for (const stream of streams) {
        stream.write(Buffer.from(`${name} ends`))
        stream.end()
      }
    },
    kill: () => {
      tcp.close()
      for (const socket of proxy.open) socket.destroy()
    },
  }
}

/** A channel option that selects a policy. */
export const policyOf = (name: string, config: object = {}, more: object = {}): ChannelOptions => ({
  'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ [name]: config }], ...more }),
  'grpc.use_local_subchannel_pool': 1,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 200,
})

/** A client, which is closed with the test. */
export const clientOf = (target: string, options: ChannelOptions = {}): Client => {
  const client = new Client(target, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1, ...options })
  ends.push(() => client.close())
  return client
}

/** The name of the server that answers; rejects with the status of the call. */
export const hello = (client: Client, deadline = 5_000): Promise<string> =>
  new Promise((resolve, reject) =>
    client.makeUnaryRequest(greeter.hello.path, identity, identity, Buffer.alloc(0), new Metadata(), { deadline: Date.now() + deadline }, (error: ServiceError | null, name?: Buffer) =>
      error === null ? resolve(String(name)) : reject(error),
    ),
  )

/** A stream of messages, and how it ends. */
export const follow = (client: Client) => {
  const call = client.makeServerStreamRequest(greeter.follow.path, identity, identity, Buffer.alloc(0))
  const messages: string[] = []
  call.on('data', (message: Buffer) => messages.push(String(message)))
  const ended = new Promise<codes>(resolve => call.on('error', () => undefined).on('status', ({ code }) => resolve(code)))
  return { messages, ended, cancel: () => call.cancel() }
}

/** How many of so many calls each server answers; `failed` counts the others. */
export const shares = async (client: Client, count: number, atOnce = 1): Promise<Readonly<Record<string, number>>> => {
  const found: Record<string, number> = {}
  for (let done = 0; done < count; done += atOnce)
    for (const name of await Promise.all(Array.from({ length: atOnce }, () => hello(client).catch(() => 'failed')))) found[name] = (found[name] ?? 0) + 1
  return found
}
