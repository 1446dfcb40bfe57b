import { defer, NEVER, Subject, throwError } from 'rxjs'
import { describe, expect, it } from 'vitest'
import type { Range } from '../../../src/core/store.js'
import { withSignals } from '../../../src/flow/registry-signals.js'
import { memoryRegistry } from '../../../src/edge/memory/index.js'
import { virtually } from '../../../src/edge/testing/index.js'
import { discover, Disconnected, exponential } from '../../../src/index.js'

describe('a registry that tells of its return', () => {
  it('ends the pause between two tries, each time it is back', () => virtually(({ advance }) => {
    const registry = memoryRegistry()
    const returned = new Subject<void>()
    let away = true
    const list = (prefix: Range) => defer(() => (away ? throwError(() => new Disconnected('away')) : registry.list(prefix)))
    const backoff = exponential({ first: 60_000, max: 60_000, jitter: 'none' })
    const seen: string[] = []
    const watching = discover(withSignals({ ...registry, list }, { closed: NEVER, returned }), 'web', { backoff }).subscribe(({ status, trouble }) => seen.push(`${status} ${trouble?.attempt ?? 0}`))
    advance(1_000)
    expect(seen).toEqual(['pending 0', 'pending 1'])
    returned.next()
    advance(1_000)
    expect(seen).toEqual(['pending 0', 'pending 1', 'pending 2'])
    away = false
    returned.next()
    advance(1)
    expect(seen.at(-1)).toBe('live 0')
    expect(returned.observed).toBe(false)
    watching.unsubscribe()
  }))
})
