import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { srvServer } from '../srv-server.js'
import { enableAuth } from './auth.js'
import { commandLine, freshPrefix, result, sharedClient, start } from './command-line.js'
import { own } from './own.js'
import { freePort } from './provision-binary.js'
import { faultProxy } from './proxy.js'
import { etcdServer, type EtcdServer } from './server.js'
import { certificates } from './tls.js'

const server = async (...options: Parameters<typeof etcdServer>): Promise<EtcdServer> => own(await etcdServer(...options), it => it.close())
const listening = async (listener: Server): Promise<string> => {
  await new Promise<void>(resolve => listener.listen(0, '127.0.0.1', resolve))
  own(listener, it => it.close())
  return `127.0.0.1:${(listener.address() as AddressInfo).port}`
}

/** Standard error without notices: a busy etcd may be late with its first answer. */
const problemsIn = (err: string): string => err.replace(/^no answer yet from .*\n/gm, '')

describe('on a real etcd', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('register, watch and list work together; %s revokes the lease before the process ends', async signal => {
    const [prefix, client] = [freshPrefix(), sharedClient()]
    const options = ['--prefix', prefix, '--format', 'plain']
    const watching = start(['watch', 'web', 'grpc', ...options])
    await Promise.all([watching.until('web is live'), watching.until('grpc is live')])
    const registering = start(['register', 'web', '--id', 'node1', '--address', 'localhost:8000', '--ttl', '5', ...options])
    await watching.until('+ web/node1 localhost:8000')
    const { kvs: [entry] } = await client.getAll().prefix(prefix).exec()
    expect([entry?.key.toString(), entry?.value.toString()]).toEqual([`${prefix}/web/node1`, 'localhost:8000'])
    const lease = String(entry?.lease)
    expect(await client.leaseClient.leaseTimeToLive({ ID: lease })).toMatchObject({ grantedTTL: '5' })
    const { code, out, err } = await result(['list', ...options])
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(out.split('\n')[1]?.split(/ +/)).toEqual(['web', 'node1', 'localhost:8000', 'up', '1', '-', '-'])

    registering.child.kill(signal)
    expect(await registering.ended).toBe(0)
    expect(await client.leaseClient.leaseTimeToLive({ ID: lease })).toMatchObject({ TTL: '-1' })
    await watching.until('- web/node1 localhost:8000')
    watching.child.kill(signal)
    expect(await watching.ended).toBe(0)
    expect(problemsIn(watching.printed.err + registering.printed.err)).toBe('')
  })

  it('--json prints one object per line, or one document', async () => {
    const prefix = freshPrefix()
    const registering = start(['register', 'web', '--address', 'h:1', '--zone', 'a', '--json', '--prefix', prefix])
    await registering.until('"registered"')
    const { out } = await result(['list', 'web', '--json', '--prefix', prefix])
    expect(JSON.parse(out)).toMatchObject({ services: [{ service: 'web', instances: [{ id: 'h:1', zone: 'a' }] }] })
    registering.child.kill('SIGTERM')
    expect(await registering.ended).toBe(0)
    expect(registering.lines().map(line => (JSON.parse(line) as { type: string }).type)).toEqual(['registering', 'registered', 'draining', 'revoked'])
  })

  it('list --at and events show the past, and events goes on as it happens', async () => {
    const [prefix, client] = [freshPrefix(), sharedClient()]
    const put = async (id: string, address: string): Promise<number> => Number((await client.put(`${prefix}/web/${id}`).value(address)).header.revision)
    const first = await put('a', 'h:1')
    const second = await put('a', 'h:2')
    await client.put(`${prefix}-other/web/a`).value('h:9')
    const third = await put('b', 'h:3')
    await client.delete().key(`${prefix}/web/a`)
    const options = ['--prefix', prefix, '--format', 'plain']
    const following = start(['events', 'web', '--since', String(first), ...options])
    const [listed, ended, future] = await Promise.all([
      result(['list', 'web', '--at', String(second), ...options]),
      result(['events', 'web', '--since', String(first), '--until', String(third), ...options]),
      result(['events', 'web', '--since', '1', '--until', '99999999', ...options]),
    ])
    expect({ code: listed.code, row: listed.out.split('\n')[1]?.split(/ +/).slice(0, 3) }).toEqual({ code: 0, row: ['web', 'a', 'h:2'] })
    const past = [`${first} web had 1 instance`, `${second} ~ web/a address h:1 -> h:2`, `${third} + web/b h:3 without a lease`]
    expect({ code: ended.code, lines: ended.out.split('\n') }).toEqual({ code: 0, lines: [...past, ''] })
    await following.until('web is live: 1 instance')
    const last = await put('c', 'h:4')
    await following.until(`${last} + web/c`)
    following.child.kill('SIGTERM')
    expect(await following.ended).toBe(0)
    expect(following.lines().filter(line => !line.includes('live'))).toEqual([...past, expect.stringMatching(/^\d+ - web\/a h:2$/), `${last} + web/c h:4 without a lease`])
    expect(future).toMatchObject({ code: 1, out: '', err: expect.stringContaining('future revision') as unknown })
    const listedLater = await result(['list', 'web', '--at', '99999999', ...options])
    expect(listedLater).toMatchObject({ code: 1, out: '', err: expect.stringMatching(/^error: .*: revision 99999999 is a future revision, the last is \d+\n$/) as unknown })
    await client.delete().prefix(prefix)
  })

  it('record writes a file, and replay prints what watch printed, with the times of the recording', async () => {
    const [prefix, file] = [freshPrefix(), join(mkdtempSync(join(tmpdir(), 'record-')), 'incident.jsonl')]
    own(file, it => rmSync(dirname(it), { recursive: true }))
    const [recording, watching] = [start(['record', '--prefix', prefix, '--out', file]), start(['watch', 'web', '--prefix', prefix])]
    await Promise.all([recording.until('recording into'), watching.until('web is live')])
    const registering = start(['register', 'web', '--id', 'node1', '--address', 'localhost:8000', '--prefix', prefix])
    await watching.until('+ web/node1')
    registering.child.kill('SIGTERM')
    expect(await registering.ended).toBe(0)
    await watching.until('- web/node1')
    // The file is written at once, but both commands have a watch of their own.
    await vi.waitUntil(() => readFileSync(file, 'utf8').includes('null'), { timeout: 10_000 })
    recording.child.kill('SIGTERM')
    watching.child.kill('SIGTERM')
    expect([await recording.ended, await watching.ended]).toEqual([0, 0])
    const { code, out, err } = await result(['replay', file, '--speed', 'max'])
    expect({ code, err }).toEqual({ code: 0, err: '' })
    // One of the two watches may get the end as one batch, without `draining`.
    const textsOf = (lines: readonly string[]): readonly string[] => lines.map(line => line.slice(25)).filter(line => !/^~| is live/.test(line))
    expect(textsOf(out.split('\n').slice(0, -1))).toEqual(textsOf(watching.lines()))
  })

  it('the program ends quietly if the reader of its output goes away', async () => {
    const [prefix, client] = [freshPrefix(), sharedClient()]
    const watching = start(['watch', 'web', '--format', 'plain', '--prefix', prefix])
    await watching.until('web is live')
    watching.child.stdout.destroy()
    await client.put(`${prefix}/web/a`).value('h:1')
    await client.put(`${prefix}/web/b`).value('h:1')
    expect(await watching.ended).toBe(0)
    expect(problemsIn(watching.printed.err)).toBe('')
    await client.delete().prefix(prefix)
  })
})

it('the program fails if it cannot write to standard output', async () => {
  const sh = spawn('sh', ['-c', `"${process.execPath}" "${commandLine}" --help > /dev/full`], { stdio: ['ignore', 'ignore', 'pipe'] })
  let err = ''
  sh.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
  expect(await new Promise(resolve => sh.once('close', resolve))).toBe(1)
  expect(err).toContain('standard output cannot be written')
})

describe('without an etcd that answers', () => {
  const refusing = async () => `127.0.0.1:${await freePort()}`
  const silent = () => listening(createServer(socket => own(socket, it => it.destroy())))
  const http1 = () => listening(createHttpServer((_, response) => response.end('<html>')))
  const outages = [
    ['a host that refuses', refusing, 'refused the connection'],
    ['a host that swallows packets', silent, 'did not answer in time'],
    ['a host that speaks HTTP/1', http1, 'does not speak gRPC over HTTP/2'],
  ] as const
  it.each(outages)('%s: list ends with 1 and reports the host and what it did', async (_, hostOf, symptom) => {
    const endpoint = await hostOf()
    const { code, out, err } = await result(['list'], { endpoint })
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(err).toContain(`error: ${endpoint} ${symptom}`)
  })
  it.each(outages)('%s: register and watch report it and retry', async (_, hostOf, symptom) => {
    const endpoint = await hostOf()
    const all = [start(['watch', 'web'], { endpoint }), start(['register', 'web', '--address', 'h:1', '--ttl', '2'], { endpoint })]
    for (const { until } of all) await until(`because ${endpoint} ${symptom}`)
    for (const { child } of all) {
      expect(child.exitCode).toBe(null)
      child.kill('SIGINT')
    }
    expect(await Promise.all(all.map(({ ended }) => ended))).toEqual([0, 0])
    // Further attempts of the same outage are not reported.
    for (const { printed } of all) expect(printed.out.split(symptom)).toHaveLength(2)
  })
  it('a second Ctrl-C ends at once', async () => {
    const own$ = await server()
    const registering = start(['register', 'web', '--address', 'h:1', '--ttl', '60'], { endpoint: own$.endpoint })
    await registering.until('is registered')
    own$.freeze()
    registering.child.kill('SIGINT')
    await registering.until('waiting a few seconds for etcd to confirm the end')
    registering.child.kill('SIGINT')
    expect(await registering.ended).toBe(130)
  })
})

describe('an outage', () => {
  it('makes the watch stale and live again, and the registration registers again', async () => {
    const own$ = await server()
    const { endpoint } = own$
    const watching = start(['watch', 'web'], { endpoint })
    const registering = start(['register', 'web', '--id', 'a', '--address', 'h:1', '--ttl', '3'], { endpoint })
    await watching.until('+ web/a')
    await own$.kill()
    await Promise.all([watching.until('web has been stale since'), registering.until('is not registered because')])
    await own$.wipe()
    await Promise.all([watching.until('web is live', 2), registering.until('is registered at', 2)])
    for (const { child } of [watching, registering]) child.kill('SIGTERM')
    expect(await Promise.all([watching.ended, registering.ended])).toEqual([0, 0])
    expect((await own$.client().lease(1).grant().then(() => own$.client().leaseClient.leaseLeases())).leases).toHaveLength(1)
  })

  it('SIGTERM during a grant leaves no lease', async () => {
    const own$ = await server()
    const proxy = own(await faultProxy(own$.endpoint), it => it.close())
    proxy.latency(150)
    const registering = start(['register', 'web', '--address', 'h:1', '--ttl', '30'], { endpoint: proxy.endpoint })
    const { leaseClient } = own$.client()
    const leases = async () => (await leaseClient.leaseLeases()).leases
    // The lease is granted, but the answer has not arrived yet.
    await vi.waitUntil(async () => (await leases()).length > 0, { timeout: 30_000, interval: 10 })
    expect(registering.printed.out).not.toContain('is registered')
    registering.child.kill('SIGTERM')
    expect(await registering.ended).toBe(0)
    expect(await leases()).toEqual([])
  })
})

describe('authentication', () => {
  it('list, watch and register end with 1 after a wrong password or for a foreign prefix, and print no secret', async () => {
    const own$ = await server()
    const { user } = await enableAuth(own$.client(), '/rx-discovery/web/')
    const as = (password: string) => ({ endpoint: own$.endpoint, env: { ETCD_USER: user.username, ETCD_PASSWORD: password } })
    for (const argv of [['list', 'web'], ['watch', 'web'], ['register', 'web', '--address', 'h:1']]) {
      const { code, err, out } = await result(argv, as('wr0ng'))
      expect({ argv, code }).toEqual({ argv, code: 1 })
      expect(err).toMatch(/^error: .*authentication failed.*check --user/m)
      expect(out + err).not.toContain('wr0ng')
    }
    expect(await result(['list', 'web'], as(user.password))).toEqual({ code: 0, out: 'web: no instances under /rx-discovery/web/ (format native)\n', err: '' })
    const foreign = await result(['list', 'orders'], as(user.password))
    expect(foreign).toMatchObject({ code: 1, out: '', err: expect.stringContaining('permission denied') as unknown })
    expect(foreign.err).not.toContain(user.password)
  })

  it('by certificates', async () => {
    const made = certificates()
    const { endpoint } = await server({ tls: made })
    const dir = own(mkdtempSync(join(tmpdir(), 'cli-')), it => rmSync(it, { recursive: true }))
    const file = (name: string, content: Buffer): string => {
      writeFileSync(join(dir, name), content)
      return join(dir, name)
    }
    const files = ['--cacert', file('ca', made.ca), '--cert', file('crt', made.client.cert), '--key', file('key', made.client.key)]
    expect(await result(['list', ...files], { endpoint })).toMatchObject({ code: 0, err: '' })
    const { code, err } = await result(['list'], { endpoint })
    expect(code).toBe(1)
    expect(err).toContain('failed the TLS handshake')

    const { server: dns } = own(await srvServer({ '_etcd-client-ssl._tcp.example.com': [['localhost', Number(new URL(endpoint).port)]] }), it => it.close())
    const preload = encodeURIComponent(`import dns from 'node:dns'; dns.setServers(['${dns}'])`)
    const env = { NODE_OPTIONS: `--import data:text/javascript,${preload}`, ETCD_ENDPOINTS: '' }
    expect(await result(['list', 'web', '--srv', 'example.com', '--auto-sync', ...files], { env })).toMatchObject({ code: 0, out: 'web: no instances under /rx-discovery/web/ (format native)\netcd holds no key at all\n' })
    const nowhere = await result(['list', 'web', '--srv', 'example.org', ...files], { env })
    expect([nowhere.code, nowhere.err]).toEqual([1, expect.stringContaining('error: the hosts of etcd are not known: DNS has no SRV record _etcd-client-ssl._tcp.example.org or _etcd-client._tcp.example.org')])
  })
})
