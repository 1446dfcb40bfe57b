import { createServer as createHttpServer, type IncomingMessage, type RequestListener } from 'node:http'
import { createServer } from 'node:net'
import { concat, NEVER, of } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { InvalidArgument, probe, serviceSet, type Probe } from 'rx-discovery'
import { httpProbe } from 'rx-discovery/probe'
import { at, ends, listening, outcome, until, vacant } from './servers.js'

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

  it('requests the path with method and headers, at the address or an endpoint', async () => {
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
    expect(passed ? said : (said as Error).message).toBe(passed ? code : `http://${server.address}/health answered ${code}, which is not a pass (see the option passes)`)
  })

  it('uses the option `passes`, and follows no redirects', async () => {
    const server = await serving((_, response) => response.writeHead(302, { location: '/elsewhere' }).end())
    expect(await outcome(httpProbe()(at(server.address)))).toBe(302)
    expect(await outcome(httpProbe({ passes: status => status === 200 })(at(server.address)))).toBeInstanceOf(Error)
    expect(server.requests.map(({ url }) => url)).toEqual(['/', '/'])
  })

  it('opens a connection for each check, and leaves none open', async () => {
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

  it('aborts when it is unsubscribed', async () => {
    const server = await serving(() => undefined)
    const check = httpProbe()(at(server.address)).subscribe()
    await until(() => server.requests.length === 1)
    expect(server.open.size).toBe(1)
    check.unsubscribe()
    await until(() => server.open.size === 0)
  })

  it('errors if no server listens, it does not speak HTTP, the address is no URL, or the instance has no such endpoint', async () => {
    const refusing = await vacant()
    const error = await outcome(httpProbe({ path: '/health?token=secret' })(at(refusing)))
    expect(error).toMatchObject({ name: 'TypeError', message: `GET http://${refusing}/health failed: connect ECONNREFUSED ${refusing}` })
    const garbage = await listening(createServer(socket => socket.end('what?')))
    for (const instance of [at(refusing), at(garbage.address), at('[fe80::1%eth0]:80')])
      expect(await outcome(httpProbe()(instance))).toBeInstanceOf(TypeError)
    expect(await outcome(httpProbe({ endpoint: 'http' })(at(garbage.address)))).toBeInstanceOf(InvalidArgument)
  })

  it('requests an IPv6 address', async () => {
    const { port } = await listening(createHttpServer((_, response) => response.end()), '::1')
    expect(await outcome(httpProbe()(at(`[::1]:${port}`)))).toBe(200)
  })
})

describe('probe with httpProbe', () => {
  it('shows a server as down and up again', async () => {
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
