import { Server as GrpcServer, ServerCredentials, status as codes, type ServiceDefinition, type UntypedHandleCall } from '@grpc/grpc-js'
import { createServer as createHttpServer, type IncomingMessage, type RequestListener } from 'node:http'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { concat, firstValueFrom, NEVER, of, timeout, type Observable } from 'rxjs'
import { afterEach, describe, expect, it } from 'vitest'
import { InvalidArgument, probe, serviceInstance, serviceSet, type Probe, type ServiceInstance } from 'rx-discovery'
import { grpcProbe } from 'rx-discovery/grpc'
import { httpProbe, tcpProbe } from 'rx-discovery/probe'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

/** Waits until `condition` holds. */
const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await condition())) await new Promise(resolve => setTimeout(resolve, 5))
}

/** A listening server, and the connections to it that are open. */
const listening = async (server: Server, host = '127.0.0.1') => {
  const open = new Set<Socket>()
  let accepted = 0
  server.on('connection', socket => {
    accepted += 1
    open.add(socket.on('close', () => open.delete(socket)).on('error', () => undefined))
  })
  await new Promise<void>(resolve => server.listen(0, host, resolve))
  ends.push(() => {
    for (const socket of open) socket.destroy()
    return new Promise(resolve => server.close(resolve))
  })
  const { port } = server.address() as AddressInfo
  return { port, address: `${host}:${port}`, open, accepted: () => accepted }
}

/** An address at which nobody listens. */
const vacant = async (): Promise<string> => {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  return `127.0.0.1:${port}`
}

const at = (address: string, endpoints: Readonly<Record<string, string>> = {}): ServiceInstance =>
  serviceInstance({ service: 'web', id: 'node1', address, endpoints })

/** How a check ends: what it said, or its error. */
const outcome = async (check: Observable<unknown>): Promise<unknown> => {
  try {
    return await firstValueFrom(check.pipe(timeout({ first: 20_000 })), { defaultValue: 'complete' })
  } catch (error) {
    return error
  }
}

describe('tcpProbe', () => {
  it('completes once a connection is accepted, and closes it', async () => {
    const server = await listening(createServer())
    expect(await outcome(tcpProbe()(at(server.address)))).toBe('complete')
    await until(() => server.accepted() === 1 && server.open.size === 0)
  })

  it('connects to an endpoint, be it an address or a URL', async () => {
    const server = await listening(createServer())
    for (const text of [server.address, `redis://${server.address}/0`])
      expect(await outcome(tcpProbe({ endpoint: 'db' })(at('127.0.0.1:1', { db: text })))).toBe('complete')
  })

  it('connects to nothing before it is subscribed', async () => {
    const server = await listening(createServer())
    tcpProbe()(at(server.address))
    expect(await outcome(tcpProbe()(at(server.address)))).toBe('complete')
    await until(() => server.open.size === 0)
    expect(server.accepted()).toBe(1)
  })

  it('errors with what the system says, and without such an endpoint', async () => {
    expect(await outcome(tcpProbe()(at(await vacant())))).toMatchObject({ code: 'ECONNREFUSED' })
    expect(await outcome(tcpProbe({ endpoint: 'db' })(at('127.0.0.1:1')))).toBeInstanceOf(InvalidArgument)
  })
})

describe('httpProbe', () => {
  const serving = async (answer: RequestListener) => {
    const requests: Pick<IncomingMessage, 'method' | 'url' | 'headers'>[] = []
    const server = createHttpServer((request, response) => {
      requests.push({ method: request.method, url: request.url, headers: request.headers })
      answer(request, response)
    })
    return { requests, ...(await listening(server)) }
  }

  it('emits the status of an answer that passes', async () => {
    const server = await serving((_, response) => response.writeHead(204).end())
    expect(await outcome(httpProbe()(at(server.address)))).toBe(204)
    expect(server.requests).toMatchObject([{ method: 'GET', url: '/' }])
  })

  it('asks the path by the method with the headers that it is told, at the address or an endpoint', async () => {
    const server = await serving((_, response) => response.end())
    const options = { path: '/health?deep=1', method: 'HEAD', headers: { authorization: 'Bearer x' } }
    expect(await outcome(httpProbe(options)(at(server.address)))).toBe(200)
    const endpoints = { http: `http://${server.address}/api/v1/`, bare: server.address }
    expect(await outcome(httpProbe({ endpoint: 'http' })(at('127.0.0.1:1', endpoints)))).toBe(200)
    expect(await outcome(httpProbe({ endpoint: 'http', path: 'ready' })(at('127.0.0.1:1', endpoints)))).toBe(200)
    expect(await outcome(httpProbe({ endpoint: 'bare', path: '/ready' })(at('127.0.0.1:1', endpoints)))).toBe(200)
    expect(server.requests.map(({ method, url }) => `${method} ${url}`)).toEqual(['HEAD /health?deep=1', 'GET /api/v1/', 'GET /api/v1/ready', 'GET /ready'])
    expect(server.requests[0]?.headers.authorization).toBe('Bearer x')
  })

  it.each([[200, true], [399, true], [400, false], [503, false]])('takes %i as a pass: %j', async (code, passed) => {
    const server = await serving((_, response) => response.writeHead(code).end('body'))
    const said = await outcome(httpProbe({ path: '/health?token=secret' })(at(server.address)))
    expect(passed ? said : (said as Error).message).toBe(passed ? code : `http://${server.address}/health answered ${code}`)
  })

  it('lets one say what passes, and follows no redirection', async () => {
    const server = await serving((_, response) => response.writeHead(302, { location: '/elsewhere' }).end())
    expect(await outcome(httpProbe()(at(server.address)))).toBe(302)
    expect(await outcome(httpProbe({ passes: status => status === 200 })(at(server.address)))).toBeInstanceOf(Error)
    expect(server.requests.map(({ url }) => url)).toEqual(['/', '/'])
  })

  it('opens a connection for each check, and leaves none', async () => {
    const server = await serving((_, response) => response.end('well'))
    for (const nth of [1, 2, 3]) {
      expect(await outcome(httpProbe()(at(server.address)))).toBe(200)
      expect(server.accepted()).toBe(nth)
    }
    await until(() => server.open.size === 0)
  })

  it('does not wait for a body that never ends', async () => {
    const server = await serving((_, response) => response.writeHead(200).write('x'.repeat(1_000_000)))
    expect(await outcome(httpProbe()(at(server.address)))).toBe(200)
  })

  it('aborts when it is left', async () => {
    const server = await serving(() => undefined)
    const check = httpProbe()(at(server.address)).subscribe()
    await until(() => server.requests.length === 1)
    expect(server.open.size).toBe(1)
    check.unsubscribe()
    await until(() => server.open.size === 0)
  })

  it('errors when nobody listens, what listens speaks no HTTP, it cannot be asked, or there is no such endpoint', async () => {
    const garbage = await listening(createServer(socket => socket.end('what?')))
    for (const instance of [at(await vacant()), at(garbage.address), at('[fe80::1%eth0]:80')])
      expect(await outcome(httpProbe()(instance))).toBeInstanceOf(TypeError)
    expect(await outcome(httpProbe({ endpoint: 'http' })(at(garbage.address)))).toBeInstanceOf(InvalidArgument)
  })
})

describe('grpcProbe', () => {
  const health = (path = '/grpc.health.v1.Health/Check'): ServiceDefinition => ({
    Check: {
      path,
      requestStream: false,
      responseStream: false,
      requestSerialize: (value: Buffer) => value,
      requestDeserialize: (bytes: Buffer) => bytes,
      responseSerialize: (value: Buffer) => value,
      responseDeserialize: (bytes: Buffer) => bytes,
    },
  })
  /** A gRPC server behind a TCP proxy that counts connections, since grpc-js does not show its own. */
  const serving = async (answer: (request: Buffer) => Buffer | undefined, path?: string) => {
    const requests: string[] = []
    const server = new GrpcServer()
    const Check: UntypedHandleCall = (call: { readonly request: Buffer }, respond: (error: null, value: Buffer) => void) => {
      requests.push(call.request.toString('hex'))
      const bytes = answer(call.request)
      if (bytes !== undefined) respond(null, bytes)
    }
    server.addService(health(path), { Check })
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => (error === null ? resolve(bound) : reject(error))),
    )
    ends.push(() => server.forceShutdown())
    const { connect } = await import('node:net')
    const proxy = await listening(
      createServer(socket => {
        const upstream = connect(port, '127.0.0.1')
        upstream.on('error', () => socket.destroy()).on('close', () => socket.destroy())
        socket.on('close', () => upstream.destroy())
        socket.pipe(upstream).pipe(socket)
      }),
    )
    return { requests, ...proxy }
  }

  it('emits SERVING when the server does, and leaves no connection', async () => {
    const server = await serving(() => Buffer.from([0x08, 1]))
    expect(await outcome(grpcProbe()(at(server.address)))).toBe('SERVING')
    expect(await outcome(grpcProbe({ endpoint: 'grpc' })(at('127.0.0.1:1', { grpc: `grpc://${server.address}` })))).toBe('SERVING')
    await until(() => server.open.size === 0)
    expect([server.accepted(), server.requests]).toEqual([2, ['', '']])
  })

  it('asks for a service, however long its name', async () => {
    const server = await serving(() => Buffer.from([0x08, 1]))
    for (const service of ['web', 'é'.repeat(100)]) expect(await outcome(grpcProbe({ service })(at(server.address)))).toBe('SERVING')
    expect(server.requests).toEqual([`0a03${Buffer.from('web').toString('hex')}`, `0ac801${'c3a9'.repeat(100)}`])
  })

  it.each([
    [[], /answered UNKNOWN/],
    [[0x08, 0], /answered UNKNOWN/],
    [[0x08, 2], /answered NOT_SERVING/],
    [[0x08, 3], /answered SERVICE_UNKNOWN/],
    [[0x08, 4], /none of grpc\.health\.v1: 0804/],
    [[0x08], /none of grpc\.health\.v1: 08/],
    [[0x12, 1], /none of grpc\.health\.v1: 1201/],
  ])('errors when the answer is %j', async (bytes, message) => {
    const server = await serving(() => Buffer.from(bytes))
    expect(await outcome(grpcProbe()(at(server.address)))).toMatchObject({ message: expect.stringMatching(message) as string })
  })

  it('errors when the server does not know the protocol, nobody listens, or there is no such endpoint', async () => {
    const server = await serving(() => Buffer.alloc(0), '/other.Service/Check')
    expect(await outcome(grpcProbe()(at(server.address)))).toMatchObject({ code: codes.UNIMPLEMENTED })
    expect(await outcome(grpcProbe()(at(await vacant())))).toMatchObject({ code: codes.UNAVAILABLE })
    expect(await outcome(grpcProbe({ endpoint: 'grpc' })(at(server.address)))).toBeInstanceOf(InvalidArgument)
  })

  it('cancels when it is left, and leaves no connection', async () => {
    const server = await serving(() => undefined)
    const check = grpcProbe()(at(server.address)).subscribe()
    await until(() => server.requests.length === 1)
    check.unsubscribe()
    await until(() => server.open.size === 0)
  })
})

describe('an IPv6 address', () => {
  it('is reached by each', async () => {
    const server = createHttpServer((_, response) => response.end())
    await new Promise<void>(resolve => server.listen(0, '::1', resolve))
    ends.push(() => new Promise(resolve => server.close(resolve)))
    const instance = at(`[::1]:${(server.address() as AddressInfo).port}`)
    expect(await outcome(tcpProbe()(instance))).toBe('complete')
    expect(await outcome(httpProbe()(instance))).toBe(200)
    const said = await outcome(grpcProbe()(instance))
    expect(said).toMatchObject({ code: codes.UNAVAILABLE, message: expect.not.stringMatching(/resolution/) as string })
  })
})

describe('probe with a ready-made check', () => {
  it('sees a server go and come back', async () => {
    const server = createHttpServer((_, response) => response.writeHead(healthy ? 200 : 503).end())
    let healthy = true
    const { address } = await listening(server)
    const instance = at(address)
    const seen: string[] = []
    const check: Probe = httpProbe({ path: '/health' })
    const probing = concat(of(serviceSet('web', [instance])), NEVER)
      .pipe(probe(check, { interval: 20, timeout: 10_000, rise: 1, fall: 2 }))
      .subscribe(set => seen.push(set.get('node1')?.status ?? 'gone'))
    ends.push(() => probing.unsubscribe())
    healthy = false
    await until(() => seen.length === 2)
    healthy = true
    await until(() => seen.length === 3)
    expect(seen).toEqual(['up', 'down', 'up'])
  })
})
