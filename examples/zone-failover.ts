import { firstValueFrom } from 'rxjs'
import { balance, discover, register, roundRobin, zoneAware } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'

const registry = memoryRegistry()
const inZone = (zone: string, id: string) => register(registry, { service: 'web', id, address: `${id}:8000`, zone }).subscribe()
const near = [inZone('eu-1', 'a'), inZone('eu-1', 'b')]
const far = [inZone('eu-2', 'c')]

// The zones in the order in which this caller prefers them; its own first.
const web = balance(discover(registry, 'web'), zoneAware(roundRobin()), { zone: ['eu-1', 'eu-2'] })
const callees = async (): Promise<string> => {
  const ids = new Set<string>()
  for (let call = 0; call < 10; call += 1) ids.add(await firstValueFrom(web.use(async ({ id }) => id)))
  return [...ids].sort().join(' and ')
}

console.log('calls stay in the zone:', await callees())
for (const node of near) node.unsubscribe()
console.log('the zone is gone:', await callees())
near.push(inZone('eu-1', 'd'))
console.log('the zone is back:', await callees())

for (const node of [...near, ...far]) node.unsubscribe()
await registry.close()
