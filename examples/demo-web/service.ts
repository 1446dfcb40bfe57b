import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { distinctUntilKeyChanged, map } from 'rxjs'
import { register } from 'rx-discovery'
import { etcdRegistry, fromEnvironment } from 'rx-discovery/etcd'
import { advertise, onSignal } from 'rx-discovery/node'

// One instance of a service, in a process of its own, which the demo can kill. Usage: service.ts <service> <id> <ttl, seconds>
const [service = '', id = '', ttl = ''] = process.argv.slice(2)

const between = (least: number, most: number): number => least + Math.floor(Math.random() * (most - least + 1))

/** What the services answer, by path. */
const answers: Readonly<Record<string, () => unknown>> = {
  '/latest': () => ['Tea', 'Coffee', 'Cocoa', 'Milk'].map((item, i) => ({ id: 1_001 + i, item, user: (i % 3) + 1 })),
  '/names': () => ({ 1: 'Ada', 2: 'Grace', 3: 'Linus' }),
  '/levels': () => ({ by: id, items: { Tea: between(0, 20), Coffee: between(0, 20), Cocoa: between(0, 20) } }),
}

const server = createServer((request, response) => {
  const answer = answers[request.url ?? '']
  void sleep(between(10, 60)).then(() => {
    response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(answer?.() ?? null))
  })
}).listen(0, '127.0.0.1')

const registry = etcdRegistry(fromEnvironment())
const instance$ = advertise(server, { registry }).pipe(map(address => ({ service, id, address, version: '1.0' })))

register(registry, instance$, { ttl: Number(ttl), until: onSignal(), drain: 500 })
  .pipe(distinctUntilKeyChanged('status'))
  .subscribe({
    next: ({ status }) => console.log(status),
    error: (error: unknown) => {
      console.error(error)
      process.exit(1)
    },
    complete: () => {
      server.close()
      void registry.close()
    },
  })
