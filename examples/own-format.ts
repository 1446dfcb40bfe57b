import { firstValueFrom } from 'rxjs'
import * as t from 'io-ts'
import { discover, jsonFormat, known, register } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'

// The entries that other programs write: /fleet/<service>/<id> → {"host":"10.0.0.5","port":8080,"rack":"r1"}
const stored = t.intersection([t.type({ host: t.string, port: t.number }), t.partial({ rack: t.string })])

const fleet = jsonFormat({
  name: 'fleet',
  root: '/fleet/',
  codec: stored,
  read: ({ host, port, rack }) => ({ address: `${host}:${port}`, zone: rack }),
  // This format has no status, so an instance that is not up is not written.
  write: ({ address, status, zone }) => {
    const { hostname, port } = new URL(`http://${address}`)
    return status === 'up' ? { host: hostname, port: Number(port), ...(zone !== '' && { rack: zone }) } : null
  },
})

const registry = memoryRegistry()
registry.write('/fleet/web/old', '{"host":"10.0.0.5","port":8080,"rack":"r1"}')
registry.write('/fleet/web/broken', '{"host":"10.0.0.6"}')

const node = register(registry, { service: 'web', id: 'new', address: '10.0.0.7:8080', zone: 'r2' }, { format: fleet }).subscribe()

const set = await firstValueFrom(discover(registry, 'web', { format: fleet }).pipe(known()))
for (const { id, address, zone } of set) console.log(id, address, zone)
for (const { key, reason } of set.rejected.values()) console.log('rejected', key, reason)
node.unsubscribe()
await registry.close()
