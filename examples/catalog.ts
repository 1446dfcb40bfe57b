import { catalog, register } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'

// All services at once, from one listing and one watch.
const registry = memoryRegistry()
const all = catalog(registry).subscribe(services => {
  console.log([...services.values()].map(({ service, size }) => `${service} ${size}`).join(', ') || 'no services')
})

const start = (service: string, port: number) => register(registry, { service, address: `localhost:${port}` }).subscribe()
const nodes = [start('web', 8000), start('web', 8001), start('orders', 9000)]
for (const node of nodes) node.unsubscribe()
all.unsubscribe()
await registry.close()
