import { request } from 'node:http'
import { connect } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { register, type Registration } from 'rx-discovery'
import { memoryRegistry, type MemoryRegistry } from 'rx-discovery/memory'
import { requestRefusal } from '../../../src/edge/cli/ui/request-guard.js'
import { uiProgram, type UiProgram } from './ui-program.js'

interface Answer {
  readonly status: number
  readonly text: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}
interface Asked {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

let program: UiProgram | undefined
let registry: MemoryRegistry
afterEach(() => program?.stop())

const start = async (...argv: readonly string[]): Promise<UiProgram> => {
  registry = memoryRegistry()
  registry.write('/rx-discovery/web/a', '{"v":1,"address":"a:80","metadata":{"rack":"r1"}}')
  return (program = await uiProgram(registry, '"the board"', ...argv))
}
/** Any request, also one that no browser would send. */
const ask = ({ port }: UiProgram, path: string, { method = 'GET', headers = {}, body }: Asked = {}): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, method, agent: false, headers: { host: `127.0.0.1:${port}`, ...headers } }, response => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text, headers: response.headers }))
    })
    sent.on('error', reject)
    sent.end(body)
  })
const drain = (ui: UiProgram, headers: Readonly<Record<string, string>> = {}, body: object = { service: 'web', id: 'a', last: true }): Promise<Answer> =>
  ask(ui, '/control/drain', { method: 'POST', headers: { 'content-type': 'application/json', 'x-rx-discovery-token': ui.token, ...headers }, body: JSON.stringify(body) })
const overrides = (): readonly string[] => registry.entries().filter(({ key }) => key.startsWith('/rx-discovery-overrides/')).map(({ key, value, lease }) => `${key}=${value} ${lease}`)

describe('ui', () => {
  it('serves the page, the board, the bridge and the recording, and ends with a signal', async () => {
    const ui = await start('web', '--heading', '<i>Mine</i>')
    const page = await ask(ui, '/')
    expect([page.status, page.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8'])
    expect(page.text).toContain('heading="&#60;i&#62;Mine&#60;/i&#62;"')
    expect((await ask(ui, '/board.js')).text).toBe('"the board"')
    expect((await ask(ui, '/discovery?list')).text).toContain('event: listing')
    expect((await ask(ui, '/nothing')).status).toBe(404)
    expect((await ask(ui, '/', { method: 'PUT' })).status).toBe(405)
    for (const target of ['//', '//:0', 'http://[']) expect((await ask(ui, target)).status).toBe(404)
    expect(await ui.stop()).toBe(0)
    await expect(ask(ui, '/')).rejects.toThrow('ECONNREFUSED')
  })

  it('records what happened before its start, without times, and since then with times', async () => {
    registry = memoryRegistry()
    registry.write('/rx-discovery/web/a', '{"v":1,"address":"a:80"}')
    registry.write('/elsewhere', 'x')
    registry.write('/rx-discovery/web/a', null)
    const ui = (program = await uiProgram(registry, ''))
    const lines = async () =>
      (await ask(ui, '/recording')).text
        .split('\n')
        .slice(0, -1)
        .map(line => JSON.parse(line) as { at: number; event: string; data: { revision: number; changes: unknown[][] } })
        .filter(({ event }) => event !== 'progress')
    await vi.waitUntil(async () => (await lines()).length === 3, { timeout: 20_000 })
    registry.write('/rx-discovery/web/b', '{"v":1,"address":"b:80"}')
    await vi.waitUntil(async () => (await lines()).length === 4, { timeout: 20_000 })
    expect((await lines()).map(({ at, event, data }) => [at > 0, event, data.revision, data.changes.map(([key]) => key)])).toEqual([
      [false, 'listing', 1, []],
      [false, 'batch', 2, ['/rx-discovery/web/a']],
      [false, 'batch', 4, ['/rx-discovery/web/a']],
      [true, 'batch', 5, ['/rx-discovery/web/b']],
    ])
  })

  it('has no recording before it has read the past: the page asks again', async () => {
    registry = memoryRegistry()
    registry.write('/rx-discovery/web/a', '{"v":1,"address":"a:80"}')
    const allow = registry.deny()
    const ui = (program = await uiProgram(registry, ''))
    expect(await ask(ui, '/recording')).toMatchObject({ status: 503, text: 'the past is not read yet\n' })
    allow()
    await vi.waitFor(async () => expect((await ask(ui, '/recording')).status).toBe(200), { timeout: 20_000 })
  }, 60_000)

  it('begins at the oldest revision that can be read', async () => {
    registry = memoryRegistry()
    for (let at = 0; at < 5; at += 1) registry.write('/rx-discovery/web/a', `{"v":1,"address":"a:80","weight":${at}}`)
    registry.compact()
    registry.write('/rx-discovery/web/a', null)
    const ui = (program = await uiProgram(registry, ''))
    const revisions = async () => (await ask(ui, '/recording')).text.split('\n').flatMap(line => (line === '' ? [] : ((JSON.parse(line) as { data: { revision?: number } }).data.revision ?? [])))
    await vi.waitFor(async () => expect(await revisions()).toEqual([6, 7]), { timeout: 20_000 })
  })

  it('answers the remaining TTL of a lease', async () => {
    const ui = await start()
    const registration = register(registry, { service: 'web', id: 'b', address: 'b:80' }, { ttl: 9 }).subscribe()
    const [lease = ''] = await vi.waitUntil(() => (registry.leases().length > 0 ? registry.leases() : undefined), { timeout: 20_000 })
    expect(JSON.parse((await ask(ui, `/control/remaining?lease=${lease}`)).text)).toMatchObject({ granted: 9 })
    expect((await ask(ui, '/control/remaining?lease=x')).status).toBe(400)
    registration.unsubscribe()
  })

  it('on another address than the loopback, metadata is served only if it is named', async () => {
    const shown = async (...argv: readonly string[]): Promise<string> => {
      const ui = await start(...argv)
      const { text } = await ask(ui, '/discovery?list')
      await ui.stop()
      return text
    }
    expect(await shown()).toContain('r1')
    expect(await shown('--metadata', 'other')).not.toContain('r1')
    expect(await shown('--bind', '0.0.0.0')).not.toContain('r1')
    expect(await shown('--bind', '0.0.0.0', '--metadata', 'rack')).toContain('r1')
  })

  it('prints an address that works', async () => {
    for (const bind of ['::', '::ffff:127.0.0.1', 'localhost']) {
      const ui = await start('--bind', bind)
      expect([bind, (await fetch(ui.url)).status]).toEqual([bind, 200])
      await ui.stop()
    }
  })

  it('takes one name after each option: what follows are services', async () => {
    const ui = await start('--host', 'board.example', '--metadata', 'rack', 'orders')
    expect((await ask(ui, '/discovery?list')).text).not.toContain('/rx-discovery/web/')
    expect((await ask(ui, '/', { headers: { host: 'board.example' } })).status).toBe(200)
  })

  it('asks for names if the format has no root', async () => {
    await expect(uiProgram(memoryRegistry(), '', '--format', 'plain')).rejects.toThrow('2: error: <service> is required: --format plain has no prefix that all services share')
  })

  it.each(['192.0.2.1', 'no such host'])('names an address that is none of this machine: %s', async bind => {
    await expect(uiProgram(memoryRegistry(), '', '--port', '0', '--bind', bind)).rejects.toThrow(`2: error: --bind must be an address of this machine, got "${bind}" (such as 127.0.0.1, or 0.0.0.0 for all of them)`)
  })

  it('names a port that is in use', async () => {
    const ui = await start()
    await expect(uiProgram(memoryRegistry(), '', '--port', String(ui.port))).rejects.toThrow(`2: error: --port ${ui.port} is in use (choose another one with --port, or 0 for any)`)
  })
})

describe('overrides', () => {
  it('drain an instance until it is given back, and the journal names both', async () => {
    const ui = await start('--allow-override')
    const states: Registration[] = []
    const registration = register(registry, { service: 'web', id: 'b', address: 'b:80' }).subscribe(state => states.push(state))
    await vi.waitUntil(() => states.at(-1)?.status === 'registered', { timeout: 20_000 })
    expect((await drain(ui, {}, { service: 'web', id: 'b' })).status).toBe(200)
    expect(overrides()).toEqual(['/rx-discovery-overrides/web/b=draining 0'])
    await vi.waitFor(() => expect(states.at(-1)).toMatchObject({ published: 'draining' }), { timeout: 20_000 })
    const back = await ask(ui, '/control/give-back', { method: 'POST', headers: { 'content-type': 'application/json', 'x-rx-discovery-token': ui.token }, body: '{"service":"web","id":"b"}' })
    expect([back.status, overrides()]).toEqual([200, []])
    await vi.waitFor(async () => {
      const { allowed, journal } = JSON.parse((await ask(ui, '/control/overrides')).text) as { allowed: boolean; journal: { id: string; text: string }[] }
      expect([allowed, journal.map(({ id, text }) => `${id} ${text}`)]).toEqual([true, ['b drained by an operator', 'b given back by an operator']])
    }, { timeout: 20_000 })
    registration.unsubscribe()
  })

  it('are guarded: not the last instance that is up unless that is confirmed, none that is not there, none over another override', async () => {
    const ui = await start('--allow-override')
    expect(await drain(ui, {}, { service: 'web', id: 'a' })).toMatchObject({ status: 409, text: expect.stringContaining('the last instance of web that is up') as string })
    expect((await drain(ui, {}, { service: 'web', id: 'x' })).status).toBe(404)
    registry.write('/rx-discovery-overrides/web/a', 'down')
    expect(await drain(ui)).toMatchObject({ status: 409, text: expect.stringContaining('give the instance back first') as string })
    expect(overrides()).toEqual(['/rx-discovery-overrides/web/a=down 0'])
    expect((await drain(ui, {}, { service: '..', id: 'a' })).status).toBe(400)
    expect((await drain(ui, {}, { service: 'web', id: 'a/b' })).status).toBe(400)
  })

  it('of services that the board does not show are neither shown nor possible', async () => {
    const ui = await start('orders', '--allow-override')
    registry.write('/rx-discovery-overrides/orders/a', 'down')
    registry.write('/rx-discovery-overrides/web/a', 'down')
    await vi.waitFor(async () => expect((await ask(ui, '/control/overrides')).text).toContain('orders/a'), { timeout: 20_000 })
    expect((await ask(ui, '/control/overrides')).text).not.toContain('web')
    const back = await ask(ui, '/control/give-back', { method: 'POST', headers: { 'content-type': 'application/json', 'x-rx-discovery-token': ui.token }, body: '{"service":"web","id":"a"}' })
    expect([back.status, (await drain(ui)).status, overrides().length]).toEqual([200, 404, 2])
  })

  it('are refused while the board is read-only, which it is by default', async () => {
    const ui = await start()
    expect(ui.token).toBe('')
    expect(await drain(ui, { 'x-rx-discovery-token': 'x' })).toMatchObject({ status: 403, text: expect.stringContaining('--allow-override') as string })
    expect(overrides()).toEqual([])
  })
})

describe('another website', () => {
  const attacks: readonly (readonly [what: string, asked: (ui: UiProgram) => Asked])[] = [
    ['by a name of its own that leads here (DNS rebinding)', ({ port }) => ({ headers: { host: `evil.example:${port}` } })],
    ['by a name that only begins like the loopback', ({ port }) => ({ headers: { host: `127.0.0.1.evil.example:${port}` } })],
    ['by a name with a user', ({ port }) => ({ headers: { host: `127.0.0.1@evil.example:${port}` } })],
    ['across sites, by its Origin', () => ({ headers: { origin: 'https://evil.example' } })],
    ['from a sandboxed frame or a file', () => ({ headers: { origin: 'null' } })],
    ['from another port of this machine', () => ({ headers: { origin: 'http://127.0.0.1:1' } })],
    ['across sites, without an Origin', () => ({ headers: { 'sec-fetch-site': 'cross-site' } })],
    ['of the same site', () => ({ headers: { 'sec-fetch-site': 'same-site' } })],
  ]
  it.each(attacks)('cannot ask %s: neither read nor write, token or not', async (_, asked) => {
    const ui = await start('--allow-override')
    const { headers } = asked(ui)
    for (const path of ['/', '/discovery?list', '/recording', '/control/overrides']) expect((await ask(ui, path, { headers: headers ?? {} })).status).toBe(403)
    expect((await drain(ui, headers)).status).toBe(403)
    expect(overrides()).toEqual([])
  })

  it('cannot leave out the Host', async () => {
    const ui = await start('--allow-override')
    const answer = await new Promise<string>(resolve => {
      let text = ''
      const socket = connect(ui.port, '127.0.0.1', () => socket.end('GET /recording HTTP/1.0\r\n\r\n'))
      socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk)).on('close', () => resolve(text))
    })
    expect(answer).toMatch(/^HTTP\/1\.1 (400|403)/)
  })

  it.each<[string, Readonly<Record<string, string>>]>([
    ['without the token', { 'x-rx-discovery-token': '' }],
    ['with another token', { 'x-rx-discovery-token': 'x'.repeat(32) }],
    ['with the token in a cookie', { 'x-rx-discovery-token': '', cookie: 'token=x' }],
  ])('cannot override %s', async (_, headers) => {
    const ui = await start('--allow-override')
    expect((await drain(ui, headers)).status).toBe(401)
    expect((await ask(ui, `/control/drain?token=${ui.token}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"service":"web","id":"a","last":true}' })).status).toBe(401)
    expect(overrides()).toEqual([])
  })

  it('cannot override by a form or by a GET, with the token', async () => {
    const ui = await start('--allow-override')
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) expect((await drain(ui, { 'content-type': type })).status).toBe(415)
    expect((await ask(ui, '/control/drain', { headers: { 'x-rx-discovery-token': ui.token } })).status).toBe(404)
    expect(overrides()).toEqual([])
  })

  it('gets no answer that it could read or show, nor does the token leave the page', async () => {
    const ui = await start('--allow-override')
    const { headers } = await ask(ui, '/')
    expect(headers).toMatchObject({ 'x-frame-options': 'DENY', 'referrer-policy': 'no-referrer', 'cross-origin-resource-policy': 'same-origin' })
    expect(headers['content-security-policy']).toContain("frame-ancestors 'none'")
    expect(headers).not.toHaveProperty('access-control-allow-origin')
    expect((await ask(ui, '/discovery', { method: 'OPTIONS', headers: { origin: 'https://evil.example' } })).status).toBe(403)
    for (const path of ['/', '/recording', '/control/overrides']) expect((await ask(ui, path)).text).not.toContain(ui.token)
  })

  it.each<[string, readonly string[], boolean]>([
    ['localhost:1', [], true],
    ['LOCALHOST', [], true],
    ['[::1]:1', [], true],
    ['127.1.2.3:1', [], true],
    ['board.example', [], false],
    ['board.example:80', ['board.example'], true],
    ['', ['board.example'], false],
  ])('is not %s with --host %j: %s', (host, names, isAllowed) => {
    expect(requestRefusal({ headers: { host } }, names) === undefined).toBe(isAllowed)
  })
})
