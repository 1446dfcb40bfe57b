import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { serviceInstance, type ServiceInstance } from '../../../src/core/instance/instance.js'
import { diff } from '../../../src/core/sets/diff.js'
import { serviceSet } from '../../../src/core/sets/service-set.js'

const node = (id: string, weight = 1): ServiceInstance => serviceInstance({ service: 'web', id, address: `${id}:80`, weight })
const [a, b, c] = [node('a'), node('b'), node('c')]
const sets = fc
  .dictionary(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), fc.nat({ max: 2 }), { noNullPrototype: true })
  .map(weights => serviceSet('web', Object.entries(weights).map(([id, weight]) => node(id, weight))))

describe('diff', () => {
  it('returns which instances joined, left and were updated, sorted by id', () => {
    const b2 = node('b', 2)
    expect(diff(serviceSet('web', [b, c]), serviceSet('web', [a, b2]))).toEqual([
      { type: 'joined', instance: a },
      { type: 'updated', instance: b2, previous: b },
      { type: 'left', instance: c },
    ])
    expect(diff(serviceSet('web', [a]), serviceSet('web', [node('a')]))).toEqual([])
  })

  it('applied to the one set, gives the other', () => {
    fc.assert(
      fc.property(sets, sets, (before, after) => {
        const reached = new Map(Array.from(before, instance => [instance.id, instance]))
        for (const { type, instance, previous } of diff(before, after)) {
          expect(reached.get(instance.id)).toEqual(type === 'joined' ? undefined : type === 'left' ? instance : previous)
          if (type === 'left') reached.delete(instance.id)
          else reached.set(instance.id, instance)
        }
        expect([...reached.values()].sort((one, two) => (one.id < two.id ? -1 : 1))).toEqual([...after])
      }),
    )
  })
})
