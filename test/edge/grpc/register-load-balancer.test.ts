import { status as codes, type Client } from '@grpc/grpc-js'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { describe, expect, it } from 'vitest'
import { register, type DiagnosticMessages, type ServiceInstanceInput } from 'rx-discovery'
import { registerLoadBalancer, registerResolver } from 'rx-discovery/grpc'
import { memoryRegistry, type MemoryRegistry } from 'rx-discovery/memory'
import { ends, until, vacant } from '../probe/servers.js'
import { clientOf, follow, greeterNamed, hello, policyOf, shares, type Greeter } from './greeters.js'

const names = ['rx_discovery_peak_ewma', 'rx_discovery_least_request'] as const

const fleet = async (count: number) => {
  const registry = memoryRegistry()
  ends.push(() => registry.close())
  registerResolver(registry, { scheme: 'fleet' })
  registerLoadBalancer()
  const greeters = await Promise.all(Array.from({ length: count }, (_, n) => greeterNamed(String.fromCharCode(97 + n))))
  return { registry, greeters }
}
const registered = (registry: MemoryRegistry, { name, address }: Pick<Greeter, 'name' | 'address'>, more: Partial<ServiceInstanceInput> = {}) => {
  const registration = register(registry, { service: 'greeter', id: name, address, ...more }).subscribe()
  ends.push(() => registration.unsubscribe())
  return registration
}
const greeterClient = (policy: string, config: object = {}, more: object = {}): Client => clientOf('fleet:///greeter', policyOf(policy, config, more))

/** Waits until so many servers have a connection, since calls go to the first that has one. */
const connected = (client: Client, greeters: readonly Greeter[]): Promise<void> =>
  until(async () => {
    await hello(client).catch(() => undefined)
    return greeters.every(({ open }) => open() > 0)
  })

describe.each(names)('%s', policy => {
  it('keeps one connection to each instance across twenty updates', async () => {
    const { registry, greeters } = await fleet(3)
    for (const greeter of greeters) registered(registry, greeter)
    const client = greeterClient(policy)
    await connected(client, greeters)
    for (let update = 0; update < 20; update += 1) {
      registry.write('/rx-discovery/greeter/other', update % 2 === 0 ? JSON.stringify({ v: 1, address: '127.0.0.1:1', status: 'down', tags: [String(update)] }) : null)
      registry.write('/rx-discovery/greeter/a', JSON.stringify({ v: 1, address: greeters[0]?.address, weight: 1 + update }))
      expect(await hello(client)).toMatch(/^[abc]$/)
    }
    expect(greeters.map(({ accepted }) => accepted())).toEqual([1, 1, 1])
    client.close()
    await until(() => greeters.every(({ open }) => open() === 0))
  })

  it('divides calls by weight', async () => {
    const { registry, greeters } = await fleet(3)
    greeters.forEach((greeter, n) => registered(registry, greeter, { weight: [1, 2, 5][n] ?? 1 }))
    const client = greeterClient(policy)
    await connected(client, greeters)
    for (const { behaviour } of greeters) behaviour.delay = 5
    const { a = 0, b = 0, c = 0 } = await shares(client, 400, 8)
    expect([a + b + c, a < b, b < c]).toEqual([400, true, true])
  })

  it('prefers its own zone, and leaves it when it has no instance that is up', async () => {
    const { registry, greeters } = await fleet(3)
    const zones = greeters.map((greeter, n) => registered(registry, greeter, { zone: n === 0 ? 'near' : 'far' }))
    const client = greeterClient(policy, { zone: 'near' })
    await connected(client, greeters)
    expect(await shares(client, 30)).toEqual({ a: 30 })
    zones[0]?.unsubscribe()
    await until(async () => (await hello(client)) !== 'a')
    expect(await shares(client, 30)).toMatchObject({ b: expect.any(Number) as number, c: expect.any(Number) as number })
  })

  it('ends nothing and begins nothing on an instance that drains', async () => {
    const { registry, greeters } = await fleet(2)
    const [a, b] = greeters as [Greeter, Greeter]
    registry.write('/rx-discovery/greeter/a', JSON.stringify({ v: 1, address: a.address }))
    const client = greeterClient(policy)
    await connected(client, [a])
    const stream = follow(client)
    await until(() => stream.messages.length === 1)
    registry.write('/rx-discovery/greeter/a', JSON.stringify({ v: 1, address: a.address, status: 'draining' }))
    registered(registry, b)
    await until(() => hello(client).then(name => name === 'b', () => false))
    expect(await shares(client, 20)).toEqual({ b: 20 })
    registry.write('/rx-discovery/greeter/a', null)
    expect(await shares(client, 20)).toEqual({ b: 20 })
    a.finish()
    expect([await stream.ended, stream.messages]).toEqual([codes.OK, ['a', 'a ends']])
  })

  it('leaves an instance alone that fails, and only failures of the instance count', async () => {
    const { registry, greeters } = await fleet(3)
    for (const greeter of greeters) registered(registry, greeter)
    const client = greeterClient(policy, { outliers: { consecutive: 3 } })
    await connected(client, greeters)
    const [a] = greeters as [Greeter]
    a.behaviour.code = codes.NOT_FOUND
    const before = a.calls()
    await shares(client, 60, 6)
    expect(a.calls() - before).toBeGreaterThan(6)
    a.behaviour.code = codes.UNAVAILABLE
    await shares(client, 60, 6)
    const ejected = a.calls()
    expect(await shares(client, 60, 6)).toEqual({ b: expect.any(Number) as number, c: expect.any(Number) as number })
    expect(a.calls()).toBe(ejected)
  })

  it('counts what `failures` names only', async () => {
    const { registry, greeters } = await fleet(2)
    for (const greeter of greeters) registered(registry, greeter)
    const client = greeterClient(policy, { outliers: { consecutive: 1 }, failures: ['NOT_FOUND'] })
    await connected(client, greeters)
    const [a] = greeters as [Greeter]
    a.behaviour.code = codes.NOT_FOUND
    await until(async () => (await shares(client, 4, 4))['failed'] !== undefined)
    expect(await shares(client, 20, 4)).toEqual({ b: 20 })
  })

  it('publishes each call when it begins, and when it has ended with its status', async () => {
    const { registry, greeters } = await fleet(1)
    for (const greeter of greeters) registered(registry, greeter)
    const client = greeterClient(policy, { failures: ['UNAVAILABLE'] })
    await connected(client, greeters)
    const seen: (readonly unknown[])[] = []
    const listener = (message: unknown): void => {
      const { instance, attempt, result, error } = message as DiagnosticMessages['rx-discovery:call']
      seen.push([instance.id, attempt, result, (error as { readonly code?: unknown } | undefined)?.code])
    }
    subscribe('rx-discovery:call', listener)
    ends.push(() => void unsubscribe('rx-discovery:call', listener))
    await hello(client)
    for (const greeter of greeters) greeter.behaviour.code = codes.NOT_FOUND
    await hello(client).catch(() => undefined)
    const began = ['a', 1, undefined, undefined]
    await until(() => seen.length === 4)
    expect(seen).toEqual([began, ['a', 1, 'success', undefined], began, ['a', 1, 'success', 'NOT_FOUND']])
  })

  it('waits for the first connection, and connects again to an instance that comes back', async () => {
    const { registry, greeters } = await fleet(2)
    const [a, b] = greeters as [Greeter, Greeter]
    registered(registry, a)
    registered(registry, b)
    const client = greeterClient(policy)
    expect(await hello(client)).toMatch(/^[ab]$/)
    await connected(client, greeters)
    a.kill()
    await until(() => a.open() === 0)
    await until(async () => (await hello(client).catch(() => '')) === 'b')
    expect(await shares(client, 30)).toEqual({ b: 30 })
  })

  it('reports why no call can be made', async () => {
    const { registry } = await fleet(0)
    const client = greeterClient(policy)
    const details = (): Promise<string> => hello(client).then(() => '', (error: unknown) => (error as { readonly details: string }).details)
    expect(await details()).toMatch(/service greeter has no instance, and had none since this channel follows it/)
    registry.write('/rx-discovery/greeter/x', JSON.stringify({ v: 1, address: '127.0.0.1:1', status: 'draining' }))
    await until(async () => (await details()).includes('service greeter has no instance that is up: 1 draining'))
    registry.write('/rx-discovery/greeter/x', JSON.stringify({ v: 1, address: await vacant() }))
    await until(async () => /no instance of greeter can be reached; x: .*ECONNREFUSED/.test(await details()))
    registry.write('/rx-discovery/greeter/x', null)
    await until(async () => (await details()).includes('service greeter has no instance any more'))
  })

  it('balances the addresses of another resolver', async () => {
    const { greeters } = await fleet(2)
    const client = clientOf(`ipv4:${greeters.map(({ address }) => address).join()}`, policyOf(policy))
    await connected(client, greeters)
    const { a = 0, b = 0 } = await shares(client, 60, 6)
    expect([a + b, a > 10, b > 10]).toEqual([60, true, true])
  })

  it('works below the outlier detection of gRPC, which unwraps the connection', async () => {
    const { registry, greeters } = await fleet(2)
    for (const greeter of greeters) registered(registry, greeter)
    const client = greeterClient('outlier_detection', { success_rate_ejection: {}, child_policy: [{ [policy]: {} }] })
    await connected(client, greeters)
    const { a = 0, b = 0 } = await shares(client, 60, 6)
    expect([a + b, a > 10, b > 10]).toEqual([60, true, true])
  })

  it.each([
    [{ zones: 'a' }, /zones is not an option of .* \(did you mean zone\?\)/],
    [{ failures: ['BROKEN'] }, /failures\.0 must be "CANCELLED", .*, got "BROKEN"/],
    [{ outliers: { share: 0.1 } }, /outliers\.share must be a number of percent/],
    [{ panic: '50' }, /panic must be a number of percent/],
    [{ zone: [1] }, /zone must be the name of a zone, or a list of names/],
  ])('makes calls fail with the reason if its configuration is wrong: %j', async (config, message) => {
    const { registry, greeters } = await fleet(1)
    for (const greeter of greeters) registered(registry, greeter)
    await expect(hello(greeterClient(policy, config))).rejects.toMatchObject({ code: codes.UNAVAILABLE, details: expect.stringMatching(message) as string })
  })
})

describe('rx_discovery_least_request', () => {
  it('counts a call with its pick, so that calls of one turn spread out, and streams until they end', async () => {
    const { registry, greeters } = await fleet(3)
    for (const greeter of greeters) registered(registry, greeter)
    const client = greeterClient('rx_discovery_least_request')
    await connected(client, greeters)
    for (const { behaviour } of greeters) behaviour.delay = 20
    expect(await shares(client, 30, 30)).toEqual({ a: 10, b: 10, c: 10 })
    const streams = Array.from({ length: 9 }, () => follow(client))
    await until(() => streams.every(({ messages }) => messages.length === 1))
    const firsts = streams.flatMap(({ messages }) => messages)
    expect(greeters.map(({ name }) => firsts.filter(first => first === name).length)).toEqual([3, 3, 3])
    // those of `a` end: the next three calls in flight go there
    for (const { messages, cancel } of streams) if (messages[0] === 'a') cancel()
    await new Promise(resolve => setImmediate(resolve))
    expect(await shares(client, 3, 3)).toEqual({ a: 3 })
    for (const { cancel } of streams) cancel()
  })
})

describe('rx_discovery_peak_ewma', () => {
  it('gives a slow instance few calls, by the latency to the first message', async () => {
    const { registry, greeters } = await fleet(3)
    for (const greeter of greeters) registered(registry, greeter)
    const [a, b, c] = greeters as [Greeter, Greeter, Greeter]
    const client = greeterClient('rx_discovery_peak_ewma')
    await connected(client, greeters)
    a.behaviour.delay = 1_500
    const before = a.calls()
    await shares(client, 200, 4)
    expect([a.calls() - before, b.calls() > 50, c.calls() > 50]).toEqual([expect.toSatisfy((calls: number) => calls < 20), true, true])
  })

  it('measures how long the first message of a stream takes, not how long the stream lasts', async () => {
    const { registry, greeters } = await fleet(2)
    const [a, b] = greeters as [Greeter, Greeter]
    // The cost of both, beside which a slow first message on a busy machine counts for little.
    for (const { behaviour } of [a, b]) behaviour.delay = 50
    registered(registry, a)
    const client = greeterClient('rx_discovery_peak_ewma')
    const streams = Array.from({ length: 3 }, () => follow(client))
    await until(() => streams.every(({ messages }) => messages.length === 1))
    registered(registry, b)
    await connected(client, greeters)
    await new Promise(resolve => setTimeout(resolve, 1_000))
    a.finish()
    await Promise.all(streams.map(({ ended }) => ended))
    const before = a.calls()
    await shares(client, 60)
    expect(a.calls() - before).toBeGreaterThan(5)
  })

  it('leaves the retry policy of the service config alone', async () => {
    const { registry, greeters } = await fleet(2)
    for (const greeter of greeters) registered(registry, greeter)
    const retryPolicy = { maxAttempts: 5, initialBackoff: '0.01s', maxBackoff: '0.1s', backoffMultiplier: 2, retryableStatusCodes: ['UNAVAILABLE'] }
    const client = greeterClient('rx_discovery_peak_ewma', { outliers: { consecutive: 1 } }, { methodConfig: [{ name: [{}], retryPolicy }] })
    await connected(client, greeters)
    const [a] = greeters as [Greeter]
    a.behaviour.code = codes.UNAVAILABLE
    expect(await shares(client, 40, 4)).toEqual({ b: 40 })
    expect(a.calls()).toBeGreaterThan(1)
  })
})
