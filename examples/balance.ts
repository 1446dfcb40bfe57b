import { lastValueFrom, map, mergeMap, range, timer, toArray } from 'rxjs'
import { balance, discover, peakEwma, register, type ServiceInstance } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'

const registry = memoryRegistry()
const nodes = ['node1', 'node2', 'node3'].map(id => register(registry, { service: 'web', id, address: `${id}:8000` }).subscribe())

const web = balance(discover(registry, 'web'), peakEwma())

// In a program: async (instance, signal) => { const response = await fetch(url, { signal }); if (!response.ok) throw …; return response.json() }
const call = ({ id }: ServiceInstance) =>
  timer(id === 'node1' ? 50 : 5).pipe(
    map(() => {
      if (id === 'node3') throw new Error('node3 is broken')
      return id
    }),
  )

// Each retry calls another instance: no caller sees that node3 is broken, and few wait for node1.
const answers = await lastValueFrom(
  range(0, 100).pipe(
    mergeMap(() => web.use(call, { timeout: 1000, retries: 2 }), 4),
    toArray(),
  ),
)
console.log(answers.length, 'answers by', [...new Set(answers)].sort().join(' and '))

for (const node of nodes) node.unsubscribe()
await registry.close()
