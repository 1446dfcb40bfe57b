import { randomUUID } from 'node:crypto'
import { filter, firstValueFrom, ReplaySubject, Subject, type Subscription } from 'rxjs'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { discover, native, register, type ClosableRegistry, type Format, type Registration, type ServiceSet } from 'rx-discovery'
import { etcdRegistry } from 'rx-discovery/etcd'
import { goZero, kitex, kratos } from 'rx-discovery/formats'
import { leaseId } from '../../src/edge/etcd/lease/grant.js'
import { own } from './own.js'
import { plainClient } from './server.js'

// The steps of the migration guide in docs/interop.md, in its order.
describe('a fleet migrates from one format to another', () => {
  const hosts = inject('etcdEndpoints')
  let client: ReturnType<typeof plainClient>
  let registry: ClosableRegistry
  beforeAll(() => {
    client = plainClient({ hosts })
    registry = etcdRegistry({ hosts })
  })
  afterAll(async () => {
    client.close()
    await registry.close()
  })

  const scene = () => {
    const service = 'greeter'
    const theirs = kratos({ prefix: `/${randomUUID()}` })
    const ours = native({ prefix: `/${randomUUID()}` })

    /** A Go process: what Kratos writes, under a lease. Returns how it leaves. */
    const go = async (id: string, address: string): Promise<() => Promise<unknown>> => {
      const lease = leaseId()
      await client.leaseClient.leaseGrant({ ID: lease, TTL: 60 })
      const value = `{"id":"${id}","name":"${service}","version":"v1","metadata":null,"endpoints":["grpc://${address}"]}`
      await client.kv.put({ key: Buffer.from(`${theirs.prefix(service)}${id}`), value: Buffer.from(value), lease })
      return () => client.leaseClient.leaseRevoke({ ID: lease })
    }
    /** A Node process. Returns how it leaves, once it is registered. */
    const node = async (id: string, address: string, format: readonly Format[]): Promise<() => Promise<unknown>> => {
      const stop = new Subject<void>()
      const states = new ReplaySubject<Registration>(1)
      register(registry, { service, id, address }, { format, until: stop }).subscribe(states)
      await firstValueFrom(states.pipe(filter(({ status }) => status === 'registered')))
      return () => {
        stop.next()
        return firstValueFrom(states.pipe(filter(({ status }) => status === 'revoked')))
      }
    }
    /** A consumer: the addresses that it sees, and every set that it has seen. */
    const consumer = (format: readonly Format[]) => {
      const sets = new ReplaySubject<ServiceSet>(1)
      const seen: (readonly string[])[] = []
      const following: Subscription = discover(registry, service, { format }).subscribe(sets)
      sets.pipe(filter(({ status }) => status === 'live')).subscribe(set => seen.push(set.toArray().map(({ address }) => address).sort()))
      own(following, () => following.unsubscribe())
      return {
        seen,
        hasIds: (...ids: readonly string[]) => firstValueFrom(sets.pipe(filter(set => JSON.stringify(set.toArray().map(({ id }) => id)) === JSON.stringify(ids)))),
        sees: (...addresses: readonly string[]) =>
          firstValueFrom(sets.pipe(filter(set => set.status === 'live' && JSON.stringify(set.toArray().map(({ address }) => address).sort()) === JSON.stringify([...addresses].sort())))),
      }
    }
    const stored = async (key: string) => {
      const { kvs: [kv] } = await client.kv.range({ key: Buffer.from(key) })
      return kv && { lease: kv.lease, revision: kv.mod_revision }
    }
    return { ...{ service, theirs: theirs as unknown as Format, ours, go, node, consumer, stored } }
  }

  it('Go only, both, ours only, and back, and no consumer misses an instance or sees one twice', async () => {
    const { service, theirs, ours, go, node, consumer, stored } = scene()
    const both = [ours, theirs]

    // 1. Go only.
    const leaveGo1 = await go('go1', '10.1.0.1:9000')
    const leaveGo2 = await go('go2', '10.1.0.2:9000')
    const old = consumer([theirs])
    await old.sees('10.1.0.1:9000', '10.1.0.2:9000')

    // 2. Consumers read both formats.
    const migrating = consumer(both)
    await migrating.sees('10.1.0.1:9000', '10.1.0.2:9000')

    // 3. Instances write both: in one transaction, under one lease. Each consumer sees each of them once.
    const leaveNode1 = await node('node1', '10.1.0.3:9000', both)
    const [one, other] = [await stored(`${ours.prefix(service)}node1`), await stored(`${theirs.prefix(service)}node1`)]
    expect(one).toBeDefined()
    expect(other).toEqual(one)
    await old.sees('10.1.0.1:9000', '10.1.0.2:9000', '10.1.0.3:9000')
    await migrating.sees('10.1.0.1:9000', '10.1.0.2:9000', '10.1.0.3:9000')
    const leaveNode2 = await node('node2', '10.1.0.4:9000', both)
    await leaveGo1()
    await leaveGo2()
    await old.sees('10.1.0.3:9000', '10.1.0.4:9000')

    // 4. Nobody reads the old format alone any more: instances write ours only.
    const fresh = consumer([ours])
    await fresh.sees('10.1.0.3:9000', '10.1.0.4:9000')
    const leaveNode3 = await node('node3', '10.1.0.5:9000', [ours])
    const leaveNode4 = await node('node4', '10.1.0.6:9000', [ours])
    await leaveNode1()
    await leaveNode2()
    await fresh.sees('10.1.0.5:9000', '10.1.0.6:9000')
    await migrating.sees('10.1.0.5:9000', '10.1.0.6:9000')
    await old.sees()
    expect(await stored(`${theirs.prefix(service)}node1`)).toBeUndefined()

    // And back: write both again, then the old format alone.
    const leaveNode5 = await node('node5', '10.1.0.7:9000', both)
    await leaveNode3()
    await leaveNode4()
    await old.sees('10.1.0.7:9000')
    const leaveGo3 = await go('go3', '10.1.0.8:9000')
    await leaveNode5()
    await old.sees('10.1.0.8:9000')
    await migrating.sees('10.1.0.8:9000')
    await fresh.sees()
    await leaveGo3()

    // From step 2 on, the consumer of both formats has never been without an instance, and has shown no address twice.
    const shown = migrating.seen.slice(0, -1)
    expect(shown.filter(addresses => addresses.length === 0)).toEqual([])
    expect(migrating.seen.filter(addresses => new Set(addresses).size !== addresses.length)).toEqual([])
  })

  it('shows an instance once although its formats give it different ids, and its key may change with its lease', async () => {
    const { ours, node, consumer } = scene()
    const formats = [ours, kitex({ prefix: randomUUID() }), goZero({ prefix: randomUUID() })] as unknown as readonly Format[]
    const all = consumer(formats)
    const each = formats.map(format => consumer([format]))
    const leave = await node('node1', '10.1.0.1:80', formats)
    await Promise.all([all.hasIds('node1'), each[0]?.hasIds('node1'), each[1]?.hasIds('10.1.0.1:80'), each[2]?.hasIds('10.1.0.1:80')])
    expect(all.seen.filter(addresses => addresses.length > 1)).toEqual([])
    await leave()
    await Promise.all([all, ...each].map(one => one.sees()))
  })
})
