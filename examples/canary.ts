import { BehaviorSubject, filter, firstValueFrom } from 'rxjs'
import { balance, discover, register, weightedRoundRobin } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'

const registry = memoryRegistry()
const stable = register(registry, { service: 'web', id: 'stable', address: 'stable:8000', version: '1.0', weight: 95 }).subscribe()

// The canary publishes its own weight: a change is written in place, under the same lease.
const canary$ = new BehaviorSubject({ service: 'web', id: 'canary', address: 'canary:8000', version: '1.1', weight: 5 })
const canary = register(registry, canary$).subscribe()

const web$ = discover(registry, 'web')
const web = balance(web$, weightedRoundRobin())
const hundredCalls = async (): Promise<number> => {
  let toCanary = 0
  for (let call = 0; call < 100; call += 1) toCanary += Number((await firstValueFrom(web.use(async ({ id }) => id))) === 'canary')
  return toCanary
}

await firstValueFrom(web$.pipe(filter(({ size }) => size === 2)))
console.log('calls to the canary:', await hundredCalls())

// It looks good, so it gets half of the calls.
canary$.next({ ...canary$.value, weight: 95 })
await firstValueFrom(web$.pipe(filter(set => set.get('canary')?.weight === 95)))
console.log('calls to the canary:', await hundredCalls())

// It does not: at weight 0 it gets no new calls, and finishes those that it has.
canary$.next({ ...canary$.value, weight: 0 })
await firstValueFrom(web$.pipe(filter(set => set.get('canary')?.weight === 0)))
console.log('calls to the canary:', await hundredCalls())

for (const node of [stable, canary]) node.unsubscribe()
await registry.close()
