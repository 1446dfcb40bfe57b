import { createServer } from 'node:http'
import { filter, firstValueFrom, interval, lastValueFrom, map, mergeMap, share, Subject, tap } from 'rxjs'
import { balance, discover, register, roundRobin, type ServiceInstance } from 'rx-discovery'
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
const web = balance(discover(registry, 'web'), roundRobin())
const ask = async ({ address }: ServiceInstance, signal: AbortSignal): Promise<string> => (await fetch(`http://${address}`, { signal })).text()
// 50 calls a second without retries: a call that fails ends the program.
const answered = new Set<string>()
const answer$ = interval(20).pipe(mergeMap(() => web.use(ask)), tap(id => void answered.add(id)), share())
const calls = answer$.subscribe()
const answerOf = (id: string): Promise<string> => firstValueFrom(answer$.pipe(filter(each => each === id)))
// One pod after the other: the new one comes, then the oldest one gets SIGTERM.
const pods = [pod('old-1'), pod('old-2')]
await Promise.all([answerOf('old-1'), answerOf('old-2')])
for (const id of ['new-1', 'new-2']) {
  pods.push(pod(id))
  await answerOf(id)
  await pods.shift()?.terminate()
}
calls.unsubscribe()
console.log([...answered].sort().join(' '), 'answered')
await Promise.all(pods.map(({ terminate }) => terminate()))
await registry.close()
