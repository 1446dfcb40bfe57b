import { createServer as createHttpServer } from 'node:http'
import { createConnection, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { GRPCResourceExhastedError, type IRangeResponse } from 'etcd3'
import { firstValueFrom, lastValueFrom, NEVER, of, Subject, toArray, type Observable } from 'rxjs'
import { describe, expect, inject, it, vi } from 'vitest'
import { Closed, Compacted, Denied, Disconnected, InvalidArgument, Rewound } from '../../src/core/errors.js'
import type { Members } from '../../src/edge/etcd/connection/changing-members.js'
import { connect, type ConnectOptions } from '../../src/edge/etcd/connection/members.js'
import type { Member } from '../../src/edge/etcd/connection/member.js'
import { enableAuth } from './auth.js'
import { own } from './own.js'
import { freePort } from './provision-binary.js'
import { faultProxy } from './proxy.js'
import { etcdCluster, etcdServer } from './server.js'
import { certificates } from './tls.js'

const server = async (...options: Parameters<typeof etcdServer>) => own(await etcdServer(...options), it => it.close())
const members = (...options: Parameters<typeof connect>): Members => own(connect(...options), it => it.close())
const shared = (): string => inject('etcdEndpoints')[0] ?? ''

const key = Buffer.from('/connection/')
const read = (member: Member): Observable<IRangeResponse> => member.call((client, options) => client.kv.range({ key }, options))
const write = (member: Member) => member.call((client, options) => client.kv.put({ key, value: key }, options))
const errorOf = (source: Observable<unknown>): Promise<unknown> =>
  firstValueFrom(source).then(value => expect.unreachable(`it emitted ${JSON.stringify(value)}`), (error: unknown) => error)
const timed = async <A>(run: () => Promise<A>): Promise<readonly [A, number]> => {
  const start = performance.now()
  return [await run(), performance.now() - start]
}
const listening = async (listener: Server): Promise<string> => {
  await new Promise<void>(resolve => listener.listen(0, '127.0.0.1', resolve))
  own(listener, it => it.close())
  return `127.0.0.1:${(listener.address() as AddressInfo).port}`
}

describe('hosts', () => {
  it.each(['localhost:2379', 'http://localhost:2379', 'https://etcd.example.com', 'etcd-0.etcd', '[::1]:2379', '10.0.0.1:1'])('takes %s', hosts => {
    expect(members({ hosts }).all.map(({ host }) => host)).toEqual([hosts])
  })
  it.each([[], '', ' ', 'localhost:0', 'localhost:65536', 'localhost:x', 'ftp://localhost', 'http://', 'a/b', 'http://a:1/path', '::1', 7, null])(
    'refuses %j',
    hosts => {
      expect(() => connect({ hosts } as unknown as ConnectOptions)).toThrow(InvalidArgument)
    },
  )
  it('does not repeat a password in the error', () => {
    expect(() => connect({ hosts: 'http://root:secret@localhost:2379' })).toThrow(/^hosts (?!.*secret)/)
  })
})

describe('several hosts', () => {
  const hosts = ['a:1', 'b:1', 'c:1']
  const used = (random?: () => number): Promise<string> => firstValueFrom(members({ hosts, ...(random && { random }) }).on(({ host }) => of(host)))
  it.each([[[0, 0, 0], 'a:1'], [[0.9, 0.8, 0.7], 'a:1'], [[0.1, 0.3, 0.2], 'b:1'], [[0, 0, 0.1], 'c:1']])('are ordered by the random numbers %j', async (numbers, host) => {
    const drawn = [...numbers]
    expect(await used(() => drawn.shift() ?? 0)).toBe(host)
  })
  it('spreads 300 processes with the same list', async () => {
    const counts = new Map<string, number>()
    for (let process = 0; process < 300; process++) {
      const host = await used()
      counts.set(host, (counts.get(host) ?? 0) + 1)
    }
    // Six standard deviations from a hundred.
    for (const host of hosts) expect(Math.abs((counts.get(host) ?? 0) - 100)).toBeLessThan(50)
  })
})

describe('an outage says which host, and what it did', () => {
  it('a Unix socket that does not exist', async () => {
    const host = 'unix:///run/rx-discovery/absent.sock'
    const error = await errorOf(members({ hosts: host }).on(read))
    expect(error).toMatchObject({ name: 'Disconnected', host, message: expect.stringMatching(/^unix:\/\/\/run\/rx-discovery\/absent\.sock does not exist: .*ENOENT(?!.*undefined)/) as unknown })
  })
  it('refused, at once', async () => {
    const host = `127.0.0.1:${await freePort()}`
    const error = await errorOf(members({ hosts: host }).on(read))
    expect(error).toBeInstanceOf(Disconnected)
    expect(error).toMatchObject({ host, message: expect.stringMatching(/^(?!.*waited).* refused the connection/) as unknown })
  })
  it('C4 swallowed: within two seconds, though etcd3 knows no time limit', async () => {
    const host = await listening(createServer(() => undefined))
    const [error, took] = await timed(() => errorOf(members({ hosts: host }).on(read)))
    expect(error).toMatchObject({ name: 'Disconnected', host, message: expect.stringContaining('did not answer in time') as unknown })
    expect(took).toBeLessThan(2_000)
  })
  it('speaks no HTTP/2', async () => {
    const http = createHttpServer((_, response) => response.end('hello'))
    const host = await listening(http)
    expect(await errorOf(members({ hosts: host }).on(read))).toMatchObject({ name: 'Disconnected', host, message: expect.stringContaining('does not speak') as unknown })
  })
  it('has no such name', async () => {
    const host = 'no-such-host.invalid:2379'
    expect(await errorOf(members({ hosts: host }).on(read))).toMatchObject({ name: 'Disconnected', host })
  })
  it('reset, in the middle of an answer', async () => {
    const proxy = own(await faultProxy(shared()), it => it.close())
    const connected = members({ hosts: proxy.endpoint })
    await firstValueFrom(connected.on(read))
    proxy.cutAfter(10)
    expect(await errorOf(connected.on(read))).toMatchObject({ name: 'Disconnected', host: proxy.endpoint, message: expect.stringContaining('reset') as unknown })
  })
})

describe('a member that is down', () => {
  // grpc-js dials without a deadline, and fails calls at once with the error of the dial before.
  const afterAnEndlessDial = async (endpoint: string, options?: ConnectOptions): Promise<unknown> => {
    const proxy = own(await faultProxy(endpoint), it => it.close())
    await proxy.refuse()
    const connected = members({ ...options, hosts: proxy.endpoint })
    await errorOf(connected.on(read))
    proxy.stall()
    await proxy.accept()
    await vi.waitFor(() => expect(proxy.connections()).toBe(1), { timeout: 10_000 })
    proxy.strand()
    proxy.resume()
    return vi.waitFor(() => firstValueFrom(connected.on(read)), { timeout: 10_000 })
  }
  it('is reached again although its channel dials without end', async () => {
    expect(await afterAnEndlessDial(shared())).toHaveProperty('kvs')
  })
  it('is reached again although its channel dials without end, and the login is still to come', async () => {
    const etcd = await server({ flags: ['--bcrypt-cost', '4'] })
    const { user } = await enableAuth(etcd.client(), '/connection/')
    expect(await afterAnEndlessDial(etcd.endpoint, { auth: user })).toHaveProperty('kvs')
  })
  it('C1 C2 delays calls and lets them go when it is back, each made once', async () => {
    const proxy = own(await faultProxy(shared()), it => it.close())
    const connected = members({ hosts: proxy.endpoint })
    await firstValueFrom(connected.on(read))
    await proxy.refuse()
    await errorOf(connected.on(read))
    const held = Array.from({ length: 50 }, () => lastValueFrom(connected.on(write).pipe(toArray())))
    await new Promise(resolve => setTimeout(resolve, 300))
    const [before] = await timed(() => firstValueFrom(connect({ hosts: shared() }).on(read)))
    await proxy.accept()
    // Those that were not let go would have errored within 1.5 s.
    const answers = await Promise.all(held)
    expect(answers.every(answer => answer.length === 1)).toBe(true)
    const after = await firstValueFrom(connected.on(read))
    expect(Number(after.kvs[0]?.version) - Number(before.kvs[0]?.version ?? 0)).toBe(50)
  })
  it('errors a delayed call after the timeout, with the reason', async () => {
    const host = `127.0.0.1:${await freePort()}`
    const connected = members({ hosts: host })
    await errorOf(connected.on(read))
    const [error, took] = await timed(() => errorOf(connected.on(read)))
    expect(error).toMatchObject({ name: 'Disconnected', host, message: expect.stringMatching(/refused the connection.*waited 1500 ms/) as unknown })
    expect(took).toBeGreaterThan(1_400)
    expect(took).toBeLessThan(2_000)
  })
  it('gets at most a hundred calls at once; the calls behind them error together when it goes down', async () => {
    const etcd = await server()
    const connected = members({ hosts: etcd.endpoint })
    await firstValueFrom(connected.on(read))
    const counts = { made: 0, running: 0, most: 0 }
    const counted = (member: Member): Observable<unknown> =>
      member.call(async (client, options) => {
        counts.made += 1
        counts.most = Math.max(counts.most, ++counts.running)
        return client.kv.range({ key }, options).finally(() => (counts.running -= 1))
      })
    await Promise.all(Array.from({ length: 1_000 }, () => firstValueFrom(connected.on(counted))))
    expect(counts).toMatchObject({ made: 1_000, running: 0 })
    // Answers that come soon leave few under way.
    expect(counts.most).toBeLessThanOrEqual(100)
    counts.made = 0
    etcd.freeze()
    const errors = await Promise.all(Array.from({ length: 1_000 }, () => errorOf(connected.on(counted))))
    etcd.thaw()
    expect(errors.every(error => error instanceof Disconnected)).toBe(true)
    expect(counts.made).toBe(100)
  })
  it('C5 is left for another one', async () => {
    const dead = `127.0.0.1:${await freePort()}`
    const connected = members({ hosts: [dead, shared()], random: () => 0 })
    await errorOf(connected.on(read))
    for (let i = 0; i < 10; i++) expect(await firstValueFrom(connected.on(member => of(member.host)))).toBe(shared())
    await firstValueFrom(connected.on(read))
  })
  it('is dialled again if its connection swallows everything and another one does not', async () => {
    const sockets: Socket[] = []
    const { hostname, port } = new URL(shared())
    const host = await listening(
      createServer(socket => {
        sockets.push(socket.on('error', () => undefined))
        const etcd = createConnection(Number(port), hostname).on('error', () => undefined)
        socket.pipe(etcd).pipe(socket)
        socket.on('close', () => etcd.destroy())
      }),
    )
    const connected = members({ hosts: host })
    await firstValueFrom(connected.on(read))
    const [member] = connected.all as [Member]
    sockets.forEach(socket => socket.unpipe())
    await errorOf(member.call((client, options) => client.kv.range({ key }, options), { deadline: 500 }))
    const [, took] = await timed(() => firstValueFrom(connected.on(read)))
    expect(took).toBeLessThan(1_500)
    sockets.forEach(socket => socket.destroy())
  })
  it('C1 a call that times out ends no other call', async () => {
    const etcd = await server()
    const connected = members({ hosts: etcd.endpoint })
    await firstValueFrom(connected.on(read))
    const [member] = connected.all as [Member]
    etcd.freeze()
    const other = firstValueFrom(read(member))
    await errorOf(member.call((client, options) => client.kv.range({ key }, options), { deadline: 300 }))
    etcd.thaw()
    await other
  })
})

describe('errors', () => {
  it('are the registry\'s', async () => {
    const etcd = await server()
    const connected = members({ hosts: etcd.endpoint })
    const range = (revision: number) => connected.on(member => member.call((client, options) => client.kv.range({ key, revision }, options)))
    for (let i = 0; i < 5; i++) await firstValueFrom(connected.on(write))
    await etcd.client().kv.compact({ revision: '4' })
    expect(await errorOf(range(2))).toBeInstanceOf(Compacted)
    expect(await errorOf(range(100))).toBeInstanceOf(Rewound)
    const large = (bytes: number) => connected.on(member => member.call((client, options) => client.kv.put({ key, value: Buffer.alloc(bytes) }, options)))
    expect(await errorOf(large(1.9 * 2 ** 20))).toBeInstanceOf(InvalidArgument)
    expect(await errorOf(large(4 * 2 ** 20))).toBeInstanceOf(InvalidArgument)
  })
  it('a full etcd is no outage: no other member would take it', async () => {
    const etcd = await server({ flags: ['--quota-backend-bytes=100000'] })
    const connected = members({ hosts: etcd.endpoint })
    const large = connected.on(member => member.call((client, options) => client.kv.put({ key, value: Buffer.alloc(100_000) }, options)))
    for (let i = 0; i < 3; i++) await firstValueFrom(large).catch(() => undefined)
    const error = await errorOf(large)
    expect(error).toBeInstanceOf(GRPCResourceExhastedError)
    expect(error).toMatchObject({ message: expect.stringContaining(`${etcd.endpoint}: etcdserver: mvcc: database space exceeded`) as unknown })
    await firstValueFrom(connected.on(read))
  })
  it('11.2 another cluster behind the same host errors Rewound, once', async () => {
    const etcd = await server()
    const connected = members({ hosts: etcd.endpoint })
    await firstValueFrom(connected.on(read))
    await etcd.wipe('another-token')
    const rewound = async () => {
      const error = await errorOf(connected.on(read))
      expect(error).toBeInstanceOf(Rewound)
      expect(error).toMatchObject({ message: expect.stringContaining(etcd.endpoint) as unknown })
    }
    await vi.waitFor(rewound, 10_000)
    await firstValueFrom(connected.on(read))
  })
})

describe('a stream', () => {
  const watching = (member: Member, requests: Observable<unknown>) => member.stream(client => client.watchClient.watch() as never, requests)
  it('W9 errors once when it breaks', async () => {
    const proxy = own(await faultProxy(shared()), it => it.close())
    const [member] = members({ hosts: proxy.endpoint }).all as [Member]
    const next = vi.fn()
    const error = vi.fn()
    member.stream<unknown, unknown>((client, options) => client.watchClient.watch(options) as never, of({ create_request: { key } })).subscribe({ next, error })
    await vi.waitFor(() => expect(next).toHaveBeenCalledOnce())
    proxy.reset()
    await vi.waitFor(() => expect(error).toHaveBeenCalled())
    await new Promise(resolve => setTimeout(resolve, 100))
    expect(error).toHaveBeenCalledOnce()
    expect(error.mock.calls[0]?.[0]).toMatchObject({ name: 'Disconnected', host: proxy.endpoint })
  })
  it('C6 ends on unsubscribe, even before it was open, and when the members are closed', async () => {
    const proxy = own(await faultProxy(shared()), it => it.close())
    const connected = members({ hosts: proxy.endpoint })
    const [member] = connected.all as [Member]
    watching(member, NEVER).subscribe().unsubscribe()
    const requests = new Subject<unknown>()
    const error = vi.fn()
    const next = vi.fn()
    watching(member, requests).subscribe({ next, error })
    await vi.waitFor(() => expect(requests.observed).toBe(true))
    requests.next({ create_request: { key } })
    await vi.waitFor(() => expect(next).toHaveBeenCalled())
    connected.close()
    expect(error.mock.calls[0]?.[0]).toBeInstanceOf(Closed)
    expect(requests.observed).toBe(false)
    expect(await errorOf(connected.on(read))).toBeInstanceOf(Closed)
    await vi.waitFor(() => expect(proxy.connections()).toBe(0), 5_000)
  })
  it('C1 unsubscribed ones are no failures of the host, also for a client of the user\'s', async () => {
    const client = own(new (await import('etcd3')).Etcd3({ hosts: shared() }), it => it.close())
    const [member] = members(client).all as [Member]
    for (let i = 0; i < 5; i++) {
      const next = vi.fn()
      const subscription = watching(member, of({ create_request: { key } })).subscribe({ next })
      await vi.waitFor(() => expect(next).toHaveBeenCalled())
      subscription.unsubscribe()
    }
    await client.get('anything')
  })
})

describe('a client of the user\'s', () => {
  it('C1 C2 opens no circuit breaker when calls are given up, and makes each call once', async () => {
    const { Etcd3 } = await import('etcd3')
    const proxy = own(await faultProxy(shared()), it => it.close())
    const client = own(new Etcd3({ hosts: proxy.endpoint }), it => it.close())
    const connected = members(client)
    const [member] = connected.all as [Member]
    const { kvs } = await firstValueFrom(connected.on(write)).then(() => firstValueFrom(connected.on(read)))
    proxy.stall('down')
    for (let i = 0; i < 4; i++)
      expect(await errorOf(member.call((raw, options) => raw.kv.put({ key, value: key }, options), { deadline: 300 }))).toBeInstanceOf(Disconnected)
    proxy.resume()
    const after = await client.get(key)
    expect(after).toBe(key.toString())
    expect(Number((await firstValueFrom(connected.on(read))).kvs[0]?.version) - Number(kvs[0]?.version)).toBe(1)
  })
  it('C1 is not broken by our outages, and not closed', async () => {
    const { Etcd3 } = await import('etcd3')
    const proxy = own(await faultProxy(shared()), it => it.close())
    const client = own(new Etcd3({ hosts: proxy.endpoint }), it => it.close())
    const connected = connect(client)
    await firstValueFrom(connected.on(read))
    await proxy.refuse()
    for (let i = 0; i < 4; i++) expect(await errorOf(connected.on(read))).toBeInstanceOf(Disconnected)
    await proxy.accept()
    // Its channel dials as rarely as its user let it.
    await vi.waitFor(() => firstValueFrom(connected.on(read)), 20_000)
    connected.close()
    await client.get('anything')
  })
})

describe('a cluster', () => {
  it('11.9 a member without a leader is left, and a read goes on elsewhere', async () => {
    const cluster = own(await etcdCluster(), it => it.close())
    const connected = members({ hosts: cluster.endpoints, random: () => 0 })
    await firstValueFrom(connected.on(read))
    await cluster.members[0]?.kill()
    let answer: unknown
    for (let tries = 0; answer === undefined && tries < 20; tries++) answer = await firstValueFrom(connected.on(read)).catch(() => undefined)
    expect(answer).toBeDefined()
    await cluster.members[1]?.kill()
    const [lonely] = members({ hosts: cluster.endpoints[2] ?? '' }).all as [Member]
    await vi.waitFor(async () => expect(await errorOf(read(lonely))).toMatchObject({ name: 'Disconnected', message: expect.stringContaining('leader') as unknown }), 20_000)
  })
})

describe('hosts of two clusters', () => {
  it('11.2 stays with the first cluster, writes nothing into the other one, and names the host that does not belong', async () => {
    const [ours, foreign] = await Promise.all([server(), server()])
    const connected = members({ hosts: [ours.endpoint, foreign.endpoint], random: () => 0 })
    await firstValueFrom(connected.on(write))
    await ours.kill()
    const told = new Set<string>()
    for (let tries = 0; tries < 4; tries++) told.add(String(await errorOf(connected.on(write))))
    expect([...told].join()).toMatch(/refused the connection/)
    expect([...told].join()).toContain(`${foreign.endpoint} belongs to cluster`)
    await ours.start()
    await vi.waitFor(() => firstValueFrom(connected.on(write)), 10_000)
    expect(Number((await firstValueFrom(connected.on(read))).kvs[0]?.version)).toBe(2)
    expect((await foreign.client().get(key).exec()).kvs).toEqual([])
  })
})

const authentications = async (endpoint: string): Promise<number> => {
  const text = await (await fetch(`${endpoint}/metrics`)).text()
  return Number(/grpc_server_handled_total\{grpc_code="OK",grpc_method="Authenticate".*\} (\d+)/.exec(text)?.[1])
}

describe('credentials', () => {
  it('C8 an http endpoint of a server that speaks TLS: the error says so', async () => {
    const etcd = await server({ tls: certificates() })
    const host = etcd.endpoint.replace('https', 'http')
    const error = await errorOf(members({ hosts: host }).on(read))
    expect(error).toMatchObject({ name: 'Disconnected', host })
    expect((error as Error).message).toContain('perhaps it speaks TLS')
  })

  it('C8 TLS with a client certificate; without it the error says what failed, and shows no secret', async () => {
    const certs = certificates()
    const etcd = await server({ tls: certs })
    const credentials = { rootCertificate: certs.ca, privateKey: certs.client.key, certChain: certs.client.cert }
    await firstValueFrom(members({ hosts: etcd.endpoint, credentials }).on(read))
    expect(await errorOf(members({ hosts: etcd.endpoint }).on(read))).toMatchObject({ name: 'Disconnected', message: expect.stringMatching(/TLS/) as unknown })
    expect(await errorOf(members({ hosts: etcd.endpoint.replace('https://', '') }).on(read))).toMatchObject({ name: 'Disconnected' })
  })
  it('C7 authenticates once for all waiting calls, over one connection, and denies without a retry', async () => {
    const etcd = await server({ token: { kind: 'simple', ttl: 300 } })
    const { user } = await enableAuth(etcd.client(), '/connection/')
    const proxy = own(await faultProxy(etcd.endpoint), it => it.close())
    const connected = members({ hosts: proxy.endpoint, auth: user })
    await Promise.all(Array.from({ length: 50 }, () => firstValueFrom(connected.on(read))))
    expect(proxy.connections()).toBe(1)
    const foreign = connected.on(member => member.call((client, options) => client.kv.range({ key: Buffer.from('/elsewhere') }, options)))
    expect(await errorOf(foreign)).toBeInstanceOf(Denied)
    const wrong = await errorOf(members({ hosts: etcd.endpoint, auth: { ...user, password: 'wrong-password' } }).on(read))
    expect(wrong).toBeInstanceOf(Denied)
    expect(String(wrong)).not.toContain('wrong-password')
    expect(await errorOf(members({ hosts: etcd.endpoint }).on(read))).toBeInstanceOf(Denied)
  })
  it.each(['simple', 'jwt'] as const)('W6 11.14 a %s token that is refused is replaced, and the call goes through', async kind => {
    const etcd = await server({ token: { kind, ttl: 300 } })
    const { user, root } = await enableAuth(etcd.client(), '/connection/')
    const mine = members({ hosts: etcd.endpoint, auth: user })
    const theirs = members(etcd.client({ auth: user }))
    for (const connected of [mine, theirs]) await firstValueFrom(connected.on(read))
    // Simple tokens do not outlive a change of the user, and JWTs none of any role.
    if (kind === 'simple') await etcd.client({ auth: root }).user(user.username).setPassword(user.password)
    else await etcd.client({ auth: root }).role('another').create()
    const before = await authentications(etcd.endpoint)
    for (const connected of [mine, theirs]) {
      await firstValueFrom(connected.on(read))
    }
    await Promise.all(Array.from({ length: 50 }, () => firstValueFrom(mine.on(read))))
    expect((await authentications(etcd.endpoint)) - before).toBe(2)
  })
  it('C7 a token that is refused to many calls at once is replaced once', async () => {
    const etcd = await server({ token: { kind: 'jwt', ttl: 300 } })
    const { user, root } = await enableAuth(etcd.client(), '/connection/')
    const connected = members({ hosts: etcd.endpoint, auth: user })
    await firstValueFrom(connected.on(read))
    await etcd.client({ auth: root }).role('another').create()
    const before = await authentications(etcd.endpoint)
    await Promise.all(Array.from({ length: 50 }, () => firstValueFrom(connected.on(read))))
    expect((await authentications(etcd.endpoint)) - before).toBe(1)
  })
  it('a password is no mistake if authentication is off', async () => {
    await firstValueFrom(members({ hosts: shared(), auth: { username: 'nobody', password: 'needed' } }).on(read))
  })
})
