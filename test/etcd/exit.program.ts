// Run by exit.test.ts. Says what happens line by line, and obeys the lines it is told; nothing else keeps it running, and nothing ends it by force.
import { createInterface } from 'node:readline'
import { fromEvent, type Observable } from 'rxjs'
import { discover, register } from '../../src/index.js'
import { etcdRegistry } from '../../src/edge/etcd/index.js'

const [hosts = '', does = '', ttl = '10'] = process.argv.slice(2)
const say = (line: string): void => console.log(line)
for (const event of ['unhandledRejection', 'uncaughtExceptionMonitor']) process.on(event, (error: unknown) => say(`${event} ${String(error)}`))

const registry = etcdRegistry({ hosts })
const instance = { service: 'exit', id: 'node', address: '10.0.0.1:8080' }
const until = does === 'until' ? { until: fromEvent(process, 'SIGTERM') } : {}
const source: Observable<{ readonly status: string }> =
  does === 'discover' ? discover(registry, 'exit') : register(registry, instance, { ttl: Number(ttl), ...until })
const running = source.subscribe({ next: ({ status }) => say(status), complete: () => say('complete') })

const orders: Readonly<Record<string, () => unknown>> = {
  unsubscribe: () => running.unsubscribe(),
  close: () => registry.close().then(() => say('closed')),
}
createInterface(process.stdin).on('line', line => void orders[line]?.())
// How we are told what to do is no reason to keep running.
const input = process.stdin as typeof process.stdin & { readonly unref: () => void }
input.unref()
