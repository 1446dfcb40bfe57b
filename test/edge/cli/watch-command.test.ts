import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Subject } from 'rxjs'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Terminal } from '../../../src/edge/cli/host.js'
import { program } from './program.js'

const [enter, leave] = ['\x1b[?1049h\x1b[?25l\x1b[?7l', '\x1b[?7h\x1b[?25h\x1b[?1049l']

const onTerminal = (changed: Partial<Terminal> = {}) => {
  const size = { columns: 80, rows: 10 }
  const resized = new Subject<unknown>()
  const it = program({}, { terminal: { columns: () => size.columns, rows: () => size.rows, resized, colours: false, ...changed } })
  return { ...it, size, resized, frames: () => it.printed.out.replace(enter, '').split('\x1b[H').slice(1) }
}

describe('watch without a name', () => {
  it('prints the changes of all services, those that appear and vanish later, too', async () => {
    const it = program()
    it.registry.write('/rx-discovery/web/a', '{"address":"h:1"}')
    it.registry.write('/rx-discovery/web/b', '{"address":"h:2"}')
    const done = it.run('watch')
    await it.until('+ web/b')
    it.registry.write('/rx-discovery/grpc/g', '{"address":"h:9"}')
    it.registry.write('/rx-discovery/grpc/g', null)
    it.registry.write('/rx-discovery/web/bad', 'x')
    await it.until('cannot be read')
    it.signals.next('SIGINT')
    expect(await done).toBe(0)
    expect(it.texts()).toEqual([
      'all services are live: 1 service, 2 instances at revision 3',
      '+ web/a h:1 without a lease',
      '+ web/b h:2 without a lease',
      '+ grpc/g h:9 without a lease',
      '- grpc/g h:9',
      '! /rx-discovery/web/bad cannot be read: the value must be JSON',
    ])
    expect(it.registry.subscriptions()).toEqual({ watches: 0, leases: 0, calls: 0 })
  })

  it('reports an outage once for all services, even if there is none', async () => {
    const it = program()
    const done = it.run('watch', '--json')
    await it.until('live')
    it.registry.interrupt(300)
    await vi.waitUntil(() => it.printed.out.match(/"live"/g)?.length === 2, { timeout: 10_000 })
    it.signals.next('SIGTERM')
    expect(await done).toBe(0)
    const [first, stale, ...rest] = it.json()
    expect([first, stale]).toMatchObject([{ type: 'live', services: 0, size: 0, revision: expect.any(Number) as unknown }, { type: 'stale', attempt: 1, error: { name: 'Disconnected' } }])
    expect(rest.at(-1)).toMatchObject({ type: 'live' })
    expect(stale).not.toHaveProperty('service')
  })
})

describe('watch --errors', () => {
  it('prints what gets sick and what recovers, and nothing healthy', async () => {
    const it = program()
    const lease = it.registry.lease(60).subscribe({ error: () => undefined })
    const [id = ''] = it.registry.leases()
    const put = (name: string, status: string | null): unknown => it.registry.write(`/rx-discovery/web/${name}`, status && JSON.stringify({ address: 'h:1', status }), { lease: id })
    put('a', 'up')
    put('b', 'down')
    const done = it.run('watch', 'web', '--errors')
    await it.until('+ web/b')
    put('c', 'up')
    put('a', 'draining')
    put('a', 'up')
    put('c', null)
    it.registry.write('/rx-discovery/web/handmade', '{"address":"h:1"}')
    await it.until('handmade')
    it.signals.next('SIGTERM')
    expect(await done).toBe(0)
    lease.unsubscribe()
    expect(it.texts()).toEqual([
      expect.stringMatching(/^web is live: 2 instances/),
      '+ web/b h:1 status=down',
      '~ web/a status up -> draining',
      '~ web/a status draining -> up',
      '+ web/handmade h:1 without a lease',
    ])
  })
})

describe('watch --exec', () => {
  let dir = ''
  beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), 'watch-exec-'))))
  afterEach(() => rmSync(dir, { recursive: true, force: true }))
  interface Given {
    readonly service: string
    readonly revision: number
    readonly instances: readonly { readonly id: string }[]
  }
  const runs = (): readonly Given[] => {
    try {
      return readFileSync(join(dir, 'log'), 'utf8').split('\n').slice(0, -1).map(line => JSON.parse(line) as Given)
    } catch {
      return []
    }
  }
  const idsOf = ({ instances }: Given): string => instances.map(({ id }) => id).join()

  it('gives the set to the command at each change, one run at a time, and the latest set wins', async () => {
    const it = program()
    const write = (id: string, value: string | null = '{"address":"h:1"}'): unknown => it.registry.write(`/rx-discovery/web/${id}`, value)
    write('a')
    // The first run goes on until the file `go` is there.
    const done = it.run('watch', 'web', '--exec', `cat >> ${dir}/log; while [ ! -e ${dir}/go ]; do sleep 0.02; done`)
    await vi.waitUntil(() => runs().length === 1, { timeout: 20_000 })
    for (const id of ['b', 'c', 'd']) write(id)
    await it.until('+ web/d')
    expect(runs().map(idsOf)).toEqual(['a'])
    writeFileSync(join(dir, 'go'), '')
    await vi.waitUntil(() => runs().length === 2, { timeout: 20_000 })
    expect(runs().map(idsOf)).toEqual(['a', 'a,b,c,d'])
    expect(runs()[1]).toMatchObject({ service: 'web', revision: 5, rejected: [] })
    // An outage is no change.
    it.registry.interrupt(100)
    await vi.waitUntil(() => it.printed.err.match(/web is live/g)?.length === 2, { timeout: 20_000 })
    write('a', null)
    await vi.waitUntil(() => runs().length === 3, { timeout: 20_000 })
    expect(runs().slice(2).map(idsOf)).toEqual(['b,c,d'])
    it.signals.next('SIGTERM')
    expect(await done).toBe(0)
    // Standard output is that of the command.
    expect(it.printed.out).toBe('')
  })

  it('prints the failure of the command and goes on, for a service that vanishes, too', async () => {
    const it = program()
    it.registry.write('/rx-discovery/web/a', '{"address":"h:1"}')
    const done = it.run('watch', '--exec', `cat >> ${dir}/log; test $RX_DISCOVERY_SERVICE = web || kill $$; exit 3`)
    await it.until('! the command for web at revision 2 ended with exit code 3')
    it.registry.write('/rx-discovery/orders/o', '{"address":"h:1"}')
    await it.until('! the command for orders at revision 3 was ended by SIGTERM')
    it.registry.write('/rx-discovery/web/a', null)
    await it.until('! the command for web at revision 4 ended with exit code 3')
    it.signals.next('SIGTERM')
    expect(await done).toBe(0)
    expect(runs().map(given => `${given.service} ${idsOf(given)}`)).toEqual(['web a', 'orders o', 'web '])
  })

  it('waits at the end for the run under way, and starts none of those that wait', async () => {
    const it = program()
    it.registry.write('/rx-discovery/web/a', '{"address":"h:1"}')
    const done = it.run('watch', 'web', '--exec', `cat >> ${dir}/log; while [ ! -e ${dir}/go ]; do sleep 0.02; done; echo >> ${dir}/done`)
    await vi.waitUntil(() => runs().length === 1, { timeout: 20_000 })
    it.registry.write('/rx-discovery/web/b', '{"address":"h:1"}')
    await it.until('+ web/b')
    it.signals.next('SIGTERM')
    writeFileSync(join(dir, 'go'), '')
    expect(await done).toBe(0)
    expect(readFileSync(join(dir, 'done'), 'utf8')).toBe('\n')
    expect(runs()).toHaveLength(1)
  })
})

describe('watch on a terminal', () => {
  it('shows a table, draws it again when something changes, and restores the terminal', async () => {
    const it = onTerminal()
    it.registry.write('/rx-discovery/web/a', '{"address":"h:1"}')
    const done = it.run('watch')
    await it.until('web      a   h:1')
    it.registry.write('/rx-discovery/web/b', '{"address":"h:2","status":"down"}')
    await it.until('web      b   h:2')
    it.signals.next('SIGINT')
    expect(await done).toBe(0)
    expect(it.printed.out.startsWith(enter)).toBe(true)
    const [, after = ''] = it.printed.out.split(leave)
    expect(after.split('\n')).toEqual([
      expect.stringMatching(/^1 service, 2 instances: 1 up, 1 down, 2 without a lease; revision 3, /),
      expect.stringMatching(/^SERVICE {2}ID {2}ADDRESS {2}STATUS {10}AGE +WEIGHT {2}VERSION {2}ZONE$/),
      expect.stringMatching(/^web {6}a {3}h:1 {6}up, no lease {4}>\d+s +1 {7}- {8}-$/),
      expect.stringMatching(/^web {6}b {3}h:2 {6}down, no lease +\d+s +1 {7}- {8}-$/),
      '',
    ])
    expect(it.printed.err).toBe('')
  })

  it('shows overrides as they come and go', async () => {
    const it = onTerminal()
    it.registry.write('/rx-discovery/web/a', '{"address":"h:1","status":"draining"}')
    it.registry.write('/rx-discovery-overrides/web/a', 'draining')
    it.registry.write('/rx-discovery-overrides/web/gone', 'down')
    const done = it.run('watch', 'web')
    await it.until('draining, no lease, overridden')
    await it.until('web/gone is not registered, and overridden as down')
    it.registry.write('/rx-discovery-overrides/web/a', null)
    await vi.waitUntil(() => it.frames().at(-1)?.includes('draining, no lease  ') === true, { timeout: 10_000 })
    it.signals.next('SIGINT')
    expect(await done).toBe(0)
    expect(it.registry.subscriptions()).toEqual({ watches: 0, leases: 0, calls: 0 })
  })

  it('has a banner while etcd is away, and fits into the window after a change of its size', async () => {
    const it = onTerminal()
    it.registry.write('/rx-discovery/web/a', '{"address":"h:1"}')
    const done = it.run('watch', 'web')
    await it.until('web      a')
    it.registry.interrupt(10_000)
    await it.until('STALE web')
    it.size.columns = 20
    it.size.rows = 3
    it.resized.next(undefined)
    await vi.waitUntil(() => it.frames().at(-1)?.split('\r\n').length === 3, { timeout: 10_000 })
    // eslint-disable-next-line no-control-regex -- the end of each line and of the frame
    const lines = it.frames().at(-1)?.replace(/\x1b\[[KJ]/g, '').split('\r\n') ?? []
    expect(Math.max(...lines.map(line => line.length))).toBeLessThanOrEqual(20)
    it.signals.next('SIGTERM')
    expect(await done).toBe(0)
  })

  it('draws at most four frames a second, however much changes', async () => {
    const it = onTerminal()
    const done = it.run('watch')
    await it.until('no instances')
    const before = it.frames().length
    const began = performance.now()
    for (let at = 0; performance.now() - began < 600; at += 1) {
      it.registry.write('/rx-discovery/web/a', JSON.stringify({ address: 'h:1', weight: at }))
      await new Promise(resolve => setTimeout(resolve, 5))
    }
    const seconds = (performance.now() - began) / 1_000
    expect(it.frames().length - before).toBeLessThanOrEqual(4 * seconds + 2)
    it.signals.next('SIGTERM')
    expect(await done).toBe(0)
  })

  it.each([['--json'], ['--exec', 'cat > /dev/null']])('prints lines with %s', async (...argv) => {
    const it = onTerminal()
    const done = it.run('watch', 'web', ...argv)
    await it.until('live')
    it.signals.next('SIGTERM')
    expect(await done).toBe(0)
    expect(it.printed.out + it.printed.err).not.toContain('\x1b')
  })

  it('restores the terminal if access is denied', async () => {
    const it = onTerminal()
    it.registry.deny()
    expect(await it.run('watch', 'web')).toBe(1)
    expect(it.printed.out).toContain(leave)
  })
})
