import { BehaviorSubject, map, merge, Subject, take } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { Closed, discover, InvalidArgument, native, plain, register, type Batch, type DiscoverOptions, type Formats, type ServiceSet } from 'rx-discovery'
import { memoryRegistry, type MemoryRegistry } from 'rx-discovery/memory'
import { virtually } from 'rx-discovery/testing'
import { fill, keyOf, put, recorded, remove, see, shown, steady, valueOf } from '../scene.js'

const idle = { watches: 0, leases: 0, calls: 0 }
const texts = (sets: readonly ServiceSet[]): string[] => sets.map(shown)

describe('a discovered service', () => {
  it('is pending at once, though the registry does not answer', () => virtually(() => {
    const registry = memoryRegistry()
    put(registry, 'a')
    const thaw = registry.freeze()
    const { values, stop } = see(discover(registry, 'web'))
    expect(values.map(({ service, status, revision, size, asOf, trouble }) => [service, status, revision, size, asOf, trouble])).toEqual([
      ['web', 'pending', 0, 0, 0, undefined],
    ])
    thaw()
    expect(texts(values)).toEqual(['pending', 'live a@1'])
    stop()
  }))

  it('is live with the instances that are there, and also without any', () => virtually(({ advance, now }) => {
    const registry = memoryRegistry()
    advance(5)
    const empty = see(discover(registry, 'web'))
    put(registry, 'a')
    put(registry, 'b')
    const both = see(discover(registry, 'web'))
    expect(empty.values.slice(0, 2).map(set => [shown(set), set.revision])).toEqual([['pending', 0], ['live', 1]])
    expect([shown(both.last()), both.last().revision, both.last().asOf]).toEqual(['live a@1 b@1', 3, now()])
    for (const { stop } of [empty, both]) stop()
  }))

  it('gives a set per change, at the revision of the change', () => virtually(({ advance }) => {
    const registry = memoryRegistry()
    const { values, stop } = see(discover(registry, 'web'))
    put(registry, 'b')
    advance(7)
    put(registry, 'a')
    put(registry, 'b', '2')
    put(registry, 'other', '1', 'web2')
    remove(registry, 'a')
    expect(values.slice(2).map(set => [shown(set), set.revision, set.asOf])).toEqual([
      ['live b@1', 2, 0],
      ['live a@1 b@1', 3, 7],
      ['live a@1 b@2', 4, 7],
      ['live b@2', 6, 7],
    ])
    stop()
  }))

  it('gives none when nothing changes: a renewal, the same content again, what a batch undoes, progress', () => virtually(({ advance }) => {
    const memory = memoryRegistry()
    const progress = new Subject<Batch>()
    const { registry } = recorded(memory, { watch: (prefix, from) => merge(memory.watch(prefix, from), progress) })
    const lease = see(memory.lease(3))
    memory.put([{ key: keyOf('a'), value: valueOf('a'), expect: 0 }], lease.last()).subscribe()
    const { values, stop } = see(discover(registry, 'web'))
    const before = values.length
    advance(10_000)
    expect(lease.values.length).toBeGreaterThan(3)
    const again = (version: string) => memory.write(keyOf('a'), valueOf('a', version), { lease: lease.last().id })
    again('1')
    const release = memory.lag()
    put(memory, 'b')
    remove(memory, 'b')
    again('2')
    again('1')
    release()
    progress.next({ cluster: '1', revision: memory.revision(), changes: [] })
    progress.next({ cluster: '1', revision: memory.revision(), changes: [] })
    expect(texts(values.slice(before))).toEqual([])
    for (const each of [lease, { stop }]) each.stop()
  }))

  it('shows a transaction whole, and several at once when they come at once', () => virtually(() => {
    const registry = memoryRegistry()
    const { values, stop } = see(discover(registry, 'web'))
    const write = (version: string, expected: number) =>
      see(registry.put(['a', 'b', 'c'].map(id => ({ key: keyOf(id), value: valueOf(id, version), expect: expected })), { id: '0', ttl: 0, expiresAt: 0, renewals: 0 }))
    const [first] = write('1', 0).values
    const release = registry.lag()
    const [second] = write('2', first ?? 0).values
    write('3', second ?? 0)
    release()
    expect(texts(values.slice(2))).toEqual(['live a@1 b@1 c@1', 'live a@3 b@3 c@3'])
    stop()
  }))

  it('keeps the very instances that did not change, from set to set and over a new listing', () => virtually(({ advance }) => {
    const registry = memoryRegistry()
    for (const id of ['a', 'b']) put(registry, id)
    const { last, stop } = see(discover(registry, 'web', { backoff: steady }))
    const first = last()
    put(registry, 'a', '2')
    const second = last()
    registry.compact()
    registry.interrupt()
    put(registry, 'c')
    put(registry, 'b')
    advance(50)
    const third = last()
    expect(texts([first, second, third])).toEqual(['live a@1 b@1', 'live a@2 b@1', 'live a@2 b@1 c@1'])
    expect([second.get('b') === first.get('b'), third.get('a') === second.get('a'), third.get('b') === first.get('b')]).toEqual([true, true, true])
    stop()
  }))

  it('shows what cannot be read as rejected entries, until it is healed', () => virtually(() => {
    const registry = memoryRegistry()
    put(registry, 'a')
    registry.write(keyOf('bad'), '{"v":1,')
    const { values, last, stop } = see(discover(registry, 'web'))
    const rejected = (): (string | boolean)[][] => [...last().rejected].map(([key, { reason }]) => [key, reason.length > 0])
    expect([shown(last()), rejected()]).toEqual(['live a@1', [[keyOf('bad'), true]]])
    put(registry, 'bad')
    expect([shown(last()), rejected()]).toEqual(['live a@1 bad@1', []])
    registry.write(keyOf('bad'), 'worse')
    expect([shown(last()), rejected()]).toEqual(['live a@1', [[keyOf('bad'), true]]])
    remove(registry, 'bad')
    expect([shown(last()), rejected(), values.length]).toEqual(['live a@1', [], 5])
    stop()
  }))

  it('of many thousand keys is decoded in slices, and is still one set', async () => {
    const registry = memoryRegistry()
    fill(registry, 4_001)
    let decoded = 0
    const turns: number[] = []
    const counting = { ...native(), decode: (key: string, value: string, service: string) => ((decoded += 1), native().decode(key, value, service)) }
    const seen = see(discover(registry, 'web', { format: counting }))
    while (seen.values.length === 1) {
      await new Promise(resolve => setImmediate(resolve))
      if (decoded !== turns.at(-1)) turns.push(decoded)
    }
    put(registry, 'z')
    // A slice also ends when it has taken too long, as on a busy machine.
    expect(turns.length).toBeGreaterThanOrEqual(4)
    for (const [index, count] of turns.entries()) expect(count - (turns[index - 1] ?? 0)).toBeLessThanOrEqual(2_000)
    expect([turns[0], turns.at(-1), decoded, seen.last().has('z')]).toEqual([0, 4_001, 4_002, true])
    expect(seen.values.map(({ status, size }) => `${status} ${size}`)).toEqual(['pending 0', 'live 4001', 'live 4002'])
    seen.stop()
  })

  it('may be left while it is decoded', () => virtually(({ pending }) => {
    const registry = memoryRegistry()
    fill(registry, 2_001)
    const { values, stop } = see(discover(registry, 'web'))
    stop()
    expect([texts(values), pending(), registry.subscriptions()]).toEqual([['pending'], 0, idle])
  }))
})

describe('one discover Observable', () => {
  it('has one watch for all its subscribers; late ones get the last set; the last to leave closes it at once', () => virtually(() => {
    const memory = memoryRegistry()
    put(memory, 'a')
    const { registry, calls } = recorded(memory)
    const web$ = discover(registry, 'web')
    const seen = [see(web$), see(web$), see(web$)]
    expect(seen.map(({ values }) => texts(values))).toEqual([['pending', 'live a@1'], ['live a@1'], ['live a@1']])
    expect(seen[1]?.last()).toBe(seen[0]?.last())
    put(memory, 'b')
    expect(seen.map(({ last }) => last() === seen[0]?.last() && shown(last()))).toEqual(seen.map(() => 'live a@1 b@1'))
    expect([calls.length, memory.subscriptions()]).toEqual([2, { ...idle, watches: 1 }])
    seen[0]?.stop()
    seen[2]?.stop()
    expect(memory.subscriptions()).toEqual({ ...idle, watches: 1 })
    seen[1]?.stop()
    expect(memory.subscriptions()).toEqual(idle)
    const again = see(web$)
    expect(texts(again.values)).toEqual(['pending', 'live a@1 b@1'])
    again.stop()
  }))

  it('leaves no timer and no call behind, whenever it is left', () => virtually(({ advance, pending }) => {
    for (const lever of ['none', 'freeze', 'interrupt', 'deny'] as const)
      for (const ms of [0, 1, 30, 60_000, 60_001]) {
        const registry = memoryRegistry()
        if (lever === 'freeze' || lever === 'deny') registry[lever]()
        if (lever === 'interrupt') registry.interrupt(100_000)
        const { stop } = see(discover(registry, 'web', { backoff: steady, coalesce: 100 }))
        advance(ms)
        stop()
        expect([lever, ms, pending(), registry.subscriptions()]).toEqual([lever, ms, 0, idle])
      }
  }))

  it('keeps its watch for as long as it lingers, and then no longer', () => virtually(({ advance, pending }) => {
    const memory = memoryRegistry()
    const { registry, verbs } = recorded(memory)
    const web$ = discover(registry, 'web', { linger: 1_000, verify: 0 })
    see(web$).stop()
    advance(999)
    put(memory, 'a')
    const back = see(web$)
    expect([texts(back.values), verbs()]).toEqual([['live a@1'], ['list', 'watch']])
    advance(5_000)
    expect(memory.subscriptions().watches).toBe(1)
    back.stop()
    advance(1_000)
    expect([memory.subscriptions(), pending()]).toEqual([idle, 0])
  }))

  it('stops lingering when the registry is closed', () => virtually(({ pending }) => {
    const registry = memoryRegistry()
    const web$ = discover(registry, 'web', { linger: 1_000 })
    see(web$).stop()
    void registry.close()
    expect([registry.subscriptions(), pending()]).toEqual([idle, 0])
    const later = see(web$)
    expect([later.error, pending()]).toEqual([new Closed(), 0])
  }))

  it('does not linger when it has ended itself', () => virtually(({ pending }) => {
    const registry = memoryRegistry()
    const seen = see(discover(registry, 'web', { linger: 1_000, verify: 0 }))
    void registry.close()
    expect([seen.completed, pending()]).toEqual([true, 0])
  }))

  it('may be left inside the very first set, or any other', () => virtually(({ pending }) => {
    for (const count of [1, 2, 3]) {
      const registry = memoryRegistry()
      put(registry, 'a')
      const { values, completed, stop } = see(discover(registry, 'web', { coalesce: 0 }).pipe(take(count)))
      put(registry, 'b')
      expect([texts(values), count < 3 || completed !== true]).toEqual([['pending', 'live a@1', 'live a@1 b@1'].slice(0, count), true])
      expect([registry.subscriptions(), pending()]).toEqual([idle, 0])
      stop()
    }
  }))

  it('may be written to inside a set: every subscriber sees the sets in order', () => virtually(() => {
    const registry = memoryRegistry()
    put(registry, 'a', '0')
    const web$ = discover(registry, 'web')
    const seen = [
      see(web$, set => {
        const version = Number(set.get('a')?.version)
        if (set.status === 'live' && version < 4) put(registry, 'a', String(version + 1))
      }),
      see(web$),
      see(discover(registry, 'web')),
    ]
    put(registry, 'a', '0')
    const counted = ['live a@0', 'live a@1', 'live a@2', 'live a@3', 'live a@4']
    expect(texts(seen[0]?.values ?? [])).toEqual(['pending', ...counted, ...counted])
    expect(texts(seen[1]?.values ?? [])).toEqual(['live a@4', ...counted])
    expect(texts(seen[2]?.values ?? []).slice(-2)).toEqual(['live a@3', 'live a@4'])
    for (const { stop } of seen) stop()
  }))
})

describe('a registry that is closed', () => {
  it('leaves a last stale set with the error Closed, then completes', () => virtually(({ advance, now, pending }) => {
    const registry = memoryRegistry()
    put(registry, 'a')
    const seen = see(discover(registry, 'web'))
    advance(100)
    void registry.close()
    expect(texts(seen.values)).toEqual(['pending', 'live a@1', 'stale a@1'])
    const { trouble, asOf } = seen.last()
    expect([trouble?.error, trouble?.since, asOf]).toEqual([new Closed(), now(), 0])
    expect([seen.completed, seen.error, pending(), registry.subscriptions()]).toEqual([true, undefined, 0, idle])
  }))

  it('leaves what is stale since when it was, without waiting for its next try', () => virtually(({ advance, pending }) => {
    const registry = memoryRegistry()
    const seen = see(discover(registry, 'web', { backoff: steady }))
    advance(100)
    registry.interrupt(10_000)
    advance(3_000)
    void registry.close()
    expect([seen.last().status, seen.last().trouble?.error, seen.last().trouble?.since, seen.completed, pending()]).toEqual(['stale', new Closed(), 100, true, 0])
  }))

  it('leaves what is pending pending', () => virtually(({ pending }) => {
    const registry = memoryRegistry()
    registry.freeze()
    const seen = see(discover(registry, 'web'))
    void registry.close()
    expect([texts(seen.values), seen.last().trouble?.error, seen.completed, pending()]).toEqual([['pending', 'pending'], new Closed(), true, 0])
  }))

  it('errors for later subscribers', () => virtually(() => {
    const registry = memoryRegistry()
    const web$ = discover(registry, 'web')
    const before = see(web$)
    void registry.close()
    expect(before.completed).toBe(true)
    for (const later of [web$, discover(registry, 'web'), discover(registry, 'web', { format: [native(), plain()] })]) {
      const { values, error, completed } = see(later)
      expect([texts(values), error, completed]).toEqual([['pending'], new Closed(), undefined])
    }
  }))

  it.each([
    ['the pending one', 'pending', ['pending', 'pending']],
    ['the first live one', 'live', ['pending', 'live a@1', 'stale a@1']],
  ])('may be closed inside %s, which ends it as later', (_, status, seen) => virtually(({ pending }) => {
    const closing = (options: DiscoverOptions<Formats>) => {
      const registry = memoryRegistry()
      put(registry, 'a')
      return see(discover(registry, 'web', options), set => {
        if (set.status === status) void registry.close()
      })
    }
    const one = closing({})
    const several = closing({ format: [native(), plain()] })
    expect([texts(one.values), texts(several.values).at(-1)]).toEqual([seen, seen.at(-1)])
    for (const { completed, error } of [one, several]) expect([completed, error]).toEqual([true, undefined])
    expect(pending()).toBe(0)
  }))

  it('may be closed inside the first live set if it is a copy without signals: what it has emitted shows that it was open', () => virtually(() => {
    const registry = memoryRegistry()
    put(registry, 'a')
    const { values, completed } = see(discover({ ...registry }, 'web'), set => {
      if (set.status === 'live') void registry.close()
    })
    expect([texts(values), completed]).toEqual([['pending', 'live a@1', 'stale a@1'], true])
  }))

  it('may be closed inside a set', () => virtually(() => {
    const registry = memoryRegistry()
    put(registry, 'a')
    const seen = see(discover(registry, 'web'), set => {
      if (set.has('b')) void registry.close()
    })
    put(registry, 'b')
    expect([texts(seen.values), seen.completed]).toEqual([['pending', 'live a@1', 'live a@1 b@1', 'stale a@1 b@1'], true])
  }))
})

describe('an argument that can never work', () => {
  const argumentOf = (service: string, options: DiscoverOptions<never> | object = {}): unknown => {
    const registry = memoryRegistry()
    const { values, error } = see(discover(registry, service, options))
    expect([values, registry.subscriptions()]).toEqual([[], idle])
    return error instanceof InvalidArgument ? error.argument : error
  }

  it.each(['', '.', '..', 'a//b', 'a\0b', 'x'.repeat(10_240), '\ud800', undefined, null, 7])('is the service %j', service => {
    expect(argumentOf(service as string)).toBe('service')
  })

  it.each(['linger', 'coalesce', 'verify'])('is a %s that is no number of ms', name => {
    for (const value of [-1, NaN, Infinity, -Infinity, 2 ** 31]) expect([value, argumentOf('web', { [name]: value })]).toEqual([value, name])
  })

  it('is a format that reads the keys of another, or none', () => {
    expect(argumentOf('web', { format: [native(), native()] })).toBe('format')
    expect(argumentOf('web', { format: [native({ prefix: '/a' }), plain({ prefix: '/a' })] })).toBe('format')
    expect(argumentOf('b', { format: [native({ prefix: '/a' }), native({ prefix: '/a/b' })] })).toBe('format')
    expect(argumentOf('web', { format: [] })).toBe('format')
    expect(argumentOf('web', { format: 'plain' as never })).toBe('format')
  })
})

describe('coalescing', () => {
  const started = (options: DiscoverOptions, registry: MemoryRegistry = memoryRegistry()) => {
    put(registry, 'a', '0')
    const { values, stop } = see(discover(registry, 'web', { backoff: steady, ...options }))
    return { registry, values, stop, since: (index: number) => texts(values.slice(index)) }
  }

  it('gives the first set at once, then the latest once per window', () => virtually(({ advance }) => {
    const { registry, since, stop } = started({ coalesce: 100 })
    expect(since(0)).toEqual(['pending', 'live a@0'])
    for (let version = 1; version <= 5; version += 1) {
      put(registry, 'a', String(version))
      advance(10)
    }
    expect(since(2)).toEqual([])
    advance(50)
    expect(since(2)).toEqual(['live a@5'])
    advance(99)
    put(registry, 'a', '6')
    expect(since(3)).toEqual([])
    advance(1)
    expect(since(3)).toEqual(['live a@6'])
    advance(100)
    put(registry, 'a', '7')
    expect(since(4)).toEqual(['live a@7'])
    advance(1_000)
    expect(since(5)).toEqual([])
    stop()
  }))

  it('never delays a change of status, and never brings back what was before it', () => virtually(({ advance }) => {
    const { registry, since, stop } = started({ coalesce: 1_000 })
    put(registry, 'a', '1')
    registry.interrupt()
    expect(since(2)).toEqual(['stale a@1'])
    advance(50)
    expect(since(3)).toEqual(['live a@1'])
    advance(5_000)
    expect(since(4)).toEqual([])
    stop()
  }))

  it('gives what it holds back before it completes', () => virtually(({ pending }) => {
    const { registry, since } = started({ coalesce: 1_000 })
    put(registry, 'a', '1')
    void registry.close()
    expect([since(2), pending()]).toEqual([['stale a@1'], 0])
  }))

  it('gives it also when its status is no other', () => virtually(({ pending }) => {
    const registry = memoryRegistry()
    registry.freeze()
    const seen = see(discover(registry, 'web', { coalesce: 1_000 }))
    void registry.close()
    expect([texts(seen.values), seen.last().trouble?.error, seen.completed, pending()]).toEqual([['pending', 'pending'], new Closed(), true, 0])
  }))

  it('may be left inside the very first set, or any other', () => virtually(({ advance, pending }) => {
    for (const count of [1, 2, 3]) {
      const registry = memoryRegistry()
      put(registry, 'a')
      const { values } = see(discover(registry, 'web', { coalesce: 100, verify: 0 }).pipe(take(count)))
      put(registry, 'b')
      put(registry, 'c')
      advance(100)
      expect(texts(values)).toEqual(['pending', 'live a@1', 'live a@1 b@1 c@1'].slice(0, count))
      expect([registry.subscriptions(), pending()]).toEqual([idle, 0])
    }
  }))

  it('may be written to inside a set', () => virtually(({ advance }) => {
    const registry = memoryRegistry()
    put(registry, 'a', '0')
    const { values, stop } = see(discover(registry, 'web', { coalesce: 100 }), set => {
      const version = Number(set.get('a')?.version)
      if (version < 3) put(registry, 'a', String(version + 1))
    })
    advance(1_000)
    expect(texts(values)).toEqual(['pending', 'live a@0', 'live a@1', 'live a@2', 'live a@3'])
    stop()
  }))

  it('leaves no timer when it is left', () => virtually(({ pending }) => {
    const { registry, stop } = started({ coalesce: 1_000, verify: 0 })
    put(registry, 'a', '1')
    expect(pending()).toBe(1)
    stop()
    expect(pending()).toBe(0)
  }))
})

describe('a service in several formats', () => {
  const formats = [native(), plain()] as const
  const addresses = (set: ServiceSet): string[] => set.toArray().map(({ id, address, version }) => `${id} ${address} ${version}`)

  it('is one set: by address, the first listed wins', () => virtually(() => {
    const registry = memoryRegistry()
    put(registry, 'a')
    registry.write('/web/old-a', 'a:80')
    registry.write('/web/b', 'b:80')
    const both = see(discover(registry, 'web', { format: formats }))
    const other = see(discover(registry, 'web', { format: [plain(), native()] }))
    expect(addresses(both.last())).toEqual(['a a:80 1', 'b b:80 '])
    expect(addresses(other.last())).toEqual(['b b:80 ', 'old-a a:80 '])
    remove(registry, 'a')
    put(registry, 'b', '2')
    expect(addresses(both.last())).toEqual(['b b:80 2', 'old-a a:80 '])
    expect(addresses(other.last())).toEqual(['b b:80 ', 'old-a a:80 '])
    for (const { stop } of [both, other]) stop()
    expect(registry.subscriptions()).toEqual(idle)
  }))

  it('shows a transaction in both formats once; an instance that leaves both may first be shown as the other one has it', () => virtually(({ advance }) => {
    const registry = memoryRegistry()
    const { values, stop } = see(discover(registry, 'web', { format: formats }))
    const instance = new BehaviorSubject({ service: 'web', id: 'a', address: 'a:80', version: '1' })
    const { stop: leave } = see(register(registry, instance, { format: formats }))
    advance(0)
    instance.next({ ...instance.value, version: '2' })
    advance(1_000)
    leave()
    advance(0)
    expect(texts(values)).toEqual(['pending', 'live', 'live a@1', 'live a@2', 'live a@', 'live'])
    stop()
  }))

  it('has the smallest revision, and is pending or stale while one of them is', () => virtually(({ advance }) => {
    const memory = memoryRegistry()
    put(memory, 'a')
    const answer = new Subject<never>()
    const cut = new Subject<Error>()
    let answers = false
    const { registry } = recorded(memory, {
      list: prefix => (prefix === '/web/' && !answers ? answer : memory.list(prefix)),
      watch: (prefix, from) => (prefix === '/web/' ? merge(memory.watch(prefix, from), cut.pipe(map(error => { throw error }))) : memory.watch(prefix, from)),
    })
    const { last, values, stop } = see(discover(registry, 'web', { format: formats, backoff: steady }))
    expect(shown(last())).toBe('pending a@1')
    answers = true
    answer.error(new Error('gone'))
    expect([shown(last()), last().trouble?.error.message]).toEqual(['pending a@1', 'gone'])
    advance(50)
    expect([shown(last()), last().revision, last().trouble]).toEqual(['live a@1', 2, undefined])
    put(memory, 'b')
    expect([shown(last()), last().revision]).toEqual(['live a@1 b@1', 2])
    memory.write('/web/c', 'c:80')
    expect([shown(last()), last().revision]).toEqual(['live a@1 b@1 c@', 3])
    cut.next(new Error('cut'))
    expect([shown(last()), last().trouble?.error.message]).toEqual(['stale a@1 b@1 c@', 'cut'])
    const before = values.length
    advance(100)
    expect(texts(values.slice(before))).toEqual(['live a@1 b@1 c@'])
    stop()
  }))
})
