import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { readRecording } from '../../../src/core/recording/recorded-event.js'
import { program } from './program.js'

const folder = mkdtempSync(join(tmpdir(), 'record-'))
afterAll(() => rmSync(folder, { recursive: true }))
let files = 0
const newFile = (): string => join(folder, `${(files += 1)}.jsonl`)
const value = (metadata: object): string => JSON.stringify({ v: 1, address: 'h:1', metadata })

describe('record', () => {
  it('writes what happens to all services until a signal, and prints its gaps', async () => {
    const [it, out] = [program(), newFile()]
    it.registry.write('/rx-discovery/web/a', value({ rack: 'r1', token: 's3cret' }))
    const done = it.run('record', '--out', out, '--metadata', 'rack')
    await it.until('recording into')
    it.registry.write('/rx-discovery/orders/b', value({}))
    it.registry.interrupt(50)
    await it.until('revision 3')
    it.signals.next('SIGTERM')
    expect(await done).toBe(0)
    expect(it.texts().map(line => line.replace(/since \S+/, 'since …'))).toEqual([
      `recording into ${out}: 1 entry at revision 2`,
      'nothing is recorded since … because of Disconnected; retrying',
      `recording into ${out}: 2 entries at revision 3`,
      `recorded 4 events into ${out}`,
    ])
    const text = readFileSync(out, 'utf8')
    expect(text).not.toContain('s3cret')
    expect(readRecording(text).events.map(({ event }) => (event.type === 'trouble' ? event.error : event.type))).toEqual(['listing', 'batch', 'Disconnected', 'batch'])
    expect(it.registry.subscriptions()).toEqual({ watches: 0, leases: 0, calls: 0 })
  })

  it('--json prints one object per line', async () => {
    const [it, out] = [program(), newFile()]
    const done = it.run('record', 'web', '--out', out, '--json')
    await it.until('"recording"')
    it.signals.next('SIGINT')
    expect(await done).toBe(0)
    expect(it.json().map(({ time, ...rest }) => ({ time: typeof time, ...rest }))).toEqual([
      { time: 'string', type: 'recording', out, revision: 1, entries: 0 },
      { time: 'string', type: 'recorded', out, events: 1 },
    ])
  })

  it('begins another file when one is too long, and keeps some', async () => {
    const [it, out] = [program(), newFile()]
    const done = it.run('record', 'web', '--out', out, '--max-size', '0.001', '--keep', '2')
    await it.until('recording into')
    for (let index = 0; index < 40; index += 1) it.registry.write('/rx-discovery/web/a', value({ index }))
    it.registry.write('/rx-discovery/web/last', value({}))
    it.signals.next('SIGTERM')
    expect(await done).toBe(0)
    const name = out.slice(folder.length + 1, -'.jsonl'.length)
    expect(readdirSync(folder).filter(file => file.startsWith(`${name}.`)).length).toBe(3)
    expect(readFileSync(out, 'utf8').split('\n')[0]).toContain('"event":"listing"')
  })

  it.each([
    [['record'], 'error: --out is required (such as --out incident.jsonl)'],
    [['record', '--out', 'x', '--max-size', '0'], 'error: --max-size must be a number of MiB above 0, got "0"'],
    [['record', '--out', 'x', '--max-age', 'a'], 'error: --max-age must be a number of hours above 0, got "a"'],
    [['record', '--out', 'x', '--keep', '1.5'], 'error: --keep must be a whole number, 0 or more, got "1.5"'],
    [['record', '--out', 'x', '--format', 'plain'], 'error: <service> is required: --format plain has no prefix that all services share (name the services, or set --prefix)'],
    [['record', 'a//b', '--out', 'x'], 'error: <service> must not have a segment that is empty'],
  ])('%j is refused', async (argv, message) => {
    const it = program()
    expect(await it.run(...argv)).toBe(2)
    expect(it.printed.err).toContain(message)
    expect(it.printed.connections).toEqual([])
  })

  it('is refused while another one records into the file', async () => {
    const [it, out] = [program(), newFile()]
    const done = it.run('record', '--out', out)
    await it.until('recording into')
    const other = program()
    expect(await other.run('record', '--out', out)).toBe(2)
    expect(other.printed).toMatchObject({ out: '', err: `error: --out must be a file that nothing else records into, got "${out}" (process ${process.pid}, this one, does: end it, or choose another file)\n` })
    it.signals.next('SIGTERM')
    expect(await done).toBe(0)
    expect(readdirSync(folder).filter(name => name.endsWith('.lock'))).toEqual([])
    const next = program()
    const again = next.run('record', '--out', out)
    await next.until('recording into')
    next.signals.next('SIGTERM')
    expect(await again).toBe(0)
  })

  it('fails if the file is no recording, or cannot be written', async () => {
    const it = program()
    expect(await it.run('record', '--out', 'package.json')).toBe(2)
    expect(it.printed.err).toMatch(/^error: --out must be a recording, or a file that does not exist, got "package.json"/)
    const problemOf = async (out: string, code: number): Promise<string> => {
      const other = program()
      expect([await other.run('record', '--out', out), other.printed.out]).toEqual([code, ''])
      return other.printed.err
    }
    const none = join(folder, 'none')
    expect(await problemOf(join(none, 'x.jsonl'), 2)).toBe(`error: --out must be a file in a folder that exists, got "${join(none, 'x.jsonl')}" (create ${none} first)\n`)
    expect(await problemOf(folder, 2)).toBe(`error: --out must be a file, got "${folder}" (it is a folder)\n`)
    expect(await problemOf('package.json/x', 2)).toBe('error: --out must be a file in a folder, got "package.json/x" (package.json is none)\n')
    expect(await problemOf('/dev/full', 1)).toBe('error: /dev/full cannot be written: ENOSPC: no space left on device, write\n')
  })
})
