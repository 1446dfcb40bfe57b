import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import compression from 'compression'
import express from 'express'
import fastify from 'fastify'
import { firstValueFrom, filter } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { discover } from 'rx-discovery'
import { sseRegistry } from 'rx-discovery/browser'
import { memoryRegistry } from 'rx-discovery/memory'
import { sseHandler, type SseHandler } from 'rx-discovery/sse'
import { own } from '../../etcd/own.js'
import { put, see } from '../../scene.js'
import { reading } from './reading.js'

const listening = async (server: Server): Promise<string> => {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  own(server, () => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/discovery`
}

const frameworks: Readonly<Record<string, (handler: SseHandler) => Promise<string>>> = {
  'node:http': handler => listening(createServer(handler)),
  'Express behind compression': handler => {
    const app = express().use(compression({ threshold: 0 }))
    app.use('/api/discovery', handler)
    app.get('/text', (_, response) => void response.send('text'.repeat(1_000)))
    return listening(createServer(app))
  },
  'Fastify': async handler => {
    const app = own(fastify({ forceCloseConnections: true }), app => app.close())
    app.get('/api/discovery', (request, reply) => {
      reply.hijack()
      handler(request.raw, reply.raw)
    })
    return `${await app.listen({ port: 0, host: '127.0.0.1' })}/api/discovery`
  },
}

describe.each(Object.entries(frameworks))('on %s', (name, start) => {
  it('changes arrive at once, whatever the client accepts', async () => {
    const registry = own(memoryRegistry(), ({ close }) => close())
    const handler = own(sseHandler(registry, { services: ['web'] }), ({ close }) => close())
    const url = await start(handler)
    put(registry, 'a')
    const stream = own(await reading(url, { 'accept-encoding': 'gzip, deflate, br' }), ({ stop }) => stop())
    expect(stream.headers.get('content-encoding')).toBe(null)
    await stream.until(({ length }) => length === 1)
    const set$ = discover(sseRegistry(url), 'web')
    const seen = own(see(set$), ({ stop }) => stop())
    await firstValueFrom(set$.pipe(filter(({ size }) => size === 1)))
    put(registry, 'b')
    await firstValueFrom(set$.pipe(filter(({ size }) => size === 2)))
    await stream.until(({ length }) => length === 2)
    expect(seen.error).toBe(undefined)
    handler.close()
    await stream.ended
  })

  it.runIf(name.includes('compression'))('other responses are compressed, so the test can fail', async () => {
    const handler = own(sseHandler(own(memoryRegistry(), ({ close }) => close()), { services: ['web'] }), ({ close }) => close())
    const response = await fetch(new URL('/text', await start(handler)))
    expect(response.headers.get('content-encoding')).not.toBe(null)
    await response.text()
  })
})
