import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { serviceInstance, type ServiceInstance } from '../../../src/core/instance/instance.js'
import { merged, unmerged, type Merged } from '../../../src/core/sets/merge.js'
import { serviceSet, type ServiceSet } from '../../../src/core/sets/service-set.js'

const node = (id: string, host: string, weight = 1): ServiceInstance => serviceInstance({ service: 'web', id, address: `${host}:80`, weight })
const shown = ({ result }: Merged<unknown>): string[] => Array.from(result, ({ id, address }) => `${id}@${address.replace(':80', '')}`)
const mergedAll = (...sets: readonly ServiceSet[]): Merged<unknown> =>
  sets.reduce((state, set, at) => merged(state, at, set), unmerged<unknown>('web', sets.length))

/** The model: the merged instances of all formats, computed from scratch. */
const naive = (sets: readonly ServiceSet[]): ServiceInstance[] =>
  sets
    .reduce<ServiceInstance[]>((all, set) => [...all, ...[...set].filter(one => !all.some(({ id, address }) => id === one.id || address === one.address))], [])
    .sort((a, b) => (a.id < b.id ? -1 : 1))

describe('several formats of a service', () => {
  it('show an address once, as the first format has it', () => {
    expect(shown(mergedAll(serviceSet('web', [node('new', 'x')]), serviceSet('web', [node('old', 'x'), node('only', 'y')])))).toEqual(['new@x', 'only@y'])
  })

  it('show an id once, and an address once for each id that it has within one format', () => {
    expect(shown(mergedAll(serviceSet('web', [node('a', 'x')]), serviceSet('web', [node('a', 'y'), node('b', 'z'), node('c', 'z')])))).toEqual(['a@x', 'b@z', 'c@z'])
  })

  it('show an instance that only a hidden instance would hide', () => {
    expect(shown(mergedAll(serviceSet('web', [node('a', 'x')]), serviceSet('web', [node('b', 'x')]), serviceSet('web', [node('b', 'y')])))).toEqual(['a@x', 'b@y'])
  })

  it('show an instance of the second format again when the first format loses its own', () => {
    const state = mergedAll(serviceSet('web', [node('a', 'x')]), serviceSet('web', [node('b', 'x')]))
    expect(shown(merged(state, 0, serviceSet('web', [])))).toEqual(['b@x'])
    expect(shown(merged(state, 0, serviceSet('web', [node('a', 'z')])))).toEqual(['a@z', 'b@x'])
  })

  it('equal the model, in whatever order the sets come', () => {
    const instance = fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.constantFrom('w', 'x', 'y', 'z'), fc.nat({ max: 1 }))
    const set = fc.array(instance, { maxLength: 5 }).map(all => serviceSet('web', all.map(one => node(...one))))
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat({ max: 2 }), set), { maxLength: 20 }), steps => {
        let state = unmerged<unknown>('web', 3)
        for (const [format, next] of steps) {
          state = merged(state, format, next)
          expect([...state.result]).toEqual(naive(state.sets))
        }
      }),
      { numRuns: 500 },
    )
  })

  it('keep the instances that did not change (`===`)', () => {
    const state = mergedAll(serviceSet('web', [node('a', 'x'), node('c', 'v')]), serviceSet('web', [node('b', 'y')]))
    const next = merged(state, 1, serviceSet('web', [node('b', 'y', 2)]))
    expect(next.result.get('a')).toBe(state.result.get('a'))
    expect(next.result.get('b')?.weight).toBe(2)
  })

  it('are the same set (`===`) after a change that the first format hides', () => {
    const state = mergedAll(serviceSet('web', [node('a', 'x')], { revision: 5 }), serviceSet('web', [node('a', 'x')], { revision: 5 }))
    const next = merged(state, 1, serviceSet('web', [node('a', 'x', 2)], { revision: 6 }))
    expect(next.result).toBe(state.result)
    expect(merged(next, 0, serviceSet('web', [], { revision: 7 })).result).toMatchObject({ revision: 6, size: 1 })
  })

  it('have the status of the least known set, and its revision and time', () => {
    const trouble = { error: new Error('away'), since: 1, attempt: 1, retryAt: 2 }
    const live = serviceSet('web', [], { revision: 9, asOf: 90, rejected: [{ key: '/1', reason: 'first' }], held: new Set(['h']) })
    const stale = serviceSet('web', [], { status: 'stale', revision: 7, asOf: 95, trouble, rejected: [{ key: '/1', reason: 'second' }, { key: '/2', reason: 'other' }] })
    const half = merged(unmerged('web', 2), 0, live)
    expect(half.result).toMatchObject({ status: 'pending', revision: 0, asOf: 0 })
    const both = merged(half, 1, stale)
    expect(both.result).toMatchObject({ status: 'stale', revision: 7, asOf: 90, trouble })
    expect(both.result.rejected.get('/1')?.reason).toBe('first')
    expect([both.result.rejected.size, [...both.result.held]]).toEqual([2, ['h']])
    expect(merged(both, 1, live).result).toMatchObject({ status: 'live', revision: 9, trouble: undefined })
  })
})
