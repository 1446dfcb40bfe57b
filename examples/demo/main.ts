import { BehaviorSubject, filter, firstValueFrom, timeout } from 'rxjs'
import { changes, discover, register, type ServiceSet } from 'rx-discovery'
import { stage } from './stage.js'

const start = performance.now()
const log = (line: string): void => console.log(`${((performance.now() - start) / 1000).toFixed(1).padStart(5)} s  ${line}`)

const { registry, crashable, outage, close } = await stage(log)
const web$ = discover(registry, 'web')

/** Waits until the set satisfies a condition. */
const until = (what: string, is: (set: ServiceSet) => boolean): Promise<ServiceSet> =>
  firstValueFrom(
    web$.pipe(
      filter(is),
      timeout({
        first: 20_000,
        with: () => {
          throw new Error(`not seen within 20 s: ${what}`)
        },
      }),
    ),
  )

let status = ''
const watching = web$.subscribe(set => {
  if (set.status !== status) log(`· the set is ${set.status}, with ${set.size} instances${set.trouble === undefined ? '' : `: ${set.trouble.error.message}`}`)
  status = set.status
})
watching.add(
  web$.pipe(changes()).subscribe(all => {
    for (const { type, instance } of all) log(`· ${type} ${instance.id} ${instance.address} ${JSON.stringify(instance.metadata)}`)
  }),
)

log('three instances register')
const node1 = register(registry, { service: 'web', id: 'node1', address: 'localhost:8001' }, { ttl: 5 }).subscribe()
const node2$ = new BehaviorSubject({ service: 'web', id: 'node2', address: 'localhost:8002', metadata: { version: '1.0' } })
const node2 = register(registry, node2$, { ttl: 5 }).subscribe()
const node3 = crashable('node3', 'localhost:8003')
await until('three instances', set => set.size === 3)

log('node2 updates its metadata')
node2$.next({ ...node2$.value, metadata: { version: '1.1' } })
await until('the new version', set => (set.get('node2')?.metadata as { readonly version?: string }).version === '1.1')

log('node3 crashes: it cannot revoke its lease, which expires after 2 s')
node3.crash()
await until('node3 gone', set => !set.has('node3'))

log('node1 leaves and revokes its lease')
node1.unsubscribe()
await until('node1 gone', set => !set.has('node1'))

const again = register(registry, { service: 'web', id: 'node1', address: 'localhost:8001' }, { ttl: 5 }).subscribe()
await until('node1 back', set => set.has('node1'))
log(outage.what)
const stale = until('the outage', set => set.status === 'stale')
await Promise.all([outage.run(), stale])
const set = await until('all instances live', ({ status: now, size }) => now === 'live' && size === 2)
log(`all instances are back: ${set.toArray().map(({ id }) => id).join(', ')} at revision ${set.revision}`)

again.unsubscribe()
node2.unsubscribe()
await until('an empty set', ({ size }) => size === 0)
watching.unsubscribe()
await close()
log('done')
