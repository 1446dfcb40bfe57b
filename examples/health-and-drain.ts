import { filter, firstValueFrom, lastValueFrom, Subject, tap, timer } from 'rxjs'
import { discover, poll, register } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'

const registry = memoryRegistry()
const orders$ = discover(registry, 'orders')
orders$.subscribe(set => {
  for (const { id, status } of set) console.log('discovered:', id, 'is', status)
})

// The instance is `starting` until the first check has passed. A check that fails or hangs makes it `down`, until checks pass again.
const health = poll(() => timer(20), { interval: 5_000 })

// In a server: onSignal() from 'rx-discovery/node', which emits on SIGTERM and SIGINT
const stop = new Subject<void>()
const registration = register(
  registry,
  { service: 'orders', id: 'node1', address: 'localhost:8000' },
  // When `stop` emits, the registration publishes `draining` for 50 ms, so that the instance can finish its work. Then it revokes the lease and completes.
  { health, until: stop, drain: 50 },
).pipe(tap(({ status }) => console.log('registration', status)))

const ended = lastValueFrom(registration)
await firstValueFrom(orders$.pipe(filter(set => set.get('node1')?.status === 'up')))
stop.next()
await ended
await registry.close()
