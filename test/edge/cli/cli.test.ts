import { readFileSync } from 'node:fs'
import { firstValueFrom, from, of, Subject, toArray } from 'rxjs'
import { describe, expect, it, vi } from 'vitest'
import { memoryRegistry } from 'rx-discovery/memory'
import { Closed, Denied, Disconnected, LeaseLost } from '../../../src/core/errors.js'
import { serviceInstance } from '../../../src/core/instance/instance.js'
import type { Registration } from '../../../src/core/register/registration.js'
import { pendingSet, serviceSet, withState } from '../../../src/core/sets/service-set.js'
import type { Host, Signal } from '../../../src/edge/cli/host.js'
import { printable } from '../../../src/edge/cli/output.js'
import { registrationLines } from '../../../src/edge/cli/registration-lines.js'
import { run } from '../../../src/edge/cli/run.js'
import { setLines } from '../../../src/edge/cli/set-lines.js'
import type { ConnectOptions } from '../../../src/edge/etcd/index.js'

/** The program on a registry in memory, and what it was asked and printed. */
const program = (env: Host['env'] = {}, changed: Partial<Host> = {}) => {
  const registry = memoryRegistry()
  const signals = new Subject<Signal>()
  const told = { out: '', err: '', connections: [] as ConnectOptions[] }
  const host: Host = {
    env,
    print: text => void (told.out += text),
    complain: text => void (told.err += text),
    signals,
    readFile: path => readFileSync(path),
    registryOf: options => {
      told.connections.push(options)
      return registry
    },
    version: '1.2.3',
    ...changed,
  }
  const lines = (): string[] => told.out.split('\n').slice(0, -1)
  return {
    ...{ registry, signals, told, lines },
    run: (...argv: string[]) => run(argv, host),
    /** The lines without their times. */
    texts: () => lines().map(line => line.replace(/^\d{4}-\d\d-\d\dT[\d:.]{12}Z /, '')),
    json: () => lines().map(line => JSON.parse(line) as Record<string, unknown>),
    until: (text: string) => vi.waitUntil(() => (told.out + told.err).includes(text), { interval: 5, timeout: 5_000 }),
  }
}

const node1 = ['register', 'web', '--id', 'node1', '--address', 'localhost:8000']
const asked = async (...argv: string[]) => {
  const it = program()
  return { code: await it.run(...argv), ...it.told }
}

describe('what is asked wrongly ends with 2 and one clear line, before etcd is asked', () => {
  it.each([
    [['lst'], "error: unknown command 'lst'\n(Did you mean list?)"],
    [['list', '--colour'], "error: unknown option '--colour'"],
    [['watch'], "error: missing required argument 'service'"],
    [['watch', 'a//b'], 'error: <service> must not have a segment that is empty, "." or "..", got "a//b" (write foo/bar, without a "/" at either end)'],
    [['list', '..'], 'error: <service> must not be "." or "..", got ".."'],
    [['register', 'web'], "error: required option '--address <host:port>' not specified"],
    [['register', 'web', '--address', 'localhost'], 'error: --address must be host:port, got "localhost" (add a port, e.g. "localhost:8000")'],
    [['register', '', '--address', 'localhost:1'], 'error: <service> must not be empty, got ""'],
    [[...node1, '--ttl', '0'], "error: --ttl must be a whole number of seconds, 1 or more, not '0'"],
    [[...node1, '--ttl', '5s'], "error: --ttl must be a whole number of seconds, 1 or more, not '5s'"],
    [[...node1, '--ttl', ''], "error: --ttl must be a whole number of seconds, 1 or more, not ''"],
    [[...node1, '--drain', '-1'], "error: --drain must be a number of seconds, 0 or more, not '-1'"],
    [[...node1, '--weight', 'x'], 'error: --weight must be a finite number, 0 or more, got NaN'],
    [[...node1, '--status', 'asleep'], 'error: --status must be "starting", "up", "draining" or "down", got "asleep"'],
    [[...node1, '--tag', 'a\u0007'], 'error: --tag must be a list of strings without control characters, got ["a\\u0007"]'],
    [[...node1, '--metadata', '{'], 'error: --metadata must be JSON, got "{"'],
    [[...node1, '--on-taken', 'wait'], "error: --on-taken must be replace or fail, not 'wait'"],
    [[...node1, '--format', 'plain', '--weight', '2'], 'error: --weight would be lost: --format plain carries the address alone'],
    [['list', '--format', 'xml'], "error: --format must be plain or native, not 'xml'"],
    [['list', '--prefix', 'x/'], 'error: --prefix must begin with "/" and not end in it, got "x/" (such as /my-fleet)'],
    [['list', '--format', 'plain'], 'error: <service> is needed: with --format plain and no --prefix there is no place under which all services lie'],
    [['list', '--endpoints', ' , '], 'error: --endpoints must name at least one endpoint'],
    [['list', '--cert', 'x'], 'error: --cert needs --key, too'],
    [['list', '--key', 'x'], 'error: --key needs --cert, too'],
    [['list', '--cert', 'x', '--key', 'y'], 'error: --cert needs --cacert, too'],
    [['list', '--cacert', '/nowhere', '--endpoints', 'https://a'], "error: --cacert cannot be read: ENOENT: no such file or directory, open '/nowhere'"],
    [['list', '--cacert', 'x', '--endpoints', 'http://a'], 'error: --cacert needs endpoints that begin with https://'],
    [['list', '--user', 'root'], 'error: --user needs the password in the environment, as ETCD_PASSWORD'],
  ])('%j', async (argv, message) => {
    const { code, out, err, connections } = await asked(...argv)
    expect(err.replace(/\n(\(--help says more\)\n)?$/, '')).toBe(message)
    expect({ code, out, connections }).toEqual({ code: 2, out: '', connections: [] })
  })

  it('nothing at all, which shows the help', async () => {
    const { code, out, err } = await asked()
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toContain('Usage: rx-discovery')
  })
  it.each([[['list', '--password=s3cret']], [['list', '--user', 'root:s3cret']], [['list', '--password=s3\ncret']]])('%j, whose secret is not repeated', async argv => {
    const { code, out, err } = await asked(...argv)
    expect(code).toBe(2)
    expect(out + err).not.toMatch(/s3|cret'/)
  })
})

it('a user with a password is refused, also when there is one in the environment', async () => {
  const it = program({ ETCD_PASSWORD: 'x' })
  expect(await it.run('list', '--user', 'root:s3cret')).toBe(2)
  expect(it.told.err).toBe('error: --user must be a name alone; the password comes from the environment, as ETCD_PASSWORD\n')
})

describe('help and version', () => {
  it('go to standard output, with the exit codes', async () => {
    const { code, out, err } = await asked('--help')
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(out).toMatch(/register .*watch .*list .*ETCD_PASSWORD.*Exit codes:\s+0 .*\n\s+1 .*\n\s+2 .*130/s)
  })
  it.each(['register', 'watch', 'list'])('%s --help tells the shared options, too', async command => {
    const { code, out } = await asked(command, '--help')
    expect(code).toBe(0)
    expect(out).toMatch(/--endpoints .*--format .*--prefix .*--json /s)
  })
  it('-V', async () => {
    expect(await asked('-V')).toMatchObject({ code: 0, out: '1.2.3\n' })
  })
})

describe('whom it talks to', () => {
  const connection = async (env: Host['env'], ...argv: string[]) => {
    const it = program(env)
    expect(await it.run('list', ...argv)).toBe(0)
    return it.told.connections[0]
  }
  it('is --endpoints, else ETCD_ENDPOINTS, else this machine', async () => {
    const env = { ETCD_ENDPOINTS: 'http://a:1, b:2,' }
    expect(await connection(env, '--endpoints', 'c:3')).toEqual({ hosts: ['c:3'] })
    expect(await connection(env)).toEqual({ hosts: ['http://a:1', 'b:2'] })
    expect(await connection({ ETCD_ENDPOINTS: ' ' })).toEqual({ hosts: ['http://127.0.0.1:2379'] })
  })
  it('knows a user by option or environment, and a password by environment', async () => {
    const auth = { username: 'root', password: 'a:b' }
    expect(await connection({ ETCD_PASSWORD: 'a:b' }, '--user', 'root')).toMatchObject({ auth })
    expect(await connection({ ETCD_PASSWORD: 'a:b', ETCD_USER: 'root' })).toMatchObject({ auth })
    expect(await connection({ ETCD_PASSWORD: 'a:b' })).not.toHaveProperty('auth')
  })
  it('reads certificates from files', async () => {
    const it = program({}, { readFile: path => Buffer.from(path) })
    await it.run('list', '--endpoints', 'https://a', '--cacert', 'ca', '--cert', 'crt', '--key', 'k')
    expect(it.told.connections[0]?.credentials).toEqual({ rootCertificate: Buffer.from('ca'), certChain: Buffer.from('crt'), privateKey: Buffer.from('k') })
  })
  it('says what to install when etcd3 is not there', async () => {
    const missing = Object.assign(new Error("Cannot find package 'etcd3' imported from /x.js"), { code: 'ERR_MODULE_NOT_FOUND' })
    const it = program({}, { registryOf: () => Promise.reject(missing) })
    expect(await it.run('list')).toBe(1)
    expect(it.told.err).toBe('error: etcd3, which speaks to etcd, is not installed: npm install etcd3, beside rx-discovery\n')
  })
})

describe('register', () => {
  it('speaks exactly what the tutorial speaks, and leaves nothing behind', async () => {
    const it = program()
    const done = it.run(...node1, '--ttl', '5', '--format', 'plain')
    await it.until('is registered')
    expect(it.registry.entries()).toMatchObject([{ key: '/web/node1', value: 'localhost:8000' }])
    it.signals.next('SIGTERM')
    expect(await done).toBe(0)
    expect(it.registry.leases()).toEqual([])
    expect(it.registry.subscriptions()).toEqual({ watches: 0, leases: 0, calls: 0 })
    expect(() => it.registry.write('/x', '')).not.toThrow()
    expect(it.texts()).toEqual([
      'web/node1 is registering',
      '+ web/node1 localhost:8000 is registered at /web/node1, lease 1, TTL 5 s',
      '~ web/node1 is draining',
      '- web/node1 is revoked',
    ])
    expect(it.told.err).toBe('')
    expect(await firstValueFrom(it.registry.list('/')).catch((error: unknown) => error)).toBeInstanceOf(Closed)
  })

  it('writes every field that native carries', async () => {
    const it = program()
    const argv = ['--weight', '2', '--zone', 'a', '--version', '1.2', '--tag', 'x', '--tag', 'y', '--metadata', '{"k":[1]}', '--status', 'starting']
    const done = it.run('register', 'web', '--address', 'localhost:8000', ...argv, '--json')
    await it.until('registered')
    const [entry] = it.registry.entries()
    expect(entry?.key).toBe('/rx-discovery/web/localhost:8000')
    expect(JSON.parse(entry?.value ?? '')).toEqual({
      ...{ v: 1, address: 'localhost:8000', status: 'starting', weight: 2, zone: 'a', version: '1.2', tags: ['x', 'y'], metadata: { k: [1] } },
    })
    it.signals.next('SIGINT')
    expect(await done).toBe(0)
    const who = { service: 'web', id: 'localhost:8000', address: 'localhost:8000', time: expect.stringMatching(/^\d{4}-.*Z$/) as unknown }
    const held = { key: entry?.key, leaseId: '1', ttl: 10, renewals: 0, expiresAt: expect.stringMatching(/Z$/) as unknown }
    expect(it.json()).toEqual([
      { type: 'registering', ...who },
      { type: 'registered', ...who, ...held, revision: entry?.revision },
      { type: 'draining', ...who, ...held, revision: (entry?.revision ?? 0) + 1 },
      { type: 'revoked', ...who },
    ])
  })

  it('is draining for a while when told to', async () => {
    const it = program()
    const done = it.run(...node1, '--drain', '0.2')
    await it.until('is registered')
    it.signals.next('SIGTERM')
    await it.until('is draining')
    expect(it.registry.entries()[0]?.value).toContain('draining')
    expect(await done).toBe(0)
    expect(it.registry.keys()).toEqual([])
  })

  it('tells an outage once, whatever it costs to overcome it, and that it is back', async () => {
    const it = program()
    const done = it.run(...node1, '--ttl', '1')
    await it.until('is registered')
    const [lease = ''] = it.registry.leases()
    it.registry.interrupt(400)
    it.registry.expire(lease)
    await it.until('lease 2')
    it.signals.next('SIGINT')
    expect(await done).toBe(0)
    const lost = it.texts().filter(text => text.includes('is not registered because'))
    expect(new Set(lost)).toHaveLength(lost.length)
    expect(lost.length).toBeGreaterThan(0)
  })

  it('stands down before another, saying whose key it is, and fails when told to', async () => {
    const it = program()
    it.registry.write('/web/node1', 'other:1')
    const code = await it.run(...node1, '--format', 'plain', '--ttl', '1', '--on-taken', 'fail')
    expect(code).toBe(1)
    expect(it.texts()).toContain('web/node1 stands down: /web/node1 is held by no lease; waiting until it is gone')
    expect(it.told.err).toBe('error: /web/node1 already exists without a lease (--on-taken replace takes it over)\n')
    expect(it.registry.leases()).toEqual([])
  })

  it('leaves no lease when it is ended during the grant', async () => {
    const it = program()
    const thaw = it.registry.freeze()
    const done = it.run(...node1)
    await it.until('is registering')
    it.signals.next('SIGTERM')
    setTimeout(thaw, 1_200)
    expect(await done).toBe(0)
    expect(it.registry.leases()).toEqual([])
    expect(it.texts()).toEqual(['web/node1 is registering', '- web/node1 is revoked'])
  })

  it('says what it waits for when etcd does not confirm the end, and waits no longer than the TTL', async () => {
    const it = program()
    const done = it.run(...node1, '--ttl', '3')
    await it.until('is registered')
    it.registry.freeze()
    it.signals.next('SIGTERM')
    await it.until('waiting until etcd has confirmed the end')
    expect(await done).toBe(0)
  })

  it.each([['SIGINT', 130], ['SIGTERM', 143]] as const)('ends at once at a second %s', async (signal, code) => {
    const it = program()
    const done = it.run(...node1)
    await it.until('is registered')
    it.registry.freeze()
    it.signals.next('SIGINT')
    it.signals.next(signal)
    expect(await done).toBe(code)
  })

  it('ends quietly when nobody reads, and a later closing of the pipe is no second signal', async () => {
    const it = program()
    const done = it.run(...node1)
    await it.until('is registered')
    it.signals.next('SIGPIPE')
    it.signals.next('SIGPIPE')
    expect(await done).toBe(0)
    expect(it.told.err).toBe('')
    expect(it.registry.leases()).toEqual([])
  })

  it('denied at the start, it says what to look at', async () => {
    const it = program()
    it.registry.deny()
    expect(await it.run(...node1)).toBe(1)
    expect(it.told.err).toMatch(/^error: .* \(see --user, and ETCD_PASSWORD in the environment\)\n$/)
  })
})

describe('watch', () => {
  it('tells who is there, comes, changes and goes', async () => {
    const it = program()
    it.registry.write('/rx-discovery/web/a', '{"address":"h:1","zone":"z","tags":["t"]}')
    const done = it.run('watch', 'web', 'grpc', 'web')
    await it.until('grpc is live')
    it.registry.write('/rx-discovery/grpc/g', '{"address":"h:9"}')
    it.registry.write('/rx-discovery/web/a', '{"address":"h:1","status":"draining","tags":["t"],"weight":3}')
    it.registry.write('/rx-discovery/web/bad', 'x')
    it.registry.write('/rx-discovery/web/bad', null)
    it.registry.write('/rx-discovery/web/a', null)
    await it.until('- web/a')
    it.signals.next('SIGINT')
    expect(await done).toBe(0)
    expect(it.texts()).toEqual([
      'web is live: 1 instance at revision 2',
      '+ web/a h:1 zone=z tags=["t"]',
      'grpc is live: 0 instances at revision 2',
      '+ grpc/g h:9',
      '~ web/a status up -> draining, weight 1 -> 3, zone z -> ""',
      '! /rx-discovery/web/bad cannot be read: the value must be JSON',
      '! /rx-discovery/web/bad is no longer there, or can be read now',
      '- web/a h:1',
    ])
    expect(it.registry.subscriptions()).toEqual({ watches: 0, leases: 0, calls: 0 })
  })

  it('tells an outage once, since when and why, and when it is over; nobody left meanwhile', async () => {
    const it = program()
    it.registry.write('/web/a', 'h:1')
    const done = it.run('watch', 'web', '--format', 'plain', '--json')
    await it.until('joined')
    it.registry.interrupt(500)
    await it.until('stale')
    await vi.waitUntil(() => it.told.out.match(/"live"/g)?.length === 2, { timeout: 5_000 })
    it.signals.next('SIGTERM')
    expect(await done).toBe(0)
    const stale = it.json().filter(({ type }) => type === 'stale')
    expect(new Set(stale.map(({ error }) => (error as Error).message))).toHaveLength(stale.length)
    expect(it.json().map(({ type }) => type)).toEqual(['live', 'joined', ...stale.map(() => 'stale'), 'live'])
    expect(stale[0]).toMatchObject({
      ...{ service: 'web', attempt: 1, error: { name: 'Disconnected' } },
      ...{ since: expect.stringMatching(/Z$/) as unknown, retryAt: expect.stringMatching(/Z$/) as unknown },
    })
    expect(it.json()[1]).toMatchObject({ service: 'web', instance: { id: 'a', address: 'h:1', status: 'up' } })
  })

  it('says within a second that etcd has not answered yet, and goes on', async () => {
    const it = program()
    const thaw = it.registry.freeze()
    const done = it.run('watch', 'web', '--endpoints', 'a:1,b:2')
    await it.until('no answer yet')
    expect(it.told).toMatchObject({ out: '', err: 'no answer yet from a:1, b:2\n' })
    thaw()
    await it.until('web is live')
    it.signals.next('SIGINT')
    expect(await done).toBe(0)
  })

  it('denied, it ends with 1', async () => {
    const it = program()
    it.registry.deny()
    expect(await it.run('watch', 'web')).toBe(1)
    expect(it.told.err).toMatch(/^error: .* \(see --user/)
  })
})

describe('list', () => {
  const filled = (...args: Parameters<typeof program>) => {
    const it = program(...args)
    it.registry.write('/rx-discovery/web/node10', '{"address":"10.0.0.5:8080","weight":2,"version":"1.2.0"}')
    it.registry.write('/rx-discovery/web/n2', '{"address":"h:1","status":"draining","zone":"eu-1"}')
    it.registry.write('/rx-discovery/orders/bad\u001b[31m', '{"address":"h"}')
    return it
  }
  it('is an aligned table, what cannot be read after it, and no control character', async () => {
    const it = filled()
    expect(await it.run('list')).toBe(0)
    expect(it.lines()).toEqual([
      'SERVICE  ID      ADDRESS        STATUS    WEIGHT  VERSION  ZONE',
      'web      n2      h:1            draining  1       -        eu-1',
      'web      node10  10.0.0.5:8080  up        2       1.2.0    -',
      '! /rx-discovery/orders/bad\\u001b[31m: the id in the key must not hold control characters or lone surrogates',
    ])
  })
  it('names what is empty', async () => {
    const it = filled()
    expect(await it.run('list', 'web2', 'web2')).toBe(0)
    expect(await program().run('list')).toBe(0)
    expect(it.lines()).toEqual(['web2: no instances'])
  })
  it('is one JSON document', async () => {
    const it = filled()
    expect(await it.run('--json', 'list', 'web', 'orders')).toBe(0)
    const [web, orders] = (JSON.parse(it.told.out) as { services: [Record<string, unknown>, Record<string, unknown>] }).services
    expect(web).toMatchObject({ service: 'web', revision: 4, instances: [{ id: 'n2', zone: 'eu-1' }, { id: 'node10', weight: 2 }], rejected: [] })
    expect(orders).toMatchObject({ service: 'orders', instances: [], rejected: [{ key: '/rx-discovery/orders/bad\u001b[31m' }] })
  })
  it('asks the next endpoint, and says why', async () => {
    const refused = new Disconnected('a:1 refused the connection: x', { host: 'a:1' })
    const it = filled({ ETCD_ENDPOINTS: 'a:1,b:2' })
    it.registry.interrupt(0)
    let calls = 0
    const failing = program({ ETCD_ENDPOINTS: 'a:1,b:2' }, {
      registryOf: () => ({ ...it.registry, list: prefix => { if ((calls += 1) === 1) throw refused; return it.registry.list(prefix) } }),
    })
    expect(await failing.run('list')).toBe(0)
    expect(failing.told.err).toBe('a:1 refused the connection: x (is etcd running there? see --endpoints)\n')
    expect(failing.told.out).toContain('node10')
  })
  it('ends with 1 when etcd is away', async () => {
    const it = program()
    it.registry.interrupt(60_000)
    expect(await it.run('list')).toBe(1)
    expect(it.told).toMatchObject({ out: '', err: expect.stringMatching(/^error: .*\(is etcd running there\? see --endpoints\)\n$/) as unknown })
  })
  it('ends with 130 at Ctrl-C, having printed nothing', async () => {
    const it = program()
    const thaw = it.registry.freeze()
    const done = it.run('list')
    await it.until('no answer yet')
    it.signals.next('SIGINT')
    expect(await done).toBe(130)
    expect(it.told.out).toBe('')
    thaw()
  })
  it('ends with 1 on what nobody foresaw', async () => {
    const it = program({}, { registryOf: () => { throw new Denied('no\nentry') } })
    expect(await it.run('list')).toBe(1)
    expect(it.told.err).toBe('error: no\\u000aentry (see --user, and ETCD_PASSWORD in the environment)\n')
  })
})

describe('an outage is told once for each reason', () => {
  const slow = (took: string, cause?: Error) => new Disconnected(`a:1 did not answer in time: after ${took}`, { host: 'a:1', cause })
  const waited = new Disconnected(`${slow('1 s').message} (waited 1500 ms)`, { host: 'a:1', cause: slow('1 s') })
  const refused = new Disconnected('b:1 refused the connection: x', { host: 'b:1' })
  const errors = [slow('1 s'), slow('2 s'), waited, refused, slow('3 s')]

  it('by watch, and again in the next outage', async () => {
    const set = serviceSet('web', [], { revision: 7 })
    const stale = (error: Error) => withState(set, { status: 'stale', trouble: { error, since: 0, attempt: 1, retryAt: 1 } })
    const sets = [pendingSet('web'), set, ...errors.map(stale), set, set, stale(slow('4 s'))]
    const live = 'web is live: 0 instances at revision 7'
    expect((await firstValueFrom(from(sets).pipe(setLines(), toArray()))).map(({ text }) => text)).toEqual([
      live,
      'web is stale since 1970-01-01T00:00:00.000Z because a:1 did not answer in time: after 1 s; trying again',
      'web is stale since 1970-01-01T00:00:00.000Z because b:1 refused the connection: x; trying again',
      live,
      'web is stale since 1970-01-01T00:00:00.000Z because a:1 did not answer in time: after 4 s; trying again',
    ])
  })

  it('by register, and again in the next outage; a renewal is no news, a new lease is', async () => {
    const lost = (cause: Error): Registration => ({ status: 'lost', cause, attempt: 1, retryAt: 0 })
    const registered = (leaseId: string, renewals: number): Registration =>
      ({ status: 'registered', leaseId, key: '/k', revision: 2, ttl: 5, expiresAt: 0, renewals })
    const again: Registration = { status: 'registering' }
    const states = [again, ...errors.flatMap(error => [lost(error), again]), registered('255', 0), registered('255', 1), lost(refused), lost(new LeaseLost('255')), registered('256', 0)]
    const lines = of(...states).pipe(registrationLines(serviceInstance({ service: 'web', id: 'a', address: 'h:1' })), toArray())
    expect((await firstValueFrom(lines)).map(({ text }) => text)).toEqual([
      'web/a is registering',
      'web/a is not registered because a:1 did not answer in time: after 1 s; trying again',
      'web/a is not registered because b:1 refused the connection: x; trying again',
      '+ web/a h:1 is registered at /k, lease ff, TTL 5 s',
      'web/a is not registered because b:1 refused the connection: x; trying again',
      'web/a is not registered because lease ff is lost: expired or revoked; trying again',
      '+ web/a h:1 is registered at /k, lease 100, TTL 5 s',
    ])
  })
})

it('what is printed is one line that leaves the terminal alone, and JSON stays what it was', () => {
  const text = 'a\u001b[2J\n\u0085\u202e\u2028\ud800z'
  expect(printable(text)).toBe('a\\u001b[2J\\u000a\\u0085\\u202e\\u2028\\ud800z')
  expect(JSON.parse(printable(JSON.stringify({ [text]: text })))).toEqual({ [text]: text })
})

it('docs/cli.md names every option and every type of event', async () => {
  const page = readFileSync('docs/cli.md', 'utf8')
  const help = (await Promise.all(['register', 'watch', 'list'].map(command => asked(command, '--help')))).map(({ out }) => out).join('')
  const options = new Set([...help.matchAll(/^ {2}(?:-\w, )?(--?[\w-]+)/gm)].map(([, option = '']) => option))
  expect(options.size).toBeGreaterThan(15)
  for (const option of options) expect(page).toContain(option)
  const source = ['set-lines', 'registration-lines'].map(file => readFileSync(`src/edge/cli/${file}.ts`, 'utf8')).join('')
  for (const [, type] of source.matchAll(/(?:type: |case )'(\w+)'/g)) expect(page).toContain(`\`${type}\``)
})
