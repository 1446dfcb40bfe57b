import { Subject, throwError, type Observable } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { changes, discover, serviceInstance, serviceSet, type InstanceChange, type ServiceInstance, type ServiceSet } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'
import { virtually } from 'rx-discovery/testing'
import { put, remove, see, steady } from '../scene.js'

const node = (id: string, version = '1'): ServiceInstance => serviceInstance({ service: 'web', id, address: `${id}:80`, version })
const trouble = { error: new Error('away'), since: 1, attempt: 1, retryAt: 2 }
const textsOf = (all: readonly InstanceChange[]): string[] =>
  all.map(({ type, instance, previous }) => `${type} ${instance.id}@${instance.version}${previous === undefined ? '' : ` was ${previous.version}`}`)

describe('changes', () => {
  const start = (): { readonly sets: Subject<ServiceSet>; readonly since: () => string[][]; readonly source: Observable<readonly InstanceChange[]> } => {
    const sets = new Subject<ServiceSet>()
    const source = sets.pipe(changes())
    const { values } = see(source)
    return { sets, source, since: () => values.splice(0).map(textsOf) }
  }

  it('emits all instances of the first live set as joined, then those that joined, left or were updated, sorted by id', () => {
    const { sets, since } = start()
    sets.next(serviceSet('web', [node('b'), node('a')]))
    expect(since()).toEqual([['joined a@1', 'joined b@1']])
    sets.next(serviceSet('web', [node('c'), node('a', '2')]))
    expect(since()).toEqual([['updated a@2 was 1', 'left b@1', 'joined c@1']])
  })

  it('emits nothing for pending and stale sets, and after them the changes since the last live set', () => {
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

  it('emits nothing for a set without changed instances, nor for an empty first set', () => {
    const { sets, since } = start()
    sets.next(serviceSet('web'))
    sets.next(serviceSet('web', [], { revision: 2, rejected: [{ key: 'k', reason: 'unreadable' }] }))
    expect(since()).toEqual([])
    sets.next(serviceSet('web', [node('a')]))
    since()
    sets.next(serviceSet('web', [node('a')], { revision: 7 }))
    expect(since()).toEqual([])
  })

  it('starts over for each subscriber, and completes and errors with its source', () => {
    const { sets, source, since } = start()
    sets.next(serviceSet('web', [node('a')]))
    since()
    const late = see(source)
    sets.next(serviceSet('web', [node('a'), node('b')]))
    expect([since(), late.values.map(textsOf)]).toEqual([[['joined b@1']], [['joined a@1', 'joined b@1']]])
    sets.complete()
    expect(late.completed).toBe(true)
    expect(see(throwError(() => trouble.error).pipe(changes())).error).toBe(trouble.error)
  })

  it('emits only the difference over an outage of a registry', () => virtually(({ advance }) => {
    const registry = memoryRegistry()
    for (const id of ['a', 'b']) put(registry, id)
    const { values, stop } = see(discover(registry, 'web', { backoff: steady }).pipe(changes()))
    registry.interrupt(1_000)
    remove(registry, 'a')
    put(registry, 'b')
    put(registry, 'c')
    advance(999)
    expect(values.map(textsOf)).toEqual([['joined a@1', 'joined b@1']])
    advance(1_000)
    expect(values.slice(1).map(textsOf)).toEqual([['left a@1', 'joined c@1']])
    stop()
  }))
})
