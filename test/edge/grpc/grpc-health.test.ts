import { Client, credentials, Server, ServerCredentials, type ServerWritableStream } from '@grpc/grpc-js'
import { HealthImplementation } from 'grpc-health-check'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { firstValueFrom, of, toArray } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { discover, exponential, InvalidArgument, register, type Status } from 'rx-discovery'
import { grpcHealth } from 'rx-discovery/grpc'
import { memoryRegistry } from 'rx-discovery/memory'
import { ends, listening, outcome, until } from '../probe/servers.js'
import { forwarder } from './greeters.js'

type Watching = ServerWritableStream<{ readonly service: string }, { readonly status: string | number }>

/** An implementation like that of `grpc-health-check`. */
class Health {
  readonly #statuses = new Map<string, string | number>()
  readonly #watching = new Set<Watching>()

  constructor(statuses: Readonly<Record<string, string | number>> = {}) {
    for (const [service, status] of Object.entries(statuses)) this.#statuses.set(service, status)
  }

  get watching(): number {
    return this.#watching.size
  }

  setStatus(service: string, status: string | number): void {
    this.#statuses.set(service, status)
    for (const call of this.#watching) if (call.request.service === service) call.write({ status })
  }

  end(): void {
    for (const call of this.#watching) call.end()
  }

  addToServer(server: Pick<Server, 'addService'>): void {
    const watch = (call: Watching): void => {
      this.#watching.add(call)
      call.on('cancelled', () => this.#watching.delete(call))
      call.on('finish', () => this.#watching.delete(call))
      call.write({ status: this.#statuses.get(call.request.service) ?? 'SERVICE_UNKNOWN' })
    }
    const numbers = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN']
    server.addService(
      {
        watch: {
          path: '/grpc.health.v1.Health/Watch',
          requestStream: false,
          responseStream: true,
          requestSerialize: (bytes: Buffer) => bytes,
          requestDeserialize: (bytes: Buffer) => ({ service: bytes.subarray(2).toString() }),
          responseSerialize: ({ status }: { readonly status: string | number }) => Buffer.from([8, typeof status === 'number' ? status : numbers.indexOf(status)]),
          responseDeserialize: (bytes: Buffer) => bytes,
        },
      },
      { watch },
    )
  }
}

/** A server behind a TCP proxy, which can be cut off. */
const serving = async (health?: Pick<Health, 'addToServer'>) => {
  const server = new Server()
  health?.addToServer(server)
  const bound = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, at) => (error === null ? resolve(at) : reject(error))),
  )
  ends.push(() => server.forceShutdown())
  const tcp = forwarder(bound)
  const { port, open } = await listening(tcp)
  const cut = (): void => {
    tcp.close()
    for (const socket of open) socket.destroy()
  }
  return { port, cut, mend: () => once(tcp.listen(port, '127.0.0.1'), 'listening') }
}
const clientTo = (port: number): Client => {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1, 'grpc.initial_reconnect_backoff_ms': 100, 'grpc.max_reconnect_backoff_ms': 100 })
  ends.push(() => client.close())
  return client
}
const seen = (source: Parameters<typeof grpcHealth>[0], service?: string) => {
  const statuses: Status[] = []
  const watching = grpcHealth(source, { backoff: exponential({ max: 20 }), ...(service !== undefined && { service }) }).subscribe(status => statuses.push(status))
  ends.push(() => watching.unsubscribe())
  return { statuses, watching }
}

describe.each(['a client', 'an implementation'] as const)('grpcHealth of %s', kind => {
  const sourceOf = async (health: Health) => (kind === 'a client' ? clientTo((await serving(health)).port) : health)

  it('follows the status, and ends the watch', async () => {
    const health = new Health({ '': 'NOT_SERVING', web: 'UNKNOWN' })
    const source = await sourceOf(health)
    const [server, web, other] = [seen(source), seen(source, 'web'), seen(source, 'other')]
    await until(() => [server, web, other].every(({ statuses }) => statuses.length === 1))
    expect([server.statuses, web.statuses, other.statuses]).toEqual([['down'], ['starting'], ['starting']])
    health.setStatus('', 'SERVING')
    health.setStatus('', 'SERVING')
    health.setStatus('web', 1)
    await until(() => server.statuses.length === 2 && web.statuses.length === 2)
    expect([server.statuses, web.statuses]).toEqual([['down', 'up'], ['starting', 'up']])
    for (const { watching } of [server, web, other]) watching.unsubscribe()
    await until(() => health.watching === 0)
  })

  it('is down while the watch has ended, and watches again', async () => {
    const health = new Health({ '': 'SERVING' })
    const { statuses } = seen(await sourceOf(health))
    await until(() => statuses.length === 1)
    health.end()
    await until(() => statuses.length === 3)
    expect(statuses).toEqual(['up', 'down', 'up'])
  })
})

it.each(['a client', 'an implementation'] as const)('grpcHealth of %s follows grpc-health-check', async kind => {
  const health = new HealthImplementation({ '': 'NOT_SERVING' })
  // Its type of a server is a copy of that of grpc-js.
  const source = health as unknown as Health
  const { statuses } = seen(kind === 'a client' ? clientTo((await serving(source)).port) : source)
  await until(() => statuses.length === 1)
  health.setStatus('', 'SERVING')
  await until(() => statuses.length === 2)
  expect(statuses).toEqual(['down', 'up'])
})

describe('grpcHealth', () => {
  it('is down while the server is away', async () => {
    const { port, cut, mend } = await serving(new Health({ '': 'SERVING' }))
    const { statuses } = seen(clientTo(port))
    await until(() => statuses.length === 1)
    cut()
    await until(() => statuses.length === 2)
    await mend()
    await until(() => statuses.length === 3)
    expect(statuses).toEqual(['up', 'down', 'up'])
  })

  it('errors if the server does not implement the service', async () => {
    expect(await outcome(grpcHealth(clientTo((await serving()).port)).pipe(toArray()))).toMatchObject({ message: expect.stringMatching(/UNIMPLEMENTED/) as string })
  })

  it('takes the handlers themselves, and a status that does not exist is down', async () => {
    const { statuses } = seen({ watch: (call: Watching) => void call.write({ status: 'SERVING' }) })
    expect(statuses).toEqual(['up'])
    expect(seen({ watch: (call: Watching) => void call.write({ status: 'FINE' }) }).statuses).toEqual(['down'])
    await until(() => true)
  })

  it('is the health of a registration', async () => {
    const [health, registry] = [new Health({ '': 'NOT_SERVING' }), memoryRegistry()]
    const registration = register(registry, { service: 'greeter', address: 'a:1' }, { health: grpcHealth(health) }).subscribe()
    ends.push(() => registration.unsubscribe())
    const statuses: string[] = []
    const watching = discover(registry, 'greeter').subscribe(([instance]) => instance && statuses.push(instance.status))
    ends.push(() => watching.unsubscribe())
    await until(() => statuses.at(-1) === 'down')
    health.setStatus('', 'SERVING')
    await until(() => statuses.at(-1) === 'up')
  })

  it.each([
    [undefined, {}, /source must be a Client of @grpc\/grpc-js, or an implementation of grpc\.health\.v1\.Health/],
    [of('up'), {}, /source must be a Client/],
    [createServer(), {}, /source must be a Client/],
    [new Health(), { interval: 1 }, /interval is not an option of grpcHealth/],
    [{ addToServer: () => undefined }, {}, /source must call addService/],
  ])('errors for wrong arguments', async (source, options, message) => {
    const error = await outcome(grpcHealth(source as never, options as never))
    expect(error).toBeInstanceOf(InvalidArgument)
    expect(error).toMatchObject({ message: expect.stringMatching(message) as string })
  })

  it('emits nothing by itself before it is subscribed', async () => {
    const health = new Health({ '': 'SERVING' })
    const health$ = grpcHealth(health)
    expect(health.watching).toBe(0)
    expect(await firstValueFrom(health$)).toBe('up')
    await until(() => health.watching === 0)
  })
})
