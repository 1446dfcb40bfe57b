import { status as codes } from '@grpc/grpc-js'
import { NEVER, of } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { InvalidArgument, plain, protect, register } from 'rx-discovery'
import { registerResolver } from 'rx-discovery/grpc'
import { memoryRegistry, type MemoryRegistry } from 'rx-discovery/memory'
import { ends, until } from '../probe/servers.js'
import { clientOf, greeterNamed, hello, policyOf, shares, type Greeter } from './greeters.js'

const robin = policyOf('round_robin')

const registryFor = (options: Parameters<typeof registerResolver>[1] = {}): MemoryRegistry => {
  const registry = memoryRegistry()
  ends.push(() => registry.close())
  registerResolver(registry, { scheme: 'test', ...options })
  return registry
}
const registered = (registry: MemoryRegistry, { name, address }: Pick<Greeter, 'name' | 'address'>, more: object = {}, service = 'greeter') => {
  const registration = register(registry, { service, id: name, address, ...more }).subscribe()
  ends.push(() => registration.unsubscribe())
  return registration
}
const failureOf = (call: Promise<string>): Promise<{ readonly code: codes; readonly details: string }> =>
  call.then(
    name => Promise.reject(new Error(`${name} answered`)),
    (error: unknown) => error as { readonly code: codes; readonly details: string },
  )

describe('registerResolver', () => {
  it('makes a channel follow the instances as they come and go', async () => {
    const [a, b] = [await greeterNamed('a'), await greeterNamed('b')]
    const registry = registryFor()
    const first = registered(registry, a)
    const client = clientOf('test:///greeter', robin)
    expect(await shares(client, 10)).toEqual({ a: 10 })
    registered(registry, b)
    await until(async () => (await hello(client)) === 'b')
    expect(await shares(client, 10)).toEqual({ a: 5, b: 5 })
    first.unsubscribe()
    await until(async () => (await shares(client, 4))['a'] === undefined)
    expect(await shares(client, 10)).toEqual({ b: 10 })
  })

  it('opens no further connections when the set changes', async () => {
    const a = await greeterNamed('a')
    const registry = registryFor()
    registered(registry, a)
    const client = clientOf('test:///greeter', robin)
    for (let tag = 0; tag < 20; tag += 1) {
      registry.write('/rx-discovery/greeter/other', JSON.stringify({ v: 1, address: '127.0.0.1:1', status: 'down', tags: [String(tag)] }))
      expect(await hello(client)).toBe('a')
    }
    expect(a.accepted()).toBe(1)
  })

  it('passes only instances that are up', async () => {
    const [a, b] = [await greeterNamed('a'), await greeterNamed('b')]
    const registry = registryFor()
    registered(registry, a)
    registered(registry, b, { status: 'draining' })
    const client = clientOf('test:///greeter', robin)
    expect(await shares(client, 10)).toEqual({ a: 10 })
    expect(b.accepted()).toBe(0)
  })

  it('decodes service names with slashes, and encodes the authority as grpc-go does', async () => {
    const a = await greeterNamed('a')
    const registry = registryFor()
    registered(registry, a, {}, 'shop/eu west/greeter:1')
    expect(await hello(clientOf('test:///shop/eu%20west/greeter:1', robin))).toBe('a')
    expect(a.authority() ?? 'shop%2Feu%20west%2Fgreeter:1').toBe('shop%2Feu%20west%2Fgreeter:1')
    expect(await hello(clientOf('test:///shop%2Feu%20west%2Fgreeter%3A1', robin))).toBe('a')
    expect(await hello(clientOf('test:shop/eu%20west/greeter:1', robin))).toBe('a')
  })

  it.each([
    ['test:///', /must name a service/],
    ['test://greeter', /write test:\/\/\/greeter/],
    ['test://localhost:2379/greeter', /three slashes.*got "test:\/\/localhost:2379\/greeter" \(write test:\/\/\/greeter\)/],
    ['test:///a//b', /must not have a segment that is empty/],
    ['test:///100%', /percent-encoded.*write %25/],
  ])('refuses the target %s', (target, message) => {
    registryFor()
    expect(() => clientOf(target)).toThrow(InvalidArgument)
    expect(() => clientOf(target)).toThrow(message)
  })

  it.each(['round_robin', 'pick_first'])('reports why there is no instance, and calls work when one comes: %s', async policy => {
    const a = await greeterNamed('a')
    const registry = registryFor()
    const client = clientOf('test:///greeter', policyOf(policy))
    expect(await failureOf(hello(client))).toMatchObject({ code: codes.UNAVAILABLE, details: expect.stringMatching(/service greeter has no instance, and had none/) as string })
    registry.write('/rx-discovery/greeter/x', '{')
    await until(async () => (await failureOf(hello(client))).details.includes('has no instance that can be read; /rx-discovery/greeter/x: '))
    const starting = registered(registry, a, { status: 'starting' })
    await until(async () => (await failureOf(hello(client))).details.includes('has no instance that is up: 1 starting'))
    starting.unsubscribe()
    registry.write('/rx-discovery/greeter/x', null)
    await until(async () => /has no instance any more|No addresses in endpoint list passed to pick_first/.test((await failureOf(hello(client))).details))
    registered(registry, a)
    await until(() => hello(client).then(name => name === 'a', () => false))
  })

  it('reports that the registry does not answer, and follows when it does', async () => {
    const a = await greeterNamed('a')
    const registry = registryFor()
    registered(registry, a)
    registry.interrupt(500)
    const client = clientOf('test:///greeter', robin)
    expect(await failureOf(hello(client))).toMatchObject({ code: codes.UNAVAILABLE, details: expect.stringMatching(/service greeter is not known yet: /) as string })
    await until(() => hello(client).then(name => name === 'a', () => false))
  })

  it('reports that access is denied, and tries again', async () => {
    const a = await greeterNamed('a')
    const registry = registryFor()
    registered(registry, a)
    const allow = registry.deny()
    const client = clientOf('test:///greeter', robin)
    expect((await failureOf(hello(client))).details).toMatch(/denied/i)
    allow()
    await until(() => hello(client).then(name => name === 'a', () => false))
  })

  it('keeps the last known instances while the registry is away, and after it is closed', async () => {
    const a = await greeterNamed('a')
    const registry = registryFor()
    registered(registry, a)
    const client = clientOf('test:///greeter', robin)
    expect(await hello(client)).toBe('a')
    registry.interrupt(60_000)
    expect(await shares(client, 20)).toEqual({ a: 20 })
    await registry.close()
    expect(await shares(client, 20)).toEqual({ a: 20 })
    expect((await failureOf(hello(clientOf('test:///greeter', robin)))).details).toMatch(/the registry is closed/)
  })

  it('shares one watch among channels, and ends it with the last of them', async () => {
    const a = await greeterNamed('a')
    const registry = registryFor()
    registered(registry, a)
    const before = registry.subscriptions().watches
    const clients = [clientOf('test:///greeter', robin), clientOf('test:///greeter', policyOf('pick_first'))]
    for (const client of clients) expect(await hello(client)).toBe('a')
    expect(registry.subscriptions().watches).toBe(before + 1)
    for (const client of clients) client.close()
    await until(() => registry.subscriptions().watches === before)
  })

  it('connects to a named endpoint, in several formats, behind an operator', async () => {
    const [a, b] = [await greeterNamed('a'), await greeterNamed('b')]
    const registry = registryFor({ endpoint: 'grpc' })
    registered(registry, { name: 'a', address: '127.0.0.1:1' }, { endpoints: { grpc: `grpc://${a.address}` } })
    registered(registry, { name: 'b', address: b.address })
    expect(await shares(clientOf('test:///greeter', robin), 4)).toEqual({ a: 4 })

    const other = registryFor({ format: plain(), pipe: protect({ grace: 60_000 }) })
    other.write('/greeter/a', a.address)
    other.write('/greeter/b', b.address)
    const client = clientOf('test:///greeter', robin)
    await until(async () => (await hello(client)) === 'b')
    other.write('/greeter/a', null)
    other.write('/greeter/b', null)
    expect((await shares(client, 20))['failed']).toBeUndefined()
  })

  it.each([
    [{ scheme: 'etcd:' }, /scheme must be the scheme of a URL.*without the colon/],
    [{ formats: plain() }, /formats is not an option.*did you mean format/],
    [{ endpoint: 1 }, /endpoint must be a string/],
    [{ pipe: of(1) }, /pipe must be an operator on sets/],
  ])('refuses the options %j', (options, message) => {
    expect(() => registerResolver(memoryRegistry(), options as never)).toThrow(message)
    expect(() => registerResolver(NEVER as never)).toThrow(/registry must be a registry/)
  })
})
