import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { concat, firstValueFrom, from, ignoreElements, of, tap, timer, toArray } from 'rxjs'
import { describe, expect, it, vi } from 'vitest'
import type { ReadableRegistry } from 'rx-discovery'
import { Closed, Denied, Disconnected, LeaseLost, Taken } from '../../../src/core/errors.js'
import { serviceInstance } from '../../../src/core/instance/instance.js'
import type { Registration } from '../../../src/core/register/registration.js'
import { pendingSet, serviceSet, withState } from '../../../src/core/sets/service-set.js'
import type { Host } from '../../../src/edge/cli/host.js'
import { printable, printableJson } from '../../../src/edge/cli/output.js'
import { registrationLines } from '../../../src/edge/cli/registration-lines.js'
import { setLines } from '../../../src/edge/cli/set-lines.js'
import { etcdRegistry } from '../../../src/edge/etcd/index.js'
import { certificates, type Certificates } from '../../etcd/tls.js'
import { program } from './program.js'

const node1 = ['register', 'web', '--id', 'node1', '--address', 'localhost:8000']
const runOnce = async (...argv: string[]) => {
  const it = program()
  return { code: await it.run(...argv), ...it.printed }
}

describe('wrong usage ends with exit code 2 and one clear line, before etcd is contacted', () => {
  it.each([
    [['lst'], "error: unknown command 'lst'\n(Did you mean list?)"],
    [['list', '--colour'], "error: unknown option '--colour'"],
    [['watch', '--errors=yes'], 'error: --errors takes no value (write --errors alone, or leave it out)'],
    [['list', '--json=false'], 'error: --json takes no value (write --json alone, or leave it out)'],
    [['--auto-sync=', 'list'], 'error: --auto-sync takes no value (write --auto-sync alone, or leave it out)'],
    [['list', '--help=at'], 'error: --help takes no value (write --help alone, or leave it out)'],
    [['register', 'web', 'localhost:8000'], 'error: register takes one argument, the service (write the address as --address host:port, and the id as --id name)'],
    [['list', '--errors=yes'], "error: unknown option '--errors'"],
    [['watch', '--format', 'plain'], 'error: <service> is required: --format plain has no prefix that all services share (name the services, or set --prefix)'],
    [['watch', '--exec', ' '], 'error: --exec must be a command, got " " (such as "./reload.sh")'],
    [['watch', 'a//b'], 'error: <service> must not have a segment that is empty, "." or "..", got "a//b" (write foo/bar, without a "/" at either end)'],
    [['list', '..'], 'error: <service> must not be "." or "..", got ".."'],
    [['register', 'web'], 'error: --address is required (such as --address localhost:8000)'],
    [['register', 'web', '--addres', 'localhost:8000'], "error: unknown option '--addres'\n(Did you mean --address?)"],
    [['register', 'web', '--address', 'localhost'], 'error: --address must be host:port, got "localhost" (add a port, e.g. "localhost:8000")'],
    [['register', '', '--address', 'localhost:1'], 'error: <service> must not be empty, got ""'],
    [[...node1, '--ttl', '0'], 'error: --ttl must be a whole number of seconds from 1 to 9000000000, got "0"'],
    [[...node1, '--ttl', '5s'], 'error: --ttl must be a whole number of seconds from 1 to 9000000000, got "5s"'],
    [[...node1, '--ttl', ''], 'error: --ttl must be a whole number of seconds from 1 to 9000000000, got ""'],
    [[...node1, '--drain', '-1'], 'error: --drain must be a number of seconds from 0 to 2000000, got "-1"'],
    [[...node1, '--exec', ''], 'error: --exec must be a command, got "" (such as "node server.js")'],
    [[...node1, '--kill-after', '3'], 'error: --kill-after requires --exec'],
    [[...node1, '--exec', 'x', '--kill-after', '-1'], 'error: --kill-after must be a number of seconds from 0 to 2000000, got "-1"'],
    [[...node1, '--health-http', 'health'], 'error: --health-http must be a path or a URL, got "health" (such as /health or http://localhost:8000/health)'],
    [[...node1, '--health-tcp', 'localhost'], 'error: --health-tcp must be host:port, got "localhost" (add a port, e.g. "localhost:8000")'],
    [[...node1, '--health-tcp', '--health-exec', 'x'], 'error: --health-exec cannot be used with --health-tcp (use one of them; --health-exec runs any command)'],
    [[...node1, '--health-tcp', '--status', 'up'], 'error: --status cannot be used with --health-tcp, which decides the status'],
    [[...node1, '--health-interval', '3'], 'error: --health-interval requires --health-http, --health-tcp or --health-exec'],
    [[...node1, '--health-tcp', '--health-interval', '0'], 'error: --health-interval must be a number of seconds from 0.1 to 2000000, got "0"'],
    [[...node1, '--weight', 'x'], 'error: --weight must be a finite number, 0 or more, got NaN'],
    [[...node1, '--status', 'asleep'], 'error: --status must be "starting", "up", "draining" or "down", got "asleep"'],
    [[...node1, '--tag', 'a\u0007'], 'error: --tag must be a list of strings without control characters, got ["a\\u0007"]'],
    [[...node1, '--metadata', '{'], 'error: --metadata must be JSON, got "{"'],
    [[...node1, '--on-taken', 'error'], 'error: --on-taken must be wait, replace or fail, got "error"'],
    [[...node1, '--format', 'plain', '--weight', '2'], 'error: --weight cannot be stored by --format plain, which stores only the address (use --format native)'],
    [[...node1, '--format', 'goZero', '--metadata', '{"a":"b"}'], 'error: --metadata cannot be stored by --format goZero, which stores only the address (use --format native)'],
    [[...node1, '--format', 'kratos', '--tag', 'a'], 'error: --tag cannot be stored by --format kratos (use --format native)'],
    [[...node1, '--format', 'kratos', '--metadata', '{"a":1}'], 'error: --metadata must be a string, got 1'],
    [['watch', 'web', '--format', 'auto'], 'error: --format must be one of native, plain, grpcNaming, kratos, goZero, goKit, goMicro, kitex, dubbo, skyDns, rpcx, goFrame, got "auto" (only list takes auto)'],
    [['list', '--format', 'auto', '--prefix', '/a'], 'error: --prefix cannot be used with --format auto, which looks under the prefixes that the formats have by default'],
    [['watch', 'web', '--default-port', '80'], 'error: --default-port cannot be used with --format native, whose addresses have a port (use it with grpcNaming, kratos, goZero, goKit, goMicro, skyDns)'],
    [['list', '--format', 'kratos', '--default-port', '0'], 'error: --default-port must be a port from 1 to 65535, got "0"'],
    [['list', '--format', 'auto', '--default-port', '1e3'], 'error: --default-port must be a port from 1 to 65535, got "1e3"'],
    [['list', '--format', 'xml'], 'error: --format must be one of native, plain, grpcNaming, kratos, goZero, goKit, goMicro, kitex, dubbo, skyDns, rpcx, goFrame, got "xml" (list --format auto finds out which ones are in use)'],
    [['list', '--prefix', 'x/'], 'error: --prefix must begin with "/" and not end in it, got "x/" (such as /my-fleet)'],
    [['list', '--format', 'plain'], 'error: <service> is required: --format plain has no prefix that all services share (name the services, or set --prefix)'],
    [['list', '--endpoints', ' , '], 'error: --endpoints must have at least one endpoint, such as http://127.0.0.1:2379, got " , "'],
    [['list', '--at', '0'], 'error: --at must be a whole number of 1 or more, got "0" (watch and list --wide print revisions)'],
    [['list', '--at', '12x'], 'error: --at must be a whole number of 1 or more, got "12x" (watch and list --wide print revisions)'],
    [['list', '--format', 'auto', '--at', '3'], 'error: --at cannot be used with --format auto, which reads what is there now'],
    [['events', 'web'], 'error: --since is required (such as --since 1200; watch and list --wide print revisions)'],
    [['events', '--since', '3'], "error: missing required argument 'service'"],
    [['events', 'web', 'orders', '--since', '3'], "error: too many arguments for 'events'. Expected 1 argument but got 2."],
    [['events', 'a//b', '--since', '3'], 'error: <service> must not have a segment that is empty, "." or "..", got "a//b" (write foo/bar, without a "/" at either end)'],
    [['events', 'web', '--since', '-1'], 'error: --since must be a whole number of 1 or more, got "-1" (watch and list --wide print revisions)'],
    [['events', 'web', '--since', '3', '--until', '1e3'], 'error: --until must be a whole number of 1 or more, got "1e3" (watch and list --wide print revisions)'],
    [['events', 'web', '--since', '3', '--max-behind', '0'], 'error: --max-behind must be a whole number of 1 or more, got "0"'],
    [['list', '--cert', 'x'], 'error: --cert requires --key'],
    [['list', '--key', 'x'], 'error: --key requires --cert'],
    [['list', '--cert', 'x', '--key', 'y'], 'error: --cert requires --cacert'],
    [['list', '--cacert', '/nowhere', '--endpoints', 'https://a'], 'error: --cacert must be a file that exists, got "/nowhere"'],
    [['list', '--cacert', 'x', '--cert', '/nowhere', '--key', 'y', '--endpoints', 'https://a'], 'error: --cert must be a file that exists, got "/nowhere"'],
    [['list', '--cacert', 'x', '--cert', 'package.json', '--key', '/', '--endpoints', 'https://a'], 'error: --key must be a file, got "/" (it is a folder)'],
    [['list', '--cacert', 'x', '--endpoints', 'http://a'], 'error: --cacert requires endpoints that begin with https:// (see --endpoints)'],
    [['list', '--srv', 'example.com', '--endpoints', 'a:1'], 'error: --srv cannot be used with --endpoints (the endpoints are those that DNS names)'],
    [['list', '--user', 'root'], 'error: --user requires a password (set ETCD_PASSWORD in the environment)'],
  ])('%j', async (argv, message) => {
    const { code, out, err, connections } = await runOnce(...argv)
    expect(err.replace(/\n(\(use --help for help\)\n)?$/, '')).toBe(message)
    expect({ code, out, connections }).toEqual({ code: 2, out: '', connections: [] })
  })

  it('a domain that is none', async () => {
    const it = program({}, { registryOf: etcdRegistry })
    expect([await it.run('list', '--srv', 'http://example.com'), it.printed.err]).toEqual([2, 'error: --srv must be a domain, got "http://example.com" (such as \'example.com\')\n'])
  })
  it('no command, and prints the help', async () => {
    const { code, out, err } = await runOnce()
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toContain('Usage: rx-discovery')
  })
  it.each([[['list', '--password=s3cret']], [['list', '--user', 'root:s3cret']], [['list', '--password=s3\ncret']]])('%j, without repeating the secret', async argv => {
    const { code, out, err } = await runOnce(...argv)
    expect(code).toBe(2)
    expect(out + err).not.toMatch(/s3|cret'/)
  })
})

it('--user with a password is an error, even if ETCD_PASSWORD is set', async () => {
  const it = program({ ETCD_PASSWORD: 'x' })
  expect(await it.run('list', '--user', 'root:s3cret')).toBe(2)
  expect(it.printed.err).toBe('error: --user must be a name without a colon (set the password as ETCD_PASSWORD in the environment)\n')
})

describe('help and version', () => {
  it('go to standard output, with the exit codes', async () => {
    const { code, out, err } = await runOnce('--help')
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(out).toMatch(/register .*watch .*list .*events .*ETCD_PASSWORD.*Exit codes:\s+0 .*\n\s+1 .*\n\s+2 .*130/s)
  })
  it.each(['register', 'watch', 'list', 'events', 'ui'])('%s --help lists the shared options', async command => {
    const { code, out } = await runOnce(command, '--help')
    expect(code).toBe(0)
    expect(out).toMatch(/--endpoints .*--format .*--prefix .*--json /s)
  })
  it.each(['-V', '--version'])('%s prints the version', async option => {
    expect(await runOnce(option)).toEqual({ code: 0, out: '1.2.3\n', err: '', connections: [] })
  })
  it('--version after a command is its option', async () => {
    expect(await runOnce(...node1, '--version', 'a\u0007')).toMatchObject({ code: 2, err: expect.stringContaining('--version must be') as unknown })
  })
})

describe('the connection', () => {
  const connection = async (env: Host['env'], ...argv: string[]) => {
    const it = program(env)
    expect(await it.run('list', ...argv)).toBe(0)
    return it.printed.connections[0]
  }
  it('goes to --endpoints, or ETCD_ENDPOINTS, or this machine', async () => {
    const env = { ETCD_ENDPOINTS: 'http://a:1, b:2,' }
    expect(await connection(env, '--endpoints', 'c:3')).toEqual({ hosts: ['c:3'] })
    expect(await connection(env)).toEqual({ hosts: ['http://a:1', 'b:2'] })
    expect(await connection({ ETCD_ENDPOINTS: ' ' })).toEqual({ hosts: ['http://127.0.0.1:2379'] })
  })
  it('takes the user from option or environment, and the password from the environment', async () => {
    const auth = { username: 'root', password: 'a:b' }
    expect(await connection({ ETCD_PASSWORD: 'a:b' }, '--user', 'root')).toMatchObject({ auth })
    expect(await connection({ ETCD_PASSWORD: 'a:b', ETCD_USER: 'root' })).toMatchObject({ auth })
    expect(await connection({ ETCD_PASSWORD: 'a:b' })).not.toHaveProperty('auth')
  })
  it.each<readonly [Host['env'], readonly string[], object]>([
    [{ ETCDCTL_ENDPOINTS: 'a:1,b:2' }, [], { hosts: ['a:1', 'b:2'] }],
    [{ ETCDCTL_ENDPOINTS: 'a:1', ETCD_ENDPOINTS: 'b:2' }, [], { hosts: ['b:2'] }],
    [{ ETCDCTL_ENDPOINTS: 'a:1' }, ['--endpoints', 'c:3'], { hosts: ['c:3'] }],
    [{ ETCDCTL_ENDPOINTS: 'a:1' }, ['--srv', 'example.com'], { srv: 'example.com' }],
    [{ ETCDCTL_USER: 'root:a:b' }, [], { auth: { username: 'root', password: 'a:b' } }],
    [{ ETCDCTL_USER: 'root', ETCDCTL_PASSWORD: 'x' }, [], { auth: { username: 'root', password: 'x' } }],
    [{ ETCDCTL_USER: 'root:theirs', ETCD_PASSWORD: 'ours' }, [], { auth: { username: 'root', password: 'theirs' } }],
    [{ ETCDCTL_USER: 'root:theirs', ETCD_USER: 'me', ETCD_PASSWORD: 'ours' }, [], { auth: { username: 'me', password: 'ours' } }],
    [{ ETCDCTL_USER: 'root', ETCDCTL_PASSWORD: 'theirs', ETCD_PASSWORD: 'ours' }, [], { auth: { username: 'root', password: 'ours' } }],
    [{ ETCDCTL_PASSWORD: 'theirs' }, ['--user', 'me'], { auth: { username: 'me', password: 'theirs' } }],
    [{ ETCDCTL_ENDPOINTS: ' ', ETCDCTL_USER: '', ETCDCTL_CACERT: '' }, [], { hosts: ['http://127.0.0.1:2379'] }],
    // As etcdctl does: certificates are not for http://.
    [{ ETCDCTL_CACERT: '/nowhere', ETCDCTL_ENDPOINTS: 'http://a:1' }, [], { hosts: ['http://a:1'] }],
  ])('with %j and %j is %j', async (env, argv, expected) => {
    expect(await connection(env, ...argv)).toMatchObject(expected)
  })
  it('takes no password of etcdctl for another user', async () => {
    const it = program({ ETCDCTL_USER: 'root:s3cret' })
    expect([await it.run('list', '--user', 'me'), it.printed.err]).toEqual([2, 'error: --user requires a password (set ETCD_PASSWORD in the environment)\n'])
  })
  it('uses the certificates of etcdctl, on this machine if no endpoint is named', async () => {
    const it = program({ ETCDCTL_CACERT: '/nowhere/ca' })
    expect([await it.run('list'), it.printed.err]).toEqual([2, 'error: --cacert must be a file that exists, got "/nowhere/ca" (from ETCDCTL_CACERT)\n'])
    const dir = mkdtempSync(join(tmpdir(), 'cli-'))
    try {
      const { ca, client } = certificates()
      const [ETCDCTL_CACERT, ETCDCTL_CERT, ETCDCTL_KEY] = ([['ca', ca], ['crt', client.cert], ['key', client.key]] as const).map(([name, content]) => {
        writeFileSync(join(dir, name), content)
        return join(dir, name)
      })
      const { hosts, credentials } = (await connection({ ETCDCTL_CACERT, ETCDCTL_CERT, ETCDCTL_KEY })) as { hosts: unknown; credentials: () => unknown }
      expect([hosts, credentials()]).toEqual([['https://127.0.0.1:2379'], { rootCertificate: ca, certChain: client.cert, privateKey: client.key }])
    } finally {
      rmSync(dir, { recursive: true })
    }
  })
  it('goes to the hosts that DNS names with --srv, whatever ETCD_ENDPOINTS says, and with --auto-sync to the members that the cluster lists', async () => {
    const env = { ETCD_ENDPOINTS: ' , ', ETCD_USER: 'root', ETCD_PASSWORD: 'x' }
    expect(await connection(env, '--srv', 'example.com')).toEqual({ srv: 'example.com', auth: { username: 'root', password: 'x' } })
    expect(await connection({}, '--endpoints', 'a:1', '--auto-sync')).toEqual({ hosts: ['a:1'], autoSync: true })
    expect(await connection({}, '--srv', 'example.com', '--auto-sync')).toEqual({ srv: 'example.com', autoSync: true })
  })
  it('reads certificates from files, and again when they are needed, because they may be renewed', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'cli-'))
    const paths = ['ca', 'crt', 'key'].map(name => join(dir, name)) as [string, string, string]
    const write = ({ ca, client }: Certificates): void => [ca, client.cert, client.key].forEach((content, index) => writeFileSync(paths[index] ?? '', content))
    const [first, renewed] = [certificates(), certificates()]
    try {
      const it = program()
      const argv = ['list', '--endpoints', 'https://a', '--cacert', paths[0], '--cert', paths[1], '--key', paths[2]]
      write(first)
      expect(await it.run(...argv)).toBe(0)
      const credentials = it.printed.connections[0]?.credentials as () => unknown
      expect(credentials()).toEqual({ rootCertificate: first.ca, certChain: first.client.cert, privateKey: first.client.key })
      write(renewed)
      expect(credentials()).toEqual({ rootCertificate: renewed.ca, certChain: renewed.client.cert, privateKey: renewed.client.key })
      writeFileSync(paths[2], first.client.key)
      expect([await it.run(...argv), it.printed.err]).toEqual([2, expect.stringMatching(/^error: --cacert, --cert and --key cannot be used: .* must be certificates and a key that belong together, in PEM format/)])
    } finally {
      rmSync(dir, { recursive: true })
    }
  })
  it('reports what to install if etcd3 is missing', async () => {
    const missing = Object.assign(new Error("Cannot find package 'etcd3' imported from /x.js"), { code: 'ERR_MODULE_NOT_FOUND' })
    const it = program({}, { registryOf: () => Promise.reject(missing) })
    expect(await it.run('list')).toBe(1)
    expect(it.printed.err).toBe('error: the package etcd3 is not installed (run npm install etcd3 where rx-discovery is installed)\n')
  })
})

describe('register', () => {
  it('writes what the etcd tutorial writes, and leaves nothing behind', async () => {
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
    expect(it.printed.err).toBe('')
    expect(await firstValueFrom(it.registry.list('/')).catch((error: unknown) => error)).toBeInstanceOf(Closed)
  })

  it('writes every field of the native format', async () => {
    const it = program()
    const argv = ['--weight', '2', '--zone', 'a', '--version', '1.2', '--tag', 'x', '--tag', 'y', '--metadata', '{"k":[1]}', '--status', 'starting']
    const done = it.run('register', 'web', '--address', 'localhost:8000', ...argv, '--json')
    await it.until('registered')
    const [entry] = it.registry.entries()
    expect(entry?.key).toBe('/rx-discovery/web/localhost:8000')
    expect(JSON.parse(entry?.value ?? '')).toEqual({
      ...{ v: 1, address: 'localhost:8000', status: 'starting', weight: 2, zone: 'a', version: '1.2', tags: ['x', 'y'], metadata: { k: [1] } },
      incarnation: expect.any(String) as unknown,
    })
    it.signals.next('SIGINT')
    expect(await done).toBe(0)
    const common = { service: 'web', id: 'localhost:8000', address: 'localhost:8000', time: expect.stringMatching(/^\d{4}-.*Z$/) as unknown }
    const details = { key: entry?.key, leaseId: '1', ttl: 10, renewals: 0, expiresAt: expect.stringMatching(/Z$/) as unknown }
    expect(it.json()).toEqual([
      { type: 'registering', ...common },
      { type: 'registered', ...common, ...details, revision: entry?.revision, published: 'starting' },
      { type: 'draining', ...common, ...details, revision: (entry?.revision ?? 0) + 1, published: 'draining' },
      { type: 'revoked', ...common, confirmed: true },
    ])
  })

  it('is draining for --drain seconds before it is revoked', async () => {
    const it = program()
    const done = it.run(...node1, '--drain', '0.2')
    await it.until('is registered')
    it.signals.next('SIGTERM')
    await it.until('is draining')
    expect(it.registry.entries()[0]?.value).toContain('draining')
    expect(await done).toBe(0)
    expect(it.registry.keys()).toEqual([])
  })

  it('reports an outage once, however many attempts fail, and reports the new registration', async () => {
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

  it('with --on-taken fail, reports the key that another client has written, and ends with 1', async () => {
    const it = program()
    const found = { key: '/web/node1', value: 'other:1', lease: '0', revision: it.registry.write('/web/node1', 'other:1') }
    const code = await it.run(...node1, '--format', 'plain', '--ttl', '1', '--on-taken', 'fail')
    expect(code).toBe(1)
    expect(it.texts().at(-1)).toBe('web/node1 is not registered because another client has written /web/node1 (without a lease)')
    expect(it.printed.err).toBe(`error: ${new Taken([found]).message} (to take the key over, use --on-taken replace)\n`)
    expect(it.registry.leases()).toEqual([])
  })

  it('leaves no lease if a signal comes during the grant', async () => {
    const it = program()
    const thaw = it.registry.freeze()
    const done = it.run(...node1)
    await it.until('is registering')
    it.signals.next('SIGTERM')
    setTimeout(thaw, 1_200)
    expect(await done).toBe(0)
    expect(it.registry.leases()).toEqual([])
    expect(it.texts()).toEqual(['web/node1 is registering'])
  })

  it('explains what it waits for if etcd does not confirm the end, and waits a few seconds, however long the TTL is', async () => {
    const it = program()
    const done = it.run(...node1, '--ttl', '60')
    await it.until('is registered')
    it.registry.freeze()
    it.signals.next('SIGTERM')
    await it.until('waiting a few seconds for etcd to confirm the end')
    expect(await done).toBe(0)
    expect(it.texts().at(-1)).toContain('- web/node1 is revoked, but etcd did not confirm it')
  })

  it.each([['SIGINT', 130], ['SIGTERM', 143]] as const)('ends at once after a second %s', async (signal, code) => {
    const it = program()
    const done = it.run(...node1)
    await it.until('is registered')
    it.registry.freeze()
    it.signals.next('SIGINT')
    it.signals.next(signal)
    expect(await done).toBe(code)
  })

  it('ends quietly if standard output is closed, and a second SIGPIPE is no second signal', async () => {
    const it = program()
    const done = it.run(...node1)
    await it.until('is registered')
    it.signals.next('SIGPIPE')
    it.signals.next('SIGPIPE')
    expect(await done).toBe(0)
    expect(it.printed.err).toBe('')
    expect(it.registry.leases()).toEqual([])
  })

  it('if access is denied at the start, reports what to check', async () => {
    const it = program()
    it.registry.deny()
    expect(await it.run(...node1)).toBe(1)
    expect(it.printed.err).toMatch(/^error: .* \(check --user, and ETCD_PASSWORD in the environment\)\n$/)
  })
})

describe('watch', () => {
  it('prints the instances, then those that join, change and leave', async () => {
    const it = program()
    it.registry.write('/rx-discovery/web/a', '{"address":"h:1","zone":"z","tags":["t"]}')
    const done = it.run('watch', 'web', 'grpc', 'web')
    await it.until('web is live')
    await it.until('grpc is live')
    it.registry.write('/rx-discovery/grpc/g', '{"address":"h:9"}')
    const draining = '{"address":"h:1","status":"draining","tags":["t"],"weight":3}'
    const lease = it.registry.lease(5).subscribe(({ id }) => it.registry.write('/rx-discovery/web/a', draining, { lease: id }))
    it.registry.write('/rx-discovery/web/a', draining)
    lease.unsubscribe()
    it.registry.write('/rx-discovery/web/bad', 'x')
    it.registry.write('/rx-discovery/web/bad', null)
    it.registry.write('/rx-discovery/web/a', null)
    await it.until('- web/a')
    it.signals.next('SIGINT')
    expect(await done).toBe(0)
    // Two services are two streams: either may come first.
    const isOfGrpc = (text: string): boolean => text.includes('grpc')
    expect(it.texts().filter(isOfGrpc)).toEqual(['grpc is live: 0 instances at revision 2', '+ grpc/g h:9 without a lease'])
    expect(it.texts().filter(text => !isOfGrpc(text))).toEqual([
      'web is live: 1 instance at revision 2',
      '+ web/a h:1 zone=z tags=["t"] without a lease',
      '~ web/a status up -> draining, weight 1 -> 3, zone z -> "", has a lease',
      '~ web/a has no lease',
      '! /rx-discovery/web/bad cannot be read: the value must be JSON',
      '! /rx-discovery/web/bad was deleted, or can be read now',
      '- web/a h:1',
    ])
    expect(it.registry.subscriptions()).toEqual({ watches: 0, leases: 0, calls: 0 })
  })

  it('gives addresses without a port that of --default-port, and rejects them without it', async () => {
    const watched = async (shown: string, ...options: readonly string[]) => {
      const it = program()
      it.registry.write('/services/web/a', 'http://10.0.0.1')
      const done = it.run('watch', 'web', '--format', 'goKit', '--json', ...options)
      await it.until(shown)
      it.signals.next('SIGTERM')
      await done
      return it.json()
    }
    expect(await watched('joined', '--default-port', '8080')).toMatchObject([{ type: 'live' }, { type: 'joined', instance: { address: '10.0.0.1:8080' } }])
    expect(await watched('rejected')).toMatchObject([{ type: 'live' }, { type: 'rejected', reason: 'the value must have a port, unless the format has a defaultPort' }])
  })

  it('reports an outage once, with its start and reason, and its end, without any change of instances', async () => {
    const it = program()
    it.registry.write('/web/a', 'h:1')
    const done = it.run('watch', 'web', '--format', 'plain', '--json')
    await it.until('joined')
    it.registry.interrupt(500)
    await it.until('stale')
    await vi.waitUntil(() => it.printed.out.match(/"live"/g)?.length === 2, { timeout: 5_000 })
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

  it('reports after a second that etcd has not answered yet, and continues', async () => {
    const it = program()
    const thaw = it.registry.freeze()
    const done = it.run('watch', 'web', '--endpoints', 'a:1,b:2')
    await it.until('no answer yet')
    expect(it.printed).toMatchObject({ out: '', err: 'no answer yet from a:1, b:2\n' })
    thaw()
    await it.until('web is live')
    it.signals.next('SIGINT')
    expect(await done).toBe(0)
  })

  it('ends with 1 if access is denied', async () => {
    const it = program()
    it.registry.deny()
    expect(await it.run('watch', 'web')).toBe(1)
    expect(it.printed.err).toMatch(/^error: .* \(check --user/)
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
  it('prints an aligned table, then the rejected entries, and no control characters', async () => {
    const it = filled()
    expect(await it.run('list')).toBe(0)
    expect(it.lines()).toEqual([
      'SERVICE  ID      ADDRESS        STATUS    WEIGHT  VERSION  ZONE',
      'web      n2      h:1            draining  1       -        eu-1  no lease',
      'web      node10  10.0.0.5:8080  up        2       1.2.0    -     no lease',
      '! /rx-discovery/orders/bad\\u001b[31m: the id in the key must not hold control characters or lone surrogates',
    ])
  })
  it('reports services without instances', async () => {
    const it = filled()
    expect(await it.run('list', 'web2', 'web2')).toBe(0)
    expect(await program().run('list')).toBe(0)
    expect(it.lines()).toEqual(['web2: no instances under /rx-discovery/web2/ (format native)', 'there is native under /rx-discovery/: web'])
  })
  it('prints one JSON document with --json', async () => {
    const it = filled()
    expect(await it.run('--json', 'list', 'web', 'orders')).toBe(0)
    const [web, orders] = (JSON.parse(it.printed.out) as { services: [Record<string, unknown>, Record<string, unknown>] }).services
    expect(web).toMatchObject({ service: 'web', revision: 4, instances: [{ id: 'n2', zone: 'eu-1' }, { id: 'node10', weight: 2 }], rejected: [] })
    expect(orders).toMatchObject({ service: 'orders', instances: [], rejected: [{ key: '/rx-discovery/orders/bad\u001b[31m' }] })
  })
  it('prints what was there at --at, as text and as JSON', async () => {
    const lines = async (...argv: string[]) => {
      const one = filled()
      expect(await one.run('list', ...argv)).toBe(0)
      return one.lines()
    }
    expect(await lines('--at', '2')).toEqual(['SERVICE  ID      ADDRESS        STATUS  WEIGHT  VERSION  ZONE', 'web      node10  10.0.0.5:8080  up      2       1.2.0    -     no lease'])
    expect(await lines('web', '--at', '1')).toEqual(['web: no instances under /rx-discovery/web/ (format native)'])
    const [json = ''] = await lines('web', '--at', '3', '--json')
    expect(JSON.parse(json)).toMatchObject({ services: [{ service: 'web', revision: 3, instances: [{ id: 'n2' }, { id: 'node10' }] }] })
  })
  it('ends with 1 if --at is compacted, and names the oldest revision, or if it is in the future', async () => {
    const it = filled()
    it.registry.compact()
    expect(await it.run('list', '--at', '3')).toBe(1)
    expect(it.printed).toMatchObject({ out: '', err: 'error: the requested history is compacted; the oldest revision that can be read is 4\n' })
    const future = filled()
    expect(await future.run('list', '--at', '9')).toBe(1)
    expect(future.printed).toMatchObject({ out: '', err: 'error: revision 9 is in the future, the registry is at 4\n' })
  })
  it('tries the next endpoint, and reports why', async () => {
    const refused = new Disconnected('a:1 refused the connection: x', { host: 'a:1' })
    const it = filled({ ETCD_ENDPOINTS: 'a:1,b:2' })
    it.registry.interrupt(0)
    let calls = 0
    const failing = program({ ETCD_ENDPOINTS: 'a:1,b:2' }, {
      registryOf: () => ({ ...it.registry, list: prefix => { if ((calls += 1) === 1) throw refused; return it.registry.list(prefix) } }),
    })
    expect(await failing.run('list')).toBe(0)
    expect(failing.printed.err).toBe('a:1 refused the connection: x (check that etcd runs there, or set --endpoints)\n')
    expect(failing.printed.out).toContain('node10')
  })
  it('reports once what three tries have in common, and how to check the DNS', async () => {
    const unknown = new Disconnected('the hosts of etcd are not known: queryASrv ESERVFAIL')
    const it = program({}, { registryOf: () => ({ ...program().registry, list: () => { throw unknown } }) })
    expect(await it.run('list', '--srv', 'example.com')).toBe(1)
    const message = `${unknown.message} (check --srv, and the DNS of this machine)\n`
    expect(it.printed.err).toBe(`${message}error: ${message}`)
  })
  it('ends with 1 if etcd does not answer', async () => {
    const it = program()
    it.registry.interrupt(60_000)
    expect(await it.run('list')).toBe(1)
    expect(it.printed).toMatchObject({ out: '', err: expect.stringMatching(/^error: .*\(check that etcd runs there, or set --endpoints\)\n$/) as unknown })
  })
  it('ends with 130 after Ctrl-C, and prints nothing', async () => {
    const it = program()
    const thaw = it.registry.freeze()
    const done = it.run('list')
    await it.until('no answer yet')
    it.signals.next('SIGINT')
    expect(await done).toBe(130)
    expect(it.printed.out).toBe('')
    thaw()
  })
  it('names the options of the command line if a login is required, or TLS fails', async () => {
    const errorOf = async (error: Error) => {
      const it = program({}, { registryOf: () => { throw error } })
      expect(await it.run('list')).toBe(1)
      return it.printed.err
    }
    expect(await errorOf(new Denied('h:1 requires a login', { hint: 'pass `auth: { username, password }`' }))).toBe('error: h:1 requires a login (check --user, and ETCD_PASSWORD in the environment)\n')
    const plain = 'h:1 failed the TLS handshake (perhaps it has no TLS, then write http://): wrong version number'
    expect(await errorOf(new Disconnected(plain, { host: 'h:1' }))).toBe(`error: ${plain} (see --endpoints)\n`)
    const handshake = 'h:1 failed the TLS handshake (…): unable to verify the first certificate'
    expect(await errorOf(new Disconnected(handshake, { host: 'h:1' }))).toBe(`error: ${handshake} (check --cacert, --cert and --key)\n`)
  })
  it('ends with 1 after an unexpected error', async () => {
    const it = program({}, { registryOf: () => { throw new Denied('no\nentry') } })
    expect(await it.run('list')).toBe(1)
    expect(it.printed.err).toBe('error: no\\u000aentry (check --user, and ETCD_PASSWORD in the environment)\n')
  })
})

describe('events', () => {
  /** Revisions 2 to 8. */
  const past = (...args: Parameters<typeof program>) => {
    const it = program(...args)
    const write = (id: string, value: string | null, service = 'web') => it.registry.write(`/rx-discovery/${service}/${id}`, value)
    write('a', '{"address":"h:1","zone":"z"}')
    write('x', '{"address":"h:9"}', 'orders')
    write('b', '{"address":"h:2"}')
    write('a', '{"address":"h:1","zone":"z","status":"draining"}')
    write('bad\u001b[31m', 'x')
    write('a', null)
    write('bad\u001b[31m', null)
    return { ...it, write }
  }
  const all = [
    '3 web had 1 instance',
    '4 + web/b h:2 without a lease',
    '5 ~ web/a status up -> draining',
    '6 ! /rx-discovery/web/bad\\u001b[31m cannot be read: the id in the key must not hold control characters or lone surrogates',
    '7 - web/a h:1',
    '8 ! /rx-discovery/web/bad\\u001b[31m was deleted, or can be read now',
  ]

  it('with --until, prints what joined, left and changed, by revision, and ends', async () => {
    const it = past()
    expect(await it.run('events', 'web', '--since', '3', '--until', '8')).toBe(0)
    expect(it.lines()).toEqual(all)
    expect(it.printed.err).toBe('')
    const part = past()
    expect(await part.run('events', 'web', '--since', '4', '--until', '6')).toBe(0)
    expect(part.lines()).toEqual(['4 web had 2 instances', ...all.slice(2, 4)])
    const none = past()
    expect(await none.run('events', 'web2', '--since', '3', '--until', '7')).toBe(0)
    expect(none.lines()).toEqual(['3 web2 had 0 instances'])
  })

  it('prints what operators overrode at first, and have written and deleted since then', async () => {
    const overridden = (...args: Parameters<typeof program>) => {
      const it = past(...args)
      const override = (name: string, status: string | null) => it.registry.write(`/rx-discovery-overrides/${name}`, status)
      override('web/b', 'draining')
      override('web/deep/c', 'down')
      it.write('b', '{"address":"h:2","status":"draining"}')
      override('web/b', 'down')
      override('web/b', null)
      return { ...it, override }
    }
    const [start, drained, changed, returned] = ['web/b is overridden by an operator as draining', '11 ~ web/b status up -> draining', '12 web/b is overridden by an operator as down', '13 web/b is given back by an operator'] as const
    const ended = overridden()
    expect(await ended.run('events', 'web', '--since', '8', '--until', '13')).toBe(0)
    expect(ended.lines()).toEqual(['8 web had 1 instance', `9 ${start}`, drained, changed, returned])
    const later = overridden()
    expect(await later.run('events', 'web', '--since', '10', '--until', '12', '--json')).toBe(0)
    expect(later.json()).toMatchObject([
      { revision: 10, type: 'start', size: 1 },
      { revision: 10, type: 'overridden', service: 'web', id: 'b', key: '/rx-discovery-overrides/web/b', status: 'draining' },
      { revision: 11, type: 'updated' },
      { revision: 12, type: 'overridden', status: 'down' },
    ])
    const endless = overridden()
    const done = endless.run('events', 'web', '--since', '13')
    await endless.until('web is live')
    endless.override('web/b', 'draining')
    await endless.until('14 web/b is overridden')
    endless.override('web/b', null)
    await endless.until('15 web/b is given back')
    endless.signals.next('SIGINT')
    expect(await done).toBe(0)
    expect(endless.lines()).toEqual(['13 web had 1 instance', '13 web is live: 1 instance at revision 13', `14 ${start}`, '15 web/b is given back by an operator'])
    expect(endless.registry.subscriptions()).toEqual({ watches: 0, leases: 0, calls: 0 })
  })

  it('with --json, prints one object per line, each with its revision', async () => {
    const it = past()
    expect(await it.run('events', 'web', '--since', '3', '--until', '8', '--json')).toBe(0)
    expect(it.json()).toMatchObject([
      { revision: 3, type: 'start', service: 'web', size: 1 },
      { revision: 4, type: 'joined', service: 'web', instance: { id: 'b', address: 'h:2' } },
      { revision: 5, type: 'updated', service: 'web', instance: { id: 'a', status: 'draining' }, previous: { status: 'up' } },
      { revision: 6, type: 'rejected', service: 'web', key: '/rx-discovery/web/bad\u001b[31m', reason: 'the id in the key must not hold control characters or lone surrogates' },
      { revision: 7, type: 'left', service: 'web', instance: { id: 'a' } },
      { revision: 8, type: 'cleared', service: 'web', key: '/rx-discovery/web/bad\u001b[31m' },
    ])
    expect(it.json().filter(line => 'time' in line)).toEqual([])
  })

  it('without --until, goes on as it happens, until a signal; nothing is missing in between', async () => {
    const it = past()
    let written = 0
    // Writes while the past is read.
    const slow = past({}, {
      registryOf: () => ({
        ...it.registry,
        list: (range, options) =>
          it.registry.list(range, options).pipe(
            tap(() => {
              if (options?.at === undefined || written > 0) return
              it.write('c', '{"address":"h:3"}')
              written += 1
            }),
          ),
      }),
    })
    const done = slow.run('events', 'web', '--since', '3')
    await slow.until('+ web/c')
    it.write('c', null)
    await slow.until('- web/c')
    slow.signals.next('SIGINT')
    expect(await done).toBe(0)
    expect(written).toBe(1)
    expect(slow.lines()).toEqual([...all, '8 web is live: 1 instance at revision 8', '9 + web/c h:3 without a lease', '10 - web/c h:3'])
    expect(it.registry.subscriptions()).toEqual({ watches: 0, leases: 0, calls: 0 })
  })

  it('without --until, reports an outage, and times in JSON of what happens now', async () => {
    const it = past()
    const done = it.run('events', 'web', '--since', '8', '--json')
    await it.until('"live"')
    it.registry.interrupt(300)
    await it.until('stale')
    await vi.waitUntil(() => it.printed.out.match(/"live"/g)?.length === 2, { timeout: 5_000 })
    it.signals.next('SIGTERM')
    expect(await done).toBe(0)
    const [start, live, stale] = it.json()
    const time: unknown = expect.stringMatching(/Z$/)
    expect([start, live, stale]).toMatchObject([{ revision: 8, type: 'start', size: 1 }, { revision: 8, time, type: 'live' }, { revision: 8, time, type: 'stale', error: { name: 'Disconnected' } }])
    expect(start).not.toHaveProperty('time')
  })

  it('ends with 1 if --since is compacted, and names the oldest revision', async () => {
    for (const more of [['--until', '9'], []]) {
      const it = past()
      it.registry.compact()
      it.write('c', '{"address":"h:3"}')
      expect(await it.run('events', 'web', '--since', '7', ...more)).toBe(1)
      expect(it.printed).toMatchObject({ out: '', err: 'error: the requested history is compacted; the oldest revision that can be read is 8\n' })
    }
  })

  it('ends with 1 or 2 if --since or --until is in the future, or if --until is before --since', async () => {
    const it = past()
    const result = async (...argv: string[]) => {
      const one = past()
      return [await one.run('events', 'web', ...argv), one.printed.err]
    }
    expect(await result('--since', '9', '--until', '9')).toEqual([1, 'error: revision 9 is in the future, the registry is at 8\n'])
    expect(await result('--since', '8', '--until', '9')).toEqual([1, 'error: revision 9 is in the future, the registry is at 8\n'])
    expect(await result('--since', '9')).toEqual([2, 'error: --since must be at most 8, the latest revision, got 9\n'])
    expect(await result('--since', '8', '--until', '7')).toEqual([2, 'error: --until must be 8 or more, the revision at which the history begins, got 7\n'])
    expect(it.lines()).toEqual([])
  })

  it.each([[['--until', '8']], [[]]])('with %j, reports no silence while the past is read, which may take more than a second', async more => {
    const { registry } = past()
    const late: ReadableRegistry['watch'] = (range, from) => concat(timer(1_300).pipe(ignoreElements()), registry.watch(range, from))
    const it = past({}, { registryOf: () => ({ ...registry, watch: late }) })
    const done = it.run('events', 'web', '--since', '3', ...more)
    await it.until('8 !')
    it.signals.next('SIGINT')
    await done
    expect(it.printed.err).toBe('')
  })

  it('asks for --max-behind if --since is far back', async () => {
    const it = past()
    for (let n = 0; n < 10_000; n += 1) it.write('x', `{"address":"h:9","weight":${n}}`, 'orders')
    expect(await it.run('events', 'web', '--since', '7', '--until', '9')).toBe(2)
    expect(it.printed.err).toBe("error: --max-behind must be 10001 or more to read from revision 7, got 10000 (a watch from so far back delays etcd's writers, see docs/history.md)\n")
    const far = past()
    for (let n = 0; n < 10_000; n += 1) far.write('x', `{"address":"h:9","weight":${n}}`, 'orders')
    expect(await far.run('events', 'web', '--since', '7', '--until', '9', '--max-behind', '20000')).toBe(0)
    expect(far.lines()).toEqual(['7 web had 1 instance', all[5]])
  })

  it('with --until, ends with 130 after Ctrl-C', async () => {
    const it = past()
    const thaw = it.registry.freeze()
    const done = it.run('events', 'web', '--since', '3', '--until', '8')
    await it.until('no answer yet')
    it.signals.next('SIGINT')
    expect(await done).toBe(130)
    expect(it.printed.out).toBe('')
    thaw()
  })
})

describe('each reason of an outage is reported once', () => {
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
      'web has been stale since 1970-01-01T00:00:00.000Z because a:1 did not answer in time: after 1 s; retrying',
      'web has been stale since 1970-01-01T00:00:00.000Z because b:1 refused the connection: x; retrying',
      live,
      'web has been stale since 1970-01-01T00:00:00.000Z because a:1 did not answer in time: after 4 s; retrying',
    ])
  })

  it('by register, and again in the next outage; a new lease is reported, a renewal is not', async () => {
    const lost = (cause: Error): Registration => ({ status: 'lost', cause, attempt: 1, retryAt: 0 })
    const registered = (leaseId: string, renewals: number): Registration =>
      ({ status: 'registered', leaseId, key: '/k', revision: 2, ttl: 5, expiresAt: 0, renewals, published: 'up' })
    const again: Registration = { status: 'registering' }
    const states = [again, ...errors.flatMap(error => [lost(error), again]), registered('255', 0), registered('255', 1), lost(refused), lost(new LeaseLost('255')), registered('256', 0)]
    const lines = of(...states).pipe(registrationLines(serviceInstance({ service: 'web', id: 'a', address: 'h:1' })), toArray())
    expect((await firstValueFrom(lines)).map(({ text }) => text)).toEqual([
      'web/a is registering',
      'web/a is not registered because a:1 did not answer in time: after 1 s; retrying',
      'web/a is not registered because b:1 refused the connection: x; retrying',
      '+ web/a h:1 is registered at /k, lease ff, TTL 5 s',
      'web/a is not registered because b:1 refused the connection: x; retrying',
      'web/a is not registered because lease ff is lost: expired or revoked; retrying',
      '+ web/a h:1 is registered at /k, lease 100, TTL 5 s',
    ])
  })

  it('by register: the status that is published, why, and an end that etcd did not confirm', async () => {
    const facts = { leaseId: '255', key: '/k', ttl: 5, expiresAt: 0, renewals: 0 }
    const healthError = new Error('disk full')
    const override = { key: '/rx-discovery-overrides/web/a', status: 'draining' } as const
    const states: readonly Registration[] = [
      { status: 'registered', ...facts, revision: 2, published: 'down', healthError },
      { status: 'registered', ...facts, revision: 3, published: 'draining', override },
      { status: 'withdrawn', override },
      { status: 'draining', ...facts, revision: 4, published: 'draining' },
      { status: 'draining', ...facts, revision: 4, published: 'draining', cause: refused },
      { status: 'revoked', confirmed: false, cause: refused, expiresAt: 1_000 },
    ]
    const lines = await firstValueFrom(of(...states).pipe(registrationLines(serviceInstance({ service: 'web', id: 'a', address: 'h:1' })), toArray()))
    expect(lines.map(({ text }) => text)).toEqual([
      '+ web/a h:1 is registered as down at /k, lease ff, TTL 5 s because its health check failed: disk full',
      '+ web/a h:1 is registered as draining at /k, lease ff, TTL 5 s because an operator overrides the status (/rx-discovery-overrides/web/a)',
      'web/a is withdrawn: its format has no entry for its current status because an operator overrides the status (/rx-discovery-overrides/web/a)',
      '~ web/a is draining',
      '~ web/a is draining; its lease was not revoked because b:1 refused the connection: x',
      '- web/a is revoked, but etcd did not confirm it (b:1 refused the connection: x); its key expires by 1970-01-01T00:00:01.000Z',
    ])
    expect(lines.map(({ json }) => json)).toMatchObject([
      { published: 'down', healthError: { name: 'Error', message: 'disk full' } },
      { published: 'draining', override },
      { type: 'withdrawn', override },
      {},
      { error: { message: 'b:1 refused the connection: x' } },
      { confirmed: false, error: { message: 'b:1 refused the connection: x' }, expiresAt: '1970-01-01T00:00:01.000Z' },
    ])
  })
})

it('keys that are not UTF-8 are printed with \ufffd, so that every terminal and JSON parser can read them', async () => {
  for (const [command, json] of [['list', false], ['list', true], ['watch', true]] as const) {
    const it = program()
    it.registry.write('/rx-discovery/web/a\udc00\\xff', '{}')
    const done = it.run(command, 'web', ...(json ? ['--json'] : []))
    await it.until('must be UTF-8')
    it.signals.next('SIGTERM')
    await done
    expect(it.printed.out).toContain(json ? '"key":"/rx-discovery/web/a\ufffd\\\\xff"' : '! /rx-discovery/web/a\ufffd\\xff: the key must be UTF-8')
    expect(it.printed.out).not.toMatch(/\\ud/)
  }
})

it('printable escapes a text to one line without control characters, and JSON keeps its meaning', () => {
  const text = 'a\u001b[2J\n\u0085\u202e\u2028\ud800z'
  expect(printable(text)).toBe('a\\u001b[2J\\u000a\\u0085\\u202e\\u2028\ufffdz')
  const carried = text.replace('\ud800', '\ufffd')
  expect(JSON.parse(printableJson({ [text]: text }))).toEqual({ [carried]: carried })
  // A pair is no lone surrogate, and a backslash before "udc00" is one of the text.
  for (const kept of ['\ud83d\ude00', '\\udc00', '\\\\ud800', '"\n']) expect(JSON.parse(printableJson([kept]))).toEqual([kept])
})

it('docs/cli.md names every option and every type of event', async () => {
  const page = readFileSync('docs/cli.md', 'utf8')
  const help = (await Promise.all(['register', 'watch', 'list', 'events', 'record', 'replay', 'ui'].map(command => runOnce(command, '--help')))).map(({ out }) => out).join('')
  const options = new Set([...help.matchAll(/^ {2}(?:-\w, )?(--?[\w-]+)/gm)].map(([, option = '']) => option))
  expect(options.size).toBeGreaterThan(15)
  for (const option of options) expect(page).toContain(option)
  const source = ['set-lines', 'registration-lines', 'events-command'].map(file => readFileSync(`src/edge/cli/${file}.ts`, 'utf8')).join('')
  for (const [, type] of source.matchAll(/(?:type: |case )'(\w+)'/g)) expect(page).toContain(`\`${type}\``)
})
