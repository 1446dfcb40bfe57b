import fc from 'fast-check'
import { concat, EMPTY, NEVER, of, throwError } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { changes, Compacted, Disconnected, history, InvalidArgument, Lagging, native, plain, Rewound, type HistoryOptions, type Revision, type ServiceSet } from 'rx-discovery'
import { sseRegistry } from 'rx-discovery/browser'
import { memoryRegistry } from 'rx-discovery/memory'
import { virtually } from 'rx-discovery/testing'
import { keyOf, put, recorded, remove, scene, see, shown, valueOf } from '../../scene.js'

const texts = (sets: readonly ServiceSet[]): string[] => sets.map(set => `${set.revision} ${shown(set)}`)

describe('a history', () => {
  it('is the set as of `from`, then one set for each later revision that changed it, and completes', () => scene(({ registry, see: seen, advance, now }) => {
    put(registry, 'a')
    put(registry, 'x', '1', 'other')
    put(registry, 'b')
    put(registry, 'x', '2', 'other')
    put(registry, 'a', '2')
    put(registry, 'a', '2')
    remove(registry, 'b')
    put(registry, 'x', '3', 'other')
    advance(9)
    const all = seen(history(registry, 'web', { from: 3 }))
    expect(texts(all.values)).toEqual(['3 live a@1', '4 live a@1 b@1', '6 live a@2 b@1', '8 live a@2'])
    expect([all.completed, all.error]).toEqual([true, undefined])
    expect(all.last().asOf).toBe(now())
    expect(texts(seen(history(registry, 'web', { from: 4, to: 7 })).values)).toEqual(['4 live a@1 b@1', '6 live a@2 b@1'])
    expect(texts(seen(history(registry, 'web', { from: 5, to: 5 })).values)).toEqual(['5 live a@1 b@1'])
    expect(texts(seen(history(registry, 'web', { from: 1, to: 1 })).values)).toEqual(['1 live'])
    expect(texts(seen(history(registry, 'web', { from: registry.revision() })).values)).toEqual(['9 live a@2'])
  }))

  it('is cold: each subscription reads up to the revision at that time', () => scene(({ registry, see: seen }) => {
    const source = history(registry, 'web', { from: 1 })
    put(registry, 'a')
    expect(texts(seen(source).values)).toEqual(['1 live', '2 live a@1'])
    put(registry, 'b')
    expect(texts(seen(source).values)).toEqual(['1 live', '2 live a@1', '3 live a@1 b@1'])
  }))

  it('has one set for a transaction, and the instances that did not change are the same objects', () => scene(({ registry, see: seen }) => {
    const lease = seen(registry.lease(5)).last()
    put(registry, 'c')
    registry.put(['a', 'b'].map(id => ({ key: keyOf(id), value: valueOf(id), expect: 0 })), lease).subscribe()
    registry.expire(lease.id)
    const [, first, second, third, ...more] = seen(history(registry, 'web', { from: 1 })).values
    expect(texts([first, second, third].flatMap(set => set ?? []))).toEqual(['2 live c@1', '3 live a@1 b@1 c@1', '4 live c@1'])
    expect(more).toEqual([])
    expect(third?.get('c')).toBe(first?.get('c'))
    expect([second?.get('c'), first?.get('c')]).not.toContain(undefined)
  }))

  it('shows entries that cannot be read, as `discover` does', () => scene(({ registry, see: seen }) => {
    registry.write(keyOf('a'), 'bad')
    registry.write(keyOf('a'), null)
    expect(seen(history(registry, 'web', { from: 1 })).values.map(({ revision, rejected }) => [revision, [...rejected.keys()]])).toEqual([[1, []], [2, [keyOf('a')]], [3, []]])
  }))

  it('goes through `changes`: what joined, left and was updated', () => scene(({ registry, see: seen }) => {
    put(registry, 'a')
    put(registry, 'a', '2')
    remove(registry, 'a')
    const all = seen(history(registry, 'web', { from: 1 }).pipe(changes())).values
    expect(all.map(one => one.map(({ type, instance }) => `${type} ${instance.version}`))).toEqual([['joined 1'], ['updated 2'], ['left 2']])
  }))

  it('of several formats is one history', () => scene(({ registry, see: seen }) => {
    registry.write('/web/p', 'p:80')
    put(registry, 'n')
    registry.write('/web/p', null)
    expect(texts(seen(history(registry, 'web', { from: 2, format: [native(), plain()] })).values)).toEqual(['2 live p@', '3 live n@1 p@', '4 live n@1'])
  }))
})

describe('a history reads', () => {
  it('the revision, a listing of the past, a watch that begins with its last change, which it ends, and a listing of the end', () => virtually(() => {
    const memory = memoryRegistry()
    put(memory, 'a')
    put(memory, 'x', '1', 'other')
    put(memory, 'b')
    const { registry, calls, open } = recorded(memory)
    expect(texts(see(history(registry, 'web', { from: 3 })).values)).toEqual(['3 live a@1', '4 live a@1 b@1'])
    expect(calls).toEqual([`check [/rx-discovery/web/] 3`, 'list /rx-discovery/web/', 'watch /rx-discovery/web/ 1', 'list /rx-discovery/web/'])
    expect([open(), memory.subscriptions()]).toEqual([0, { watches: 0, leases: 0, calls: 0 }])
  }))

  it('no watch if `from` is `to`', () => virtually(() => {
    const { registry, calls } = recorded(memoryRegistry())
    see(history(registry, 'web', { from: 1 }))
    expect(calls).toEqual([`check [/rx-discovery/web/] 1`, 'list /rx-discovery/web/'])
  }))

  it('a watch from `from` if the last change before it is further back than maxBehind, or compacted', () => virtually(() => {
    const memory = memoryRegistry()
    put(memory, 'a')
    for (let n = 0; n < 20; n += 1) put(memory, 'x', String(n), 'other')
    put(memory, 'b')
    const far = recorded(memory)
    expect(texts(see(history(far.registry, 'web', { from: 20, maxBehind: 5 })).values)).toEqual(['20 live a@1', '23 live a@1 b@1'])
    expect(far.calls.at(-2)).toBe('watch /rx-discovery/web/ 20')
    memory.compact()
    put(memory, 'c')
    const near = recorded(memory)
    expect(texts(see(history(near.registry, 'web', { from: 23 })).values)).toEqual(['23 live a@1 b@1', '24 live a@1 b@1 c@1'])
    const compacted = memoryRegistry()
    put(compacted, 'a')
    put(compacted, 'x', '1', 'other')
    compacted.compact()
    put(compacted, 'b')
    const { registry, calls } = recorded(compacted)
    expect(texts(see(history(registry, 'web', { from: 3 })).values)).toEqual(['3 live a@1', '4 live a@1 b@1'])
    expect(calls.slice(-3, -1)).toEqual(['watch /rx-discovery/web/ 1', 'watch /rx-discovery/web/ 3'])
  }))

  it('a watch from `from` if nothing is there, also where the revisions are fewer than maxBehind', () => virtually(() => {
    const memory = memoryRegistry()
    put(memory, 'x', '1', 'other')
    const { registry, calls } = recorded(memory)
    const all = see(history(registry, 'web', { from: 1 }))
    expect([texts(all.values), all.completed]).toEqual([['1 live'], true])
    // etcd would not refuse a watch from before all revisions, in which the change to wait for never comes.
    expect(calls.filter(call => call.startsWith('watch'))).toEqual(['watch /rx-discovery/web/ 1'])
  }))

  it('until everything up to `to` has come, however the watch cuts it, and drops what comes after', () => virtually(() => {
    const memory = memoryRegistry()
    for (const id of ['a', 'b', 'c', 'd']) put(memory, id)
    const all = (id: string, revision: Revision) => ({ key: keyOf(id), value: valueOf(id), lease: '0', revision })
    const batch = (revision: Revision, ...given: readonly ReturnType<typeof all>[]) => ({ cluster: '1', revision, changes: given })
    const cuts = [
      [batch(2, all('a', 2)), batch(3, all('b', 3)), batch(4, all('c', 4))],
      [batch(3, all('a', 2), all('b', 3)), batch(3), batch(5, all('c', 4), all('d', 5))],
      [batch(4, all('a', 2), all('b', 3), all('c', 4))],
    ]
    for (const batches of cuts) {
      const { registry } = recorded(memory, { watch: () => of(...batches) })
      const seen = see(history(registry, 'web', { from: 1, to: 4 }))
      expect(texts(seen.values)).toEqual(['1 live', '2 live a@1', '3 live a@1 b@1', '4 live a@1 b@1 c@1'])
      expect(seen.completed).toBe(true)
    }
    const { registry } = recorded(memory, { watch: () => NEVER })
    expect(see(history(registry, 'web', { from: 1, to: 4 })).completed).toBe(undefined)
  }))
})

describe('a registry that confirms too early that everything has come', () => {
  const early = (first: 'without the change that comes again' | 'after some changes' | 'always', expected: object) => virtually(({ advance }) => {
    const memory = memoryRegistry()
    for (const id of ['a', 'b', 'c', 'd']) put(memory, id)
    const change = (id: string, revision: Revision) => ({ key: keyOf(id), value: valueOf(id), lease: '0', revision })
    const batch = (revision: Revision, ...given: readonly ReturnType<typeof change>[]) => ({ cluster: '1', revision, changes: given })
    let watches = 0
    const { registry } = recorded(memory, {
      watch: (range, from) => {
        watches += 1
        if (watches > 1 && first !== 'always') return memory.watch(range, from)
        return first === 'without the change that comes again' ? concat(of(batch(5)), throwError(() => new Lagging('late'))) : of(batch(2, change('a', 2)), batch(3, change('b', 3)), batch(5))
      },
    })
    const seen = see(history(registry, 'web', { from: 2 }))
    // It pauses before each further try.
    advance(60_000)
    const { values, completed, error } = seen
    expect({ sets: texts(values), completed, error, watches }).toMatchObject(expected)
  })

  it.each(['without the change that comes again', 'after some changes'] as const)('is watched again (%s)', how => {
    early(how, { sets: ['2 live a@1', '3 live a@1 b@1', '4 live a@1 b@1 c@1', '5 live a@1 b@1 c@1 d@1'], completed: true, watches: 2 })
  })

  it('always is an error', () => {
    early('always', { sets: ['2 live a@1', '3 live a@1 b@1'], error: expect.any(Lagging) as unknown, watches: 10 })
  })
})

describe('a history errors', () => {
  const failure = (options: unknown, prepare: (registry: ReturnType<typeof memoryRegistry>) => void = () => undefined, service: unknown = 'web'): unknown => {
    const registry = memoryRegistry()
    prepare(registry)
    return see(history(registry, service as string, options as HistoryOptions)).error
  }
  const message = (...given: Parameters<typeof failure>): string => {
    const error = failure(...given)
    expect(error).toBeInstanceOf(InvalidArgument)
    return (error as Error).message
  }

  it('InvalidArgument, with what would be right', () => virtually(() => {
    expect(message(undefined)).toBe('options must be an object of options, got undefined (history takes them by name: { from, to, format, maxBehind })')
    expect(message({})).toBe('from must be a revision, a whole number of 1 or more, got undefined (take it from a listing, a batch or a set)')
    expect(message({ from: 0 })).toBe('from must be a revision, a whole number of 1 or more, got 0 (take it from a listing, a batch or a set)')
    expect(message({ from: '7' })).toContain('from must be a revision')
    expect(message({ from: 1, to: 1.5 })).toContain('to must be a revision')
    expect(message({ from: 7, to: 6 })).toBe('to must be 7 or more, the revision at which the history begins, got 6')
    expect(message({ from: 1, until: 6 })).toContain('until is not an option of history')
    expect(message({ from: 1, maxBehind: 0 })).toBe('maxBehind must be a whole number, 1 or more, got 0')
    expect(message({ from: 1, format: native })).toContain('format must be')
    expect(message({ from: 1, format: [plain(), plain()] })).toContain('different prefixes')
    expect(message({ from: 1 }, undefined, 'a//b')).toContain('service must not have a segment')
  }))

  it('InvalidArgument over SSE, where a watch joins revisions', () => {
    for (const share of [false, true])
      expect(see(history(sseRegistry('http://127.0.0.1:1/', { share }), 'web', { from: 1 })).error).toMatchObject({ argument: 'registry', message: expect.stringContaining('list one past set') as unknown })
  })

  it('InvalidArgument if `from` is over 10,000 revisions back, and maxBehind allows it', () => virtually(() => {
    const registry = memoryRegistry()
    for (let n = 0; n < 10_001; n += 1) put(registry, 'x', String(n), 'other')
    const far = see(history(registry, 'web', { from: 1 })).error
    expect(far).toBeInstanceOf(InvalidArgument)
    expect((far as Error).message).toBe("maxBehind must be 10001 or more to read from revision 1, got 10000 (a watch from so far back delays etcd's writers, see docs/history.md)")
    expect(see(history(registry, 'web', { from: 2 })).completed).toBe(true)
    expect(see(history(registry, 'web', { from: 1, maxBehind: 10_001 })).completed).toBe(true)
    expect(see(history(registry, 'web', { from: 1, maxBehind: Infinity })).completed).toBe(true)
  }))

  it('Compacted, which names the oldest revision that can be read', () => virtually(() => {
    const prepare = (registry: ReturnType<typeof memoryRegistry>): void => {
      put(registry, 'a')
      put(registry, 'b')
      registry.compact()
      put(registry, 'c')
    }
    const error = failure({ from: 2 }, prepare)
    expect(error).toBeInstanceOf(Compacted)
    expect((error as Compacted).revision).toBe(3)
    expect(failure({ from: 3 }, prepare)).toBe(undefined)
  }))

  it('Compacted if the past is compacted between the listing and the watch', () => virtually(() => {
    const memory = memoryRegistry()
    put(memory, 'a')
    put(memory, 'b')
    const { registry } = recorded(memory, { watch: () => throwError(() => new Compacted(3)) })
    const seen = see(history(registry, 'web', { from: 2 }))
    expect([texts(seen.values), seen.error instanceof Compacted && seen.error.revision]).toEqual([['2 live a@1'], 3])
  }))

  it('Rewound if `from` or `to` is in the future', () => virtually(() => {
    expect(failure({ from: 2 })).toBeInstanceOf(Rewound)
    expect(failure({ from: 1, to: 2 })).toBeInstanceOf(Rewound)
  }))

  it('with an outage, after the sets that were read before it', () => virtually(() => {
    const memory = memoryRegistry()
    put(memory, 'a')
    put(memory, 'b')
    const { registry } = recorded(memory, { watch: () => throwError(() => new Disconnected('away')) })
    const seen = see(history(registry, 'web', { from: 2 }))
    expect([texts(seen.values), seen.error]).toEqual([['2 live a@1'], new Disconnected('away')])
    expect(see(history(recorded(memory, { check: () => throwError(() => new Disconnected('away')) }).registry, 'web', { from: 2 })).error).toBeInstanceOf(Disconnected)
    expect(see(history(recorded(memory, { check: () => EMPTY }).registry, 'web', { from: 2 })).completed).toBe(true)
  }))
})

type Step = readonly ['put' | 'bad' | 'remove' | 'elsewhere' | 'expire' | 'compact', 'a' | 'b' | 'c', number]

it('for any writes, leases, transactions and compactions, a history is the fold of the log', () => virtually(() => {
  const steps = fc.array(fc.tuple(fc.constantFrom<Step[0]>('put', 'put', 'bad', 'remove', 'elsewhere', 'elsewhere', 'expire', 'compact'), fc.constantFrom<Step[1]>('a', 'b', 'c'), fc.nat({ max: 2 })), { maxLength: 40 })
  fc.assert(
    fc.property(steps, fc.nat(), fc.nat(), fc.boolean(), (given, start, length, named) => {
      const registry = memoryRegistry()
      let lease = see(registry.lease(60))
      let oldest = 1
      /** The content after each revision. */
      const log = new Map<Revision, string>([[1, '']])
      const present = new Map<string, string>()
      const done = (): void => {
        const ids = [...present].sort().map(([id, text]) => `${id}@${text}`)
        for (let revision = log.size + 1; revision <= registry.revision(); revision += 1) log.set(revision, ids.join(' '))
      }
      for (const [kind, id, version] of given) {
        if (kind === 'put') {
          registry.write(keyOf(id), valueOf(id, String(version)), version === 2 ? { lease: lease.last().id } : {})
          present.set(id, String(version))
        } else if (kind === 'bad') {
          registry.write(keyOf(id), 'bad')
          present.set(id, '!')
        } else if (kind === 'remove') {
          remove(registry, id)
          present.delete(id)
        } else if (kind === 'elsewhere') put(registry, id, String(version), 'web2')
        else if (kind === 'expire') {
          registry.expire(lease.last().id)
          for (const [each, text] of [...present]) if (text === '2') present.delete(each)
          lease.stop()
          done()
          lease = see(registry.lease(60))
        } else {
          registry.compact()
          oldest = registry.revision()
        }
        done()
      }
      const head = registry.revision()
      const from = 1 + (start % head)
      const to = from + (length % (head - from + 1))
      const seen = see(history(registry, 'web', named ? { from, to } : { from }))
      lease.stop()
      if (from < oldest) {
        expect(seen.error).toEqual(new Compacted(oldest))
        return
      }
      const expected = [...log].filter(([revision, text]) => revision === from || (revision > from && revision <= (named ? to : head) && text !== log.get(revision - 1)))
      const text = (set: ServiceSet): string => [...[...set].map(({ id, version }) => `${id}@${version}`), ...[...set.rejected.keys()].map(key => `${key.slice(-1)}@!`)].sort().join(' ')
      expect(seen.values.map(set => [set.revision, text(set)])).toEqual(expected)
      expect([seen.completed, seen.error]).toEqual([true, undefined])
    }),
    { numRuns: 1_000 },
  )
}))
