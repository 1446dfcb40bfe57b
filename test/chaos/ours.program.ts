// A subject of the failure matrix that uses rx-discovery as an application does. It prints each state as a line of JSON and runs the commands that it reads from its input.
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { BehaviorSubject, EMPTY, of, Subject, switchMap, take, type Observable } from 'rxjs'
import { discover, register, type Registration, type ServiceSet } from '../../src/index.js'
import { etcdRegistry, pemFiles } from '../../src/edge/etcd/index.js'
import type { Assignment, SubjectLine } from './subject-protocol.js'
import { digestOf } from './weights.js'

const { hosts, service, id, ttl, auth, passwordFile, tls, tlsFiles, listed = false, autoSync, verify, onTaken, drain, endWithin, waits = false, crowd = 0 } = JSON.parse(process.argv[2] ?? '{}') as Assignment
const print = (line: SubjectLine): void => console.log(JSON.stringify(line))
const failed = (what: string) => (error: unknown): void => print({ failed: `${what}: ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}` })
for (const event of ['unhandledRejection', 'uncaughtExceptionMonitor']) process.on(event, failed(event))

const pem = (text: string | undefined): Buffer | undefined => (text === undefined ? undefined : Buffer.from(text))
const [rootCertificate, certChain, privateKey] = [pem(tls?.ca), pem(tls?.cert), pem(tls?.key)]
const lists = new BehaviorSubject(hosts)
const registry = etcdRegistry({
  hosts: listed ? lists : hosts,
  ...(autoSync !== undefined && { autoSync }),
  // The rows of the matrix choose the member that is used first.
  random: () => 0,
  ...(auth && { auth: passwordFile === undefined ? auth : () => ({ ...auth, password: readFileSync(passwordFile, 'utf8') }) }),
  ...(tlsFiles && { credentials: pemFiles({ rootCertificate: tlsFiles.ca, certChain: tlsFiles.cert, privateKey: tlsFiles.key }) }),
  ...(rootCertificate && { credentials: { rootCertificate, ...(certChain && { certChain }), ...(privateKey && { privateKey }) } }),
})

let last: ServiceSet | undefined
const digest = (set: ServiceSet): number => digestOf(Array.from(set, instance => [instance.id, instance.weight]))
const printSet = (set: ServiceSet): void => {
  last = set
  const status = set.trouble === undefined ? set.status : `${set.status} (${set.trouble.error.name})`
  print({ set: { status, live: set.status === 'live', why: set.trouble?.error.message, revision: set.revision, size: set.size, digest: digest(set), age: Date.now() - set.asOf } })
}
const printRegistration = (state: Registration): void => {
  const status = state.status === 'lost' ? `lost (${state.cause.name})` : state.status
  const left = 'expiresAt' in state ? { left: state.expiresAt - Date.now() } : {}
  print({ registration: { status, why: state.status === 'lost' ? state.cause.message : undefined, registered: state.status === 'registered' || state.status === 'draining', ...left } })
}

const until = new Subject<void>()
const printComplete = (): void => print({ registration: { status: 'complete', registered: false } })
const discovery = discover(registry, service, verify === undefined ? {} : { verify }).subscribe({ next: printSet, error: failed('discover') })
const requested = new Subject<void>()
const own = id === undefined ? EMPTY : register(registry, { service, id, address: '10.0.0.1:8080' }, { ttl, until, ...(onTaken && { onTaken }), ...(drain !== undefined && { drain }), ...(endWithin !== undefined && { endWithin }) })
const start: Observable<void> = waits ? requested : of(undefined)
const registrations = start
  .pipe(take(1), switchMap(() => own))
  .subscribe({ next: printRegistration, error: failed('register'), ...(id !== undefined && { complete: printComplete }) })
for (let each = 0; each < crowd; each += 1)
  registrations.add(register(registry, { service, id: `crowd${each}`, address: '10.0.0.1:8080' }, { ttl }).subscribe({ error: failed(`register crowd${each}`) }))

let ending = false
const commands: Readonly<Record<string, (argument: string) => unknown>> = {
  /** Blocks the event loop for `ms`. */
  block: ms => {
    for (const end = performance.now() + Number(ms); performance.now() < end; );
  },
  register: () => requested.next(),
  /** Lists other hosts, separated by commas. */
  hosts: list => lists.next(list.split(',')),
  drain: () => until.next(),
  /** Without a timeout (ms): that of `close`. */
  close: timeout => registry.close(timeout === '' ? undefined : { timeout: Number(timeout) }),
  /** Unsubscribes from the registration and exits without closing the registry. */
  exit: () => {
    registrations.unsubscribe()
    process.exit()
  },
  weigh: () => print({ weights: Object.fromEntries(Array.from(last ?? [], ({ id: each, weight }) => [each, weight])) }),
  end: async () => {
    ending = true
    discovery.unsubscribe()
    registrations.unsubscribe()
    process.stdin.destroy()
    await registry.close()
  },
}
process.once('SIGTERM', () => void commands['end']?.(''))
createInterface(process.stdin)
  .on('line', line => {
    const [command = '', argument = ''] = line.split(' ')
    void commands[command]?.(argument)
  })
  // The process that reads the output is gone.
  .on('close', () => ending || process.exit(1))
