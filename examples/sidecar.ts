import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { distinctUntilChanged, filter, firstValueFrom, lastValueFrom, map, Subject } from 'rxjs'
import { discover, poll, register, serviceInstance } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'
import { httpProbe } from 'rx-discovery/probe'

// In place of a process in another language, in the same pod or on the same machine.
let isHealthy = true
const other = createServer((_, response) => response.writeHead(isHealthy ? 200 : 500).end()).listen(0, '127.0.0.1')
await once(other, 'listening')

// That process knows nothing of etcd. The sidecar asks for its health, and publishes the answer as the status of the instance.
const registry = memoryRegistry()
const instance = serviceInstance({ service: 'legacy', id: 'node1', address: `127.0.0.1:${(other.address() as AddressInfo).port}` })
const isUp = httpProbe({ path: '/health' })
const health = poll(() => isUp(instance), { interval: 50, fall: 2, rise: 1 })
const stop = new Subject<void>() // in a sidecar: onSignal() from 'rx-discovery/node'
const ended = lastValueFrom(register(registry, instance, { health, until: stop, drain: 50 }))

const status$ = discover(registry, 'legacy').pipe(map(set => set.get('node1')?.status ?? 'absent'), distinctUntilChanged())
status$.subscribe(status => console.log(status))
const isSeen = (status: string): Promise<unknown> => firstValueFrom(status$.pipe(filter(each => each === status)))

await isSeen('up')
isHealthy = false
await isSeen('down')
isHealthy = true
await isSeen('up')
stop.next()
await ended
other.close()
await registry.close()
