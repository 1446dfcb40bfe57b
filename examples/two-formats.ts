import { firstValueFrom } from 'rxjs'
import { discover, known, native, plain, register } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'

// To migrate from one format to another, programs write both, in one transaction under one lease, and read both.
const format = [native(), plain()] as const
const registry = memoryRegistry()

const old = register(registry, { service: 'web', id: 'old', address: 'localhost:8000' }, { format: plain() }).subscribe()
const both = register(registry, { service: 'web', id: 'both', address: 'localhost:8001', version: '2' }, { format }).subscribe()
for (const { key, revision } of registry.entries()) console.log(revision, key)

// The same address in both formats is one instance; the first format wins.
const set = await firstValueFrom(discover(registry, 'web', { format }).pipe(known()))
for (const { id, address, version } of set) console.log(id, address, version)
old.unsubscribe()
both.unsubscribe()
await registry.close()
