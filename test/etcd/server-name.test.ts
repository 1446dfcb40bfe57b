import { checkServerIdentity } from 'node:tls'
import { Channel, credentials, type ChannelCredentials, type ChannelOptions } from '@grpc/grpc-js'
import { filter, firstValueFrom } from 'rxjs'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { discover, register, type Registration, type ServiceSet } from 'rx-discovery'
import { etcdRegistry, type ConnectOptions } from 'rx-discovery/etcd'
import { own } from './own.js'
import { faultProxy } from './proxy.js'
import { etcdServer, type EtcdServer } from './server.js'
import { certificates } from './tls.js'

describe('an etcd whose certificate has another name than its endpoint', () => {
  const certs = certificates('etcd.internal')
  const own$ = { rootCertificate: certs.ca, certChain: certs.client.cert, privateKey: certs.client.key }
  let etcd: EtcdServer
  beforeAll(async () => {
    etcd = await etcdServer({ tls: certs })
    return etcd.close
  })
  const live = (options: Omit<ConnectOptions, 'hosts'>, hosts: string = etcd.endpoint): Promise<ServiceSet> => {
    const registry = own(etcdRegistry({ hosts, ...options }), it => it.close())
    return firstValueFrom(discover(registry, 'web').pipe(filter(({ status, trouble }) => status === 'live' || trouble !== undefined)))
  }
  /** Custom verification, as the documentation shows it. */
  const verifiedBy = (check: typeof checkServerIdentity): Omit<ConnectOptions, 'hosts'> => {
    const tls = credentials.createSsl(certs.ca, certs.client.key, certs.client.cert, { checkServerIdentity: check })
    return { grpcOptions: { channelFactoryOverride: (address: string, _: ChannelCredentials, options: ChannelOptions) => new Channel(address, tls, options) } }
  }

  it('12.14 is an outage whose message shows both names', async () => {
    const { trouble } = await live({ credentials: own$ })
    expect(trouble?.error.message).toMatch(/failed the TLS handshake: .*127\.0\.0\.1.*/)
  })

  it('12.14 is reached with grpc.ssl_target_name_override, and no other name is accepted', async () => {
    const named = (name: string) => ({ credentials: own$, grpcOptions: { 'grpc.ssl_target_name_override': name } })
    expect(await live(named('etcd.internal'))).toMatchObject({ status: 'live' })
    expect((await live(named('other.internal'))).trouble?.error.message).toMatch(/failed the TLS handshake: .*other\.internal.*etcd\.internal/)
  })

  it('12.14 is reached with a verification of its own, over one connection, and a refusal of it is an outage that shows its text', async () => {
    const proxy = own(await faultProxy(etcd.endpoint), it => it.close())
    const registry = own(etcdRegistry({ hosts: proxy.endpoint, ...verifiedBy((_, cert) => checkServerIdentity('etcd.internal', cert)) }), it => it.close())
    const states: Registration[] = []
    const sets: ServiceSet[] = []
    own(register(registry, { service: 'web', id: 'node', address: '10.0.0.1:8080' }, { ttl: 3 }).subscribe(state => states.push(state)), it => it.unsubscribe())
    own(discover(registry, 'web').subscribe(set => sets.push(set)), it => it.unsubscribe())
    await vi.waitFor(() => expect([sets.at(-1)?.size, states.at(-1)]).toMatchObject([1, { status: 'registered', renewals: 1 }]), 10_000)
    expect(proxy.connections()).toBe(1)
    const { trouble } = await live(verifiedBy(() => new Error('the certificate is not pinned')))
    expect(trouble?.error.message).toContain('the certificate is not pinned')
  })
})
