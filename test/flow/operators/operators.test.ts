import { firstValueFrom, of, Subject, throwError, type Observable } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { changes, discover, known, serviceInstance, serviceSet, where, type InstanceChange, type ServiceInstance, type ServiceSet } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'
import { virtually } from 'rx-discovery/testing'
import { instancesOf, withInstances, withState } from '../../../src/core/sets/service-set.js'
import { keyOf, put, remove, see, shown, steady } from '../scene.js'

const node = (id: string, version = '1'): ServiceInstance => serviceInstance({ service: 'web', id, address: `${id}:80`, version })
const trouble = { error: new Error('away'), since: 1, attempt: 1, retryAt: 2 }
const told = (all: readonly InstanceChange[]): string[] =>
  all.map(({ type, instance, previous }) => `${type} ${instance.id}@${instance.version}${previous === undefined ? '' : ` was ${previous.version}`}`)

describe('known', () => {
  it('skips what is pending and nothing else, so that the first value is known', async () => {
    const registry = memoryRegistry()
    const first = firstValueFrom(discover(registry, 'web').pipe(known()))
    expect(shown(await first)).toBe('live')
    const sets = [serviceSet('web', [], { status: 'pending' }), serviceSet('web', [node('a')]), serviceSet('web', [node('a')], { status: 'stale', trouble })]
    expect(see(of(...sets).pipe(known())).values).toEqual(sets.slice(1))
    expect(registry.subscriptions().watches).toBe(0)
  })
})

describe('changes', () => {
  const start = (): { readonly sets: Subject<ServiceSet>; readonly since: () => string[][]; readonly source: Observable<readonly InstanceChange[]> } => {
    const sets = new Subject<ServiceSet>()
    const source = sets.pipe(changes())
    const { values } = see(source)
    return { sets, source, since: () => values.splice(0).map(told) }
  }

  it('lets everybody join in the first live set, then tells who joined, left or was updated, by id', () => {
    const { sets, since } = start()
    sets.next(serviceSet('web', [node('b'), node('a')]))
    expect(since()).toEqual([['joined a@1', 'joined b@1']])
    sets.next(serviceSet('web', [node('c'), node('a', '2')]))
    expect(since()).toEqual([['updated a@2 was 1', 'left b@1', 'joined c@1']])
  })

  it('tells nothing of pending and stale sets, and after them what differs from the last live one', () => {
    const { sets, since } = start()
    sets.next(serviceSet('web', [], { status: 'pending' }))
    sets.next(serviceSet('web', [node('a')], { status: 'stale', trouble }))
    expect(since()).toEqual([])
    sets.next(serviceSet('web', [node('a'), node('b')]))
    sets.next(serviceSet('web', [node('b'), node('c')], { status: 'stale', trouble }))
    expect(since()).toEqual([['joined a@1', 'joined b@1']])
    sets.next(serviceSet('web', [node('b'), node('d')]))
    expect(since()).toEqual([['left a@1', 'joined d@1']])
  })

  it('tells nothing when nobody changed, though the set did, nor of the first when it is empty', () => {
    const { sets, since } = start()
    sets.next(serviceSet('web'))
    sets.next(serviceSet('web', [], { revision: 2, rejected: [{ key: 'k', reason: 'unreadable' }] }))
    expect(since()).toEqual([])
    sets.next(serviceSet('web', [node('a')]))
    since()
    sets.next(serviceSet('web', [node('a')], { revision: 7 }))
    expect(since()).toEqual([])
  })

  it('starts over for each subscriber, and passes on how the sets end', () => {
    const { sets, source, since } = start()
    sets.next(serviceSet('web', [node('a')]))
    since()
    const late = see(source)
    sets.next(serviceSet('web', [node('a'), node('b')]))
    expect([since(), late.values.map(told)]).toEqual([[['joined b@1']], [['joined a@1', 'joined b@1']]])
    sets.complete()
    expect(late.completed).toBe(true)
    expect(see(throwError(() => trouble.error).pipe(changes())).error).toBe(trouble.error)
  })

  it('over an outage of a registry are the difference alone', () => virtually(({ advance }) => {
    const registry = memoryRegistry()
    for (const id of ['a', 'b']) put(registry, id)
    const { values, stop } = see(discover(registry, 'web', { backoff: steady }).pipe(changes()))
    registry.interrupt(1_000)
    remove(registry, 'a')
    put(registry, 'b')
    put(registry, 'c')
    advance(999)
    expect(values.map(told)).toEqual([['joined a@1', 'joined b@1']])
    advance(1_000)
    expect(values.slice(1).map(told)).toEqual([['left a@1', 'joined c@1']])
    stop()
  }))
})

describe('where', () => {
  const even = ({ version }: ServiceInstance): boolean => Number(version) % 2 === 0

  it('shows only those that satisfy the predicate, as they come to and cease to', () => virtually(() => {
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

  it('asks only about those that changed', () => virtually(({ advance }) => {
    const registry = memoryRegistry()
    for (let index = 0; index < 100; index += 1) put(registry, `n${index}`, '2')
    const asked: string[] = []
    const { last, stop } = see(discover(registry, 'web', { backoff: steady }).pipe(where(instance => asked.push(instance.id) > 0 && even(instance))))
    expect(asked).toHaveLength(100)
    asked.splice(0)
    put(registry, 'n5', '3')
    put(registry, 'n7', '4')
    remove(registry, 'n9')
    registry.interrupt()
    advance(50)
    expect([asked, last().status, last().size]).toEqual([['n5', 'n7'], 'live', 98])
    stop()
  }))

  it('keeps the very instances, and their very map when none of them changed', () => virtually(({ advance }) => {
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

  it('keeps status, trouble and what cannot be read', () => virtually(({ now }) => {
    const registry = memoryRegistry()
    put(registry, 'a', '1')
    registry.write(keyOf('bad'), 'what')
    const { last, stop } = see(discover(registry, 'web', { backoff: steady }).pipe(where(even)))
    registry.interrupt(1_000)
    expect([shown(last()), [...last().rejected.keys()], last().trouble?.since, last().asOf]).toEqual(['stale', [keyOf('bad')], now(), 0])
    stop()
  }))

  it('keeps held those that it shows', () => {
    const set = serviceSet('web', [node('a', '1'), node('b', '2'), node('c', '4')], { held: new Set(['a', 'b']) })
    const { values } = see(of(set, withState(set, { held: new Set(['c']) }), withState(set, { held: new Set(['a']) })).pipe(where(even)))
    expect(values.map(({ held }) => [...held])).toEqual([['b'], ['c'], []])
  })

  it('marks one held that comes to be shown, and only while it is', () => {
    const held = new Set(['a', 'b'])
    const sets = ['1', '2', '3'].map(version => serviceSet('web', [node('a', version), node('b', '2')], { held }))
    expect(see(of(...sets).pipe(where(even))).values.map(set => [...set.held])).toEqual([['b'], ['a', 'b'], ['b']])
  })

  it('shows everybody or nobody when that is what the predicate says', () => {
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

  it('passes on what the predicate throws', () => {
    const error = new RangeError('no')
    const seen = see(of(serviceSet('web', [node('a')])).pipe(where(() => { throw error })))
    expect([seen.values, seen.error]).toEqual([[], error])
  })
})
