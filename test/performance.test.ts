import { describe, expect, it } from 'vitest'
import { plain } from '../src/core/formats/plain.js'
import { projection } from '../src/core/view/projection.js'
import { SortedMap } from '../src/core/sorted-map/sorted-map.js'
import { finished } from '../src/core/finished.js'
import { built, removed, updated, type Node } from '../src/core/sorted-map/node.js'
import { memoryRegistry } from '../src/edge/memory/index.js'
import { virtually } from '../src/edge/testing/index.js'
import { catalog, discover } from '../src/index.js'

// What is fast stays fast by what holds of it, not by times, which no shared machine keeps.

const count = 100_000
const ids = Array.from({ length: count }, (_, at) => `node-${String(at).padStart(6, '0')}`)

const nodesOf = <V>(root: Node<V>): ReadonlySet<Node<V>> => {
  const all = new Set<Node<V>>()
  const visit = (node: Node<V>): void => {
    all.add(node)
    node.children?.forEach(visit)
  }
  visit(root)
  return all
}

describe('an event among 100,000 instances', () => {
  it('copies the path from the root to one leaf, and nothing else of the tree', () => {
    const before = built(ids, ids)
    const known = nodesOf(before)
    const changes = { replaced: updated(before, 'node-050000', () => 'other'), added: updated(before, 'node-050000b', () => 'other'), removed: removed(before, 'node-050000') }
    for (const [name, after] of Object.entries(changes)) {
      const fresh = [...nodesOf(after)].filter(node => !known.has(node))
      // four levels of up to 32, and a split or a merger on each
      expect(fresh.length, name).toBeLessThanOrEqual(8)
    }
  })

  it('leaves every other instance the very same object, and one that says nothing new leaves all', () => {
    const fold = projection(plain(), { service: 'web' })
    const change = (id: string, port: number, revision: number) => ({ key: `/web/${id}`, value: `10.0.0.1:${port}`, lease: '1', revision })
    const known = finished(fold.restore(fold.empty, ids.map(id => fold.decode(fold.empty, change(id, 80, 1))), 1))
    const instances = (of: typeof known) => of.services.get('web')?.instances ?? SortedMap.empty()
    const after = fold.apply(known, { revision: 2, changes: [change('node-050000', 81, 2)] })
    expect(SortedMap.difference(instances(known), instances(after)).map(({ key }) => key)).toEqual(['node-050000'])
    expect([...instances(after)].filter(([id, instance]) => instances(known).get(id) !== instance)).toHaveLength(1)
    expect(fold.apply(after, { revision: 3, changes: [change('node-050000', 81, 3)] }).services).toBe(after.services)
  })
})

describe('many subscribers', () => {
  it('of one service have one watch, and of a catalogue one for all services', () => virtually(({ advance }) => {
    const registry = memoryRegistry()
    const web = discover(registry, 'web')
    const all = catalog(registry)
    const subscriptions = Array.from({ length: 1_000 }, () => [web.subscribe(), all.subscribe()]).flat()
    advance(100)
    for (let at = 0; at < 100; at++) registry.write(`/rx-discovery/service${at}/node`, '{"v":1,"address":"a:80"}')
    advance(100)
    expect(registry.subscriptions()).toEqual({ watches: 2, leases: 0, calls: 0 })
    for (const subscription of subscriptions) subscription.unsubscribe()
    expect(registry.subscriptions().watches).toBe(0)
  }))
})
