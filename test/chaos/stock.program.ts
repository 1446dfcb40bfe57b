// The other subject of the failure matrix: what etcd3's own documentation shows, its `Watcher` over a listing, and its `Lease` granted anew when it is lost.
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { Etcd3, type Lease } from 'etcd3'
import { digestOf, weightOf, type Assignment, type Told } from './told.js'

const { hosts, service, id, ttl, auth, tls, large = false } = JSON.parse(process.argv[2] ?? '{}') as Assignment
const say = (told: Told): void => console.log(JSON.stringify(told))
const failed = (what: string) => (error: unknown): void => say({ failed: `${what}: ${error instanceof Error ? error.message : String(error)}` })
for (const event of ['unhandledRejection', 'uncaughtException']) process.on(event, failed(event))

const client = new Etcd3({
  hosts: [...hosts],
  ...(auth && { auth }),
  ...(tls && { credentials: { rootCertificate: Buffer.from(tls.ca), ...(tls.cert && tls.key && { certChain: Buffer.from(tls.cert), privateKey: Buffer.from(tls.key) }) } }),
})
const prefix = `/rx-discovery/${service}/`
const map = new Map<string, number>()
let revision = 0
const view = (status: string, live: boolean): void =>
  say({ view: { status, live, revision, size: map.size, digest: large ? 0 : digestOf(map) } })

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
  view('live', true)
  const watcher = await client.watch().prefix(prefix).startRevision(String(revision + 1)).create()
  watcher
    .on('disconnected', () => view('disconnected', false))
    .on('connected', () => view('connected', true))
    .on('put', ({ key, value }) => put(key.toString(), value.toString()))
    .on('delete', ({ key }) => map.delete(key.toString().slice(prefix.length)))
    .on('data', ({ events }) => {
      if (events.length === 0) return
      revision = Number(events.at(-1)?.kv.mod_revision ?? revision)
      view('live', true)
    })
    .on('error', (error: Error) => {
      view(`error (${error.message.slice(0, 30).trim()})`, false)
      again()
    })
}
const again = (): void => void sleep(500).then(() => watch().catch((error: unknown) => {
  view(`error (${String(error).slice(0, 40)})`, false)
  again()
}))
await watch().catch(again)

let lease: Lease | undefined
const hold = async (): Promise<void> => {
  lease = client.lease(ttl)
  lease.on('lost', () => {
    say({ tenure: { status: 'lost', held: false } })
    holdAgain()
  })
  await lease.put(`${prefix}${id ?? ''}`).value(JSON.stringify({ v: 1, address: '10.0.0.2:8080' })).exec()
  say({ tenure: { status: 'registered', held: true } })
}
const holdAgain = (): void => void sleep(500).then(() => hold().catch(() => {
  say({ tenure: { status: 'failed', held: false } })
  holdAgain()
}))
if (id !== undefined) await hold().catch(holdAgain)

createInterface(process.stdin)
  .on('line', line => {
    if (line === 'end') void Promise.race([Promise.resolve(lease?.revoke()).catch(() => undefined), sleep(2_000)]).then(() => process.exit(0))
    if (line === 'weigh') say({ weights: Object.fromEntries(map) })
    if (line.startsWith('block')) for (const end = performance.now() + Number(line.slice(6)); performance.now() < end; );
  })
  .on('close', () => process.exit(1))
