// Measures the first set of a service, by rx-discovery or by etcd3, as often as asked.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { Etcd3 } from 'etcd3'
import { filter, firstValueFrom } from 'rxjs'
import { discover } from '../../src/index.js'
import { etcdRegistry } from '../../src/edge/etcd/index.js'
import { answerCommands, clock, cpu, used } from './commands.js'
import { prefixOf } from './world.js'

const [which = '', hosts = '', service = ''] = process.argv.slice(2)

const ours = (): (() => Promise<{ readonly size: number }>) => {
  const registry = etcdRegistry({ hosts })
  return () => firstValueFrom(discover(registry, service).pipe(filter(({ status }) => status === 'live')))
}

const stock = (): (() => Promise<{ readonly size: number }>) => {
  const client = new Etcd3({ hosts, grpcOptions: { 'grpc.max_receive_message_length': -1 } })
  const prefix = prefixOf(service)
  return async () => {
    const { kvs } = await client.getAll().prefix(prefix).exec()
    return new Map(kvs.map(({ key, value }) => [key.toString().slice(prefix.length), JSON.parse(value.toString()) as unknown]))
  }
}

const list = which === 'rx-discovery' ? ours() : stock()
const delay = monitorEventLoopDelay({ resolution: 1 })
let kept: unknown

answerCommands({
  list: async () => {
    delay.enable()
    await sleep(5)
    delay.reset()
    const [began, spent] = [clock(), cpu()]
    const set = await list()
    const took = { ms: clock() - began, cpu: cpu() - spent }
    await sleep(2)
    const stall = delay.max / 1e6 - 1
    delay.disable()
    kept = set
    return { ...took, stall, size: set.size }
  },
  used: () => ({ ...used(), kept: kept !== undefined }),
})
