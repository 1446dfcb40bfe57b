import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { freshPrefix, sharedClient, start } from './command-line.js'
import { own } from './own.js'
import { freePort } from './provision-binary.js'
import { etcdServer } from './server.js'

/** A folder of its own, in which a test and the command that it runs leave each other files. */
const folder = (): string => own(mkdtempSync(join(tmpdir(), 'cli-exec-')), it => rmSync(it, { recursive: true, force: true }))

/** A server that listens once the file `open` is there, answers /health with 500 while `sick` is there, and writes what it gets into `log`. */
const server = `
const { appendFileSync, existsSync } = require('node:fs')
const log = text => appendFileSync('log', text + '\\n')
const http = require('node:http').createServer((_, response) => response.writeHead(existsSync('sick') ? 500 : 200).end())
const open = () => (existsSync('open') ? http.listen(Number(process.env.PORT), '127.0.0.1', () => log('listens')) : setTimeout(open, 20))
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'])
  process.on(signal, () => {
    log(signal)
    if (existsSync('stubborn')) return
    setTimeout(() => process.exit(Number(process.env.CODE ?? 0)), 100)
  })
// The test may have failed, and removed its folder.
setInterval(() => existsSync('server.js') || process.exit(), 200)
console.log('output of the server')
open()
`

const running = async (argv: readonly string[] = [], { env = {}, endpoint, command = 'node server.js' }: { readonly env?: Record<string, string>; readonly endpoint?: string; readonly command?: string } = {}) => {
  const [prefix, dir, port] = [freshPrefix(), folder(), await freePort()]
  writeFileSync(join(dir, 'server.js'), server)
  const file = (name: string): string => join(dir, name)
  const touch = (name: string): void => writeFileSync(file(name), '')
  const log = (): readonly string[] => (existsSync(file('log')) ? readFileSync(file('log'), 'utf8').split('\n').slice(0, -1) : [])
  const argv$ = ['register', 'web', '--id', 'a', '--address', `127.0.0.1:${port}`, '--prefix', prefix, '--exec', `cd ${dir}; exec ${command}`, ...argv]
  return {
    ...{ prefix, file, touch, log, port },
    start: () => start(argv$, { env: { PORT: String(port), ...env }, ...(endpoint !== undefined && { endpoint }) }),
  }
}
type Running = Awaited<ReturnType<typeof running>>
const valueOf = async ({ prefix }: Running): Promise<string | undefined> => {
  const value = await sharedClient().get(`${prefix}/web/a`).string()
  return value === null ? undefined : (JSON.parse(value) as { readonly status?: string }).status ?? 'up'
}
const textsOf = (printed: string): readonly string[] =>
  printed.split('\n').slice(0, -1).map(line => line.replace(/^\S+Z /, '').replace(/process \d+/, 'process').replace(/ runs .*/, ' runs').replace(/ is registered (as \w+ )?at.*/, (_, as: string | undefined) => ` is registered ${as ?? ''}`.trimEnd()))

describe('register --exec', () => {
  it('registers once the port answers; SIGTERM drains first, then reaches the command, and the lease is revoked when it has ended; its exit code is passed on', async () => {
    const it = await running(['--drain', '0.4'], { env: { CODE: '7' } })
    const own$ = it.start()
    await own$.until('waiting until 127.0.0.1')
    // The command runs, and its port is not open yet.
    await own$.until('output of the server')
    expect(await valueOf(it)).toBeUndefined()
    it.touch('open')
    await own$.until('+ web/a')
    expect([await valueOf(it), it.log()]).toEqual(['up', ['listens']])

    own$.child.kill('SIGTERM')
    expect(await own$.ended).toBe(7)
    expect([await valueOf(it), it.log()]).toEqual([undefined, ['listens', 'SIGTERM']])
    const timeOf = (text: string): number => Date.parse(own$.printed.err.split('\n').find(line => line.includes(text))?.slice(0, 24) ?? '')
    expect(timeOf('gets SIGTERM') - timeOf('as draining')).toBeGreaterThanOrEqual(390)
    // Standard output is that of the command.
    expect(own$.printed.out).toBe('output of the server\n')
    expect(textsOf(own$.printed.err)).toEqual([
      'process runs',
      'web/a is registering',
      `+ web/a 127.0.0.1:${it.port} is registered`,
      `+ web/a 127.0.0.1:${it.port} is registered as draining`,
      'process gets SIGTERM',
      'process ended with exit code 7',
      '~ web/a is draining',
      '- web/a is revoked',
    ])
  })

  it.each([['kill -9 $$', 137, 'by SIGKILL'], ['exit 3', 3, 'with exit code 3']])('if the command dies by itself (%s), revokes at once and passes the exit code on', async (death, code, how) => {
    const it = await running(['--ttl', '60'], { command: `sh -c 'node server.js & while [ ! -e die ]; do sleep 0.05; done; ${death}'` })
    const own$ = it.start()
    it.touch('open')
    await own$.until('+ web/a')
    it.touch('die')
    expect(await own$.ended).toBe(code)
    expect(own$.printed.err).toContain(how)
    expect(await valueOf(it)).toBeUndefined()
    // What it has left behind gets SIGTERM.
    await vi.waitUntil(() => it.log().includes('SIGTERM'), { timeout: 10_000 })
    await expect(fetch(`http://127.0.0.1:${it.port}`)).rejects.toThrow()
  })

  it('a command that ignores SIGTERM is killed after --kill-after', async () => {
    const it = await running(['--kill-after', '0.3'])
    const own$ = it.start()
    it.touch('open')
    it.touch('stubborn')
    await own$.until('+ web/a')
    own$.child.kill('SIGTERM')
    expect(await own$.ended).toBe(137)
    expect(it.log()).toEqual(['listens', 'SIGTERM'])
    expect(textsOf(own$.printed.err).filter(text => text.startsWith('process')).slice(1)).toEqual(['process gets SIGTERM', 'process gets SIGKILL', 'process ended by SIGKILL'])
    expect(await valueOf(it)).toBeUndefined()
  })

  it('a second signal cuts the drain short, and a third one ends both at once', async () => {
    const it = await running(['--drain', '600', '--kill-after', '600'])
    const own$ = it.start()
    it.touch('open')
    it.touch('stubborn')
    await own$.until('+ web/a')
    own$.child.kill('SIGHUP')
    await own$.until('as draining')
    // It still serves.
    expect([await valueOf(it), it.log()]).toEqual(['draining', ['listens']])
    expect((await fetch(`http://127.0.0.1:${it.port}`)).status).toBe(200)
    own$.child.kill('SIGINT')
    await vi.waitUntil(() => it.log().includes('SIGINT'), { timeout: 10_000 })
    own$.child.kill('SIGTERM')
    expect(await own$.ended).toBe(143)
    await vi.waitUntil(() => fetch(`http://127.0.0.1:${it.port}`).then(() => false, () => true), { timeout: 10_000 })
  })

  it('a signal before the port answers reaches the command at once, and nothing is registered', async () => {
    const it = await running(['--drain', '600'])
    const own$ = it.start()
    await own$.until('output of the server')
    own$.child.kill('SIGINT')
    expect(await own$.ended).toBe(0)
    expect(it.log()).toEqual(['SIGINT'])
    expect(own$.printed.err).not.toContain('register')
  })

  it('the command runs while etcd does not answer, and ends if its registration is refused', async () => {
    const away = await running(['--drain', '0.1'], { endpoint: `127.0.0.1:${await freePort()}` })
    const without = away.start()
    away.touch('open')
    await without.until('is not registered because')
    expect((await fetch(`http://127.0.0.1:${away.port}`)).status).toBe(200)
    without.child.kill('SIGTERM')
    expect(await without.ended).toBe(0)

    const it = await running(['--on-taken', 'fail', '--ttl', '1'])
    await sharedClient().put(`${it.prefix}/web/a`).value('{"address":"h:1"}')
    const own$ = it.start()
    it.touch('open')
    expect(await own$.ended).toBe(1)
    expect(own$.printed.err).toContain('already exists')
    expect(it.log()).toEqual(['listens', 'SIGTERM'])
  })

  it('a command that is not there ends it with 127, and --json prints objects', async () => {
    const own$ = start(['register', 'web', '--address', 'localhost:1', '--json', '--exec', '/nowhere'])
    expect(await own$.ended).toBe(127)
    const events = own$.printed.err.split('\n').filter(line => line.startsWith('{')).map(line => JSON.parse(line) as Record<string, unknown>)
    expect(events).toMatchObject([
      { type: 'started', service: 'web', command: '/nowhere', pid: expect.any(Number) as unknown, time: expect.stringMatching(/Z$/) as unknown },
      { type: 'exited', code: 127 },
    ])
  })
})

describe('the health', () => {
  it.each([['--health-http', '/health'], ['--health-exec', 'test ! -e $DIR/sick']])('by %s: the instance is down while the check fails, and up when it passes again', async (option, value) => {
    const it = await running()
    const dir = it.file('.')
    const own$ = start(
      ['register', 'web', '--id', 'a', '--address', `127.0.0.1:${it.port}`, '--prefix', it.prefix, '--exec', `cd ${dir}; exec node server.js`, option, value, '--health-interval', '0.1'],
      { env: { PORT: String(it.port), DIR: dir } },
    )
    it.touch('open')
    await vi.waitUntil(async () => (await valueOf(it)) === 'up', { timeout: 20_000 })
    it.touch('sick')
    await vi.waitUntil(async () => (await valueOf(it)) === 'down', { timeout: 20_000 })
    rmSync(it.file('sick'))
    await vi.waitUntil(async () => (await valueOf(it)) === 'up', { timeout: 20_000 })
    own$.child.kill('SIGTERM')
    expect(await own$.ended).toBe(0)
    expect(textsOf(own$.printed.err).filter(text => text.includes('is registered as')).map(text => text.replace(/.* as /, ''))).toEqual(expect.arrayContaining(['down', 'draining']))
  })

  it('by --health-tcp, of a process that something else runs', async () => {
    const [prefix, etcd] = [freshPrefix(), own(await etcdServer(), it => it.close())]
    const own$ = start(['register', 'etcd', '--id', 'a', '--address', etcd.endpoint.replace('http://', ''), '--prefix', prefix, '--health-tcp', '--health-interval', '0.1'])
    const shown = async (): Promise<string | null> => sharedClient().get(`${prefix}/etcd/a`).string()
    await vi.waitUntil(async () => (await shown())?.includes('"status":"starting"') === false, { timeout: 20_000 })
    await etcd.kill()
    await vi.waitUntil(async () => (await shown())?.includes('"status":"down"'), { timeout: 20_000 })
    own$.child.kill('SIGTERM')
    expect(await own$.ended).toBe(0)
    expect(await shown()).toBeNull()
  })
})
