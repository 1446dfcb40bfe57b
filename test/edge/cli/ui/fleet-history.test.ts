import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { native } from 'rx-discovery'
import { memoryRegistry, type MemoryRegistry } from 'rx-discovery/memory'
import { virtually } from 'rx-discovery/testing'
import { beginning, positionAfter } from '../../../../src/core/recording/moment.js'
import { readRecording } from '../../../../src/core/recording/recorded-event.js'
import { serving } from '../../../../src/core/wire/serving.js'
import { fleetHistory, type FleetHistory } from '../../../../src/edge/cli/ui/fleet-history.js'

const value = (weight: number, length = 0): string => JSON.stringify({ v: 1, address: 'a:80', weight, metadata: { note: 'ä'.repeat(length) } })
const served = serving({ services: 'all', format: native(), project: instance => instance })

/** What a reader of the recording knows at its end. */
const endOf = (text: string) => readRecording(text).events.reduce(positionAfter, beginning).moment
const linesOf = (text: string): readonly string[] => text.split('\n').slice(1, -1)
const shown = (entries: Iterable<readonly [string, { readonly value: string | null }]>): readonly string[] => [...entries].map(([key, each]) => `${key} ${String((JSON.parse(each.value ?? '{}') as { weight?: number }).weight ?? 1)}`)

const recorded = (limits: { readonly events: number; readonly bytes: number }, act: (world: { readonly registry: MemoryRegistry; readonly advance: (ms: number) => void; readonly history: FleetHistory }) => void): void =>
  virtually(({ advance }) => {
    const registry = memoryRegistry()
    const history = fleetHistory(registry, served, { past: 0, ...limits })
    const following = history.following.subscribe({ error: (error: unknown) => expect.unreachable(String(error)) })
    advance(1_000)
    act({ registry, advance, history })
    following.unsubscribe()
  })

describe('what ui records', () => {
  it('has a limit in bytes: the oldest events go, and the rest is still a recording', () => {
    const bytes = 4_000
    recorded({ events: 1_000, bytes }, ({ registry, advance, history }) => {
      for (let at = 1; at <= 40; at += 1) {
        registry.write(`/rx-discovery/web/n${at % 4}`, value(at, 150))
        advance(10)
        const text = history.text()
        expect(Buffer.byteLength(linesOf(text).join('\n'))).toBeLessThanOrEqual(bytes)
        expect(shown(endOf(text).entries)).toEqual(registry.entries().map(({ key, value: own }) => `${key} ${String((JSON.parse(own ?? '{}') as { weight: number }).weight)}`))
      }
      const { events, unreadable } = readRecording(history.text())
      expect([events[0]?.event.type, events.slice(1).every(({ event }) => event.type === 'batch'), unreadable]).toEqual(['listing', true, 0])
      // Not less than fits.
      expect(events.length).toBeGreaterThan(4)
    })
  })

  it('is kept also if a single event is longer than the limit', () => {
    recorded({ events: 10, bytes: 100 }, ({ registry, advance, history }) => {
      registry.write('/rx-discovery/web/a', value(7, 1_000))
      advance(10)
      expect([linesOf(history.text()).length, shown(endOf(history.text()).entries)]).toEqual([0, ['/rx-discovery/web/a 7']])
    })
  })

  it('is a true recording whatever happens, and whatever its limits are', () => {
    const act = fc.oneof(
      { weight: 4, arbitrary: fc.record({ id: fc.constantFrom('a', 'b', 'c'), weight: fc.option(fc.integer({ min: 1, max: 9 })) }) },
      { weight: 1, arbitrary: fc.constant('outage' as const) },
    )
    fc.assert(
      fc.property(fc.array(act, { maxLength: 30 }), fc.integer({ min: 1, max: 12 }), fc.integer({ min: 50, max: 3_000 }), (acts, events, bytes) => {
        const keys = (entries: Iterable<readonly [string, unknown]>): readonly string[] => [...entries].map(([key]) => key)
        recorded({ events, bytes }, ({ registry, advance, history }) => {
          let whole = endOf(history.text())
          for (const each of acts) {
            if (each === 'outage') registry.interrupt(100)
            else registry.write(`/rx-discovery/web/${each.id}`, each.weight === null ? null : value(each.weight))
            advance(5_000)
            const before = whole
            whole = endOf(history.text())
            expect(whole.trouble).toBeUndefined()
            expect([whole.at >= before.at, whole.revision]).toEqual([true, history.revision()])
            expect(keys(whole.entries)).toEqual(registry.entries().map(({ key }) => key))
          }
          expect(linesOf(history.text()).length).toBeLessThanOrEqual(events)
        })
      }),
    )
  })
})
