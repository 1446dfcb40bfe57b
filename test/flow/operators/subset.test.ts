import fc from 'fast-check'
import { Subject, of } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { discover, InvalidArgument, serviceInstance, serviceSet, subset, type ServiceInstance, type ServiceSet, type Status, type SubsetOptions } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'
import { virtually } from 'rx-discovery/testing'
import { hash } from '../../../src/core/balance/hash.js'
import { instancesOf, withInstances, withState } from '../../../src/core/sets/service-set.js'
import { SortedMap } from '../../../src/core/sorted-map/sorted-map.js'
import { fill, put, remove, see, shown, steady } from '../scene.js'

const statuses: readonly Status[] = ['starting', 'up', 'draining', 'down']
const node = (id: string, status: Status = 'up', version = '1'): ServiceInstance =>
  serviceInstance({ service: 'web', id, address: `${id}:80`, status, version })
const many = (count: number): readonly ServiceInstance[] => Array.from({ length: count }, (_, at) => node(`node${at}`))
const idsOf = (set: ServiceSet): readonly string[] => set.toArray().map(({ id }) => id)
const only = (set: ServiceSet, options: SubsetOptions): ServiceSet => see(of(set).pipe(subset(options))).last()
const changed = (set: ServiceSet, id: string, instance: ServiceInstance | undefined): ServiceSet =>
  withInstances(set, instance === undefined ? instancesOf(set).delete(id) : instancesOf(set).set(id, instance))

/** Rendezvous order, as an oracle: the highest hash first, then by id. */
const ranked = (all: Iterable<{ readonly id: string }>, key: string): readonly { readonly id: string }[] =>
  [...all].sort((a, b) => hash(b.id, hash(key)) - hash(a.id, hash(key)) || (a.id < b.id ? -1 : 1))

/** What happens to one instance after another: it leaves, or it joins or changes with a status. */
const steps = fc.array(
  fc.record({ id: fc.constantFrom(...'abcdefghijkl'.match(/./g) ?? []), status: fc.option(fc.constantFrom<Status>('up', 'up', 'up', ...statuses), { nil: undefined }), version: fc.constantFrom('1', '2') }),
  { maxLength: 60 },
)
const sizes = fc.integer({ min: 1, max: 13 })

describe('subset', () => {
  it('is the first of the up instances in rendezvous order, whatever happened before, and they are the very instances', () => {
    fc.assert(
      fc.property(steps, sizes, fc.oneof(fc.string(), fc.double()), (all, size, seed) => {
        const sets = new Subject<ServiceSet>()
        const { last } = see(sets.pipe(subset({ size, seed })))
        let set = serviceSet('web')
        for (const { id, status, version } of all) {
          set = changed(set, id, status && node(id, status, version))
          sets.next(set)
          const ups = set.toArray().filter(one => one.status === 'up')
          const expected = [...ranked(ups, String(seed))].slice(0, size).map(one => one.id)
          expect(idsOf(last())).toEqual([...expected].sort())
          for (const one of last()) expect(one).toBe(set.get(one.id))
        }
      }),
    )
  })

  it('exchanges at most one instance when one comes, goes or changes', () => {
    fc.assert(
      fc.property(steps, sizes, fc.string(), (all, size, seed) => {
        const sets = new Subject<ServiceSet>()
        const { values } = see(sets.pipe(subset({ size, seed })))
        let set = serviceSet('web', many(12))
        sets.next(set)
        for (const { id, status, version } of all) sets.next((set = changed(set, id, status && node(id, status, version))))
        for (const [at, after] of values.entries()) {
          const before = values[at - 1] ?? after
          expect(idsOf(after).filter(id => !before.has(id)).length).toBeLessThanOrEqual(1)
          expect(idsOf(before).filter(id => !after.has(id)).length).toBeLessThanOrEqual(1)
        }
      }),
    )
  })

  it('gives starting, draining and down ones no place: the next in rank takes it, and gives it back', () => {
    const set = serviceSet('web', many(6))
    const options = { size: 2, seed: 's' }
    const [first = '', second = '', third = ''] = [...ranked(set, 's')].map(({ id }) => id)
    expect(idsOf(only(set, options))).toEqual([first, second].sort())
    for (const status of ['starting', 'draining', 'down'] as const) {
      const sets = new Subject<ServiceSet>()
      const { last } = see(sets.pipe(subset(options)))
      sets.next(set)
      sets.next(changed(set, first, node(first, status)))
      expect(idsOf(last())).toEqual([second, third].sort())
      sets.next(set)
      expect(idsOf(last())).toEqual([first, second].sort())
    }
  })

  it('is everybody who is up while they are not more than its size', () => {
    const set = serviceSet('web', [...many(3), node('gone', 'down')])
    for (const size of [3, 4, Infinity]) expect(idsOf(only(set, { size }))).toEqual(['node0', 'node1', 'node2'])
    expect(idsOf(only(serviceSet('web'), { size: 3 }))).toEqual([])
  })

  it('is the same for the same seed, and a number is as good as its text', () => {
    const set = serviceSet('web', many(100))
    for (const seed of ['', 'a', 7, 0.5]) expect(idsOf(only(set, { size: 5, seed }))).toEqual(idsOf(only(set, { size: 5, seed: String(seed) })))
    expect(idsOf(only(set, { size: 5, seed: 'a' }))).not.toEqual(idsOf(only(set, { size: 5, seed: 'b' })))
  })

  it('draws a seed once, so that all its subscribers keep the same ones', () => {
    const set = serviceSet('web', many(100))
    let drawn = 0
    const random = (): number => (drawn += 0.1)
    const five$ = of(set).pipe(subset({ size: 5, random }))
    expect([idsOf(see(five$).last()), drawn]).toEqual([idsOf(see(five$).last()), 0.1])
    expect(idsOf(see(five$).last())).toEqual(idsOf(only(set, { size: 5, seed: 0.1 })))
    expect(idsOf(only(set, { size: 5 }))).toHaveLength(5)
  })

  it('spreads many clients evenly over all instances, within 3.5 standard deviations', () => {
    const [clients, size, all] = [2_000, 5, many(40)] as const
    const counts = new Map<string, number>()
    const set = serviceSet('web', all)
    for (let client = 0; client < clients; client += 1)
      for (const { id } of only(set, { size, seed: `client-${client}` })) counts.set(id, (counts.get(id) ?? 0) + 1)
    const share = size / all.length
    const deviations = all.map(({ id }) => ((counts.get(id) ?? 0) - clients * share) / Math.sqrt(clients * share * (1 - share)))
    expect(Math.max(...deviations.map(Math.abs))).toBeLessThan(3.5)
    expect(Math.sqrt(deviations.reduce((sum, one) => sum + one ** 2, 0) / all.length)).toBeLessThan(1.5)
  })

  it('keeps its instances map while nobody of it changed, and pays for what did alone', () => {
    const all = many(10_000)
    const set = serviceSet('web', all)
    const sets = new Subject<ServiceSet>()
    const { last } = see(sets.pipe(subset({ size: 20, seed: 's' })))
    sets.next(set)
    const first = last()
    const outside = all.find(({ id }) => !first.has(id))?.id ?? ''
    const inside = idsOf(first)[7] ?? ''
    sets.next(changed(set, outside, node(outside, 'up', '2')))
    expect(instancesOf(last())).toBe(instancesOf(first))
    sets.next(changed(set, inside, node(inside, 'up', '2')))
    expect(SortedMap.difference(instancesOf(first), instancesOf(last())).map(({ key }) => key)).toEqual([inside])
  })

  it('keeps status, trouble, revision and what cannot be read, and held those that it shows', () => {
    const trouble = { error: new Error('away'), since: 1, attempt: 1, retryAt: 2 }
    const set = serviceSet('web', many(4), { revision: 7, asOf: 3, rejected: [{ key: 'k', reason: 'unreadable' }], held: new Set(['node0', 'node1', 'node2', 'node3']) })
    const two = only(set, { size: 2, seed: 's' })
    expect([two.status, two.revision, two.asOf, [...two.rejected.keys()], [...two.held].sort()]).toEqual(['live', 7, 3, ['k'], idsOf(two)])
    const stale = only(withState(set, { status: 'stale', trouble }), { size: 2, seed: 's' })
    expect([stale.status, stale.trouble, idsOf(stale)]).toEqual(['stale', trouble, idsOf(two)])
  })

  it('is pending, then live, stale and live again as its registry is', () => virtually(({ advance }) => {
    const registry = memoryRegistry()
    fill(registry, 3)
    const { values, stop } = see(discover(registry, 'web', { backoff: steady }).pipe(subset({ size: 1, seed: 'x' })))
    const [kept = ''] = idsOf(values.at(-1) ?? serviceSet('web'))
    registry.interrupt()
    advance(50)
    remove(registry, kept)
    put(registry, kept)
    const other = shown(values.at(-2) ?? serviceSet('web'))
    expect(values.map(shown)).toEqual(['pending', `live ${kept}@1`, `stale ${kept}@1`, `live ${kept}@1`, other, `live ${kept}@1`])
    expect(other).toMatch(/^live n00000\d@1$/)
    stop()
  }))

  it('starts over for each subscriber', () => {
    const sets = new Subject<ServiceSet>()
    const source = sets.pipe(subset({ size: 2, seed: 's' }))
    const early = see(source)
    sets.next(serviceSet('web', many(9)))
    const late = see(source)
    sets.next(serviceSet('web', many(8)))
    expect(idsOf(late.last())).toEqual(idsOf(early.last()))
    expect(idsOf(late.last())).toEqual(idsOf(only(serviceSet('web', many(8)), { size: 2, seed: 's' })))
  })

  it.each([0, -1, 1.5, NaN, -Infinity])('errors with a size of %d', size => {
    const { error, values } = see(of(serviceSet('web')).pipe(subset({ size })))
    expect(error).toBeInstanceOf(InvalidArgument)
    expect([values, String(error)]).toEqual([[], `InvalidArgument: size: must be a whole number, 1 or more, not ${size}`])
  })
})
