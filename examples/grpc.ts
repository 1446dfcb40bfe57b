import { Client, credentials, Server, ServerCredentials, type sendUnaryData } from '@grpc/grpc-js'
import { firstValueFrom, filter } from 'rxjs'
import { discover, register } from 'rx-discovery'
import { registerLoadBalancer, registerResolver } from 'rx-discovery/grpc'
import { memoryRegistry } from 'rx-discovery/memory'

// With etcd: etcdRegistry({ hosts: 'localhost:2379' }) from 'rx-discovery/etcd'
const registry = memoryRegistry()
registerResolver(registry, { scheme: 'etcd' })
registerLoadBalancer()

const toBytes = (text: string): Buffer => Buffer.from(text)
const text = { requestSerialize: toBytes, requestDeserialize: String, responseSerialize: toBytes, responseDeserialize: String }
const hello = { path: '/Greeter/Hello', requestStream: false, responseStream: false, ...text }
const servers = ['node1', 'node2'].map(id => {
  const server = new Server()
  server.addService({ hello }, { hello: (_: unknown, respond: sendUnaryData<string>) => respond(null, id) })
  server.bindAsync('localhost:0', ServerCredentials.createInsecure(), (_, port) =>
    register(registry, { service: 'shop/greeter', id, address: `localhost:${port}` }).subscribe(),
  )
  return server
})
await firstValueFrom(discover(registry, 'shop/greeter').pipe(filter(({ size }) => size === 2)))

// Another instance is tried if one cannot be reached.
const retryPolicy = { maxAttempts: 3, initialBackoff: '0.05s', maxBackoff: '0.5s', backoffMultiplier: 2, retryableStatusCodes: ['UNAVAILABLE'] }
const serviceConfig = { loadBalancingConfig: [{ rx_discovery_peak_ewma: {} }], methodConfig: [{ name: [{}], retryPolicy }] }
const client = new Client('etcd:///shop/greeter', credentials.createInsecure(), { 'grpc.service_config': JSON.stringify(serviceConfig) })

const call = (): Promise<string> =>
  new Promise((resolve, reject) => client.makeUnaryRequest(hello.path, toBytes, String, 'hi', (error, id) => (error === null ? resolve(id ?? '') : reject(error))))
const answered = new Set<string>()
while (answered.size < 2) answered.add(await call())
console.log('answers by', [...answered].sort().join(' and '))

client.close()
for (const server of servers) server.forceShutdown()
await registry.close()
