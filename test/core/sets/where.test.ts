import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { serviceInstance, type ServiceInstance } from '../../../src/core/instance/instance.js'
import { instancesOf, serviceSet, type ServiceSet, withInstances } from '../../../src/core/sets/service-set.js'
import { filtered, type Filtered } from '../../../src/core/sets/where.js'

const node = (id: string, weight = 1): ServiceInstance => serviceInstance({ service: 'web', id, address: `${id}:80`, weight })
const [a, b] = [node('a'), node('b')]
const ids = (set: ServiceSet): string[] => Array.from(set, ({ id }) => id)
const sets = fc
  .dictionary(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), fc.nat({ max: 2 }), { noNullPrototype: true })
  .map(weights => serviceSet('web', Object.entries(weights).map(([id, weight]) => node(id, weight))))

describe('filtered', () => {
  const heavy = ({ weight }: ServiceInstance): boolean => weight > 0

  it('equals a plain filter of each set', () => {
    fc.assert(
      fc.property(fc.array(sets, { maxLength: 8 }), all => {
        let last: Filtered<unknown> | undefined
        for (const set of all) {
          last = filtered(last, set, heavy)
          expect([...last.result]).toEqual([...set].filter(heavy))
        }
      }),
    )
  })

  it('calls the predicate only for what differs, and keeps the instances map while nothing in it changed', () => {
    const first = filtered(undefined, serviceSet('web', [a, b, node('c', 0)], { held: new Set(['b', 'c']) }), heavy)
    expect([ids(first.result), [...first.result.held]]).toEqual([['a', 'b'], ['b']])
    const tested: string[] = []
    const source = withInstances(first.source, instancesOf(first.source).set('d', node('d', 0)).delete('c'))
    const next = filtered(first, source, instance => (tested.push(instance.id), heavy(instance)))
    expect(tested).toEqual(['d'])
    expect(instancesOf(next.result)).toBe(instancesOf(first.result))
    expect(filtered(next, serviceSet('web', [...source], { status: 'stale' }), heavy).result.status).toBe('stale')
  })
})
