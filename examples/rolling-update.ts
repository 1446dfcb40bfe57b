import { createServer } from 'node:http'
import { firstValueFrom, interval, lastValueFrom, map, mergeMap, Subject, tap } from 'rxjs'
import { balance, discover, known, register, roundRobin, type ServiceInstance } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'
import { advertise } from 'rx-discovery/node'

const registry = memoryRegistry()

const pod = (id: string) => {
  const sigterm = new Subject<void>() // in a pod: onSignal() from 'rx-discovery/node'
  let isDraining = false
  const server = createServer(({ url }, response) => {
    if (isDraining) response.setHeader('connection', 'close')
    // The readiness probe, which decides what Kubernetes' own Services send. The liveness probe asks any other path: it does not depend on etcd.
    if (url === '/ready') response.statusCode = isDraining ? 503 : 200
    response.end(id)
  }).listen(0)
  const instance$ = advertise(server, { registry, address: '127.0.0.1' }).pipe(map(address => ({ service: 'web', id, address })))
  const registration = register(registry, instance$, { until: sigterm, drain: 300 }).pipe(tap(({ status }) => void (isDraining ||= status === 'draining')))
  const ended = lastValueFrom(registration).then(() => server.close())
  return { terminate: () => (sigterm.next(), ended) }
}
const isThere = (id: string): Promise<unknown> => firstValueFrom(discover(registry, 'web').pipe(known(), mergeMap(set => (set.has(id) ? [id] : []))))

const web = balance(discover(registry, 'web'), roundRobin())
const ask = async ({ address }: ServiceInstance, signal: AbortSignal): Promise<string> => (await fetch(`http://${address}`, { signal })).text()
const answers: string[] = []
const calls = interval(20).pipe(mergeMap(() => web.use(ask))).subscribe({ next: id => void answers.push(id), error: error => console.log('a call failed:', error) })

// One pod after the other: the new one comes, then the old one gets SIGTERM, while a caller sends 50 calls a second, without retries.
const pods = [pod('old-1'), pod('old-2')]
for (const number of [1, 2]) {
  pods.push(pod(`new-${number}`))
  await isThere(`new-${number}`)
  await pods.shift()?.terminate()
}
calls.unsubscribe()
console.log([...new Set(answers)].sort().join(' '), 'answered')
await Promise.all(pods.map(({ terminate }) => terminate()))
await registry.close()
