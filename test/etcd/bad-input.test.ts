import { setTimeout as sleep } from 'node:timers/promises'
import type { Etcd3 } from 'etcd3'
import type { Observable } from 'rxjs'
import { describe, expect, inject, it, vi } from 'vitest'
import { catalog, discover, InvalidArgument, native, register, type ClosableRegistry, type Registration, type ServiceSet } from 'rx-discovery'
import { etcdRegistry, type ConnectOptions } from 'rx-discovery/etcd'
import { memoryRegistry } from 'rx-discovery/memory'
import { blackHole, http1, refusing, swallowing } from './black-holes.js'
import { own } from './own.js'
import { plainClient } from './server.js'

let prefixes = 0
const freshPrefix = (): string => `/bad-input-${process.pid}-${Date.now()}-${++prefixes}`
const client = (): Etcd3 => own(plainClient({ hosts: inject('etcdEndpoints') }), it => it.close())

type Write = (key: string, value: Buffer) => unknown
interface Subject {
  readonly registry: ClosableRegistry
  readonly write: Write
  readonly leases: () => readonly string[] | Promise<readonly string[]>
  /** The argument that its error names for a value over the limit, and the limit in the message. */
  readonly oversized: readonly [argument: string, right: RegExp]
}
const subjects: Readonly<Record<string, () => Subject>> = {
  memory: () => {
    const registry = own(memoryRegistry(), it => it.close())
    return { registry, write: (key, value) => registry.write(key, value.toString()), leases: registry.leases, oversized: ['value', /at most 1572864 bytes/] }
  },
  etcd: () => {
    const [registry, admin] = [own(etcdRegistry({ hosts: inject('etcdEndpoints') }), it => it.close()), client()]
    return {
      registry,
      write: (key, value) => admin.put(key).value(value),
      leases: async () => (await admin.leaseClient.leaseLeases()).leases.map(({ ID }) => ID),
      oversized: ['entries', /1\.5 MiB/],
    }
  },
}

/** The error of a source that errors synchronously at subscription. */
const errorAtOnce = (source: Observable<unknown>): unknown => {
  const errors: unknown[] = []
  const subscription = source.subscribe({ error: (error: unknown) => errors.push(error) })
  subscription.unsubscribe()
  return errors[0]
}
const expectInvalid = (error: unknown, argument: string, right: RegExp): void => {
  expect(error).toBeInstanceOf(InvalidArgument)
  const { argument: named, message } = error as InvalidArgument
  expect([named, message.startsWith(`${argument} `)]).toEqual([argument, true])
  expect(message).toMatch(right)
}

const names = [
  ['empty', '', /must not be empty/],
  ['a dot', '.', /must not be "\." or "\.\."/],
  ['two dots', '..', /must not be "\." or "\.\."/],
  ['with an empty segment', 'a//b', /must not (have a segment that is empty|hold "\/")/],
  ['with NUL', 'a\0b', /must not hold control characters/],
  ['10 kB long', 'n'.repeat(10_240), /must be at most 512 bytes/],
] as const
const addresses = [
  ['localhost', /must be host:port/],
  ['', /must be host:port/],
  ['localhost:70000', /must end in a port from 1 to 65535/],
  ['localhost:0', /must end in a port from 1 to 65535/],
  ['2001:db8::1', /must be \[host\]:port/],
  [':8080', /must begin with a host name/],
] as const
const address = 'localhost:8080'

describe.each(Object.entries(subjects))('%s: an invalid argument errors at subscription, with its name and the right form', (_, make) => {
  it.each(names)('a service name that is %s', (_name, service, right) => {
    const { registry } = make()
    for (const source of [register(registry, { service, address }), discover(registry, service)]) expectInvalid(errorAtOnce(source), 'service', right)
    expectInvalid(errorAtOnce(catalog(registry, { services: ['web', service] })), 'services.1', right)
  })

  it.each(names)('an id that is %s', (_name, id, right) => {
    expectInvalid(errorAtOnce(register(make().registry, { service: 'web', id, address })), 'id', right)
  })

  it.each(addresses)('address %j', (wrong, right) => {
    expectInvalid(errorAtOnce(register(make().registry, { service: 'web', id: 'node', address: wrong })), 'address', right)
  })

  it.each([0, -1, 1.5, NaN, Infinity, 1e12])('ttl %d', ttl => {
    expectInvalid(errorAtOnce(register(make().registry, { service: 'web', address }, { ttl })), 'ttl', /a whole number of seconds,? (from )?1 to 9000000000/)
  })

  it('valid arguments work: dots, brackets, a TTL of a hundred years', async () => {
    const { registry } = make()
    const format = native({ prefix: freshPrefix() })
    const states: Registration[] = []
    const registered = register(registry, { service: 'user.rpc', id: '...', address: '[2001:db8::1]:65535' }, { format, ttl: { seconds: 3_153_600_000 } })
    own(registered.subscribe(state => states.push(state)), it => it.unsubscribe())
    await vi.waitFor(() => expect(states.at(-1)?.status).toBe('registered'), 5_000)
    // The deadline is further away than any timer can wait.
    await sleep(50)
    expect(states.map(({ status }) => status)).toEqual(['registering', 'registered'])
  })

  it('a value that is too large for the format or for etcd, and leaves no lease', async () => {
    const { registry, leases, oversized } = make()
    const before = new Set(await leases())
    const large = 'x'.repeat(1_700_000)
    // A custom format has no limit but that of etcd.
    const limitless = { ...native({ prefix: freshPrefix() }), encode: () => large }
    for (const [format, argument, right] of [[native(), 'instance', /must be at most 524288 characters/], [limitless, ...oversized]] as const) {
      const errors: unknown[] = []
      const source = register(registry, { service: 'web', address, metadata: { large } }, { format })
      own(source.subscribe({ error: (error: unknown) => errors.push(error) }), it => it.unsubscribe())
      await vi.waitFor(() => expect(errors).toHaveLength(1), 5_000)
      expectInvalid(errors[0], argument, right)
    }
    await vi.waitFor(async () => expect((await leases()).filter(id => !before.has(id))).toEqual([]), 5_000)
  })
})

describe('etcdRegistry', () => {
  it.each([['http://127.0.0.1:2379'], [['http://127.0.0.1:2379']], [undefined], [null]])('throws for %j instead of options', from => {
    expect(() => etcdRegistry(from as unknown as ConnectOptions)).toThrow(/^hosts must be passed by name/)
  })
  it('refuses a namespace of an etcd3 client, and takes one without a prefix', () => {
    const whole = client()
    expect(() => etcdRegistry(whole.namespace('t/') as unknown as Etcd3)).toThrow(
      /^client must be an Etcd3 client, got its namespace "t\/" \(pass the client itself, and put the prefix into the format/,
    )
    expect(() => etcdRegistry(whole.namespace('') as unknown as Etcd3)).not.toThrow()
    expect(() => etcdRegistry(whole)).not.toThrow()
  })
  const wrong: readonly unknown[] = [[], '', [''], 'no url at all', 'ftp://localhost:2379', 'http://', 'localhost:70000', 'localhost:0', '::1', 'http://localhost:2379/path', [null], 7, undefined, ['localhost:2379', '::1']]
  it.each(wrong)('throws for hosts %j', hosts => {
    let thrown: unknown
    try {
      etcdRegistry({ hosts } as unknown as ConnectOptions)
    } catch (error) {
      thrown = error
    }
    expectInvalid(thrown, 'hosts', /must be like 'localhost:2379'|needs at least one endpoint/)
  })
  it.each<readonly [object, string, RegExp]>([
    [{ auth: { user: 'root', pass: 'hunter2' } }, 'auth.user', /is not an option of auth \(did you mean username\?\)$/],
    [{ auth: { username: 'root', password: 7 } }, 'auth.password', /must be a string, got a number$/],
    [{ auth: 'root:hunter2' }, 'auth', /must be an object of options, got a string \(auth takes them by name: \{ username, password \}\)$/],
    [{ credentials: '/etc/ssl/ca.pem' }, 'credentials', /must be an object of options, got a string \(credentials takes them by name: \{ rootCertificate, privateKey, certChain \}\)$/],
    [{ credentials: { rootCertificate: '/etc/ssl/ca.pem' } }, 'credentials.rootCertificate', /must be the content of a PEM file, as a Buffer/],
    [{ credentials: { ca: Buffer.from('x') } }, 'credentials.ca', /is not an option of credentials/],
    [{ grpcOptions: [] }, 'grpcOptions', /must be an object/],
    [{ host: 'b:2379' }, 'host', /is not an option of etcdRegistry \(did you mean hosts\?\)$/],
  ])('throws for %j', (options, argument, message) => {
    let thrown: unknown
    try {
      etcdRegistry({ hosts: 'localhost:2379', ...options })
    } catch (error) {
      thrown = error
    }
    expectInvalid(thrown, argument, message)
    expect(String(thrown)).not.toMatch(/hunter2|ssl/)
  })
})

const bad = {
  'refuses': { make: refusing, does: /refused the connection/ },
  'swallows everything': { make: swallowing, does: /did not answer|broke off|could not be reached/ },
  'drops packets': { make: blackHole, does: /did not answer|broke off|could not be reached/ },
  'speaks HTTP/1': { make: http1, does: /does not speak gRPC/ },
} as const

describe.each(Object.entries(bad))('a host that %s', (_, { make, does }) => {
  it('is an outage: trouble within two seconds, with the host and what it did, and retries', { timeout: 30_000 }, async () => {
    const { host } = own(await make(), it => it.close())
    const registry = own(etcdRegistry({ hosts: host }), it => it.close())
    const [sets, states, errors]: [ServiceSet[], Registration[], unknown[]] = [[], [], []]
    const error = (thrown: unknown): unknown => errors.push(thrown)
    const start = performance.now()
    own(discover(registry, 'web').subscribe({ next: set => sets.push(set), error }), it => it.unsubscribe())
    own(register(registry, { service: 'web', address }, { ttl: 2 }).subscribe({ next: state => states.push(state), error }), it => it.unsubscribe())

    await vi.waitFor(() => expect([sets.at(-1)?.trouble !== undefined, states.at(-1)?.status]).toEqual([true, 'lost']), { timeout: 5_000, interval: 10 })
    expect(performance.now() - start).toBeLessThan(2_000)
    const lost = states.at(-1)
    for (const cause of [sets.at(-1)?.trouble?.error, lost?.status === 'lost' ? lost.cause : undefined]) {
      expect(cause).toMatchObject({ name: 'Disconnected', host })
      expect(cause?.message).toMatch(does)
      expect(cause?.message).toContain(host)
    }
    expect(sets.at(-1)).toMatchObject({ status: 'pending', trouble: { host, attempt: 1 } })
    await vi.waitFor(() => expect(sets.at(-1)?.trouble?.attempt).toBeGreaterThan(2), 15_000)
    expect(errors).toEqual([])
  })

  it('does no harm beside a good one', { timeout: 30_000 }, async () => {
    const { host } = own(await make(), it => it.close())
    const registry = own(etcdRegistry({ hosts: [host, ...inject('etcdEndpoints')], random: () => 0 }), it => it.close())
    const format = native({ prefix: freshPrefix() })
    const [sets, states, errors]: [ServiceSet[], Registration[], unknown[]] = [[], [], []]
    const error = (thrown: unknown): unknown => errors.push(thrown)
    own(discover(registry, 'web', { format }).subscribe({ next: set => sets.push(set), error }), it => it.unsubscribe())
    own(register(registry, { service: 'web', id: 'node', address }, { format, ttl: 2 }).subscribe({ next: state => states.push(state), error }), it => it.unsubscribe())
    await vi.waitFor(() => expect([sets.at(-1)?.status, sets.at(-1)?.has('node')]).toEqual(['live', true]), 10_000)
    const lease = states.flatMap(state => (state.status === 'registered' ? [state.leaseId] : [])).at(-1)
    // The lease outlives its TTL.
    await vi.waitFor(() => expect(states.at(-1)).toMatchObject({ status: 'registered', leaseId: lease, renewals: 5 }), 15_000)
    expect(errors).toEqual([])
  })
})

const malformed: Readonly<Record<string, readonly [key: string, value: string | Buffer]>> = {
  'not JSON': ['broken', '{"v":1,"address":'],
  'empty': ['broken', ''],
  'not UTF-8': ['broken', Buffer.from([0x7b, 0xff, 0xfe, 0x00, 0x7d])],
  'another type': ['broken', '["10.0.0.1:80"]'],
  'no address': ['broken', '{"v":1}'],
  'an address without a port': ['broken', '{"v":1,"address":"10.0.0.1"}'],
  'another version': ['broken', '{"v":2,"address":"10.0.0.1:80"}'],
  'a weight that is no number': ['broken', '{"v":1,"address":"10.0.0.1:80","weight":"NaN"}'],
  'a weight below zero': ['broken', '{"v":1,"address":"10.0.0.1:80","weight":-1}'],
  'a weight too large for a number': ['broken', '{"v":1,"address":"10.0.0.1:80","weight":1e999}'],
  'an unknown status': ['broken', '{"v":1,"address":"10.0.0.1:80","status":"sleeping"}'],
  'a prototype': ['broken', '{"v":1,"address":"10.0.0.1:80","metadata":{"__proto__":{"admin":true}}}'],
  'deep nesting': ['broken', `{"v":1,"address":"10.0.0.1:80","metadata":${'['.repeat(50_000)}${']'.repeat(50_000)}}`],
  'a megabyte': ['broken', `{"v":1,"address":"10.0.0.1:80","metadata":"${'x'.repeat(1_000_000)}"}`],
  'control characters': ['broken', '{"v":1,"address":"10.0.0.1:80","zone":"a\\u0000b"}'],
  'a key without an id': ['', '{"v":1,"address":"10.0.0.1:80"}'],
  'a key of dots': ['..', '{"v":1,"address":"10.0.0.1:80"}'],
  'a key with a control character': ['a\u0007b', '{"v":1,"address":"10.0.0.1:80"}'],
}

describe.each(Object.entries(subjects))('%s: a stored value that is', (_, make) => {
  it.each(Object.entries(malformed))('%s becomes a rejected entry and changes nothing else', async (_name, [id, value]) => {
    const { registry, write } = make()
    const format = native({ prefix: freshPrefix() })
    const prefix = format.prefix('web')
    const key = prefix + id
    const good = Buffer.from('{"v":1,"address":"10.0.0.2:80"}')
    await write(`${prefix}good`, good)
    const sets: ServiceSet[] = []
    const errors: unknown[] = []
    const listen = () =>
      own(discover(registry, 'web', { format }).subscribe({ next: set => sets.push(set), error: (error: unknown) => errors.push(error) }), it => it.unsubscribe())
    listen()
    await vi.waitFor(() => expect(sets.at(-1)?.status).toBe('live'), 5_000)
    const before = sets.at(-1)

    await write(key, Buffer.from(value))
    const rejected = () => vi.waitFor(() => expect(sets.at(-1)?.rejected.get(key)?.reason).toMatch(/\w/), 5_000)
    await rejected()
    expect([sets.at(-1)?.status, sets.at(-1)?.size, sets.at(-1)?.rejected.size, sets.at(-1)?.trouble]).toEqual(['live', 1, 1, undefined])
    expect(sets.at(-1)?.get('good')).toBe(before?.get('good'))

    // A new listing gives the same.
    sets.splice(0)
    listen()
    await rejected()
    await write(`${prefix}good`, Buffer.from('{"v":1,"address":"10.0.0.3:80"}'))
    await vi.waitFor(() => expect(sets.at(-1)?.get('good')?.address).toBe('10.0.0.3:80'), 5_000)
    expect([sets.at(-1)?.status, sets.at(-1)?.rejected.size]).toEqual(['live', 1])
    expect(errors).toEqual([])
    expect(({} as { readonly admin?: unknown }).admin).toBeUndefined()
  })

  it('under a key with a further segment belongs to another service: it is ignored', async () => {
    const { registry, write } = make()
    const format = native({ prefix: freshPrefix() })
    const [web, nested] = [format.prefix('web'), format.prefix('web/broken')]
    const value = Buffer.from('{"v":1,"address":"10.0.0.1:80"}')
    await write(`${web}good`, value)
    await write(`${nested}further`, value)
    const sets: ServiceSet[] = []
    const errors: unknown[] = []
    // compared all the time: an ignored key is counted, or each comparison would differ
    const source = discover(registry, 'web', { format, verify: 100 })
    own(source.subscribe({ next: set => sets.push(set), error: (error: unknown) => errors.push(error) }), it => it.unsubscribe())
    await vi.waitFor(() => expect(sets.at(-1)?.status).toBe('live'), 5_000)
    await sleep(1_000)
    await write(`${nested}later`, value)
    await write(`${web}next`, value)
    await vi.waitFor(() => expect(sets.at(-1)?.size).toBe(2), 5_000)
    expect(sets.every(({ rejected, trouble }) => rejected.size === 0 && trouble === undefined)).toBe(true)
    expect(errors).toEqual([])
  })
})
