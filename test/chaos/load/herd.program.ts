// Many registrations in one process, by rx-discovery or by etcd3. Prints how many are registered whenever that changes.
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { Etcd3, type Lease } from 'etcd3'
import { register } from '../../../src/index.js'
import { etcdRegistry } from '../../../src/edge/etcd/index.js'

const [which = '', hosts = '', prefix = '', count = '0', ttl = '10'] = process.argv.slice(2)
const instance = (index: number) => ({ service: prefix, id: `node${index}`, address: '10.0.0.1:8080' })
const registered = new Set<number>()
let printed = -1
setInterval(() => {
  if (registered.size !== printed) console.log(JSON.stringify({ registered: (printed = registered.size) }))
}, 20).unref()

const ours = (): (() => Promise<unknown>) => {
  const registry = etcdRegistry({ hosts })
  for (let index = 0; index < Number(count); index += 1)
    register(registry, instance(index), { ttl: Number(ttl) }).subscribe(({ status }) => {
      if (status === 'registered') registered.add(index)
      else registered.delete(index)
    })
  return () => registry.close()
}

const stock = (): (() => Promise<unknown>) => {
  const client = new Etcd3({ hosts })
  const leases = new Map<number, Lease>()
  process.on('unhandledRejection', () => undefined).on('uncaughtException', () => undefined)
  const registerOne = async (index: number): Promise<void> => {
    const lease = client.lease(Number(ttl))
    leases.set(index, lease)
    lease.on('lost', () => {
      registered.delete(index)
      again(index)
    })
    await lease.put(`/rx-discovery/${prefix}/node${index}`).value(JSON.stringify({ v: 1, address: '10.0.0.1:8080' })).exec()
    registered.add(index)
  }
  const again = (index: number): void => void sleep(500).then(() => registerOne(index).catch(() => again(index)))
  for (let index = 0; index < Number(count); index += 1) registerOne(index).catch(() => again(index))
  return () => Promise.race([Promise.all([...leases.values()].map(lease => lease.revoke().catch(() => undefined))), sleep(15_000)])
}

const end = which === 'ours' ? ours() : stock()
createInterface(process.stdin).on('line', () => void end().then(() => process.exit(0))).on('close', () => process.exit(1))
