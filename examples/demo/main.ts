import { BehaviorSubject, filter, firstValueFrom, timeout } from 'rxjs'
import { changes, discover, register, type ServiceSet } from 'rx-discovery'
import { stage } from './stage.js'

const began = performance.now()
const say = (line: string): void => console.log(`${((performance.now() - began) / 1000).toFixed(1).padStart(5)} s  ${line}`)

const { registry, crashable, outage, close } = await stage(say)
const web$ = discover(registry, 'web')

/** Waits until the set is as it should be; the story is told by what is found, not by the clock. */
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
  if (set.status !== status) say(`· the set is ${set.status}, ${set.size} known${set.trouble === undefined ? '' : `: ${set.trouble.error.message}`}`)
  status = set.status
})
watching.add(
  web$.pipe(changes()).subscribe(all => {
    for (const { type, instance } of all) say(`· ${type} ${instance.id} ${instance.address} ${JSON.stringify(instance.metadata)}`)
  }),
)

say('three instances register')
const node1 = register(registry, { service: 'web', id: 'node1', address: 'localhost:8001' }, { ttl: 5 }).subscribe()
const node2$ = new BehaviorSubject({ service: 'web', id: 'node2', address: 'localhost:8002', metadata: { version: '1.0' } })
const node2 = register(registry, node2$, { ttl: 5 }).subscribe()
const node3 = crashable('node3', 'localhost:8003')
await until('three instances', set => set.size === 3)

say('node2 updates its metadata')
node2$.next({ ...node2$.value, metadata: { version: '1.1' } })
await until('the new version', set => (set.get('node2')?.metadata as { readonly version?: string }).version === '1.1')

say('node3 crashes: nobody says goodbye, its lease of 2 s runs out')
node3.crash()
await until('node3 gone', set => !set.has('node3'))

say('node1 leaves: its lease is revoked')
node1.unsubscribe()
await until('node1 gone', set => !set.has('node1'))

const again = register(registry, { service: 'web', id: 'node1', address: 'localhost:8001' }, { ttl: 5 }).subscribe()
await until('node1 back', set => set.has('node1'))
say(outage.what)
const stale = until('the outage', set => set.status === 'stale')
await Promise.all([outage.run(), stale])
const set = await until('everything back', ({ status: now, size }) => now === 'live' && size === 2)
say(`everything is back: ${set.toArray().map(({ id }) => id).join(', ')} at revision ${set.revision}`)

again.unsubscribe()
node2.unsubscribe()
await until('nobody left', ({ size }) => size === 0)
watching.unsubscribe()
await close()
say('done')
