import type { Etcd3 } from 'etcd3'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { etcdRegistry } from 'rx-discovery/etcd'
import { lawsContract, registryContract, type UnderTest } from 'rx-discovery/testing'
import { enableAuth, type Logins } from './auth.js'
import { etcdGrpcProxy, type EtcdGrpcProxy } from './etcd-grpc-proxy.js'
import { leversOf } from './etcd-levers.js'
import { grpcProxy, type GrpcProxy } from './grpc-proxy.js'
import { faultProxy, type Proxy } from './proxy.js'
import { etcdServer, type EtcdServer } from './server.js'
import { certificates } from './tls.js'

const runner = { describe, it, expect }
const prefix = '/contract/'

describe('etcd', () => {
  let etcd: EtcdServer
  let admin: Etcd3
  let grpc: GrpcProxy
  let proxy: Proxy
  beforeAll(async () => {
    etcd = await etcdServer()
    admin = etcd.client()
    await admin.role('root').create()
    const root = await admin.user('root').create('root-password')
    await root.addRole('root')
    await etcd.save()
    grpc = await grpcProxy(etcd.endpoint)
    proxy = await faultProxy(grpc.endpoint)
  })
  afterAll(async () => {
    await proxy.close()
    await grpc.close()
    await etcd.close()
  })

  // Without a user name, every call is denied once authentication is on.
  const deny = async () => {
    await admin.auth.authEnable()
    const root = etcd.client({ auth: { username: 'root', password: 'root-password' } })
    return async () => {
      await root.auth.authDisable()
    }
  }
  const make = async (): Promise<UnderTest> => {
    const registry = etcdRegistry({ hosts: proxy.endpoint })
    return { registry, levers: leversOf({ registry, prefix, etcd, proxy, admin, deny, grpc }) }
  }
  registryContract(make, runner)
  lawsContract(make, runner)
})

describe('etcd with client certificates and JSON web tokens', () => {
  const tls = certificates()
  const credentials = { rootCertificate: tls.ca, privateKey: tls.client.key, certChain: tls.client.cert }
  let etcd: EtcdServer
  let proxy: Proxy
  let logins: Logins
  beforeAll(async () => {
    etcd = await etcdServer({ tls, token: { kind: 'jwt', ttl: 300 }, flags: ['--bcrypt-cost', '4'] })
    logins = await enableAuth(etcd.client(), prefix)
    await etcd.save()
    proxy = await faultProxy(etcd.endpoint)
  })
  afterAll(async () => {
    await proxy.close()
    await etcd.close()
  })

  const deny = async () => {
    // Each change of roles makes every token stale that was handed out before, that of `admin` too.
    const first = etcd.client({ auth: logins.root })
    await first.user(logins.user.username).removeRole('services')
    const then = etcd.client({ auth: logins.root })
    return async () => {
      await then.user(logins.user.username).addRole('services')
    }
  }
  const make = async (): Promise<UnderTest> => {
    const registry = etcdRegistry({ hosts: proxy.endpoint, credentials, auth: logins.user })
    return { registry, levers: leversOf({ registry, prefix, etcd, proxy, admin: etcd.client({ auth: logins.root }), deny }) }
  }
  registryContract(make, runner)
  lawsContract(make, runner)
})

describe('etcd through its own grpc-proxy', () => {
  let etcd: EtcdServer
  let admin: Etcd3
  let own: EtcdGrpcProxy
  let grpc: GrpcProxy
  let proxy: Proxy
  beforeAll(async () => {
    etcd = await etcdServer()
    admin = etcd.client()
    await etcd.save()
    own = await etcdGrpcProxy([etcd.endpoint])
    grpc = await grpcProxy(own.endpoint)
    proxy = await faultProxy(grpc.endpoint)
  })
  afterAll(async () => {
    await proxy.close()
    await grpc.close()
    await own.close()
    await etcd.close()
  })

  const make = async (): Promise<UnderTest> => {
    const registry = etcdRegistry({ hosts: proxy.endpoint })
    return { registry, levers: leversOf({ registry, prefix, etcd, proxy, admin, grpc }) }
  }
  registryContract(make, runner)
  lawsContract(make, runner)
})
