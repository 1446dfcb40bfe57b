import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { faultProxy, type Proxy } from './proxy.js'

describe('faultProxy', () => {
  let echo: Server
  let received: string
  let proxy: Proxy
  const sockets: Socket[] = []

  beforeEach(async () => {
    received = ''
    echo = createServer(socket => {
      sockets.push(socket)
      socket.on('error', () => undefined)
      socket.on('data', chunk => {
        received += chunk.toString()
        socket.write(chunk)
      })
    })
    echo.listen(0, '127.0.0.1')
    await once(echo, 'listening')
    proxy = await faultProxy(`http://127.0.0.1:${(echo.address() as AddressInfo).port}`)
  })
  afterEach(async () => {
    await proxy.close()
    sockets.splice(0).forEach(socket => socket.destroy())
    echo.close()
  })

  interface Client {
    readonly socket: Socket
    readonly heard: () => string
    readonly ended: () => string | undefined
  }
  const client = async (): Promise<Client> => {
    const socket = connect(proxy.port, '127.0.0.1')
    sockets.push(socket)
    let heard = ''
    let ended: string | undefined
    socket.on('data', chunk => (heard += chunk.toString()))
    socket.on('error', (error: NodeJS.ErrnoException) => (ended = error.code))
    await once(socket, 'connect')
    return { socket, heard: () => heard, ended: () => ended }
  }

  it('passes everything on, both ways, and counts it', async () => {
    const { socket, heard } = await client()
    socket.write('hello')
    await vi.waitFor(() => expect(heard()).toBe('hello'))
    expect(proxy.bytes()).toBe(10)
    expect(proxy.connections()).toBe(1)
    socket.end()
    sockets[0]?.end()
    await vi.waitFor(() => expect(proxy.connections()).toBe(0))
  })

  it('delays each way, and lets nothing overtake when the delay is lifted', async () => {
    const { socket, heard } = await client()
    proxy.latency(100)
    const began = performance.now()
    socket.write('a')
    await vi.waitFor(() => expect(heard()).toBe('a'), { interval: 5 })
    expect(performance.now() - began).toBeGreaterThanOrEqual(199)
    socket.write('b')
    await sleep(20)
    proxy.latency(0)
    socket.write('c')
    await vi.waitFor(() => expect(heard()).toBe('abc'))
  })

  it('lets so many bytes a second through, each way, whatever the number of connections', async () => {
    const [one, other] = [await client(), await client()]
    proxy.throttle(10_000)
    const began = performance.now()
    one.socket.write('a'.repeat(2_000))
    other.socket.write('b'.repeat(1_000))
    await vi.waitFor(() => expect([one.heard().length, other.heard().length]).toEqual([2_000, 1_000]), { interval: 5 })
    // The first bytes come back while the last ones are still on their way.
    expect(performance.now() - began).toBeGreaterThanOrEqual(300)
    proxy.throttle(Infinity)
    one.socket.write('c')
    await vi.waitFor(() => expect(one.heard()).toBe(`${'a'.repeat(2_000)}c`))
  })

  it.each([
    { directions: [], passes: '' },
    { directions: ['up'], passes: '' },
    { directions: ['down'], passes: 'x' },
  ] as const)('stalls $directions: nothing passes and nobody is told, until it resumes', async ({ directions, passes }) => {
    const { socket, heard, ended } = await client()
    proxy.stall(...directions)
    socket.write('x')
    await sleep(100)
    expect([received, heard(), ended()]).toEqual([passes, '', undefined])
    proxy.resume()
    await vi.waitFor(() => expect(heard()).toBe('x'))
  })

  it('stalls a connection that is opened meanwhile', async () => {
    proxy.stall()
    const { socket, heard } = await client()
    socket.write('x')
    await sleep(100)
    expect(heard()).toBe('')
    proxy.resume()
    await vi.waitFor(() => expect(heard()).toBe('x'))
  })

  it('strands what is open, and takes new connections', async () => {
    const { socket, heard, ended } = await client()
    await vi.waitFor(() => expect(proxy.connections()).toBe(1))
    proxy.strand()
    socket.write('x')
    const next = await client()
    next.socket.write('next')
    await vi.waitFor(() => expect(next.heard()).toBe('next'))
    expect([received, heard(), ended(), proxy.connections()]).toEqual(['next', '', undefined, 1])
  })

  it('resets what is open, and takes new connections', async () => {
    const { ended } = await client()
    await vi.waitFor(() => expect(proxy.connections()).toBe(1))
    proxy.reset()
    await vi.waitFor(() => expect(ended()).toBe('ECONNRESET'))
    const { socket, heard } = await client()
    socket.write('again')
    await vi.waitFor(() => expect(heard()).toBe('again'))
  })

  it('refuses, and accepts again on the same port', async () => {
    const { ended } = await client()
    await vi.waitFor(() => expect(proxy.connections()).toBe(1))
    await proxy.refuse()
    await vi.waitFor(() => expect(ended()).toBe('ECONNRESET'))
    await expect(client()).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    await proxy.accept()
    await client()
  })

  it('cuts after exactly so many bytes', async () => {
    const { socket, heard } = await client()
    proxy.cutAfter(7)
    socket.write('12345')
    await vi.waitFor(() => expect(heard()).toBe('12345'))
    const closed = once(socket, 'close')
    socket.write('67890')
    await closed
    expect(heard()).toBe('1234567')
    expect(proxy.bytes()).toBe(17)
    expect(received).toBe('1234567890')
    const next = await client()
    next.socket.write('after')
    await vi.waitFor(() => expect(next.heard()).toBe('after'))
  })
})
