import dns from 'node:dns'
import { Resolver } from 'node:dns/promises'
import { firstValueFrom } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { srvHosts, type SrvResolver } from '../../../../src/edge/etcd/connection/srv.js'
import { srvServer, type Zone } from '../../../srv-server.js'

const resolverOf = (server: string) => (): SrvResolver => {
  const made = new Resolver({ timeout: 500, tries: 1 })
  made.setServers([server])
  return made
}
const hostsIn = async (zone: Zone) => {
  const { asked, server, close } = await srvServer(zone)
  const hosts = await firstValueFrom(srvHosts('example.com', resolverOf(server))).catch((error: unknown) => error)
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
    const { server, close } = await srvServer({ [secure]: [['etcd-0.example.com', 2379]] })
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
