// The other subject of the failure matrix. It uses etcd3 as its documentation shows: a `Watcher` over a listing, and a `Lease` that is granted watchAgain when it is lost.
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { Etcd3, type Lease } from 'etcd3'
import type { Assignment, SubjectLine } from './subject-protocol.js'
import { digestOf, weightOf } from './weights.js'

const { hosts, service, id, ttl, auth, passwordFile, tls, tlsFiles } = JSON.parse(process.argv[2] ?? '{}') as Assignment
const print = (line: SubjectLine): void => console.log(JSON.stringify(line))
const failed = (what: string) => (error: unknown): void => print({ failed: `${what}: ${error instanceof Error ? error.message : String(error)}` })
for (const event of ['unhandledRejection', 'uncaughtException']) process.on(event, failed(event))

const client = new Etcd3({
  hosts: [...hosts],
  ...(auth && { auth: passwordFile === undefined ? auth : { ...auth, password: readFileSync(passwordFile, 'utf8') } }),
  ...(tlsFiles && { credentials: { rootCertificate: readFileSync(tlsFiles.ca), certChain: readFileSync(tlsFiles.cert), privateKey: readFileSync(tlsFiles.key) } }),
  ...(tls && { credentials: { rootCertificate: Buffer.from(tls.ca), ...(tls.cert && tls.key && { certChain: Buffer.from(tls.cert), privateKey: Buffer.from(tls.key) }) } }),
})
const prefix = `/rx-discovery/${service}/`
const map = new Map<string, number>()
let revision = 0
const printSet = (status: string, live: boolean): void => print({ set: { status, live, revision, size: map.size, digest: digestOf(map) } })
const printRegistration = (status: string, registered: boolean): void => print({ registration: { status, registered } })

const put = (key: string, value: string): void => {
  const weight = weightOf(value)
  if (weight === undefined) map.delete(key.slice(prefix.length))
  else map.set(key.slice(prefix.length), weight)
}

const watch = async (): Promise<void> => {
  const { kvs, header } = await client.getAll().prefix(prefix).exec()
  map.clear()
  for (const { key, value } of kvs) put(key.toString(), value.toString())
  revision = Number(header.revision)
  printSet('live', true)
  const watcher = await client.watch().prefix(prefix).startRevision(String(revision + 1)).create()
  watcher
    .on('disconnected', () => printSet('disconnected', false))
    .on('connected', () => printSet('connected', true))
    .on('put', ({ key, value }) => put(key.toString(), value.toString()))
    .on('delete', ({ key }) => map.delete(key.toString().slice(prefix.length)))
    .on('data', ({ events }) => {
      if (events.length === 0) return
      revision = Number(events.at(-1)?.kv.mod_revision ?? revision)
      printSet('live', true)
    })
    .on('error', (error: Error) => {
      printSet(`error (${error.message.slice(0, 30).trim()})`, false)
      watchAgain()
    })
}
const watchAgain = (): void => void sleep(500).then(() => watch().catch((error: unknown) => {
  printSet(`error (${String(error).slice(0, 40)})`, false)
  watchAgain()
}))
await watch().catch(watchAgain)

let lease: Lease | undefined
const register = async (): Promise<void> => {
  lease = client.lease(ttl)
  lease.on('lost', () => {
    printRegistration('lost', false)
    registerAgain()
  })
  await lease.put(`${prefix}${id ?? ''}`).value(JSON.stringify({ v: 1, address: '10.0.0.2:8080' })).exec()
  printRegistration('registered', true)
}
const registerAgain = (): void => void sleep(500).then(() => register().catch(() => {
  printRegistration('failed', false)
  registerAgain()
}))
if (id !== undefined) await register().catch(registerAgain)

createInterface(process.stdin)
  .on('line', line => {
    if (line === 'end') void Promise.race([Promise.resolve(lease?.revoke()).catch(() => undefined), sleep(2_000)]).then(() => process.exit(0))
    if (line === 'weigh') print({ weights: Object.fromEntries(map) })
    if (line.startsWith('block')) for (const end = performance.now() + Number(line.slice(6)); performance.now() < end; );
  })
  .on('close', () => process.exit(1))
