import { map, merge, mergeMap, Subject, take, type Observable } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { catalog, Closed, InvalidArgument, native, plain, type CatalogOptions, type ServiceSet } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'
import { virtually } from 'rx-discovery/testing'
import { keyOf, put, recorded, remove, see, shown, steady } from '../scene.js'

type Sets = ReadonlyMap<string, ServiceSet>

const idle = { watches: 0, leases: 0, calls: 0 }
const text = (sets: Sets): string => [...sets].map(([name, set]) => `${name}: ${shown(set)}`).join(' | ')
const texts = (all: readonly Sets[]): string[] => all.map(text)
const host = (name: string): string => `${name}:80`

describe('a catalog of all services', () => {
  it('comes from one listing and one watch', () => virtually(() => {
    const memory = memoryRegistry()
    put(memory, 'a', '1', 'web')
    put(memory, 'b', '1', 'db')
    const { registry, calls } = recorded(memory)
    const { values, stop } = see(catalog(registry))
    put(memory, 'c', '1', 'web')
    put(memory, 'd', '1', 'cache')
    memory.write('/elsewhere/x', 'y')
    expect(texts(values)).toEqual([
      'db: live b@1 | web: live a@1',
      'db: live b@1 | web: live a@1 c@1',
      'cache: live d@1 | db: live b@1 | web: live a@1 c@1',
    ])
    expect(calls).toEqual(['list /rx-discovery/', 'watch /rx-discovery/ 3'])
    stop()
    expect(memory.subscriptions()).toEqual(idle)
  }))

  it('emits nothing before the first listing, and an empty map if there are no services', () => virtually(({ advance }) => {
    const registry = memoryRegistry()
    registry.interrupt(10)
    const { values, stop } = see(catalog(registry, { backoff: steady }))
    advance(49)
    expect(values).toEqual([])
    advance(1)
    expect(values.map(({ size }) => size)).toEqual([0])
    stop()
  }))

  it('is left by a service without an instance, not by one with an entry that cannot be read', () => virtually(() => {
    const registry = memoryRegistry()
    put(registry, 'a', '1', 'web')
    put(registry, 'a', '1', 'db')
    const { last, stop } = see(catalog(registry))
    registry.write(keyOf('b', 'db'), 'what')
    remove(registry, 'a', 'db')
    remove(registry, 'a', 'web')
    expect([text(last()), [...(last().get('db')?.rejected.keys() ?? [])]]).toEqual(['db: live', [keyOf('b', 'db')]])
    remove(registry, 'b', 'db')
    expect(last().size).toBe(0)
    put(registry, 'a', '2', 'web')
    expect(text(last())).toBe('web: live a@2')
    stop()
  }))

  it('shows rejected entries under the service of their key, and leaves out keys that belong to no service', () => virtually(() => {
    const registry = memoryRegistry()
    registry.write(keyOf('bad', 'web'), '{"v":1,"service":"db","address":"a:1"}')
    registry.write('/rx-discovery/loose', 'x')
    registry.write('/rx-discovery/../a', 'x')
    registry.write(keyOf('..', 'odd'), '{"v":1,"address":"a:1"}')
    registry.write(keyOf('b', 'odd/a'), '{"v":1,"address":"a:1"}')
    const { last, stop } = see(catalog(registry))
    expect([...last()].map(([name, { size, rejected }]) => [name, size, [...rejected.keys()]])).toEqual([
      ['odd', 0, [keyOf('..', 'odd')]],
      ['odd/a', 1, []],
      ['web', 0, [keyOf('bad', 'web')]],
    ])
    stop()
  }))

  it('keeps the very sets of the services that did not change', () => virtually(() => {
    const registry = memoryRegistry()
    for (const service of ['web', 'db', 'cache']) put(registry, 'a', '1', service)
    const { values, stop } = see(catalog(registry))
    put(registry, 'b', '1', 'db')
    const [before, after] = values
    const same = [...(before ?? [])].map(([name, set]) => [name, after?.get(name) === set])
    expect(same).toEqual([['cache', true], ['db', false], ['web', true]])
    expect([before?.get('db')?.revision, after?.get('db')?.revision, after?.get('web')?.revision]).toEqual([4, 5, 4])
    expect(after?.get('db')?.get('a')).toBe(before?.get('db')?.get('a'))
    stop()
  }))

  it('renews all sets when their status changes, and keeps their instances', () => virtually(({ advance }) => {
    const registry = memoryRegistry()
    for (const service of ['web', 'db']) put(registry, 'a', '1', service)
    const { values, last, stop } = see(catalog(registry, { backoff: steady }))
    const first = last()
    advance(10)
    registry.interrupt(100)
    expect([...last().values()].map(({ trouble, asOf }) => [trouble?.since, trouble?.attempt, asOf])).toEqual([[10, 1, 0], [10, 1, 0]])
    advance(50)
    expect([...last().values()].map(({ trouble }) => [trouble?.since, trouble?.attempt])).toEqual([[10, 2], [10, 2]])
    put(registry, 'b', '1', 'web')
    advance(150)
    expect(texts(values)).toEqual([
      'db: live a@1 | web: live a@1',
      'db: stale a@1 | web: stale a@1',
      'db: stale a@1 | web: stale a@1',
      'db: live a@1 | web: live a@1 b@1',
    ])
    expect([...last().values()].map(({ trouble, asOf }) => [trouble, asOf])).toEqual([[undefined, 160], [undefined, 160]])
    for (const service of ['web', 'db']) expect(last().get(service)?.get('a')).toBe(first.get(service)?.get('a'))
    stop()
  }))

  it('leaves out no service in a transaction over several', () => virtually(() => {
    const registry = memoryRegistry()
    const { values, stop } = see(catalog(registry))
    const value = '{"v":1,"address":"a:1","version":"1"}'
    registry.put(['web', 'db'].map(service => ({ key: keyOf('a', service), value, expect: 0 })), { id: '0', ttl: 0, expiresAt: 0, renewals: 0 }).subscribe()
    expect(texts(values)).toEqual(['', 'db: live a@1 | web: live a@1'])
    stop()
  }))
})

describe('a catalog of named services', () => {
  it('has them at once, pending, and always, and no others', () => virtually(() => {
    const memory = memoryRegistry()
    put(memory, 'a', '1', 'web')
    put(memory, 'a', '1', 'other')
    const { registry, calls } = recorded(memory)
    const thaw = memory.freeze()
    const { values, stop } = see(catalog(registry, { services: ['web', 'db'] }))
    expect(texts(values)).toEqual(['db: pending | web: pending'])
    thaw()
    put(memory, 'b', '1', 'other')
    remove(memory, 'a', 'web')
    expect(texts(values.slice(1))).toEqual(['db: live | web: live a@1', 'db: live | web: live'])
    expect(calls).toEqual(['list /rx-discovery/', 'watch /rx-discovery/ 3'])
    stop()
  }))

  it('is followed service by service where the format has no root', () => virtually(({ advance }) => {
    const memory = memoryRegistry()
    memory.write('/web/a', 'a:80')
    memory.write('/db/b', 'b:80')
    memory.write('/other/c', 'c:80')
    const { registry, calls } = recorded(memory)
    const { values, last, stop } = see(catalog(registry, { services: ['web', 'db'], format: plain(), backoff: steady }))
    expect(texts(values)).toEqual(['db: pending | web: pending', 'db: pending | web: live a@', 'db: live b@ | web: live a@'])
    expect(calls).toEqual(['list /web/', 'watch /web/ 4', 'list /db/', 'watch /db/ 4'])
    const before = last()
    memory.write('/db/c', 'c:80')
    expect([text(last()), last().get('web') === before.get('web')]).toEqual(['db: live b@ c@ | web: live a@', true])
    memory.interrupt()
    expect(text(last())).toBe('db: stale b@ c@ | web: stale a@')
    advance(50)
    expect(text(last())).toBe('db: live b@ c@ | web: live a@')
    stop()
    expect(memory.subscriptions()).toEqual(idle)
  }))

  it('has a service once, though it is named twice', () => virtually(() => {
    const memory = memoryRegistry()
    memory.write('/web/a', 'a:80')
    const { registry, calls } = recorded(memory)
    const { values, stop } = see(catalog(registry, { services: ['web', 'web'], format: plain() }))
    expect([texts(values), calls.length]).toEqual([['web: pending', 'web: live a@'], 2])
    stop()
  }))
})

describe('a catalog in several formats', () => {
  const format = [native(), native({ prefix: '/old' })] as const

  it('is one map: for one address the first listed format wins, and a service stays while one format has it', () => virtually(() => {
    const memory = memoryRegistry()
    const old = (id: string, service: string, value: string | null): unknown => memory.write(`/old/${service}/${id}`, value)
    put(memory, 'a', 'new', 'web')
    old('x', 'web', `{"v":1,"address":"${host('a')}","version":"old"}`)
    old('b', 'web', `{"v":1,"address":"${host('b')}","version":"old"}`)
    old('c', 'db', `{"v":1,"address":"${host('c')}","version":"old"}`)
    const { registry, calls } = recorded(memory)
    const { values, last, stop } = see(catalog(registry, { format }))
    expect(texts(values)).toEqual(['web: pending a@new', 'db: live c@old | web: live a@new b@old'])
    expect(calls).toEqual(['list /rx-discovery/', 'watch /rx-discovery/ 5', 'list /old/', 'watch /old/ 5'])
    const before = last()
    remove(memory, 'a', 'web')
    expect([text(last()), last().get('db') === before.get('db')]).toEqual(['db: live c@old | web: live b@old x@old', true])
    old('b', 'web', null)
    old('x', 'web', null)
    expect(text(last())).toBe('db: live c@old')
    put(memory, 'n', '1', 'cache')
    expect([text(last()), last().get('cache')?.revision]).toEqual(['cache: live n@1 | db: live c@old', 8])
    stop()
  }))

  it('is pending or stale while one of them is', () => virtually(({ advance }) => {
    const memory = memoryRegistry()
    put(memory, 'a', '1', 'web')
    const cut = new Subject<void>()
    const { registry } = recorded(memory, {
      watch: (prefix, from) =>
        prefix === '/old/' ? merge(memory.watch(prefix, from), cut.pipe(map(() => { throw new Error('cut') }))) : memory.watch(prefix, from),
    })
    const { values, last, stop } = see(catalog(registry, { format, services: ['web', 'db'], backoff: steady }))
    cut.next()
    expect([...last().values()].map(({ trouble }) => trouble?.error.message)).toEqual(['cut', 'cut'])
    advance(50)
    expect(texts(values)).toEqual([
      'db: pending | web: pending',
      'db: pending | web: pending a@1',
      'db: live | web: live a@1',
      'db: stale | web: stale a@1',
      'db: live | web: live a@1',
    ])
    stop()
  }))

  it('says nothing while it knows of none and not yet all formats, and that there are none when there are none', () => virtually(({ advance }) => {
    const memory = memoryRegistry()
    const answers = new Subject<void>()
    const { registry } = recorded(memory, {
      list: prefix => (prefix === '/old/' ? answers.pipe(mergeMap(() => memory.list(prefix)), take(1)) : memory.list(prefix)),
    })
    memory.interrupt(10)
    const { values, stop } = see(catalog(registry, { format, backoff: steady }))
    advance(1_000)
    expect(values).toEqual([])
    answers.next()
    expect(texts(values)).toEqual([''])
    put(memory, 'a', '1', 'web')
    remove(memory, 'a', 'web')
    expect(texts(values)).toEqual(['', 'web: live a@1', ''])
    stop()
  }))

  it('may mix those with a root and those without', () => virtually(() => {
    const memory = memoryRegistry()
    put(memory, 'a', '1', 'web')
    memory.write('/db/b', 'b:80')
    const { last, stop } = see(catalog(memory, { format: [native(), plain()], services: ['web', 'db'] }))
    expect(text(last())).toBe('db: live b@ | web: live a@1')
    stop()
  }))
})

describe('a catalog', () => {
  it('is shared like a discovery', () => virtually(({ advance, pending }) => {
    const memory = memoryRegistry()
    const { registry, calls } = recorded(memory)
    const all$ = catalog(registry, { linger: 1_000, verify: 0 })
    const seen = [see(all$), see(all$)]
    put(memory, 'a')
    expect(seen[1]?.last()).toBe(seen[0]?.last())
    for (const { stop } of seen) stop()
    advance(999)
    const late = see(all$)
    expect([texts(late.values), calls.length]).toEqual([['web: live a@1'], 2])
    late.stop()
    advance(1_000)
    expect([memory.subscriptions(), pending()]).toEqual([idle, 0])
    expect(texts(see(all$.pipe(take(1))).values)).toEqual(['web: live a@1'])
  }))

  it('is coalesced, but no change of status is', () => virtually(({ advance }) => {
    const registry = memoryRegistry()
    put(registry, 'a')
    const { values, stop } = see(catalog(registry, { coalesce: 1_000, backoff: steady }))
    put(registry, 'a', '2', 'db')
    put(registry, 'a', '3', 'db')
    expect(texts(values)).toEqual(['web: live a@1'])
    advance(1_000)
    expect(texts(values.slice(1))).toEqual(['db: live a@3 | web: live a@1'])
    put(registry, 'a', '4', 'db')
    registry.interrupt()
    expect(texts(values.slice(2))).toEqual(['db: stale a@4 | web: stale a@1'])
    stop()
  }))

  it('ends with its registry: a last stale map, then completion, later an error', () => virtually(({ pending }) => {
    const registry = memoryRegistry()
    put(registry, 'a')
    const all$ = catalog(registry, { services: ['db', 'web'] })
    const seen = see(all$)
    void registry.close()
    expect([text(seen.last()), seen.completed, seen.last().get('web')?.trouble?.error]).toEqual(['db: stale | web: stale a@1', true, new Closed()])
    expect([see(all$).error, see(catalog(registry)).error, pending()]).toEqual([new Closed(), new Closed(), 0])
  }))

  it('may be closed inside the first sets, which ends it as later', () => virtually(({ pending }) => {
    for (const options of [{}, { services: ['web'] }]) {
      const registry = memoryRegistry()
      const { error, completed } = see(catalog(registry, options), () => void registry.close())
      expect([error, completed, pending()]).toEqual([undefined, true, 0])
    }
  }))

  it('never says that there are no services when it was closed before it knew', () => virtually(() => {
    const registry = memoryRegistry()
    registry.freeze()
    const seen = see(catalog(registry))
    const named = see(catalog(registry, { services: ['web'] }))
    void registry.close()
    expect([seen.values, seen.completed, texts(named.values), named.completed]).toEqual([[], true, ['web: pending', 'web: pending'], true])
  }))

  it('refuses what can never work', () => virtually(() => {
    const registry = memoryRegistry()
    const argumentOf = (options: CatalogOptions): unknown => {
      const { error, values }: { error?: unknown; values: unknown[] } = see(catalog(registry, options) as Observable<unknown>)
      expect(values).toEqual([])
      return error instanceof InvalidArgument ? error.argument : error
    }
    expect(argumentOf({ format: plain() as never })).toBe('services')
    expect(argumentOf({ format: [native(), plain()] as never })).toBe('services')
    expect(argumentOf({ services: ['web', 'a//b'] })).toBe('services.1')
    expect(argumentOf({ services: [''] })).toBe('services.0')
    for (const name of ['linger', 'coalesce', 'verify']) expect(argumentOf({ [name]: -1 })).toBe(name)
    expect(argumentOf({ format: [] as never })).toBe('format')
    expect(argumentOf({ format: [native(), native()] as never })).toBe('format')
  }))

  it('refuses formats of which one reads the keys of the other', () => virtually(() => {
    const registry = memoryRegistry()
    const format = [native({ prefix: '/a' }), native({ prefix: '/a/b' })]
    expect(see(catalog(registry, { format })).error).toMatchObject({ argument: 'format' })
    expect(see(catalog(registry, { format, services: ['web', 'b'] })).error).toMatchObject({ argument: 'format' })
    const { error, stop } = see(catalog(registry, { format, services: ['web'] }))
    expect(error).toBe(undefined)
    stop()
  }))
})
