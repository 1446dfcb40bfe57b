// Run by exit.test.ts. Prints each state on a line of its own and runs the commands that it reads from its input. Only the library can keep it running, and it never calls process.exit.
import { createInterface } from 'node:readline'
import { fromEvent, type Observable } from 'rxjs'
import { discover, register } from '../../src/index.js'
import { etcdRegistry } from '../../src/edge/etcd/index.js'

const [hosts = '', mode = '', ttl = '10'] = process.argv.slice(2)
const print = (line: string): void => console.log(line)
for (const event of ['unhandledRejection', 'uncaughtExceptionMonitor']) process.on(event, (error: unknown) => print(`${event} ${String(error)}`))

const registry = etcdRegistry({ hosts: hosts === 'never' ? () => new Promise<string>(() => undefined) : hosts })
const instance = { service: 'exit', id: 'node', address: '10.0.0.1:8080' }
const until = mode === 'until' ? { until: fromEvent(process, 'SIGTERM') } : {}
const source: Observable<{ readonly status: string }> =
  mode === 'discover' ? discover(registry, 'exit') : register(registry, instance, { ttl: Number(ttl), ...until })
const running = source.subscribe({ next: ({ status }) => print(status), complete: () => print('complete') })

const commands: Readonly<Record<string, () => unknown>> = {
  unsubscribe: () => running.unsubscribe(),
  close: () => registry.close().then(() => print('closed')),
}
createInterface(process.stdin).on('line', line => void commands[line]?.())
// The input for commands must not keep the process running.
const input = process.stdin as typeof process.stdin & { readonly unref: () => void }
input.unref()
