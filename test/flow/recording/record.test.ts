import { Subscription } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { Closed, Denied, exponential, InvalidArgument, record, register, type RecordedEvent, type RecordOptions } from 'rx-discovery'
import { memoryRegistry, type MemoryRegistry } from 'rx-discovery/memory'
import { replayRegistry, virtually } from 'rx-discovery/testing'
import { see } from '../../scene.js'

const key = (id: string, service = 'web'): string => `/rx-discovery/${service}/${id}`
const value = (version: string, metadata: object = {}): string => JSON.stringify({ v: 1, address: 'a:80', version, metadata })

const recorded = (story: (registry: MemoryRegistry, advance: (ms: number) => void) => void, options?: RecordOptions) => {
  const registry = memoryRegistry()
  let seen = see<RecordedEvent>(record(registry, options))
  seen.stop()
  virtually(({ advance }) => {
    seen = see(record(registry, { backoff: exponential({ jitter: 'none' }), ...options }))
    story(registry, advance)
    seen.stop()
    expect(registry.subscriptions()).toEqual({ watches: 0, leases: 0, calls: 0 })
  })
  return seen
}
const kinds = (events: readonly RecordedEvent[]): readonly string[] => events.map(({ at, event, data }) => `${at} ${event}${event === 'trouble' ? ` ${String(data['error'])}` : ''}`)

describe('record', () => {
  it('begins with a listing, has each change with its time, heartbeats and outages, and goes on after them', () => {
    const { values } = recorded((registry, advance) => {
      advance(100)
      registry.write(key('a'), value('1'))
      advance(15_000)
      registry.interrupt(60)
      advance(200)
      registry.write(key('a'), null)
    })
    expect(kinds(values)).toEqual(['0 listing', '100 batch', '15000 progress', '15100 trouble Disconnected', '15250 batch', '15300 batch'])
    expect(values.every(({ event, id }) => (event === 'trouble') === (id === undefined))).toBe(true)
  })

  it('is JSON: what is read back is equal', () => {
    const { values } = recorded((registry, advance) => {
      registry.write(key('à\u2028"'), value('1'))
      advance(10)
    })
    expect(values.map(event => JSON.parse(JSON.stringify(event)) as unknown)).toEqual(values)
  })

  it('has metadata only if it is named, and no message of an error', () => {
    const story = (registry: MemoryRegistry, advance: (ms: number) => void): void => {
      registry.write(key('a'), value('1', { rack: 'r1', token: 's3cret' }))
      registry.interrupt(10)
      advance(1_000)
    }
    expect(JSON.stringify(recorded(story).values)).not.toMatch(/rack|s3cret|refused/)
    expect(JSON.stringify(recorded(story, { project: { metadata: ['rack'] } }).values)).toMatch(/rack.*r1/)
    expect(JSON.stringify(recorded(story, { project: { metadata: ['rack'] } }).values)).not.toMatch(/s3cret/)
  })

  it('has only the named services', () => {
    const { values } = recorded(
      registry => {
        registry.write(key('a', 'orders'), value('1'))
        registry.write(key('a'), value('1'))
      },
      { services: ['web'] },
    )
    expect(JSON.stringify(values)).not.toContain('orders')
    expect(JSON.stringify(values)).toContain('/web/a')
  })

  it('shows a replaced history as Rewound, with a listing after it', () => {
    const { values } = recorded((registry, advance) => {
      registry.write(key('a'), value('1'))
      registry.write(key('b'), value('1'))
      advance(10)
      registry.rewind(2)
      advance(1_000)
      expect(registry.revision()).toBe(2)
    })
    expect(kinds(values).slice(-2)).toEqual(['60 trouble Rewound', '60 listing'])
  })

  it('is recorded from a replay as it was recorded first', () => {
    const story = (registry: MemoryRegistry, advance: (ms: number) => void): void => {
      const all = new Subscription()
      advance(1)
      for (const id of ['a', 'b']) all.add(register(registry, { service: 'web', id, address: `${id}:80` }, { random: () => 0.5 }).subscribe())
      advance(500)
      registry.interrupt(1_000)
      registry.write(key('c'), value('1'))
      advance(5_000)
      all.unsubscribe()
      registry.write(key('c'), value('2'))
      advance(20_000)
    }
    const first = recorded(story, { services: ['web'], heartbeat: 1_000_000 }).values
    const again: RecordedEvent[] = []
    virtually(({ advance }) => {
      const replay = replayRegistry(first)
      const recording = record(replay, { services: ['web'], heartbeat: 1_000_000 }).subscribe(event => again.push(event))
      advance(replay.to - replay.from)
      recording.unsubscribe()
    })
    expect(again).toEqual(first)
  })
})

describe('record ends', () => {
  it('with a trouble, when the registry is closed', async () => {
    const registry = memoryRegistry()
    const seen = see(record(registry))
    await registry.close()
    expect(kinds(seen.values).map(kind => kind.replace(/^\d+ /, ''))).toEqual(['listing', 'trouble Closed'])
    expect(seen.completed).toBe(true)
    expect(see(record(registry)).error).toBeInstanceOf(Closed)
  })
  it('with Denied before the first listing, and goes on after it', () => {
    virtually(({ advance }) => {
      const registry = memoryRegistry()
      const allow = registry.deny()
      expect(see(record(registry)).error).toBeInstanceOf(Denied)
      allow()
      const seen = see(record(registry))
      const again = registry.deny()
      registry.interrupt()
      advance(1_000)
      again()
      advance(5_000)
      expect(seen.error).toBe(undefined)
      expect(kinds(seen.values).map(kind => kind.replace(/^\d+ /, ''))).toEqual(['listing', 'trouble Disconnected', 'trouble Denied', 'batch'])
      seen.stop()
    })
  })
  it.each([
    [{ services: [''] }, 'services.0 must not be empty'],
    [{ format: [] }, 'format must be one format'],
    [{ project: 'all' }, 'project must be { metadata: names }'],
    [{ heartbeat: 0 }, 'heartbeat must be a whole number of milliseconds'],
    [{ service: 'web' }, 'service is not an option of record (did you mean services?)'],
  ])('with InvalidArgument for %j', (options, message) => {
    const { error } = see(record(memoryRegistry(), options as unknown as RecordOptions))
    expect(error).toBeInstanceOf(InvalidArgument)
    expect((error as Error).message).toContain(message)
  })
})
