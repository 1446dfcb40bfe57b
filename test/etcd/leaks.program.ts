// Run by leaks.test.ts. Subscribes as often as asked, unsubscribes each time at a random moment, and prints the counts. Then it waits for a line, closes, and prints the open resources.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Observable } from 'rxjs'
import { discover, register } from '../../src/index.js'
import { etcdRegistry } from '../../src/edge/etcd/index.js'
import { seeded } from './random-writes.js'

const [steady = '', shaky = '', times = '0', seed = '0'] = process.argv.slice(2)
const random = seeded(Number(seed))
const registries = [steady, shaky].map(hosts => etcdRegistry({ hosts }))
const ttl = 300
const services = 20
// With more at once, the CPU would be busy for longer than the random delays.
const atOnce = 8

const counts = { registered: 0, live: 0, errors: [] as string[] }
const flap = async (source: Observable<{ readonly status: string }>): Promise<void> => {
  const subscription = source.subscribe({
    next: ({ status }) => {
      if (status === 'registered') counts.registered += 1
      if (status === 'live') counts.live += 1
    },
    error: (error: unknown) => counts.errors.push(String(error)),
  })
  await sleep(random() * 50)
  subscription.unsubscribe()
}

let next = 0
const loop = async (): Promise<void> => {
  for (let index = next++; index < Number(times); index = next++) {
    // One in ten uses the connection that is cut.
    const registry = registries[index % 10 === 0 ? 1 : 0]
    if (registry === undefined) return
    const service = `flapping-${index % services}`
    const registration = flap(register(registry, { service, id: `node${index}`, address: '10.0.0.1:8080' }, { ttl }))
    await Promise.all([registration, flap(discover(registry, service))])
  }
}
await Promise.all(Array.from({ length: atOnce }, loop))
console.log(JSON.stringify(counts))

await new Promise<void>(resolve => process.stdin.once('data', () => resolve()))
process.stdin.destroy()
await Promise.all(registries.map(registry => registry.close()))
// Destroyed resources close in the next turns of the event loop.
for (let turn = 0; turn < 10; turn++) await new Promise(resolve => setImmediate(resolve))
console.log(JSON.stringify(process.getActiveResourcesInfo()))
