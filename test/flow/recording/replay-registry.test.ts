import { Subscription } from 'rxjs'
import { describe, expect, it, vi } from 'vitest'
import { catalog, discover, InvalidArgument, record, type RecordedEvent, type ServiceSet } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'
import { replayRegistry, virtually, type Recording, type ReplayOptions } from 'rx-discovery/testing'

const value = (port: number): string => JSON.stringify({ v: 1, address: `10.0.0.1:${port}` })
const key = (id: string): string => `/rx-discovery/web/${id}`

/** A recording of an incident in virtual time, and what `discover` saw meanwhile. */
const incident = () => {
  const events: RecordedEvent[] = []
  const sets: ServiceSet[] = []
  virtually(({ advance }) => {
    const registry = memoryRegistry()
    const all = new Subscription()
    registry.write(key('a'), value(1))
    all.add(discover(registry, 'web').subscribe(set => sets.push(set)))
    all.add(record(registry, { services: ['web'] }).subscribe(event => events.push(event)))
    advance(1_000)
    registry.write(key('b'), value(2))
    advance(500)
    registry.interrupt(10_000)
    registry.write(key('a'), null)
    registry.write(key('c'), value(3))
    advance(20_000)
    registry.write(key('b'), value(4))
    registry.compact()
    registry.interrupt()
    advance(5_000)
    registry.rewind(2)
    advance(5_000)
    registry.write(key('z'), value(5))
    advance(20_000)
    all.unsubscribe()
  })
  return { events, sets }
}

const shown = ({ status, revision, trouble, toArray }: ServiceSet): string => `${status} ${revision} ${toArray().map(({ id, address }) => `${id}=${address}`).join()} ${trouble?.error.name ?? ''}`
const distinct = (lines: readonly string[]): readonly string[] => lines.filter((line, index) => line !== lines[index - 1])

const replayed = (events: readonly RecordedEvent[]): readonly { readonly at: number; readonly set: ServiceSet }[] => {
  const sets: { readonly at: number; readonly set: ServiceSet }[] = []
  virtually(({ advance, now }) => {
    const all = discover(replayRegistry(events), 'web').subscribe(set => sets.push({ at: now(), set }))
    advance(100_000)
    all.unsubscribe()
  })
  return sets
}

describe('a replayed incident', () => {
  it('shows the same sets, troubles included', () => {
    const { events, sets } = incident()
    expect(distinct(replayed(events).map(({ set }) => shown(set)))).toEqual(distinct(sets.map(shown)))
  })
  it('emits the same each time, byte for byte', () => {
    const { events } = incident()
    expect(JSON.stringify(replayed(events))).toBe(JSON.stringify(replayed(events)))
  })
})

describe('a replayed recording', () => {
  const start = Date.UTC(2026, 0, 1, 3)
  const { events } = incident()
  const text = events.map(event => `${JSON.stringify({ ...event, at: event.at + start })}\n`).join('')

  it('stamps sets with the times of the recording, and reports where it is', () => {
    virtually(({ advance }) => {
      const registry = replayRegistry(text)
      expect([registry.from, registry.to, registry.now(), registry.services]).toEqual([start, start + 45_000, start, ['web']])
      advance(5_000)
      expect(registry.now()).toBe(start)
      const sets: ServiceSet[] = []
      const all = discover(registry, 'web').subscribe(set => sets.push(set))
      advance(1_500)
      expect(registry.now()).toBe(start + 1_500)
      expect(sets.map(({ asOf }) => asOf - start)).toEqual([-start, 0, 1_000, 1_000])
      expect([sets.at(-1)?.trouble?.since, sets.at(-1)?.trouble?.retryAt]).toEqual([start + 1_500, start + 1_550])
      advance(100_000)
      expect(sets.at(-1)?.status).toBe('live')
      all.unsubscribe()
    })
  })

  it('plays on without a subscriber, and shows late subscribers where it is', () => {
    virtually(({ advance }) => {
      const registry = replayRegistry(text)
      discover(registry, 'web').subscribe().unsubscribe()
      advance(40_000)
      const sets: ServiceSet[] = []
      discover(registry, 'web').subscribe(set => sets.push(set)).unsubscribe()
      expect(sets.map(shown)).toEqual(['pending 0  ', 'live 3 z=10.0.0.1:5 '])
    })
  })

  it('leaves no timer, and ends', () => {
    virtually(({ advance, pending }) => {
      const registry = replayRegistry(text)
      let ended = 0
      const all = new Subscription()
      all.add(registry.ended.subscribe(() => (ended += 1)))
      all.add(catalog(registry).subscribe())
      advance(44_999)
      expect(ended).toBe(0)
      advance(1)
      expect(ended).toBe(1)
      all.unsubscribe()
      expect(pending()).toBe(0)
    })
  })

  it('plays in real time, at the given speed', async () => {
    const registry = replayRegistry(text, { speed: 200 })
    const sets: ServiceSet[] = []
    const before = performance.now()
    const following = discover(registry, 'web').subscribe(set => sets.push(set))
    await vi.waitUntil(() => sets.at(-1)?.has('z') === true, { timeout: 20_000, interval: 5 })
    expect(performance.now() - before).toBeGreaterThan(31_500 / 200 - 20)
    following.unsubscribe()
    // On a busy machine moments that are due at once become one set, and an outage may begin before what came right before it has been read.
    const live = (all: readonly ServiceSet[]): readonly string[] => distinct(all.filter(({ status }) => status === 'live').map(shown))
    const all = live(replayed(events).map(({ set }) => set))
    const played = live(sets)
    expect(played).toEqual(all.filter(set => played.includes(set)))
    expect(played.at(-1)).toBe(all.at(-1))
  })

  it.each([
    ['', {}, 'recording must have a whole listing, got 0 parts of one, unreadable lines: 0'],
    ['nonsense', {}, 'recording must have a whole listing, got 0 parts of one, unreadable lines: 1'],
    [5, {}, 'recording must be the text of a recording, its events, or an Observable of them, got 5'],
    [[{ at: 1 }], {}, 'recording.0.event must be a string'],
    ['', { speed: 0 }, 'speed must be a number above 0, got 0'],
    ['', { speed: Infinity }, 'speed must be a number above 0'],
    ['', { speeds: 1 }, 'speeds is not an option of replayRegistry (did you mean speed?)'],
  ])('of %j with %j is refused', (recording, options, message) => {
    const make = (): unknown => replayRegistry(recording as Recording, options as ReplayOptions)
    expect(make).toThrow(InvalidArgument)
    expect(make).toThrow(message)
  })
})
