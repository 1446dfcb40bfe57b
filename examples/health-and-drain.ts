import { lastValueFrom, map, Subject, tap, timer } from 'rxjs'
import { discover, register, type Status } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'

const registry = memoryRegistry()
discover(registry, 'orders').subscribe(set => {
  for (const { id, status } of set) console.log(id, 'is seen', status)
})

// The instance is `starting` until its check has spoken; what the check says is what others see.
const health = timer(20).pipe(map((): Status => 'up'))

// In a server: merge(fromEvent(process, 'SIGTERM'), fromEvent(process, 'SIGINT'))
const stop = new Subject<void>()
const registration = register(
  registry,
  { service: 'orders', id: 'node1', address: 'localhost:8000' },
  // Once `stop` emits it is `draining`, finishes what it has for 50 ms, and is revoked: only then the Observable completes.
  { health, until: stop, drain: 50 },
).pipe(tap(({ status }) => console.log('registration', status)))

setTimeout(() => stop.next(), 60)
await lastValueFrom(registration)
await registry.close()
