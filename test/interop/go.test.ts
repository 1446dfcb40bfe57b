import { Server, ServerCredentials } from '@grpc/grpc-js'
import { dictionary, string } from 'fast-check'
import { HealthImplementation } from 'grpc-health-check'
import { describe, expect, it } from 'vitest'
import { native, register } from 'rx-discovery'
import { own } from '../etcd/own.js'
import { goStacks } from './go-stacks.js'
import { aService, bothDirections, consumer, ours, patience, sees, started, stored, type Stack } from './stack.js'
import { kratosUrls, wires } from './wires.js'

const go = await goStacks()
const command = (stack: string): readonly string[] => [...(go ?? []), stack]

const text = string({ unit: 'binary' })
/** Without metadata, `null` is written. */
const metadata = dictionary(text, text, { minKeys: 1 })

const stacks = {
  'client/v3/naming': {
    writer: command('grpc-naming'),
    metadata,
    followers: {
      'the endpoints manager': { command: command('grpc-naming'), sees: (service, { id, address, metadata }) => ({ key: `${service}/${id}`, address, metadata }) },
      'the gRPC resolver': { command: command('grpc-resolver'), sees: (_, { address, metadata }) => ({ address, metadata }) },
    },
  },
  'core/discov': { writer: command('go-zero'), followers: { "go-zero's subscriber": { command: command('go-zero'), sees: (_, { address }) => address } } },
  'sd/etcdv3': { writer: command('go-kit'), followers: { "go-kit's instancer": { command: command('go-kit'), sees: (_, { address }) => `http://${address}` } } },
  'kratos/v2/registry': {
    writer: command('kratos'),
    metadata,
    followers: {
      "Kratos' struct": {
        command: command('kratos'),
        sees: (name, { id, address, metadata }) => ({ id, name, version: 'v1', metadata, endpoints: Object.values(kratosUrls(address)) }),
      },
    },
  },
} satisfies Readonly<Record<string, Stack>>

describe.skipIf(go === undefined)("the code of Go's stacks", () => {
  for (const [name, stack] of Object.entries(stacks)) bothDirections(name as keyof typeof stacks, stack)

  it('finds one registration in several formats, until it ends', async () => {
    const service = aService()
    const followers = await Promise.all(
      Object.values<Stack>(stacks).flatMap(({ followers }) =>
        Object.entries(followers).map(async ([name, { command }]) => {
          const follower = await started(name, command)
          await follower.ask({ do: 'follow', service })
          return follower
        }),
      ),
    )
    const format = [native(), ...Object.keys(stacks).map(name => wires[name as keyof typeof stacks].format)]
    const registration = own(register(ours(), { service, address: '10.1.0.1:9000' }, { format }).subscribe(), it => it.unsubscribe())
    for (const follower of followers) await expect.poll(() => JSON.stringify(follower.seen()), patience).toContain('10.1.0.1:9000')
    registration.unsubscribe()
    for (const follower of followers) await sees(follower, [])
  })

  it('calls servers of Node through its gRPC resolver, and follows them', async () => {
    const service = `fleet/${aService()}`
    const registry = ours()
    const serve = async () => {
      const server = own(new Server(), it => it.forceShutdown())
      new HealthImplementation({ '': 'SERVING' }).addToServer(server)
      const port = await new Promise<number>((resolve, reject) => {
        server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => (error === null ? resolve(port) : reject(error)))
      })
      const address = `127.0.0.1:${port}`
      const registration = own(register(registry, { service, address }, { format: wires['client/v3/naming'].format }).subscribe(), it => it.unsubscribe())
      return { address, leave: () => registration.unsubscribe() }
    }
    const client = await started('the gRPC resolver', command('grpc-resolver'))
    /** The servers that answer nine calls. */
    const answering = async (): Promise<readonly unknown[]> => {
      const addresses = new Set<unknown>()
      for (let call = 0; call < 9; call++) addresses.add(await client.ask({ do: 'call', service }))
      return [...addresses].sort()
    }
    const [one, two, three] = [await serve(), await serve(), await serve()]
    await expect.poll(answering, patience).toEqual([one.address, two.address, three.address].sort())
    one.leave()
    await expect.poll(answering, patience).toEqual([two.address, three.address].sort())
    const four = await serve()
    await expect.poll(answering, patience).toEqual([two.address, three.address, four.address].sort())
  })

  it('gives an instance of go-zero one identity, whatever its leases and however many keys it has', async () => {
    const service = aService()
    const { format, fields, first, changed } = wires['core/discov']
    const consuming = consumer(service, format)
    const publisher = () => started('go-zero', command('go-zero'))
    const [one, other] = [await publisher(), await publisher()]
    await one.ask({ do: 'register', service, ...first, ttl: 60 })
    await consuming.sees(fields(first))
    await one.ask({ do: 'pause' })
    await consuming.sees()
    await one.ask({ do: 'resume' })
    await consuming.sees(fields(first))
    // Two keys of one address; the third shows that the second has been read.
    await other.ask({ do: 'register', service, ...first, ttl: 60 })
    await (await publisher()).ask({ do: 'register', service, ...changed, ttl: 60 })
    await consuming.sees(fields(first), fields(changed))
    await one.ask({ do: 'leave' })
    await expect.poll(() => stored(format, service), patience).toHaveLength(2)
    await consuming.sees(fields(first), fields(changed))
    await other.ask({ do: 'leave' })
    await consuming.sees(fields(changed))
  })
})
