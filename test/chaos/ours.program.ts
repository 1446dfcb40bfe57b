// A subject of the failure matrix: rx-discovery as its user has it. Says what it sees line by line, and obeys the lines it is told.
import { createInterface } from 'node:readline'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { EMPTY, of, Subject, switchMap, take, type Observable } from 'rxjs'
import { discover, register, type Registration, type ServiceSet } from '../../src/index.js'
import { etcdRegistry } from '../../src/edge/etcd/index.js'
import { digestOf, type Assignment, type Told } from './told.js'

const { hosts, service, id, ttl, auth, tls, large = false, verify, onTaken, drain, waits = false, crowd = 0 } = JSON.parse(process.argv[2] ?? '{}') as Assignment
const say = (told: Told): void => console.log(JSON.stringify(told))
const failed = (what: string) => (error: unknown): void => say({ failed: `${what}: ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}` })
for (const event of ['unhandledRejection', 'uncaughtExceptionMonitor']) process.on(event, failed(event))

const pem = (text: string | undefined): Buffer | undefined => (text === undefined ? undefined : Buffer.from(text))
const [rootCertificate, certChain, privateKey] = [pem(tls?.ca), pem(tls?.cert), pem(tls?.key)]
const registry = etcdRegistry({
  hosts,
  ...(auth && { auth }),
  ...(rootCertificate && { credentials: { rootCertificate, ...(certChain && { certChain }), ...(privateKey && { privateKey }) } }),
})

let last: ServiceSet | undefined
const digest = (set: ServiceSet): number => (large ? 0 : digestOf(Array.from(set, instance => [instance.id, instance.weight])))
const shown = (set: ServiceSet): void => {
  last = set
  const status = set.trouble === undefined ? set.status : `${set.status} (${set.trouble.error.name})`
  say({ view: { status, live: set.status === 'live', why: set.trouble?.error.message, revision: set.revision, size: set.size, digest: digest(set), age: Date.now() - set.asOf } })
}
const told = (state: Registration): void => {
  const status = state.status === 'lost' ? `lost (${state.cause.name})` : state.status
  const left = 'expiresAt' in state ? { left: state.expiresAt - Date.now() } : {}
  say({ tenure: { status, why: state.status === 'lost' ? state.cause.message : undefined, held: state.status === 'registered' || state.status === 'draining', ...left } })
}

const until = new Subject<void>()
const completed = (): void => say({ tenure: { status: 'complete', held: false } })
const looking = discover(registry, service, verify === undefined ? {} : { verify }).subscribe({ next: shown, error: failed('discover') })
const asked = new Subject<void>()
const own = id === undefined ? EMPTY : register(registry, { service, id, address: '10.0.0.1:8080' }, { ttl, until, ...(onTaken && { onTaken }), ...(drain !== undefined && { drain }) })
const begins: Observable<void> = waits ? asked : of(undefined)
const held = begins
  .pipe(take(1), switchMap(() => own))
  .subscribe({ next: told, error: failed('register'), ...(id !== undefined && { complete: completed }) })
for (let each = 0; each < crowd; each += 1)
  held.add(register(registry, { service, id: `crowd${each}`, address: '10.0.0.1:8080' }, { ttl }).subscribe({ error: failed(`register crowd${each}`) }))

let ending = false
const delay = monitorEventLoopDelay({ resolution: 5 })
delay.enable()
const orders: Readonly<Record<string, (argument: string) => unknown>> = {
  /** Computes for so many ms. */
  block: ms => {
    for (const end = performance.now() + Number(ms); performance.now() < end; );
  },
  register: () => asked.next(),
  drain: () => until.next(),
  close: () => registry.close(),
  /** Ends without a word to anybody but the registration. */
  exit: () => {
    held.unsubscribe()
    process.exit()
  },
  weigh: () => say({ weights: Object.fromEntries(Array.from(last ?? [], ({ id: each, weight }) => [each, weight])) }),
  measure: () => {
    global.gc?.()
    const { rss, heapUsed } = process.memoryUsage()
    const { userCPUTime, systemCPUTime } = process.resourceUsage()
    say({ measured: { rss, heapUsed, cpu: (userCPUTime + systemCPUTime) / 1e3, stall: delay.max / 1e6 } })
    delay.reset()
  },
  end: async () => {
    ending = true
    looking.unsubscribe()
    held.unsubscribe()
    process.stdin.destroy()
    delay.disable()
    await registry.close()
  },
}
process.once('SIGTERM', () => void orders['end']?.(''))
createInterface(process.stdin)
  .on('line', line => {
    const [order = '', argument = ''] = line.split(' ')
    void orders[order]?.(argument)
  })
  // Nobody listens any more.
  .on('close', () => ending || process.exit(1))
