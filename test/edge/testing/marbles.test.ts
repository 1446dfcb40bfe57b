import { describe, expect, it } from 'vitest'
import { plain, record, type RecordedEvent } from 'rx-discovery'
import { memoryRegistry, type MemoryRegistry } from 'rx-discovery/memory'
import { raw } from 'rx-discovery/sse'
import { marbles, virtually, type MarblesOptions } from 'rx-discovery/testing'

const key = (id: string): string => `/rx-discovery/web/${id}`
const value = (version: number, incarnation = 'x'): string => JSON.stringify({ v: 1, address: 'h:1', version: String(version), incarnation })

const recorded = (story: (registry: MemoryRegistry, advance: (ms: number) => void) => void, options: Parameters<typeof record>[1] = {}): readonly RecordedEvent[] => {
  const events: RecordedEvent[] = []
  virtually(({ advance }) => {
    const registry = memoryRegistry()
    const recording = record(registry, options).subscribe(event => events.push({ ...event, at: event.at + Date.UTC(2026, 0, 1) }))
    story(registry, advance)
    recording.unsubscribe()
  })
  return events
}

/** The times of the marbles of a line, as RxJS reads it, ms. */
const timesIn = (line: string): readonly number[] => {
  const times: number[] = []
  virtually(({ hot, advance, now }) => {
    const marks = hot(line).subscribe(() => times.push(now()))
    advance(3_600_000)
    marks.unsubscribe()
  })
  return times
}

describe('a marble diagram', () => {
  it('has a line that RxJS reads, with the time of each change, whatever the gaps', () => {
    const gaps = [1, 1, 2, 9, 10, 11, 12, 500, 61_000, 1]
    const events = recorded((registry, advance) => {
      for (const [index, gap] of gaps.entries()) {
        advance(gap)
        registry.write(key('a'), value(index))
      }
    })
    const line = /^web: (.*)$/m.exec(marbles(events))?.[1] ?? ''
    let at = 0
    expect(timesIn(line)).toEqual([0, ...gaps.map(gap => (at += gap))])
  })

  it('has a marble of its own for each of a thousand changes', () => {
    const events = recorded((registry, advance) => {
      for (let index = 0; index < 1_000; index += 1) {
        advance(5)
        registry.write(key('a'), value(index))
      }
    })
    const line = /^web: (.*)$/m.exec(marbles(events))?.[1] ?? ''
    expect(timesIn(line).length).toBe(1_001)
    expect(new Set(line.replaceAll('-', '').match(/./gu)).size).toBe(1_001)
  })

  it('shows what joined, left, changed and cannot be read', () => {
    const events = recorded((registry, advance) => {
      registry.write(key('a'), value(1))
      advance(100)
      registry.write(key('a'), value(2))
      registry.write(key('b'), 'broken')
      advance(100)
      registry.write(key('a'), value(2, 'y'))
      registry.write(key('b'), null)
      advance(100)
      registry.write(key('a'), null)
    })
    expect(marbles(events)).toBe(`from 2026-01-01T00:00:00.000Z to 2026-01-01T00:00:00.300Z

web: a 99ms b 99ms c 99ms d
  a  2026-01-01T00:00:00.000Z    0 ms  live, revision 2
                                       + a h:1
  b  2026-01-01T00:00:00.100Z  100 ms  live, revision 4
                                       ~ a version 1 -> 2
                                       ! /rx-discovery/web/b: the value must be JSON
  c  2026-01-01T00:00:00.200Z  200 ms  live, revision 6
                                       ~ a another lease or incarnation
                                       ! /rx-discovery/web/b is gone, or can be read
  d  2026-01-01T00:00:00.300Z  300 ms  live, revision 7
                                       - a
`)
  })

  it('draws the named services, also in another format', () => {
    const events = recorded(registry => registry.write('/web/a', 'h:1'), { services: ['web'], format: plain(), project: raw })
    expect(marbles(events, { services: ['web'], format: plain() })).toContain('+ a h:1')
    expect(marbles(events)).toBe('from 2026-01-01T00:00:00.000Z to 2026-01-01T00:00:00.000Z\n')
  })

  it('is refused for wrong options', () => {
    expect(() => marbles([], { service: 'web' } as MarblesOptions)).toThrow('service is not an option of marbles (did you mean services?)')
    expect(() => marbles('')).toThrow('recording must have a whole listing')
  })
})
