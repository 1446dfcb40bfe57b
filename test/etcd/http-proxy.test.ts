import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { firstValueFrom, type Observable } from 'rxjs'
import { afterEach, describe, expect, inject, it, vi } from 'vitest'
import { connect, type ConnectOptions } from '../../src/edge/etcd/connection/members.js'
import { own } from './own.js'
import { freePort } from './provision-binary.js'

const hosts = inject('etcdEndpoints')[0] ?? ''
const members = (options?: Partial<ConnectOptions>) => own(connect({ hosts, ...options }), it => it.close())
const read = (connected = members()): Observable<unknown> =>
  connected.on(member => member.call((client, options) => client.kv.range({ key: Buffer.from('/proxy') }, options)))
const messageOf = (source: Observable<unknown>): Promise<string> =>
  firstValueFrom(source).then(() => expect.unreachable('it was answered'), (error: unknown) => (error as Error).message)

const forbidding = async () => {
  let asked = 0
  const http = createServer().on('connect', (_, socket) => {
    asked += 1
    socket.end('HTTP/1.1 403 Forbidden\r\n\r\n')
  })
  await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve))
  own(http, it => it.close())
  return { address: `127.0.0.1:${(http.address() as AddressInfo).port}`, asked: () => asked }
}

describe('http_proxy in the environment', () => {
  afterEach(() => {
    vi.unstubAllEnvs()
  })
  it('12.7 a proxy that refuses, or is down, is named with what to do; the proxy is asked at most once a second, and no password is shown', async () => {
    const proxy = await forbidding()
    for (const address of [proxy.address, `127.0.0.1:${await freePort()}`, 'no-such-proxy.invalid:3128']) {
      vi.stubEnv('http_proxy', `http://user:secret@${address}`)
      const connected = members()
      for (const message of [await messageOf(read(connected)), await messageOf(read(connected))]) {
        expect(message).toContain(`${hosts} could not be reached through the HTTP proxy ${address}, which the environment variable http_proxy names`)
        expect(message).toContain("list the host in no_proxy, or pass grpcOptions: { 'grpc.enable_http_proxy': 0 }")
        expect(message).not.toMatch(/undefined|null|secret/)
      }
      connected.close()
    }
    expect(proxy.asked()).toBeLessThanOrEqual(4)
  })
  it('12.7 a proxy that is silent is named', async () => {
    const sockets: Duplex[] = []
    const http = createServer().on('connect', (_, socket) => sockets.push(socket))
    await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve))
    own(http, it => it.close())
    vi.stubEnv('http_proxy', `http://127.0.0.1:${(http.address() as AddressInfo).port}`)
    expect(await messageOf(read())).toContain('through the HTTP proxy')
    sockets.forEach(socket => socket.destroy())
  })
  it('12.7 each remedy of the message works', async () => {
    const { address } = await forbidding()
    vi.stubEnv('http_proxy', `http://${address}`)
    await firstValueFrom(read(members({ grpcOptions: { 'grpc.enable_http_proxy': 0 } })))
    vi.stubEnv('no_proxy', new URL(hosts).hostname)
    await firstValueFrom(read())
  })
})
