import { expect, it } from 'vitest'
import { memoryRegistry } from 'rx-discovery/memory'
import { seeded, type Write } from '../../etcd/random-writes.js'
import { compareWindows, randomWrite, sizeOf, truthOf } from '../../recorded-history.js'

it('in memory, each set of random windows of a recorded history is the fold of the log up to its revision', { timeout: 600_000 }, async () => {
  const { events, windows } = sizeOf(5_000, 100)
  const random = seeded(18)
  const registry = memoryRegistry()
  const log: Write[] = []
  let oldest = 1
  while (registry.revision() < events) {
    // One revision for each key: `write` writes one.
    for (const [key, value] of randomWrite(registry.revision(), random)) {
      const before = registry.revision()
      const revision = registry.write(key, value)
      if (revision > before) log.push({ revision, changes: new Map([[key, value]]) })
    }
    if (oldest === 1 && registry.revision() > events / 10) {
      registry.compact()
      oldest = registry.revision()
    }
  }
  const truth = truthOf(log)
  expect(truth.between(1, events).length).toBeGreaterThan(events / 6)
  await compareWindows(registry, truth, { oldest, head: registry.revision(), windows }, random)
})
