import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { diff } from '../../../src/core/sets/diff.js'
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

  it('has methods that work when destructured', () => {
    const { get, has, at, toArray, toJSON } = set
    expect([get('a'), has('a'), at(0), toArray()[0]]).toEqual([a, true, a, a])
    expect(toJSON()).toEqual(set.toJSON())
  })

  it('does not change', () => {
    expect(set.toArray()).toBe(set.toArray())
    expect(() => (set.toArray() as ServiceInstance[]).push(a)).toThrow(TypeError)
    expect(() => Object.assign(set, { status: 'stale' })).toThrow(TypeError)
  })

  it('equals a set of the same content, whatever its history', () => {
    const grown = withInstances(set, instancesOf(set).delete('b').set('b', b))
    expect(grown).toEqual(set)
    expect(grown).not.toBe(set)
    expect(withInstances(set, instancesOf(set).delete('b'))).not.toEqual(set)
    expect(withInstances(set, instancesOf(set))).toBe(set)
    expect(withInstances(set, instancesOf(set), new Set()).held.size).toBe(0)
  })

  it('has everything in its JSON, without cycles', () => {
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

  it('is pending before anything has been read', () => {
    expect(pendingSet('web')).toEqual(serviceSet('web', [], { status: 'pending' }))
    expect(pendingSet('web')).toMatchObject({ status: 'pending', revision: 0, asOf: 0, size: 0, trouble: undefined })
  })

  it('throws on an instance of another service', () => {
    expect(() => serviceSet('db', [a])).toThrow(InvalidArgument)
  })
})

it('instancesOf works on a set of another implementation', () => {
  const own = serviceSet('web', [a, b])
  const theirs = new Proxy({}, { get: (_, name) => (name === Symbol.iterator ? () => [b, a].values() : (Reflect.get(own, name) as unknown)) }) as ServiceSet
  expect([...instancesOf(theirs)]).toEqual([...SortedMap.from([['a', a], ['b', b]])])
  expect(diff(own, theirs)).toEqual([])
})
