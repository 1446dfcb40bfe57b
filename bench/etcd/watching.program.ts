// Follows a service, by rx-discovery or by etcd3's watcher and a mutable Map.
import { Etcd3 } from 'etcd3'
import { discover, type ServiceSet } from '../../src/index.js'
import { etcdRegistry } from '../../src/edge/etcd/index.js'
import { answerCommands, clock, cpu, used } from './commands.js'
import { prefixOf } from './world.js'

const [which = '', hosts = '', service = ''] = process.argv.slice(2)

/** Revisions and the times at which they arrived, in pairs, since the last command `taken`. */
let arrivals: number[] = []
let reached = 0
let kept: unknown
const waiting = new Set<{ readonly revision: number; readonly arrived: (at: number) => void }>()
const arrived = (revision: number): void => {
  const at = clock()
  arrivals.push(revision, at)
  reached = revision
  for (const one of waiting)
    if (revision >= one.revision) {
      waiting.delete(one)
      one.arrived(at)
    }
}

const ours = async (): Promise<void> => {
  discover(etcdRegistry({ hosts }), service).subscribe((set: ServiceSet) => {
    kept = set
    if (set.status === 'live') arrived(set.revision)
  })
}

const stock = async (): Promise<void> => {
  const client = new Etcd3({ hosts, grpcOptions: { 'grpc.max_receive_message_length': -1 } })
  const prefix = prefixOf(service)
  const map = new Map<string, unknown>()
  kept = map
  const { kvs, header } = await client.getAll().prefix(prefix).exec()
  for (const { key, value } of kvs) map.set(key.toString().slice(prefix.length), JSON.parse(value.toString()))
  const watcher = await client.watch().prefix(prefix).startRevision(String(Number(header.revision) + 1)).create()
  // The events 'put' and 'delete' come once per key; 'data' comes once per response, like one set.
  watcher
    .on('data', ({ events }) => {
      for (const { type, kv } of events) {
        const id = kv.key.toString().slice(prefix.length)
        if (type === 'Delete') map.delete(id)
        else map.set(id, JSON.parse(kv.value.toString()))
      }
      const last = events.at(-1)
      if (last !== undefined) arrived(Number(last.kv.mod_revision))
    })
    .on('error', () => undefined)
  arrived(Number(header.revision))
}

void (which === 'rx-discovery' ? ours() : stock())

answerCommands({
  reach: ({ revision }) => (reached >= Number(revision) ? { at: clock() } : new Promise(resolve => waiting.add({ revision: Number(revision), arrived: at => resolve({ at }) }))),
  taken: () => {
    const taken = arrivals
    arrivals = []
    return { arrivals: taken, cpu: cpu() }
  },
  used: () => ({ ...used(), kept: kept !== undefined }),
})
