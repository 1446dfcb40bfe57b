import { createSocket } from 'node:dgram'
import dns from 'node:dns'
import { Resolver } from 'node:dns/promises'
import { once } from 'node:events'
import { firstValueFrom } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { srvHosts, type SrvResolver } from '../../../../src/edge/etcd/connection/srv.js'

/** Host and port of each record by name; or the code with which DNS refuses. */
type Zone = Readonly<Record<string, readonly (readonly [host: string, port: number])[] | number>>
const labels = (name: string): Buffer => Buffer.concat([...name.split('.').filter(part => part !== '').map(part => Buffer.concat([Buffer.from([part.length]), Buffer.from(part)])), Buffer.from([0])])
const uint16 = (...values: readonly number[]): Buffer => Buffer.concat(values.map(value => Buffer.from([value >> 8, value & 255])))
const nameIn = (message: Buffer): string => {
  const parts: string[] = []
  for (let at = 12, length = message[at] ?? 0; length > 0; at += length + 1, length = message[at] ?? 0) parts.push(message.toString('latin1', at + 1, at + 1 + length))
  return parts.join('.')
}

/** A DNS server on the loopback that knows SRV records. */
const dnsServer = async (zone: Zone) => {
  const asked: string[] = []
  const socket = createSocket('udp4')
  socket.on('message', (message, { port, address }) => {
    const name = nameIn(message)
    asked.push(name)
    const found = zone[name] ?? 3
    const records = typeof found === 'number' ? [] : found
    const question = Buffer.concat([labels(name), uint16(33, 1)])
    const answers = records.map(([host, to]) => {
      const data = Buffer.concat([uint16(10, 5, to), labels(host)])
      return Buffer.concat([uint16(0xc00c, 33, 1, 0, 60, data.length), data])
    })
    const head = Buffer.concat([message.subarray(0, 2), uint16(0x8180 | (typeof found === 'number' ? found : 0), 1, records.length, 0, 0)])
    socket.send(Buffer.concat([head, question, ...answers]), port, address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const server = `127.0.0.1:${socket.address().port}`
  const resolver = (): SrvResolver => {
    const made = new Resolver({ timeout: 500, tries: 1 })
    made.setServers([server])
    return made
  }
  return { asked, server, resolver, close: () => socket.close() }
}
const hostsIn = async (zone: Zone) => {
  const { asked, resolver, close } = await dnsServer(zone)
  const hosts = await firstValueFrom(srvHosts('example.com', resolver)).catch((error: unknown) => error)
  close()
  return { asked, hosts }
}
const [secure, plain] = ['_etcd-client-ssl._tcp.example.com', '_etcd-client._tcp.example.com']

describe('the hosts of a domain', () => {
  it('are those of the records for TLS', async () => {
    const { hosts, asked } = await hostsIn({ [secure]: [['etcd-0.example.com', 2379], ['etcd-1.example.com', 12379]], [plain]: [['old.example.com', 2379]] })
    expect(new Set(hosts as string[])).toEqual(new Set(['https://etcd-0.example.com:2379', 'https://etcd-1.example.com:12379']))
    expect(asked).toEqual([secure])
  })
  it.each<number | readonly []>([3, []])('are those without TLS if there are no others: %j', async nothing => {
    const { hosts } = await hostsIn({ [secure]: nothing, [plain]: [['etcd-0.example.com', 2379]] })
    expect(hosts).toEqual(['http://etcd-0.example.com:2379'])
  })
  it('are unknown if the lookup for TLS fails: that must not turn TLS off', async () => {
    const { hosts, asked } = await hostsIn({ [secure]: 2, [plain]: [['etcd-0.example.com', 2379]] })
    expect(hosts).toMatchObject({ code: 'ESERVFAIL' })
    expect(asked).not.toContain(plain)
  })
  it('are unknown if there are no records, and the error names them', async () => {
    const { hosts } = await hostsIn({})
    expect(hosts).toMatchObject({ message: `DNS has no SRV record ${secure} or ${plain}` })
  })
  it('are asked of the servers of the process, which dns.setServers may have changed', async () => {
    const { server, close } = await dnsServer({ [secure]: [['etcd-0.example.com', 2379]] })
    const before = dns.getServers()
    for (const module of [dns, dns.promises])
      try {
        module.setServers([server])
        expect(await firstValueFrom(srvHosts('example.com'))).toEqual(['https://etcd-0.example.com:2379'])
      } finally {
        module.setServers(before)
      }
    close()
  })
  it('are not those of a record whose target is the root, which means that there is no such service', async () => {
    expect(await hostsIn({ [secure]: [['.', 0]], [plain]: [['etcd-0.example.com', 2379]] })).toEqual({ hosts: ['http://etcd-0.example.com:2379'], asked: [secure, plain] })
    const { hosts } = await hostsIn({ [secure]: [['.', 0]], [plain]: [['.', 0]] })
    expect(hosts).toMatchObject({ message: `DNS has no SRV record ${secure} or ${plain}` })
  })
  it.each<[string, number]>([['etcd 0.example.com', 2379], ['user@etcd-0.example.com', 2379], ['etcd-0.example.com', 0]])('are unknown if a record leads to %s:%i, and the error names the record', async (host, port) => {
    const { hosts, asked } = await hostsIn({ [secure]: [['etcd-1.example.com', 2379], [host, port]], [plain]: [['etcd-0.example.com', 2379]] })
    expect(hosts).toMatchObject({ message: expect.stringMatching(/^DNS has an SRV record _etcd-client-ssl\._tcp\.example\.com that leads to no host: hosts must be like .*, got "/) as unknown })
    expect(asked).toEqual([secure])
  })
  it('are no longer looked up when they are not needed any more', () => {
    let cancelled = 0
    srvHosts('example.com', () => ({ resolveSrv: () => new Promise(() => undefined), cancel: () => (cancelled += 1) })).subscribe().unsubscribe()
    expect(cancelled).toBe(1)
  })
})
