import { of, Subject } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { discover, serviceInstance, serviceSet, where, type ServiceInstance, type ServiceSet } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'
import { virtually } from 'rx-discovery/testing'
import { instancesOf, withInstances, withState } from '../../../src/core/sets/service-set.js'
import { keyOf, put, remove, see, shown, steady } from '../scene.js'

const node = (id: string, version = '1'): ServiceInstance => serviceInstance({ service: 'web', id, address: `${id}:80`, version })

describe('where', () => {
  const even = ({ version }: ServiceInstance): boolean => Number(version) % 2 === 0

  it('shows exactly the instances for which the predicate holds, set by set', () => virtually(() => {
    const registry = memoryRegistry()
    put(registry, 'a', '1')
    put(registry, 'b', '2')
    const { values, stop } = see(discover(registry, 'web').pipe(where(even)))
    put(registry, 'a', '4')
    put(registry, 'b', '3')
    remove(registry, 'a')
    expect(values.map(shown)).toEqual(['pending', 'live b@2', 'live a@4 b@2', 'live a@4', 'live'])
    expect(values.map(({ revision }) => revision)).toEqual([0, 3, 4, 5, 6])
    stop()
  }))

  it('calls the predicate only for instances that changed', () => virtually(({ advance }) => {
    const registry = memoryRegistry()
    for (let index = 0; index < 100; index += 1) put(registry, `n${index}`, '2')
    const tested: string[] = []
    const { last, stop } = see(discover(registry, 'web', { backoff: steady }).pipe(where(instance => tested.push(instance.id) > 0 && even(instance))))
    expect(tested).toHaveLength(100)
    tested.splice(0)
    put(registry, 'n5', '3')
    put(registry, 'n7', '4')
    remove(registry, 'n9')
    registry.interrupt()
    advance(50)
    expect([tested, last().status, last().size]).toEqual([['n5', 'n7'], 'live', 98])
    stop()
  }))

  it('keeps the instances (`===`), and their map while none of them changed', () => virtually(({ advance }) => {
    const registry = memoryRegistry()
    put(registry, 'a', '2')
    put(registry, 'b', '1')
    const { values, stop } = see(discover(registry, 'web', { backoff: steady }).pipe(where(even)))
    put(registry, 'b', '3')
    remove(registry, 'b')
    registry.interrupt()
    advance(50)
    const [, first, ...later] = values
    expect(values.map(shown)).toEqual(['pending', 'live a@2', 'live a@2', 'live a@2', 'stale a@2', 'live a@2'])
    for (const set of later) expect(first !== undefined && instancesOf(set) === instancesOf(first)).toBe(true)
    put(registry, 'c', '2')
    expect(values.at(-1)?.get('a')).toBe(first?.get('a'))
    stop()
  }))

  it('keeps status, trouble and rejected entries', () => virtually(({ now }) => {
    const registry = memoryRegistry()
    put(registry, 'a', '1')
    registry.write(keyOf('bad'), 'what')
    const { last, stop } = see(discover(registry, 'web', { backoff: steady }).pipe(where(even)))
    registry.interrupt(1_000)
    expect([shown(last()), [...last().rejected.keys()], last().trouble?.since, last().asOf]).toEqual(['stale', [keyOf('bad')], now(), 0])
    stop()
  }))

  it('keeps the `held` ids of the instances that it shows', () => {
    const set = serviceSet('web', [node('a', '1'), node('b', '2'), node('c', '4')], { held: new Set(['a', 'b']) })
    const { values } = see(of(set, withState(set, { held: new Set(['c']) }), withState(set, { held: new Set(['a']) })).pipe(where(even)))
    expect(values.map(({ held }) => [...held])).toEqual([['b'], ['c'], []])
  })

  it('has the id of a held instance in `held` only while it shows the instance', () => {
    const held = new Set(['a', 'b'])
    const sets = ['1', '2', '3'].map(version => serviceSet('web', [node('a', version), node('b', '2')], { held }))
    expect(see(of(...sets).pipe(where(even))).values.map(set => [...set.held])).toEqual([['b'], ['a', 'b'], ['b']])
  })

  it('shows all instances or none if the predicate always returns true or false', () => {
    const set = serviceSet('web', [node('a'), node('b')])
    const other = withInstances(set, instancesOf(set).delete('a'))
    expect(see(of(set, other).pipe(where(() => true))).values.map(shown)).toEqual(['live a@1 b@1', 'live b@1'])
    expect(see(of(set).pipe(where(() => false))).values.map(shown)).toEqual(['live'])
  })

  it('starts over for each subscriber', () => {
    const sets = new Subject<ServiceSet>()
    const source = sets.pipe(where(even))
    const early = see(source)
    sets.next(serviceSet('web', [node('a', '2')]))
    const late = see(source)
    sets.next(serviceSet('web', [node('a', '2'), node('b', '4')]))
    expect([early.values.map(shown), late.values.map(shown)]).toEqual([['live a@2', 'live a@2 b@4'], ['live a@2 b@4']])
  })

  it('errors with what the predicate throws', () => {
    const error = new RangeError('no')
    const seen = see(of(serviceSet('web', [node('a')])).pipe(where(() => { throw error })))
    expect([seen.values, seen.error]).toEqual([[], error])
  })
})
