import { Server as GrpcServer, ServerCredentials, status as codes, type ServiceDefinition, type ServiceError, type UntypedHandleCall } from '@grpc/grpc-js'
import { createServer as createHttpServer } from 'node:http'
import { connect, createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { InvalidArgument } from 'rx-discovery'
import { grpcProbe } from 'rx-discovery/grpc'
import { at, ends, listening, outcome, until, vacant } from '../probe/servers.js'

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

  it('emits SERVING if the server answers it, and leaves no connection open', async () => {
    const server = await serving(() => Buffer.from([0x08, 1]))
    expect(await outcome(grpcProbe()(at(server.address)))).toBe('SERVING')
    expect(await outcome(grpcProbe({ endpoint: 'grpc' })(at('127.0.0.1:1', { grpc: `grpc://${server.address}` })))).toBe('SERVING')
    await until(() => server.open.size === 0)
    expect([server.accepted(), server.requests]).toEqual([2, ['', '']])
  })

  it('requests the health of a service, however long its name', async () => {
    const server = await serving(() => Buffer.from([0x08, 1]))
    for (const service of ['web', 'é'.repeat(100)]) expect(await outcome(grpcProbe({ service })(at(server.address)))).toBe('SERVING')
    expect(server.requests).toEqual([`0a03${Buffer.from('web').toString('hex')}`, `0ac801${'c3a9'.repeat(100)}`])
  })

  it.each([
    [[], /answered UNKNOWN for the server, not SERVING/],
    [[0x08, 0], /answered UNKNOWN for the server, not SERVING/],
    [[0x08, 2], /answered NOT_SERVING for the server, not SERVING/],
    [[0x08, 3], /answered SERVICE_UNKNOWN for the server, not SERVING/],
    [[0x08, 4], /must be a grpc\.health\.v1\.HealthCheckResponse, got the bytes 0804/],
    [[0x08], /must be a grpc\.health\.v1\.HealthCheckResponse, got the bytes 08/],
    [[0x12, 1], /must be a grpc\.health\.v1\.HealthCheckResponse, got the bytes 1201/],
  ])('errors if the answer is %j', async (bytes, message) => {
    const server = await serving(() => Buffer.from(bytes))
    expect(await outcome(grpcProbe()(at(server.address)))).toMatchObject({ message: expect.stringMatching(message) as string })
  })

  it('errors if the server does not implement the protocol, no server listens, or the instance has no such endpoint', async () => {
    const server = await serving(() => Buffer.alloc(0), '/other.Service/Check')
    expect(await outcome(grpcProbe()(at(server.address)))).toMatchObject({ code: codes.UNIMPLEMENTED })
    expect(await outcome(grpcProbe()(at(await vacant())))).toMatchObject({ code: codes.UNAVAILABLE })
    expect(await outcome(grpcProbe({ endpoint: 'grpc' })(at(server.address)))).toBeInstanceOf(InvalidArgument)
  })

  it('cancels when it is unsubscribed, and leaves no connection open', async () => {
    const server = await serving(() => undefined)
    const check = grpcProbe()(at(server.address)).subscribe()
    await until(() => server.requests.length === 1)
    check.unsubscribe()
    await until(() => server.open.size === 0)
  })

  it('reaches an IPv6 address', async () => {
    const { port } = await listening(createHttpServer((_, response) => response.end()), '::1')
    const error = await outcome(grpcProbe()(at(`[::1]:${port}`)))
    // up to grpc-js 1.12 it is INTERNAL
    expect([codes.UNAVAILABLE, codes.INTERNAL]).toContain((error as ServiceError).code)
    expect(error).toMatchObject({ message: expect.not.stringMatching(/resolution/) as string })
  })
})
