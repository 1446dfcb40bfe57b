import { firstValueFrom, timeout } from 'rxjs'
import { catalog, discover, known, register } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'

const registry = memoryRegistry()
const nodes = ['web', 'orders'].map(service => register(registry, { service, id: 'node1', address: `${service}:8000` }).subscribe())

// `known` skips the pending set that comes first. Without `timeout` a script waits for as long as etcd is away.
const web = await firstValueFrom(discover(registry, 'web').pipe(known(), timeout(5_000)))
console.log(web.toArray().map(({ id, address }) => `${id} ${address}`).join(', '))

const services = await firstValueFrom(catalog(registry).pipe(timeout(5_000)))
for (const [service, { size }] of services) console.log(service, size)

for (const node of nodes) node.unsubscribe()
await registry.close()
