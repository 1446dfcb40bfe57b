import * as t from 'io-ts'
import { describe, expect, it } from 'vitest'
import { native, plain, serviceInstance, serviceSet, type Format, type SavedSet, type ServiceInstance, type ServiceSet } from 'rx-discovery'
import { restoredSet, restoring, savedSet } from '../../../src/core/sets/saved-set.js'

const at = 7_000
const instance = serviceInstance({
  ...{ service: 'web', id: 'a', address: 'a:80', endpoints: { http: 'http://a:81' }, status: 'draining', weight: 3, zone: 'z', version: '1', tags: ['t'], incarnation: 'i' },
  metadata: { deep: [{ down: null }] },
})
const byHand: ServiceInstance = { ...serviceInstance({ service: 'web', address: 'b:80' }), leased: false }
const set = serviceSet('web', [instance, byHand], { revision: 12, asOf: 5_000 })
const restored = (saved: ServiceSet | SavedSet, formats: readonly Format[] = [native()]): ServiceSet => restoredSet('web', saved, formats, at)
const saved = (value: unknown): SavedSet => JSON.parse(JSON.stringify(value)) as SavedSet
const reasons = (of: ServiceSet): (readonly string[])[] => [...of.rejected.values()].map(({ key, reason }) => [key, reason])

describe('a set that was saved as JSON', () => {
  it('is restored with all fields of its instances, as a stale set that says why', () => {
    const again = restored(saved(set))
    expect(again.toArray()).toEqual([instance, byHand])
    expect([again.service, again.status, again.revision, again.asOf, again.rejected.size, again.held.size]).toEqual(['web', 'stale', 12, 5_000, 0, 0])
    expect(again.trouble).toEqual({ error: new Error('the set was saved earlier: the registry has not been listed yet'), since: at, attempt: 0, retryAt: at })
    expect(again.toArray().every(Object.isFrozen)).toBe(true)
    expect(saved(restored(saved(again)))).toEqual(saved(again))
  })
  it('keeps its good instances if others are wrong: each of these is a rejected entry that names its place, and does not show the value', () => {
    const hostile = JSON.parse('{"service":"web","address":"f:80","metadata":{"__proto__":{"polluted":1}}}') as unknown
    const entries = [instance, { ...instance, id: 'b', address: '0.0.0.0:80' }, { ...instance, service: 'other' }, null, 'secret', hostile, { service: 'web', id: 'g', address: 'g:80' }]
    const again = restored({ service: 'web', revision: 1, asOf: 0, instances: entries })
    expect(again.toArray().map(({ id }) => id)).toEqual(['a', 'g'])
    expect(reasons(again)).toEqual([
      ['initial.instances.1', 'address must be the address of one machine, not that of all its interfaces'],
      ['initial.instances.2', 'service must be that of the set'],
      ['initial.instances.3', 'the instance must be an object with service and address'],
      ['initial.instances.4', 'the instance must be an object with service and address'],
      ['initial.instances.5', 'metadata must not hold the key "__proto__"'],
    ])
  })
  it('shows the first of several instances with one id, and rejects the others', () => {
    const again = restored({ service: 'web', revision: 1, asOf: 0, instances: ['a:80', 'b:80', 'c:80'].map((address, index) => ({ service: 'web', id: index < 2 ? 'a' : 'c', address })) })
    expect(again.toArray().map(({ address }) => address)).toEqual(['a:80', 'c:80'])
    expect(reasons(again)).toEqual([['initial.instances.1', 'id must not be that of another instance of the set']])
  })
  it('is restored as a JSON also if it has a field with the name of a method', () => {
    expect(restored({ ...saved(set), toArray: 1 } as SavedSet).toArray()).toEqual([instance, byHand])
  })
  it('is restored at once up to 256 instances; beyond, in parts of one', () => {
    const parts = (size: number): number => [...restoring('web', saved(serviceSet('web', Array.from({ length: size }, (_, index) => serviceInstance({ service: 'web', address: `a${index}:80` })))), [native()], at)].length
    expect([0, 256, 300].map(parts)).toEqual([0, 0, 44])
  })
  it('has no instance whose metadata is not of the type of the format', () => {
    const typed = native({ metadata: t.type({ rack: t.string }) }) as unknown as Format
    const [good, old] = [{ rack: 'r1' }, { rack: 1 }].map((metadata, index) => serviceInstance({ service: 'web', address: `${index}a:80`, metadata }))
    const all = saved(serviceSet('web', [good, old] as ServiceInstance[]))
    expect(restored(all, [typed]).toArray().map(({ metadata }) => metadata)).toEqual([{ rack: 'r1' }])
    expect(reasons(restored(all, [typed]))).toEqual([['initial.instances.1', expect.stringMatching(/^metadata must be what the format can store/)]])
    expect(restored(all, [typed, plain() as unknown as Format]).size).toBe(2)
  })
})

describe('a set that is still a set', () => {
  it('is restored with the same instances, also those whose metadata JSON cannot carry', () => {
    const dated = serviceInstance({ service: 'web', address: 'a:80', metadata: new Date(0) })
    const again = restored(serviceSet('web', [dated], { revision: 3, asOf: 2 }))
    expect([again.get('a:80') === dated, again.status, again.revision, again.asOf]).toEqual([true, 'stale', 3, 2])
  })
})

describe('the check of a saved set', () => {
  it('passes a set and its JSON', () => {
    expect([set, saved(set)].map(savedSet)).toEqual([undefined, undefined])
  })
  it.each([
    [{}, 'revision', 'must be a whole number, 0 or more'],
    [{ ...saved(set), revision: -1 }, 'revision', 'must be a whole number, 0 or more'],
    [{ ...saved(set), revision: 1.5 }, 'revision', 'must be a whole number, 0 or more'],
    [{ ...saved(set), asOf: '2026' }, 'asOf', 'must be a number from 0 to 8640000000000000'],
    [{ ...saved(set), asOf: 1e300 }, 'asOf', 'must be a number from 0 to 8640000000000000'],
    [{ ...saved(set), instances: {} }, 'instances', 'must be a list of instances'],
    [{ ...saved(set), instances: undefined }, 'instances', 'must be a list of instances'],
  ])('refuses %j', (value, path, text) => {
    const found = savedSet(value)
    expect([found?.path.join(), found?.must]).toEqual([path, text])
  })
  it.each<[string, unknown, string | undefined]>([
    ['a text', JSON.stringify(set), 'JSON.parse(text) returns one'],
    ['a Promise', Promise.resolve(saved(set)), 'await it'],
    ['null', null, undefined],
    ['a list', [set], undefined],
  ])('says of %s what would be right', (_, value, hint) => {
    const found = savedSet(value)
    expect([found?.path, found?.must, found?.hint]).toEqual([[], 'must be a set, or its JSON as an object', hint])
  })
})
