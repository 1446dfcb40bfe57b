import { createServer } from 'node:http'
import { lastValueFrom, map, tap } from 'rxjs'
import { register } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'
import { advertise, onSignal } from 'rx-discovery/node'

// On etcd: etcdRegistry({ hosts: 'http://etcd:2379' }) from 'rx-discovery/etcd'
const registry = memoryRegistry()
let draining = false

// With Express: const server = app.listen(8080)
const server = createServer((request, response) => {
  // While draining, requests are answered, but no connection is kept for the next one.
  if (draining) response.setHeader('connection', 'close')
  if (request.url === '/ready') response.statusCode = draining ? 503 : 200
  response.end('hello')
}).listen(0)

// Listen, then register: `advertise` waits for the port, and finds the address under which others reach it.
const instance$ = advertise(server, { registry }).pipe(map(address => ({ service: 'web', address })))
const registration = register(registry, instance$, { until: onSignal(), drain: 1_000 }).pipe(
  tap(({ status }) => {
    draining ||= status === 'draining'
    console.log(status)
  }),
)

// For this example only: a caller, and the platform that stops the process.
setTimeout(() => process.kill(process.pid, 'SIGTERM'), 100)
setTimeout(() => void fetch(`http://127.0.0.1:${(server.address() as { port: number }).port}/ready`).then(({ status }) => console.log('/ready answers', status)), 200)

// After SIGTERM: `draining` for a second, `revoked`, no new connections, and the process exits once the last request is answered.
await lastValueFrom(registration)
server.close()
await registry.close()
