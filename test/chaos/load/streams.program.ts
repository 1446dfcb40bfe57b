// One discovery and one registration, by rx-discovery or by etcd3, under a stream of events. Prints its figures every second.
import { createInterface } from 'node:readline'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Etcd3 } from 'etcd3'
import { discover, register, type ServiceSet } from '../../../src/index.js'
import { etcdRegistry } from '../../../src/edge/etcd/index.js'
import { weightOf } from '../weights.js'

const [which = '', hosts = '', service = '', slow = '0'] = process.argv.slice(2)
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
const ttl = 5
const started = performance.now()
const prefix = `/rx-discovery/${service}/`
const figures = { emissions: 0, revision: 0, size: 0, lost: 0, first: 0, stale: 0 }
let weights: () => Record<string, number> = () => ({})

/** The work of a slow subscriber. */
const work = (): void => {
  for (const end = performance.now() + Number(slow); performance.now() < end; );
}
const emitted = (revision: number, size: number): void => {
  figures.first ||= performance.now() - started
  figures.emissions += 1
  figures.revision = revision
  figures.size = size
  work()
}

const ours = (): (() => Promise<unknown>) => {
  const registry = etcdRegistry({ hosts })
  let last: ServiceSet | undefined
  weights = () => Object.fromEntries(Array.from(last ?? [], ({ id, weight }) => [id, weight]))
  discover(registry, service).subscribe(set => {
    last = set
    if (set.status === 'live') emitted(set.revision, set.size)
    else if (set.status === 'stale') figures.stale += 1
  })
  register(registry, { service, id: 'ours', address: '10.0.0.1:8080' }, { ttl }).subscribe(({ status }) => {
    if (status === 'lost') figures.lost += 1
  })
  return () => registry.close()
}

const stock = async (): Promise<() => Promise<unknown>> => {
  const client = new Etcd3({ hosts, grpcOptions: { 'grpc.max_receive_message_length': -1 } })
  const map = new Map<string, number>()
  weights = () => Object.fromEntries(map)
  const put = (key: string, value: string): void => {
    const weight = weightOf(value)
    if (weight !== undefined) map.set(key.slice(prefix.length), weight)
  }
  const { kvs, header } = await client.getAll().prefix(prefix).exec()
  for (const { key, value } of kvs) put(key.toString(), value.toString())
  emitted(Number(header.revision), map.size)
  const watcher = await client.watch().prefix(prefix).startRevision(String(Number(header.revision) + 1)).create()
  watcher
    .on('disconnected', () => (figures.stale += 1))
    .on('put', ({ key, value }) => put(key.toString(), value.toString()))
    .on('delete', ({ key }) => map.delete(key.toString().slice(prefix.length)))
    .on('data', ({ events }) => {
      if (events.length > 0) emitted(Number(events.at(-1)?.kv.mod_revision), map.size)
    })
    .on('error', () => undefined)
  const lease = client.lease(ttl)
  lease.on('lost', () => (figures.lost += 1))
  await lease.put(`${prefix}stock`).value(JSON.stringify({ v: 1, address: '10.0.0.2:8080' })).exec()
  return () => lease.revoke()
}

const delay = monitorEventLoopDelay({ resolution: 5 })
delay.enable()
const end = which === 'ours' ? ours() : await stock()
const report = (garbage: boolean): void => {
  const { rss, heapUsed } = process.memoryUsage()
  if (garbage) {
    delay.disable()
    collect()
    delay.enable()
  }
  const { userCPUTime, systemCPUTime } = process.resourceUsage()
  console.log(JSON.stringify({ ...figures, rss, heapUsed, live: garbage ? process.memoryUsage().heapUsed : 0, cpu: (userCPUTime + systemCPUTime) / 1e3, stall: delay.max / 1e6 }))
}
setInterval(() => report(false), 1_000).unref()
createInterface(process.stdin)
  .on('line', line => {
    if (line === 'measure') report(true)
    if (line === 'weigh') {
      // Only the test asks for the weights, so this does not count as a stall.
      delay.disable()
      console.log(JSON.stringify({ weights: weights() }))
      delay.enable()
    }
    if (line === 'end') void end().then(() => process.exit(0), () => process.exit(0))
  })
  .on('close', () => process.exit(1))
