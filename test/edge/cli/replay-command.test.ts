import { writeFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { record, type RecordedEvent } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'
import { virtually } from 'rx-discovery/testing'
import { program } from './program.js'
import { boardProgram } from './ui-program.js'

const folder = mkdtempSync(join(tmpdir(), 'replay-'))
afterAll(() => rmSync(folder, { recursive: true }))
const start = Date.UTC(2026, 0, 1, 3)
const value = (port: number, status = 'up'): string => JSON.stringify({ v: 1, address: `10.0.0.1:${port}`, status })

const events: RecordedEvent[] = []
virtually(({ advance }) => {
  const registry = memoryRegistry()
  registry.write('/rx-discovery/web/a', value(1))
  const recording = record(registry).subscribe(event => events.push({ ...event, at: event.at + start }))
  advance(1_000)
  registry.write('/rx-discovery/orders/o', value(3))
  advance(500)
  registry.write('/rx-discovery/web/a', value(1, 'draining'))
  registry.write('/rx-discovery/web/b', '{')
  advance(500)
  registry.interrupt(10)
  registry.write('/rx-discovery/web/a', null)
  advance(2_000)
  registry.write('/rx-discovery/web/c', value(2))
  recording.unsubscribe()
})
const file = join(folder, 'incident.jsonl')
const back = events.find(({ at, event }) => at > start + 2_000 && event === 'batch')?.at ?? 0
// When the registry was back depends on chance.
writeFileSync(file, events.map(event => `${JSON.stringify({ ...event, at: event.at === back ? start + 2_345 : event.at })}\n`).join(''))

const golden = [
  '2026-01-01T03:00:00.000Z orders is live: 0 instances at revision 2',
  '2026-01-01T03:00:00.000Z web is live: 1 instance at revision 2',
  '2026-01-01T03:00:00.000Z + web/a 10.0.0.1:1 without a lease',
  '2026-01-01T03:00:01.000Z + orders/o 10.0.0.1:3 without a lease',
  '2026-01-01T03:00:01.500Z ~ web/a status up -> draining',
  '2026-01-01T03:00:01.500Z ! /rx-discovery/web/b cannot be read: the value must be JSON',
  '2026-01-01T03:00:02.000Z orders has been stale since 2026-01-01T03:00:02.000Z because the registry behind the recording does not answer; retrying',
  '2026-01-01T03:00:02.000Z web has been stale since 2026-01-01T03:00:02.000Z because the registry behind the recording does not answer; retrying',
  '2026-01-01T03:00:02.345Z orders is live: 1 instance at revision 6',
  '2026-01-01T03:00:02.345Z web is live: 0 instances at revision 6',
  '2026-01-01T03:00:02.345Z - web/a 10.0.0.1:1',
  '2026-01-01T03:00:04.000Z + web/c 10.0.0.1:2 without a lease',
]

describe('replay', () => {
  it.each(['max', '20'])('--speed %s prints what watch would have printed, with the times of the recording', async speed => {
    // A busy machine would play several events at once.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'] })
    onTestFinished(() => void vi.useRealTimers())
    const it = program()
    const code = it.run('replay', file, '--speed', speed)
    await vi.advanceTimersByTimeAsync(4_000)
    expect(await code).toBe(0)
    const atMs = (line: string): string => (speed === 'max' ? line : line.slice(24))
    expect(it.lines().map(atMs)).toEqual(golden.map(atMs))
    const late = it.lines().map((line, index) => Date.parse(line.slice(0, 24)) - Date.parse(golden[index]?.slice(0, 24) ?? ''))
    // The first sets come when the recording has been listed, all others at the time of an event.
    expect([late.every(ms => ms >= 0), late.slice(3).every(ms => ms === 0)]).toEqual([true, true])
    expect([it.printed.err, it.printed.connections]).toEqual(['', []])
  })

  it('--service and --json show some services as JSON', async () => {
    const it = program()
    expect(await it.run('replay', file, '--speed', 'max', '--service', 'orders', '--json')).toBe(0)
    expect(it.json().map(({ time, type, service }) => [time, type, service])).toEqual([
      ['2026-01-01T03:00:00.000Z', 'live', 'orders'],
      ['2026-01-01T03:00:01.000Z', 'joined', 'orders'],
      ['2026-01-01T03:00:02.000Z', 'stale', 'orders'],
      ['2026-01-01T03:00:02.345Z', 'live', 'orders'],
    ])
  })

  it('--marbles prints a diagram', async () => {
    const it = program()
    expect(await it.run('replay', file, '--marbles')).toBe(0)
    expect(it.printed.out).toBe(`from 2026-01-01T03:00:00.000Z to 2026-01-01T03:00:04.000Z

orders: a 999ms b 999ms c 344ms d
  a  2026-01-01T03:00:00.000Z     0 ms  live, revision 2
  b  2026-01-01T03:00:01.000Z  1000 ms  live, revision 3
                                        + o 10.0.0.1:3
  c  2026-01-01T03:00:02.000Z  2000 ms  stale (Disconnected), revision 3
  d  2026-01-01T03:00:02.345Z  2345 ms  live, revision 6

web: a 1499ms b 499ms c 344ms d 1654ms e
  a  2026-01-01T03:00:00.000Z     0 ms  live, revision 2
                                        + a 10.0.0.1:1
  b  2026-01-01T03:00:01.500Z  1500 ms  live, revision 5
                                        ~ a status up -> draining
                                        ! /rx-discovery/web/b: the value must be JSON
  c  2026-01-01T03:00:02.000Z  2000 ms  stale (Disconnected), revision 5
  d  2026-01-01T03:00:02.345Z  2345 ms  live, revision 6
                                        - a
  e  2026-01-01T03:00:04.000Z  4000 ms  live, revision 7
                                        + c 10.0.0.1:2
`)
  })

  it('ends at a signal', async () => {
    const it = program()
    const done = it.run('replay', file, '--speed', '0.001')
    await it.until('web is live')
    it.signals.next('SIGINT')
    expect(await done).toBe(0)
  })

  it('says which services are not in the recording', async () => {
    const it = program()
    expect(await it.run('replay', file, '--speed', 'max', '--service', 'wbe', '--service', 'web')).toBe(0)
    expect(it.printed.err).toBe('wbe is not in the recording, which has orders, web\n')
  })

  it('takes several files, and reports lines that cannot be read', async () => {
    const lines = events.map(event => `${JSON.stringify(event)}\n`)
    const [first, second] = [join(folder, 'first.jsonl'), join(folder, 'second.jsonl')]
    writeFileSync(first, `${lines.slice(0, 3).join('')}{"at":1`)
    writeFileSync(second, lines.slice(3).join(''))
    const it = program()
    expect(await it.run('replay', first, second, '--speed', 'max')).toBe(0)
    expect(it.lines().length).toBe(golden.length)
    expect(it.printed.err).toBe('1 line cannot be read, such as one that was cut off\n')
  })

  it('--ui serves a board of the recording until a signal: no etcd, nothing to write, and not to other websites', async () => {
    const ui = await boardProgram(memoryRegistry(), '"the board"', 'replay', file, '--ui', '--port', '0', '--heading', 'Then')
    const get = (path: string, init: RequestInit = {}): Promise<Response> => fetch(`${ui.url}${path}`, init)
    const page = await (await get('')).text()
    expect(page).toContain('<rx-discovery-board link recording="/recording" heading="Then">')
    expect(await (await get('board.js')).text()).toBe('"the board"')
    expect(await (await get('recording')).text()).toBe(readFileSync(file, 'utf8'))
    for (const path of ['discovery', 'control/overrides', 'control/drain']) expect([path, (await get(path)).status]).toEqual([path, 404])
    expect((await get('control/drain', { method: 'POST', body: '{}' })).status).toBe(404)
    expect((await get('recording', { headers: { origin: 'https://evil.example' } })).status).toBe(403)
    expect(await ui.stop()).toBe(0)
    await expect(get('')).rejects.toThrow('fetch failed')
  })

  it.each([
    [['replay'], "error: missing required argument 'file'"],
    [['replay', '/nowhere'], 'error: <file> must be a file that exists, got "/nowhere"'],
    [['replay', '/'], 'error: <file> must be a file, got "/" (it is a folder)'],
    [['replay', 'package.json'], 'error: <file> must be a recording, got "package.json" (it has no whole listing that this version can read; make one with rx-discovery record)'],
    [['replay', '/dev/null'], 'error: <file> must be a recording, got "/dev/null" (nothing has been recorded yet; make one with rx-discovery record)'],
    [['replay', file, '--speed', '0'], 'error: --speed must be a number above 0, or max, got "0"'],
    [['replay', file, '--ui', '--speed', '3'], 'error: --speed cannot be combined with --ui (the page plays the recording)'],
    [['replay', file, '--ui', '--marbles'], 'error: --marbles cannot be combined with --ui (the page plays the recording)'],
    [['replay', file, '--port', '80'], 'error: --port requires --ui'],
    [['replay', 'package.json', '--ui'], 'error: <file> must be a recording, got "package.json"'],
    [['replay', file, '--service', 'a//b'], 'error: <service> must not have a segment that is empty'],
  ])('%j is refused', async (argv, message) => {
    const it = program()
    expect(await it.run(...argv)).toBe(2)
    expect(it.printed.err).toContain(message)
  })
})
