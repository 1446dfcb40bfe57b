import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { lead } from './leader.js'
import { partibleCluster, peerProxy, type PeerProxy } from './peer-proxy.js'
import type { EtcdServer } from './server.js'

describe('peerProxy', () => {
  let member: Server
  let received: string
  let proxy: PeerProxy
  const sockets: Socket[] = []
  beforeEach(async () => {
    received = ''
    member = createServer(socket => {
      sockets.push(socket)
      socket.on('error', () => undefined).on('data', chunk => (received += chunk.toString()))
    })
    member.listen(0, '127.0.0.1')
    await once(member, 'listening')
    proxy = await peerProxy(`http://127.0.0.1:${(member.address() as AddressInfo).port}`)
  })
  afterEach(async () => {
    await proxy.close()
    sockets.splice(0).forEach(socket => socket.destroy())
    member.close()
  })
  const dial = (request: string): Socket => {
    const socket = connect(Number(new URL(proxy.endpoint).port), '127.0.0.1').on('error', () => undefined)
    sockets.push(socket)
    socket.write(request)
    return socket
  }
  const requestOf = (dialler: string): string => `GET /raft/stream/message/${dialler} HTTP/1.1\r\nX-Server-From: ${dialler}\r\n\r\n`

  it('stalls the dialler that is named and passes the requests of all others on as a whole', async () => {
    const link = await proxy.from('a1')
    link.stall()
    dial(requestOf('a1'))
    dial('GET /version HTTP/1.1\r\n\r\n')
    dial(requestOf('b2'))
    await vi.waitFor(() => expect(received).toContain('/version'))
    await vi.waitFor(() => expect(received).toContain('b2'))
    await vi.waitFor(() => expect(link.connections()).toBe(1))
    expect(received).not.toContain('a1')
    link.resume()
    await vi.waitFor(() => expect(received).toContain(requestOf('a1')))
  })
  it('finds the name in a request head that arrives in pieces', async () => {
    const request = requestOf('c3')
    const socket = dial(request.slice(0, 40))
    await vi.waitFor(() => expect(socket.bytesWritten).toBe(40))
    socket.write(request.slice(40))
    await vi.waitFor(() => expect(received).toBe(request))
    expect((await proxy.from('c3')).connections()).toBe(1)
  })
  it('changes the links of all diallers, including later ones', async () => {
    await proxy.all(link => link.stall())
    dial(requestOf('d4'))
    await vi.waitFor(async () => expect((await proxy.from('d4')).connections()).toBe(1))
    expect(received).toBe('')
    await proxy.all(link => link.resume())
    await vi.waitFor(() => expect(received).toBe(requestOf('d4')))
  })
  it('refuses a probe', async () => {
    await once(dial('GET /raft/probing HTTP/1.1\r\n\r\n'), 'close')
    expect(received).toBe('')
  })
})

describe('partibleCluster', () => {
  const revision = (member: EtcdServer): Promise<number> =>
    member.client().kv.range({ key: Buffer.from('k'), serializable: true }).then(({ header }) => Number(header.revision))
  const reads = (member: EtcdServer): Promise<boolean> =>
    member.client().kv.range({ key: Buffer.from('k') }, { deadline: Date.now() + 500 }).then(() => true, () => false)
  const put = (member: EtcdServer): Promise<number> => member.client().put('k').value('v').exec().then(({ header }) => Number(header.revision))

  it('isolates a member and lets it rejoin, lets a member lag, and adds members', async () => {
    const cluster = await partibleCluster()
    try {
      const [first, second, third] = cluster.members as [EtcdServer, EtcdServer, EtcdServer]
      await cluster.isolate(0)
      await expect.poll(() => reads(first), { timeout: 20_000 }).toBe(false)
      await expect.poll(() => reads(second), { timeout: 20_000 }).toBe(true)
      const written = await put(second)
      expect(await revision(first)).toBeLessThan(written)
      await cluster.rejoin()
      await expect.poll(() => revision(first), { timeout: 20_000 }).toBe(written)

      await lead(cluster.members, second)
      const term = (): Promise<string> => third.client().maintenance.status().then(({ header }) => header.raft_term)
      const before = await term()
      await cluster.lag(2, 1_500)
      const late = await put(second)
      expect(await revision(third)).toBeLessThan(late)
      await expect.poll(() => revision(third), { timeout: 20_000 }).toBe(late)
      expect(await term()).toBe(before)
      await cluster.rejoin()

      const learner = await cluster.join('learner')
      await expect.poll(() => learner.client().put('k').value('v').exec().then(() => '', String), { timeout: 20_000 }).toContain('not supported for learner')
    } finally {
      await cluster.close()
    }
  })
})
