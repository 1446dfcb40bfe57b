import { createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { InvalidArgument } from 'rx-discovery'
import { tcpProbe } from 'rx-discovery/probe'
import { at, listening, outcome, until, vacant } from './servers.js'

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

  it('does not connect before it is subscribed', async () => {
    const server = await listening(createServer())
    tcpProbe()(at(server.address))
    expect(await outcome(tcpProbe()(at(server.address)))).toBe('complete')
    await until(() => server.open.size === 0)
    expect(server.accepted()).toBe(1)
  })

  it('errors with the error of the system, and if the instance has no such endpoint', async () => {
    expect(await outcome(tcpProbe()(at(await vacant())))).toMatchObject({ code: 'ECONNREFUSED' })
    expect(await outcome(tcpProbe({ endpoint: 'db' })(at('127.0.0.1:1')))).toBeInstanceOf(InvalidArgument)
  })

  it('connects to an IPv6 address', async () => {
    const { port } = await listening(createServer(), '::1')
    expect(await outcome(tcpProbe()(at(`[::1]:${port}`)))).toBe('complete')
  })
})
