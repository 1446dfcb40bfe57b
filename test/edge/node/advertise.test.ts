import { createServer } from 'node:http'
import { isIPv4, isIPv6, type Server } from 'node:net'
import { networkInterfaces } from 'node:os'
import { BehaviorSubject, firstValueFrom, lastValueFrom, map, NEVER, of, tap, toArray, type Observable } from 'rxjs'
import { afterEach, describe, expect, it } from 'vitest'
import { InvalidArgument, register, type ReadableRegistry } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'
import { advertise, type AdvertiseOptions } from 'rx-discovery/node'
import { withHosts } from '../../../src/flow/registry-hosts.js'

const addresses = Object.values(networkInterfaces()).flatMap((infos = []) => infos)
const external = addresses.filter(({ internal, address }) => !internal && !address.startsWith('fe80')).map(({ address }) => address)
const ipv4 = external.find(isIPv4)
const ipv6 = external.find(isIPv6)
const hasIPv6 = addresses.some(({ address }) => address === '::1')

const open: Server[] = []
const listening = (host: string, port = 0): Server => {
  const server = createServer((_, response) => response.end('here')).listen(port, host)
  open.push(server)
  return server
}
afterEach(() => {
  for (const server of open.splice(0)) server.close()
})
const portOf = (server: Server): number => (server.address() as { port: number }).port

/** A registry on etcd at these endpoints, as far as `advertise` can see. */
const at = (...hosts: readonly string[]): ReadableRegistry => withHosts({ list: () => NEVER, watch: () => NEVER, check: () => NEVER }, of(hosts))

/** The host that is advertised, and the warnings. */
const outcome = async (server: Server, options: AdvertiseOptions) => {
  const warnings: string[] = []
  const values = await lastValueFrom(advertise(server, { env: {}, warn: message => warnings.push(message), ...options }).pipe(toArray()))
  const port = `:${portOf(server)}`
  return { hosts: values.map(value => (value.endsWith(port) ? value.slice(0, -port.length) : value)), warnings: warnings.map(text => text.replaceAll(port, ':PORT')) }
}
const failure = (server: Server | number, options: AdvertiseOptions): Promise<unknown> =>
  firstValueFrom(advertise(server, { env: {}, warn: message => expect.unreachable(message), ...options })).then(value => `advertised ${value}`, (error: unknown) => error)

describe('advertise, given an address', () => {
  it.each([
    ['10.0.0.5', '10.0.0.5'],
    ['fd00::5', '[fd00::5]'],
    ['[fd00::5]', '[fd00::5]'],
    ['web-1.internal', 'web-1.internal'],
    ['10.0.0.5:80', '10.0.0.5:80'],
    ['[fd00::5]:80', '[fd00::5]:80'],
  ])('%s, by option or environment, emits %s, with the port of the server unless there is one', async (address, expected) => {
    const server = listening('127.0.0.1')
    expect(await outcome(server, { address })).toEqual({ hosts: [expected], warnings: [] })
    expect(await outcome(server, { env: { RX_DISCOVERY_ADDRESS: address } })).toEqual({ hosts: [expected], warnings: [] })
  })

  it('prefers the option to the environment, and ignores an empty variable', async () => {
    const server = listening('127.0.0.1')
    expect((await outcome(server, { address: 'a', env: { RX_DISCOVERY_ADDRESS: 'b' } })).hosts).toEqual(['a'])
    expect((await outcome(server, { registry: memoryRegistry(), env: { RX_DISCOVERY_ADDRESS: '' } })).hosts).toEqual(['127.0.0.1'])
  })

  it.each(['0.0.0.0', '::', '[::]:80', '0.0.0.0:80', '0', '[::ffff:0.0.0.0]:80', '0::0'])('refuses %s, which is not one machine', async address => {
    const server = listening('127.0.0.1')
    const error = await failure(server, { address })
    expect(error).toEqual(
      new InvalidArgument('address', `must be the address of one machine, not that of all its interfaces, got "${address}" (for example "10.0.0.5" or "10.0.0.5:${portOf(server)}")`),
    )
    expect(await failure(server, { env: { RX_DISCOVERY_ADDRESS: address } })).toMatchObject({ name: 'InvalidArgument', argument: 'RX_DISCOVERY_ADDRESS' })
  })

  it.each(['http://web', 'a b', 'web:', 'web:99999', '1.2.3', ''])('refuses the malformed %j', async address => {
    const server = listening('127.0.0.1')
    expect(await failure(server, { address })).toEqual(
      new InvalidArgument('address', `must be host:port or a host, got ${JSON.stringify(address)} (for example "10.0.0.5" or "10.0.0.5:${portOf(server)}")`),
    )
  })
})

describe('advertise, from the route to the registry', () => {
  it('waits until the server listens, and is cold', async () => {
    const server = createServer()
    open.push(server)
    const address$ = advertise(server, { registry: memoryRegistry(), env: {} })
    const values: string[] = []
    const first = lastValueFrom(address$.pipe(tap(value => values.push(value))))
    await new Promise(resolve => setTimeout(resolve, 30))
    expect(values).toEqual([])
    server.listen(0)
    expect(await firstValueFrom(address$)).toBe(`127.0.0.1:${portOf(server)}`)
    expect(await first).toBe(`127.0.0.1:${portOf(server)}`)
  })

  it('is loopback for a registry in memory, without a warning', async () => {
    expect(await outcome(listening('0.0.0.0'), { registry: memoryRegistry() })).toEqual({ hosts: ['127.0.0.1'], warnings: [] })
  })

  it.each(['127.0.0.1:2379', 'http://127.0.0.1:2379', 'localhost', 'https://localhost:2379/', 'unix:/run/etcd.sock'])('is loopback if etcd is at %s, without a warning', async host => {
    expect(await outcome(listening('0.0.0.0'), { registry: at(host) })).toEqual({ hosts: ['127.0.0.1'], warnings: [] })
  })

  it.runIf(ipv4)('is the address of the interface, which others can call', async () => {
    const server = listening('0.0.0.0')
    const { hosts: [host = ''], warnings } = await outcome(server, { registry: at(`http://${ipv4}:2379`) })
    expect(host).toBe(ipv4)
    expect(warnings).toEqual([])
    expect(await (await fetch(`http://${host}:${portOf(server)}`)).text()).toBe('here')
  })

  it.runIf(ipv6)('is IPv6, in brackets, if etcd is reached by IPv6', async () => {
    const server = listening('::')
    expect(await outcome(server, { registry: at(`http://[${ipv6}]:2379`) })).toEqual({ hosts: [`[${ipv6}]`], warnings: [] })
    expect(await (await fetch(`http://[${ipv6}]:${portOf(server)}`)).text()).toBe('here')
  })

  it.runIf(hasIPv6)('is [::1] if etcd is there', async () => {
    expect(await outcome(listening('::'), { registry: at('http://[::1]:2379') })).toEqual({ hosts: ['[::1]'], warnings: [] })
  })

  it.runIf(ipv4)('prefers an interface that others can reach, if one member of etcd is on this machine', async () => {
    expect((await outcome(listening('::'), { registry: at('localhost:2379', `${ipv4}:2379`, '127.0.0.1:2379') })).hosts).toEqual([ipv4])
  })

  it.runIf(ipv4)('passes over an endpoint without an address', async () => {
    expect(await outcome(listening('::'), { registry: at('etcd.invalid:2379', `${ipv4}:2379`) })).toEqual({ hosts: [ipv4], warnings: [] })
  })

  it.runIf(hasIPv6)('errors if the server accepts IPv4 only and etcd is reached by IPv6', async () => {
    expect(await failure(listening('0.0.0.0'), { registry: at('[::1]:2379') })).toEqual(
      new InvalidArgument('server', 'must accept IPv6 to use the route to ::1 (listen on "::", or pass address)'),
    )
  })

  it('warns once while there is no route, and tries again with the endpoints of then', async () => {
    const hosts = new BehaviorSubject<readonly string[]>(['etcd.invalid:2379'])
    const registry = withHosts(at(), hosts)
    const server = listening('::')
    setTimeout(() => hosts.next(['127.0.0.1:2379']), 300)
    const { hosts: found, warnings } = await outcome(server, { registry })
    expect(found).toEqual(['127.0.0.1'])
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toMatch(/^no route to etcd\.invalid:2379: getaddrinfo .* etcd\.invalid; the address of this process is unknown until there is a route/)
  })

  it('does not take loopback for the address while another endpoint has no route', async () => {
    const hosts = new BehaviorSubject<readonly string[]>(['localhost:2379', 'etcd.invalid:2379'])
    setTimeout(() => hosts.next(['localhost:2379']), 300)
    expect((await outcome(listening('0.0.0.0'), { registry: withHosts(at(), hosts) })).warnings).toHaveLength(1)
  })

  it('waits for the first endpoints', async () => {
    const hosts = new BehaviorSubject<readonly string[]>([])
    setTimeout(() => hosts.next(['127.0.0.1:2379']), 50)
    expect(await outcome(listening('0.0.0.0'), { registry: withHosts(at(), hosts) })).toEqual({ hosts: ['127.0.0.1'], warnings: [] })
  })

  it('uses `hosts` for a registry that does not report its endpoints', async () => {
    const registry: ReadableRegistry = { list: () => NEVER, watch: () => NEVER, check: () => NEVER }
    expect((await outcome(listening('0.0.0.0'), { registry, hosts: 'http://127.0.0.1:2379' })).hosts).toEqual(['127.0.0.1'])
    expect((await outcome(listening('0.0.0.0'), { hosts: ['127.0.0.1'] })).hosts).toEqual(['127.0.0.1'])
    const message = 'must report its endpoints, or nothing says which interface to use (pass a registry of rx-discovery, hosts, or address, or set RX_DISCOVERY_ADDRESS)'
    expect(await failure(listening('0.0.0.0'), { registry })).toEqual(new InvalidArgument('registry', message))
    expect(await failure(listening('0.0.0.0'), {})).toEqual(new InvalidArgument('registry', message))
  })

  it('takes a port for any other server that listens on all interfaces', async () => {
    expect(await firstValueFrom(advertise(8080, { registry: memoryRegistry(), env: {} }))).toBe('127.0.0.1:8080')
    for (const port of [0, 65_536, 1.5, NaN]) {
      expect(await failure(port, { registry: memoryRegistry() })).toEqual(
        new InvalidArgument('server', `must be a port from 1 to 65535, got ${port} (pass the port on which the server listens)`),
      )
    }
  })

  it('sends nothing, and leaves no socket open', async () => {
    const sockets = (): number => process.getActiveResourcesInfo().filter(name => name.startsWith('UDP')).length
    const server = listening('0.0.0.0')
    for (let n = 0; n < 20; n += 1) advertise(server, { registry: at('127.0.0.1:2379'), env: {} }).subscribe().unsubscribe()
    await outcome(server, { registry: at('127.0.0.1:2379') })
    await new Promise(resolve => setTimeout(resolve, 50))
    expect(sockets()).toBe(0)
  })
})

describe('advertise, of a server that is bound to one address', () => {
  const sentence = '127.0.0.1:PORT leads to the machine itself, so other machines cannot call this instance (listen on "::", or set the option address or RX_DISCOVERY_ADDRESS)'

  it.runIf(ipv4)('is that address, whatever the route', async () => {
    expect(await outcome(listening(ipv4 ?? ''), { registry: at('127.0.0.1:2379') })).toEqual({ hosts: [ipv4], warnings: [] })
    expect(await outcome(listening(ipv4 ?? ''), {})).toEqual({ hosts: [ipv4], warnings: [] })
  })

  it('is loopback, with a warning unless etcd is there, too', async () => {
    const server = listening('127.0.0.1')
    expect(await outcome(server, { registry: at('localhost:2379') })).toEqual({ hosts: ['127.0.0.1'], warnings: [] })
    expect(await outcome(server, { registry: at('etcd.invalid:2379') })).toEqual({ hosts: ['127.0.0.1'], warnings: [sentence] })
    expect(await outcome(server, {})).toEqual({ hosts: ['127.0.0.1'], warnings: [sentence] })
    if (ipv4 !== undefined) expect(await outcome(server, { registry: at(`${ipv4}:2379`) })).toEqual({ hosts: ['127.0.0.1'], warnings: [sentence] })
  })

  it('warns by process.emitWarning without the option warn', async () => {
    const warned = new Promise<Error>(resolve => process.once('warning', resolve))
    await firstValueFrom(advertise(listening('127.0.0.1'), { env: {} }))
    expect(await warned).toMatchObject({ name: 'RxDiscoveryWarning', message: expect.stringMatching(/^127\.0\.0\.1:\d+ leads to the machine itself/) as string })
  })
})

describe('listen, then register', () => {
  const until = async (done: () => boolean): Promise<void> => {
    while (!done()) await new Promise(resolve => setTimeout(resolve, 5))
  }

  it('registers the address at which the server is called', async () => {
    const registry = memoryRegistry()
    const server = createServer((_, response) => response.end('here'))
    open.push(server)
    const instance$ = advertise(server, { registry, env: {} }).pipe(map(address => ({ service: 'web', address })))
    const registration = register(registry, instance$).subscribe()
    server.listen(0)
    await until(() => registry.keys().length > 0)
    const address = registry.keys()[0]?.replace('/rx-discovery/web/', '') ?? ''
    expect(await (await fetch(`http://${address}`)).text()).toBe('here')
    registration.unsubscribe()
    await registry.close()
  })

  it('errors the registration if the port is taken', async () => {
    const registry = memoryRegistry()
    const taken = listening('127.0.0.1')
    await until(() => taken.listening)
    const server = createServer()
    const instance$: Observable<{ service: string; address: string }> = advertise(server, { registry, env: {} }).pipe(map(address => ({ service: 'web', address })))
    const failed = lastValueFrom(register(registry, instance$))
    server.listen(portOf(taken), '127.0.0.1')
    await expect(failed).rejects.toMatchObject({ code: 'EADDRINUSE' })
    expect(registry.leases()).toEqual([])
    await registry.close()
  })
})
