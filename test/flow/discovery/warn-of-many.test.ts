import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { discover } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'

describe('discover for each request', () => {
  const warnings = (): readonly unknown[] => {
    const spy = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    onTestFinished(() => spy.mockRestore())
    return spy.mock.calls
  }
  it('is reported once, when more than 20 watches of a service are open on one registry', () => {
    const own = memoryRegistry()
    const calls = warnings()
    const open = Array.from({ length: 20 }, () => discover(own, 'web').subscribe())
    discover(own, 'db').subscribe().unsubscribe()
    expect(calls).toEqual([])
    open.push(...Array.from({ length: 480 }, () => discover(own, 'web').subscribe()))
    expect(calls).toEqual([
      [
        'more than 20 watches of /rx-discovery/web/ are open on one registry: call discover() and balance() once, not for each request, and share the results',
        { type: 'RxDiscoveryWarning', code: 'RX_DISCOVERY_MANY_WATCHES' },
      ],
    ])
    for (const each of open) each.unsubscribe()
  })
  it('is not reported for watches that follow each other, or share one Observable', () => {
    const own = memoryRegistry()
    const calls = warnings()
    for (let n = 0; n < 100; n++) discover(own, 'web').subscribe().unsubscribe()
    const shared = discover(own, 'web')
    const open = Array.from({ length: 100 }, () => shared.subscribe())
    expect(calls).toEqual([])
    for (const each of open) each.unsubscribe()
  })
})
