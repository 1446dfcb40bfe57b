import { firstValueFrom, type Observable } from 'rxjs'
import { balance, discover, native, register, roundRobin, where, type ServiceSet } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'

const registry = memoryRegistry()
const nodes = [
  register(registry, { service: 'web', id: 'old', address: 'old:8000' }).subscribe(),
  register(registry, { service: 'web', id: 'new', address: 'new:8000', metadata: { features: ['export'] } }).subscribe(),
]

// Metadata come from other programs, so they are `unknown` until you have looked. An io-ts codec in `native({ metadata })` does that once for all.
const features = (metadata: unknown): readonly unknown[] => {
  const found = (metadata as { readonly features?: unknown } | null)?.features
  return Array.isArray(found) ? found : []
}
const web$: Observable<ServiceSet> = discover(registry, 'web', { format: native() })

// Only instances that announce the feature get these calls; a rolling update needs no order and no flag of its own.
const exporting = balance(web$.pipe(where(({ metadata }) => features(metadata).includes('export'))), roundRobin())
const all = balance(web$, roundRobin())

const callees = async (balancer: typeof all): Promise<string> => {
  const ids = new Set<string>()
  for (let call = 0; call < 10; call += 1) ids.add(await firstValueFrom(balancer.use(async ({ id }) => id)))
  return [...ids].sort().join(' and ')
}
console.log('export:', await callees(exporting))
console.log('all other calls:', await callees(all))

for (const node of nodes) node.unsubscribe()
await registry.close()
