import { spawnSync } from 'node:child_process'
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { from, lastValueFrom, NEVER, startWith, tap, toArray } from 'rxjs'
import { afterAll, describe, expect, it } from 'vitest'
import { discover, record, type RecordedEvent, type ServiceSet } from 'rx-discovery'
import { memoryRegistry, type MemoryRegistry } from 'rx-discovery/memory'
import { writeRecording, type WriteRecordingOptions } from 'rx-discovery/node'
import { replayRegistry, virtually } from 'rx-discovery/testing'
import { readRecording } from '../../../src/core/recording/recorded-event.js'

const folder = mkdtempSync(join(tmpdir(), 'recording-'))
afterAll(() => rmSync(folder, { recursive: true }))
let files = 0
const newPath = (): string => join(mkdtempSync(join(folder, `${(files += 1)}-`)), 'incident.jsonl')

const key = (id: string): string => `/rx-discovery/web/${id}`
const value = (port: number): string => JSON.stringify({ v: 1, address: `10.0.0.1:${port}`, zone: 'à' })

/** The events of `story`, which has a registry and the time. */
const recorded = (story: (registry: MemoryRegistry, advance: (ms: number) => void) => void): readonly RecordedEvent[] => {
  const events: RecordedEvent[] = []
  virtually(({ advance }) => {
    const registry = memoryRegistry()
    const recording = record(registry, { services: ['web'] }).subscribe(event => events.push(event))
    story(registry, advance)
    recording.unsubscribe()
  })
  return events
}
const many = (count: number): readonly RecordedEvent[] =>
  recorded((registry, advance) => {
    for (let index = 0; index < count; index += 1) {
      registry.write(key(String(index % 7)), index % 5 === 4 ? null : value(index))
      if (index === 20) registry.interrupt(2_000)
      advance(1_000)
    }
  })

/** What `discover` emits about a recording, with times. */
const played = (recording: string | readonly RecordedEvent[]): readonly string[] => {
  const lines: string[] = []
  virtually(({ advance }) => {
    const registry = replayRegistry(recording)
    const seen = discover(registry, 'web').subscribe((set: ServiceSet) => lines.push(`${set.asOf} ${JSON.stringify(set)}`))
    advance(registry.to - registry.from)
    seen.unsubscribe()
  })
  return lines
}
const writeAll = (path: string, events: readonly RecordedEvent[], options?: WriteRecordingOptions) =>
  lastValueFrom(from(events).pipe(writeRecording(path, options), toArray()))
const filesOf = (path: string): readonly string[] => {
  const directory = join(path, '..')
  return readdirSync(directory).sort((a, b) => (a === 'incident.jsonl' ? 1 : b === 'incident.jsonl' ? -1 : a < b ? -1 : 1)).map(name => join(directory, name))
}
const text = (path: string): string => readFileSync(path, 'utf8')

describe('a file', () => {
  it('has one event a line, and passes the events on', async () => {
    const [path, events] = [newPath(), many(10)]
    expect(await writeAll(path, events)).toEqual(events)
    expect(text(path).trimEnd().split('\n').map(line => JSON.parse(line) as unknown)).toEqual(events)
    expect(played(text(path))).toEqual(played(events))
  })

  it('that is cut at any byte shows everything before the cut', () => {
    const events = recorded((registry, advance) => {
      registry.write(key('a'), value(1))
      advance(100)
      registry.write(key('b'), value(2))
      registry.interrupt(200)
      advance(1_000)
      registry.write(key('b'), null)
      advance(15_000)
    })
    const lines = events.map(event => JSON.stringify(event))
    const bytes = Buffer.from(`${lines.join('\n')}\n`)
    let whole = 0
    let end = 0
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      // A line counts from its last byte on: the line break is not needed.
      while (whole < lines.length && cut >= end + Buffer.byteLength(lines[whole] ?? '')) end += Buffer.byteLength(lines[whole++] ?? '') + 1
      const { events: read, unreadable } = readRecording(bytes.subarray(0, cut).toString())
      expect([read.length, read.map(({ at }) => at)]).toEqual([whole, events.slice(0, whole).map(({ at }) => at)])
      expect(unreadable).toBe(cut > end ? 1 : 0)
    }
    expect(whole).toBe(events.length)
  })

  it('that a killed process has left in the middle of a line is continued on a line of its own', async () => {
    const [path, events] = [newPath(), many(6)]
    await writeAll(path, events.slice(0, 4))
    appendFileSync(path, '{"at":17')
    const again = events.map(event => ({ ...event, at: event.at + 60_000 }))
    await writeAll(path, again)
    const { events: read, unreadable } = readRecording(text(path))
    expect([read.length, unreadable]).toEqual([4 + events.length, 1])
    expect(played(text(path)).at(-1)).toEqual(played(again).at(-1))
  })

  it('that is no recording is not touched', async () => {
    const path = newPath()
    writeFileSync(path, 'root:x:0:0\n')
    await expect(writeAll(path, many(3))).rejects.toThrow(/^path must be a recording, or a file that does not exist, got ".*" \(it begins with "root:x:0:0/)
    expect(text(path)).toBe('root:x:0:0\n')
  })
})

it.each<[string, string, string]>([
  ['in a folder that does not exist', '/none/x.jsonl', 'path must be a file in a folder that exists, got "/none/x.jsonl" (create /none first)'],
  ['that is a folder', '/', 'path must be a file, got "/" (it is a folder)'],
  ['under something that is no folder', 'package.json/x', 'path must be a file in a folder, got "package.json/x" (package.json is none)'],
])('a file %s is an invalid argument', async (_, path, message) => {
  const refusal = writeAll(path, many(3))
  await expect(refusal).rejects.toThrow(message)
  await expect(refusal).rejects.toMatchObject({ name: 'InvalidArgument', argument: 'path' })
})

describe('the lock', () => {
  const lockOf = (path: string): string => `${path}.lock`
  /** Writes events, and looks at the lock meanwhile. */
  const lockWhileWriting = async (path: string): Promise<string> => {
    let seen = ''
    await lastValueFrom(from(many(3)).pipe(writeRecording(path), tap(() => (seen = text(lockOf(path))))))
    return seen
  }

  it('names the process, keeps a second writer out, and is gone at the end, also after an error', async () => {
    const [path, events] = [newPath(), many(2)]
    const first = NEVER.pipe(startWith(...events), writeRecording(path)).subscribe()
    expect(text(lockOf(path))).toMatch(new RegExp(`^${process.pid} \\S+ ${hostname()}$`))
    await expect(writeAll(path, many(3))).rejects.toThrow(`path must be a file that nothing else records into, got "${path.slice(0, 60)}`)
    expect(text(path).trimEnd().split('\n')).toHaveLength(events.length)
    first.unsubscribe()
    expect(filesOf(path)).toEqual([path])
    const none = newPath()
    writeFileSync(none, 'root:x:0:0\n')
    await expect(writeAll(none, many(3))).rejects.toThrow('must be a recording')
    expect(filesOf(none)).toEqual([none])
  })

  it('that a killed process has left behind is replaced, also if another process has its number', async () => {
    const path = newPath()
    const killed = spawnSync(process.execPath, ['-e', ''])
    for (const left of [`${killed.pid} 1 ${hostname()}`, `${process.pid} 1 ${hostname()}`, '']) {
      writeFileSync(lockOf(path), left)
      expect(await lockWhileWriting(path)).toMatch(new RegExp(`^${process.pid} (?!1 )`))
    }
  })

  it('of another machine counts while it is fresh', async () => {
    const path = newPath()
    await writeAll(path, many(3))
    writeFileSync(lockOf(path), '12 34 elsewhere')
    await expect(writeAll(path, many(3))).rejects.toThrow('(process 12 on elsewhere does: end it, or choose another file)')
    utimesSync(path, new Date(), new Date(Date.now() - 120_000))
    expect(await lockWhileWriting(path)).toMatch(new RegExp(`^${process.pid} `))
  })
})

describe('rotation', () => {
  it.each([
    ['by size', { maxBytes: 600 }],
    ['by age', { maxAge: 5_000 }],
    ['by both, whatever is smaller', { maxBytes: 1_000, maxAge: 7_000 }],
  ] as const)('%s makes files that are recordings of their own, and together one', async (_, options) => {
    const [path, events] = [newPath(), many(60)]
    await writeAll(path, events, { ...options, keep: Infinity })
    const names = filesOf(path)
    expect(names.length).toBeGreaterThan(3)
    // Each file ends as the whole recording is at that time.
    for (const name of names) {
      const last = readRecording(text(name)).events.at(-1)?.at ?? 0
      const state = (line: string | undefined): unknown => JSON.parse(line?.replace(/^\d+ /, '') ?? '')
      expect(state(played(text(name)).at(-1))).toMatchObject({ instances: (state(played(events.filter(({ at }) => at <= last)).at(-1)) as { instances: unknown }).instances })
    }
    // The listings in between change nothing.
    const whole = names.map(text).join('')
    expect(played(whole)).toEqual(played(events))
  })

  it('keeps the newest files', async () => {
    const path = newPath()
    await writeAll(path, many(60), { maxBytes: 600, keep: 2 })
    expect(filesOf(path).length).toBe(3)
    const [first, second, last] = filesOf(path).map(name => readRecording(text(name)).events)
    expect((first?.at(-1)?.at ?? 0) <= (second?.[0]?.at ?? 0) && (second?.at(-1)?.at ?? 0) <= (last?.[0]?.at ?? 0)).toBe(true)
    expect(last?.at(-1)?.at).toBe(many(60).at(-1)?.at)
  })

  it('does not go on for ever if a listing alone is longer than a file may be', async () => {
    const path = newPath()
    await writeAll(path, many(60), { maxBytes: 1, keep: Infinity })
    expect(filesOf(path).length).toBeLessThan(40)
  })
})

it.each([
  [{ maxBytes: 0 }, 'maxBytes must be a number from 1 on, got 0'],
  [{ keep: -1 }, 'keep must be a number, 0 or more, got -1'],
  [{ size: 1 }, 'size is not an option of writeRecording'],
])('%j is refused', async (options, message) => {
  const path = newPath()
  await expect(writeAll(path, [], options as WriteRecordingOptions)).rejects.toThrow(message)
})
