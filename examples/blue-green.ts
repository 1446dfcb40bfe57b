import { BehaviorSubject, firstValueFrom, shareReplay, switchMap } from 'rxjs'
import { balance, discover, register, roundRobin, where } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'

const registry = memoryRegistry()
const nodes = ['blue', 'green'].map(colour =>
  register(registry, { service: 'web', id: colour, address: `${colour}:8000`, tags: [colour] }).subscribe(),
)

// Which colour is live. In a fleet it comes from your configuration, so that every caller switches at the same time.
const live$ = new BehaviorSubject('blue')

// One watch for both colours, so that a switch takes effect at the next call.
const web$ = discover(registry, 'web').pipe(shareReplay({ bufferSize: 1, refCount: false }))
const web = balance(live$.pipe(switchMap(colour => web$.pipe(where(({ tags }) => tags.includes(colour))))), roundRobin())
const call = (): Promise<string> => firstValueFrom(web.use(async ({ id }) => id))

console.log('live is', await call())
live$.next('green')
console.log('live is', await call())
live$.next('blue')
console.log('back to', await call())

for (const node of nodes) node.unsubscribe()
await registry.close()
