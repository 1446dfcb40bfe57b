import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { diff, filtered, type Filtered } from '../../../src/core/sets/diff.js'
import { InvalidArgument } from '../../../src/core/errors.js'
import { serviceInstance, type ServiceInstance } from '../../../src/core/instance/instance.js'
import { instancesOf, pendingSet, serviceSet, type ServiceSet, withInstances } from '../../../src/core/sets/service-set.js'
import { SortedMap } from '../../../src/core/sorted-map/sorted-map.js'

const node = (id: string, weight = 1): ServiceInstance => serviceInstance({ service: 'web', id, address: `${id}:80`, weight })
const [a, b, c] = [node('a'), node('b'), node('c')]
const ids = (set: ServiceSet): string[] => Array.from(set, ({ id }) => id)

describe('a service set', () => {
  const set = serviceSet('web', [c, a, b], { revision: 7, held: new Set(['c']), rejected: [{ key: '/web/x', reason: 'no address' }] })

  it('iterates sorted by id and finds by id and by rank', () => {
    expect(ids(set)).toEqual(['a', 'b', 'c'])
    expect([set.size, set.get('b'), set.get('z'), set.has('a'), set.has('z'), set.at(2), set.at(3)]).toEqual([3, b, undefined, true, false, c, undefined])
    expect(set.rejected.get('/web/x')).toEqual({ key: '/web/x', reason: 'no address' })
  })

  it('has methods that can be taken off', () => {
    const { get, has, at, toArray, toJSON } = set
    expect([get('a'), has('a'), at(0), toArray()[0]]).toEqual([a, true, a, a])
    expect(toJSON()).toEqual(set.toJSON())
  })

  it('does not change', () => {
    expect(set.toArray()).toBe(set.toArray())
    expect(() => (set.toArray() as ServiceInstance[]).push(a)).toThrow(TypeError)
    expect(() => Object.assign(set, { status: 'stale' })).toThrow(TypeError)
  })

  it('is equal to one of the same content, whatever its history', () => {
    const grown = withInstances(set, instancesOf(set).delete('b').set('b', b))
    expect(grown).toEqual(set)
    expect(grown).not.toBe(set)
    expect(withInstances(set, instancesOf(set).delete('b'))).not.toEqual(set)
    expect(withInstances(set, instancesOf(set))).toBe(set)
    expect(withInstances(set, instancesOf(set), new Set()).held.size).toBe(0)
  })

  it('says all it is as JSON, without cycles', () => {
    const error = Object.assign(new Error('refused', { cause: 'x' }), { self: {} })
    error.self = error
    const stale = serviceSet('web', [a], { status: 'stale', revision: 3, asOf: 4, trouble: { error, since: 5, attempt: 6, retryAt: 7, host: 'h' } })
    expect(JSON.parse(JSON.stringify(stale))).toEqual({
      service: 'web',
      status: 'stale',
      revision: 3,
      asOf: 4,
      trouble: { error: { name: 'Error', message: 'refused' }, since: 5, attempt: 6, retryAt: 7, host: 'h' },
      instances: [JSON.parse(JSON.stringify(a))],
      rejected: [],
      held: [],
    })
    expect(JSON.parse(JSON.stringify(set))).toMatchObject({ held: ['c'], rejected: [{ key: '/web/x', reason: 'no address' }] })
  })

  it('can be read in a console', () => {
    expect(inspect(set)).toContain("status: 'live'")
    expect(inspect(set)).toContain("address: 'a:80'")
  })

  it('is pending while nothing is known', () => {
    expect(pendingSet('web')).toEqual(serviceSet('web', [], { status: 'pending' }))
    expect(pendingSet('web')).toMatchObject({ status: 'pending', revision: 0, asOf: 0, size: 0, trouble: undefined })
  })

  it('is not made of instances of another service', () => {
    expect(() => serviceSet('db', [a])).toThrow(InvalidArgument)
  })
})

const sets = fc
  .dictionary(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), fc.nat({ max: 2 }), { noNullPrototype: true })
  .map(weights => serviceSet('web', Object.entries(weights).map(([id, weight]) => node(id, weight))))

describe('diff', () => {
  it('tells who joined, left and was updated, sorted by id', () => {
    const b2 = node('b', 2)
    expect(diff(serviceSet('web', [b, c]), serviceSet('web', [a, b2]))).toEqual([
      { type: 'joined', instance: a },
      { type: 'updated', instance: b2, previous: b },
      { type: 'left', instance: c },
    ])
    expect(diff(serviceSet('web', [a]), serviceSet('web', [node('a')]))).toEqual([])
  })

  it('leads from the one set to the other', () => {
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

describe('filtered', () => {
  const heavy = ({ weight }: ServiceInstance): boolean => weight > 0

  it('is the filter of each set, step by step', () => {
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

  it('asks only about what differs, and keeps the map while nothing in it does', () => {
    const first = filtered(undefined, serviceSet('web', [a, b, node('c', 0)], { held: new Set(['b', 'c']) }), heavy)
    expect([ids(first.result), [...first.result.held]]).toEqual([['a', 'b'], ['b']])
    const asked: string[] = []
    const source = withInstances(first.source, instancesOf(first.source).set('d', node('d', 0)).delete('c'))
    const next = filtered(first, source, instance => (asked.push(instance.id), heavy(instance)))
    expect(asked).toEqual(['d'])
    expect(instancesOf(next.result)).toBe(instancesOf(first.result))
    expect(filtered(next, serviceSet('web', [...source], { status: 'stale' }), heavy).result.status).toBe('stale')
  })
})

it('takes the instances of a set that others made', () => {
  const own = serviceSet('web', [a, b])
  const theirs = new Proxy({}, { get: (_, name) => (name === Symbol.iterator ? () => [b, a].values() : (Reflect.get(own, name) as unknown)) }) as ServiceSet
  expect([...instancesOf(theirs)]).toEqual([...SortedMap.from([['a', a], ['b', b]])])
  expect(diff(own, theirs)).toEqual([])
})
