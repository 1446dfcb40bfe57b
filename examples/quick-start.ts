import { BehaviorSubject, filter, firstValueFrom } from 'rxjs'
import { changes, discover, register } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'

// On etcd: etcdRegistry({ hosts: 'http://127.0.0.1:2379' }) from 'rx-discovery/etcd'.
// If others use that etcd, choose another name than `web`: it may have instances already.
const registry = memoryRegistry()

// Discovery is an Observable of immutable sets; `changes` emits which instances joined, left or were updated.
const web$ = discover(registry, 'web')
const watching = web$.pipe(changes()).subscribe(all => {
  for (const { type, instance } of all) console.log(type, instance.id, instance.address)
})

// A registration is an Observable: its subscription holds the lease, its teardown revokes it.
const node1 = register(registry, { service: 'web', id: 'node1', address: 'localhost:8000' }, { ttl: 5 }).subscribe()

// A change of the instance is written in place, under the same lease.
const node2$ = new BehaviorSubject({ service: 'web', id: 'node2', address: 'localhost:8001', version: '1.0' })
const node2 = register(registry, node2$, { ttl: 5 }).subscribe(({ status }) => console.log('node2 is', status))
node2$.next({ ...node2$.value, version: '1.1' })

// Updates are at least 100 ms apart (option `throttle`), so this one comes in a moment.
await firstValueFrom(web$.pipe(filter(set => set.get('node2')?.version === '1.1')))

node1.unsubscribe()
node2.unsubscribe()
watching.unsubscribe()
await registry.close()
