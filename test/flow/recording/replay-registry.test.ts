import { Subscription } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { discover, record, type RecordedEvent, type ServiceSet } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'
import { replayRegistry, virtually } from 'rx-discovery/testing'

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
