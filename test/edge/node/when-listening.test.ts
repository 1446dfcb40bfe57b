import { createServer as createHttpServer } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { tmpdir } from 'node:os'
import { firstValueFrom, lastValueFrom, map, toArray } from 'rxjs'
import { afterEach, describe, expect, it } from 'vitest'
import { InvalidArgument, register } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'
import { whenListening } from 'rx-discovery/node'

const open: Server[] = []
const opened = <S extends Server>(server: S): S => {
  open.push(server)
  return server
}
afterEach(() => {
  for (const server of open.splice(0)) server.close()
})

const listeners = (server: Server): number => server.listenerCount('listening') + server.listenerCount('error')

describe('whenListening', () => {
  it.each<[string, () => Server]>([['net', createServer], ['http', createHttpServer], ['http2', createHttp2Server]])('emits the address of a %s server once it listens, and completes', async (_, create) => {
    const server = opened(create())
    const before = listeners(server)
    const addresses = lastValueFrom(whenListening(server).pipe(toArray()))
    expect(listeners(server)).toBe(before + 2)
    server.listen(0, '127.0.0.1')
    expect(await addresses).toEqual([server.address()])
    expect(listeners(server)).toBe(before)
  })

  it('emits at once if the server listens already', async () => {
    const server = opened(createHttpServer().listen(0, '127.0.0.1'))
    await firstValueFrom(whenListening(server))
    const before = listeners(server)
    const ports: unknown[] = []
    whenListening(server).subscribe({ next: ({ port }) => ports.push(port), complete: () => ports.push('complete') })
    expect(ports).toEqual([(server.address() as { port: number }).port, 'complete'])
    expect(listeners(server)).toBe(before)
  })

  it('is cold, and leaves no listener behind when it is unsubscribed', () => {
    const server = createHttpServer()
    const before = listeners(server)
    const listening = whenListening(server)
    expect(listeners(server)).toBe(before)
    listening.subscribe().unsubscribe()
    expect(listeners(server)).toBe(before)
  })

  it('errors with the error of listen', async () => {
    const taken = opened(createServer().listen(0, '127.0.0.1'))
    const { port } = await firstValueFrom(whenListening(taken))
    const server = createHttpServer()
    const before = listeners(server)
    const failed = firstValueFrom(whenListening(server))
    server.listen(port, '127.0.0.1')
    await expect(failed).rejects.toMatchObject({ code: 'EADDRINUSE' })
    expect(listeners(server)).toBe(before)
  })

  it('refuses a unix socket', async () => {
    const path = join(tmpdir(), `rx-discovery-${process.pid}.sock`)
    const server = opened(createServer().listen(path))
    const failed = firstValueFrom(whenListening(server))
    await expect(failed).rejects.toThrow(
      new InvalidArgument('server', `must listen on a TCP port, got the unix socket ${JSON.stringify(path)} (call server.listen with a port; 0 takes a free one)`),
    )
    await expect(firstValueFrom(whenListening(server))).rejects.toThrow(InvalidArgument)
  })

  it.each([[() => undefined, 'function'], [undefined, 'undefined'], [null, 'object'], [{ listen: () => undefined }, 'object']])(
    'refuses what is not a server: %j',
    async (app, type) => {
      await expect(firstValueFrom(whenListening(app as unknown as Server))).rejects.toThrow(
        `server must be a server of Node, got a value of type ${type} (pass what app.listen() or http.createServer() returns)`,
      )
    },
  )

  it('composes with register: the key is written only after the port is open', async () => {
    const registry = memoryRegistry()
    const server = opened(createHttpServer())
    const instance$ = whenListening(server).pipe(map(({ port }) => ({ service: 'web', address: `10.0.0.5:${port}` })))
    const registered = firstValueFrom(register(registry, instance$).pipe(map(({ status }) => status), toArray()), { defaultValue: [] })
    await new Promise(resolve => setTimeout(resolve, 20))
    expect(registry.keys()).toEqual([])
    server.listen(0)
    await firstValueFrom(whenListening(server))
    await new Promise(resolve => setTimeout(resolve, 20))
    expect(registry.keys()).toEqual([`/rx-discovery/web/10.0.0.5:${(server.address() as { port: number }).port}`])
    await registry.close()
    expect(await registered).toEqual(['registering', 'registered', 'revoked'])
  })
})
