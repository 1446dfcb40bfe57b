import { firstValueFrom, Subject, timer, toArray, type Observable } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { memoryRegistry, type MemoryRegistry } from 'rx-discovery/memory'
import { virtually } from 'rx-discovery/testing'
import type { Batch, Entry, Lease } from '../../../src/core/store.js'
import { Closed, Compacted, Denied, Disconnected, InvalidArgument, LeaseLost, Rewound, Taken } from '../../../src/core/errors.js'

interface Seen<T> {
  readonly values: T[]
  error?: unknown
  completed?: true
  readonly stop: () => void
}

/** Subscribes, and keeps what comes. */
const see = <T>(source: Observable<T>, onNext: (value: T) => void = () => undefined): Seen<T> => {
  const seen: Seen<T> = { values: [], stop: () => subscription.unsubscribe() }
  const subscription = source.subscribe({
    next: value => {
      seen.values.push(value)
      onNext(value)
    },
    error: (error: unknown) => (seen.error = error),
    complete: () => (seen.completed = true),
  })
  return seen
}

const noLease: Lease = { id: '0', ttl: 0, expiresAt: 0, renewals: 0 }
const entry = (key: string, value: string | null, expect = 0): Entry => ({ key, value, expect })
const pairs = (batches: readonly Batch[]) => batches.map(({ changes }) => changes.map(({ key, value, revision }) => [key, value, revision]))
const idle = { watches: 0, leases: 0, calls: 0 }
const leaseOf = (registry: MemoryRegistry, ttl = 10) => {
  const held = see(registry.lease(ttl))
  return { ...held, held, lease: held.values[0] ?? noLease }
}

describe('list, put, check', () => {
  it('starts empty at revision 1, and answers at once, once', () => {
    const registry = memoryRegistry()
    expect(see(registry.list(''))).toMatchObject({ values: [{ revision: 1, changes: [] }], completed: true })
    expect(see(registry.check('', 1))).toMatchObject({ values: [{ revision: 1, count: 0, changed: [] }], completed: true })
    expect(registry.subscriptions()).toEqual(idle)
  })

  it('lists sorted, at one revision, under the prefix only, with lease and revision', () => virtually(() => {
    const registry = memoryRegistry()
    const { lease, stop } = leaseOf(registry)
    expect(see(registry.put([entry('/web/b', '2'), entry('/web/a', '1'), entry('/web2/c', '3')], lease)).values).toEqual([2])
    expect(see(registry.list('/web/')).values).toEqual([{
      revision: 2,
      changes: [{ key: '/web/a', value: '1', lease: lease.id, revision: 2 }, { key: '/web/b', value: '2', lease: lease.id, revision: 2 }],
    }])
    stop()
  }))

  it('creates, updates and deletes under guard, and says what is there when the guard fails', () => {
    const registry = memoryRegistry()
    const put = (...entries: Entry[]) => see(registry.put(entries, noLease))
    expect(put(entry('a', '1')).values).toEqual([2])
    expect(put(entry('a', '2', 2), entry('b', '1')).values).toEqual([3])
    const refused = put(entry('z', '1'), entry('a', '3', 2), entry('b', null, 3))
    expect(refused.error).toBeInstanceOf(Taken)
    expect((refused.error as Taken).found).toEqual([
      { key: 'z', value: null, lease: '0', revision: 0 },
      { key: 'a', value: '2', lease: '0', revision: 3 },
      { key: 'b', value: '1', lease: '0', revision: 3 },
    ])
    expect(put(entry('a', null, 2)).error).toBeInstanceOf(Taken)
    expect(put(entry('a', null, 3)).values).toEqual([4])
    expect(registry.keys()).toEqual(['b'])
    expect(registry.revision()).toBe(4)
  })

  it('does not move the revision when nothing changes', () => {
    const registry = memoryRegistry()
    expect(see(registry.put([entry('absent', null)], noLease)).values).toEqual([1])
    registry.write('absent', null)
    expect(registry.revision()).toBe(1)
  })

  it.each([
    ['a value over 1.5 MiB', [entry('a', 'é'.repeat(800_000))], 'value'],
    ['an empty key', [entry('', '1')], 'key'],
    ['a key twice', [entry('a', '1'), entry('a', '2')], 'entries'],
    ['more than 128 operations', Array.from({ length: 129 }, (_, i) => entry(`k${i}`, '')), 'entries'],
  ])('refuses %s, and writes nothing', (_, entries, argument) => {
    const registry = memoryRegistry()
    const { error } = see(registry.put(entries, noLease))
    expect(error).toBeInstanceOf(InvalidArgument)
    expect(error).toMatchObject({ argument })
    expect(registry.revision()).toBe(1)
  })

  it('writes nothing under a lease that is gone', () => virtually(() => {
    const registry = memoryRegistry()
    const { lease, stop } = leaseOf(registry)
    stop()
    expect(see(registry.put([entry('a', '1')], lease)).error).toEqual(new LeaseLost(lease.id))
    expect(registry.keys()).toEqual([])
  }))

  it('checks the count and what changed since; a future revision is rewound', () => {
    const registry = memoryRegistry()
    registry.write('/web/a', '1')
    registry.write('/web/b', '1')
    registry.write('/other', '1')
    expect(see(registry.check('/web/', 2)).values).toEqual([{ revision: 4, count: 2, changed: [{ key: '/web/b', revision: 3, lease: '0' }] }])
    expect(see(registry.check('/web/', 5)).error).toBeInstanceOf(Rewound)
  })
})

describe('watch', () => {
  it('says that it is established, then delivers whole revisions, in order', () => {
    const registry = memoryRegistry()
    const watched = see(registry.watch('/web/', 1))
    expect(watched.values).toEqual([{ revision: 1, changes: [] }])
    see(registry.put([entry('/web/a', '1'), entry('/web/b', '1'), entry('/other', '1')], noLease))
    registry.write('/web/a', null)
    registry.write('/other', '2')
    expect(pairs(watched.values.slice(1))).toEqual([[['/web/a', '1', 2], ['/web/b', '1', 2]], [['/web/a', null, 3]]])
    expect(watched.values.map(({ revision }) => revision)).toEqual([1, 2, 3])
    see(registry.put([entry('/web/b', null, 2)], noLease))
    expect(watched.values.at(-1)).toEqual({ revision: 5, changes: [{ key: '/web/b', value: null, lease: '0', revision: 5 }] })
    watched.stop()
    expect(registry.subscriptions()).toEqual(idle)
  })

  it('deletes are of no lease', () => virtually(() => {
    const registry = memoryRegistry()
    const { lease, stop } = leaseOf(registry)
    const watched = see(registry.watch('', 1))
    see(registry.put([entry('a', '1')], lease))
    see(registry.put([entry('a', null, 2)], lease))
    expect(watched.values.flatMap(({ changes }) => changes.map(change => change.lease))).toEqual([lease.id, '0'])
    stop()
  }))

  it('resumes after `from`', () => {
    const registry = memoryRegistry()
    for (const value of ['1', '2', '3']) registry.write('a', value)
    expect(pairs(see(registry.watch('', 2)).values).flat()).toEqual([['a', '2', 3], ['a', '3', 4]])
    expect(see(registry.watch('', 9)).error).toBeInstanceOf(Rewound)
  })

  it('keeps the order for a subscriber that writes inside next', () => {
    const registry = memoryRegistry()
    const reacting = see(registry.watch('', 1), ({ revision }) => revision < 5 && registry.write('a', String(revision)))
    const beside = see(registry.watch('', 1))
    for (const { values } of [reacting, beside]) {
      const seen = values.flatMap(({ changes }) => changes.map(({ revision }) => revision))
      expect(seen).toEqual([2, 3, 4, 5])
    }
    expect(pairs(reacting.values)).toHaveLength(5)
  })

  it('answers a put made inside next after the batch in hand', () => {
    const registry = memoryRegistry()
    const log: string[] = []
    see(registry.watch('', 1), ({ revision, changes }) => {
      if (changes[0]?.key === 'a') see(registry.put([entry('b', '1')], noLease), () => log.push('put b'))
      log.push(`batch ${revision}`)
    })
    registry.write('a', '1')
    expect(log).toEqual(['batch 1', 'batch 2', 'put b', 'batch 3'])
  })

  it('survives a compaction when it is at the head, and cannot follow from before one', () => {
    const registry = memoryRegistry()
    registry.write('a', '1')
    const watched = see(registry.watch('/idle/', 2))
    registry.write('a', '2')
    registry.compact()
    registry.write('/idle/a', '1')
    expect(pairs(watched.values).flat()).toEqual([['/idle/a', '1', 4]])
    expect(see(registry.watch('', 2)).error).toEqual(new Compacted(3))
    expect(pairs(see(registry.watch('', 3)).values).flat()).toEqual([['/idle/a', '1', 4]])
  })
})

describe('lease', () => {
  it('emits at the grant and every third of the TTL, and is revoked at once by unsubscribing', () => virtually(({ advance, pending, now }) => {
    const registry = memoryRegistry()
    const held = see(registry.lease(9))
    advance(6_500)
    expect(held.values).toEqual([0, 1, 2].map(renewals => ({ id: '1', ttl: 9, expiresAt: renewals * 3000 + 9000, renewals })))
    see(registry.put([entry('a', '1'), entry('b', '1')], held.values[0] ?? noLease))
    const watched = see(registry.watch('', 2))
    held.stop()
    expect(pairs(watched.values.slice(1))).toEqual([[['a', null, 3], ['b', null, 3]]])
    expect(registry.leases()).toEqual([])
    watched.stop()
    expect(pending()).toBe(0)
    expect(now()).toBe(6_500)
  }))

  it('keeps its keys for as long as it is held', () => virtually(({ advance }) => {
    const registry = memoryRegistry()
    const { lease, stop } = leaseOf(registry, 3)
    see(registry.put([entry('a', '1')], lease))
    advance(3_600_000)
    expect(registry.keys()).toEqual(['a'])
    stop()
    expect(registry.keys()).toEqual([])
  }))

  it.each([0, -1, 1.5, NaN, Infinity, 9_000_000_001])('refuses a TTL of %d', ttl => {
    expect(see(memoryRegistry().lease(ttl)).error).toBeInstanceOf(InvalidArgument)
  })

  it('takes the longest TTL without spinning', () => virtually(({ advance, pending }) => {
    const { held, stop } = leaseOf(memoryRegistry(), 9_000_000_000)
    advance(60_000)
    expect(held.values).toHaveLength(1)
    stop()
    expect(pending()).toBe(0)
  }))

  it('takes a TTL longer than any timer', async () => {
    const registry = memoryRegistry()
    const held = see(registry.lease(9_000_000_000))
    await firstValueFrom(timer(30))
    expect(held.values).toHaveLength(1)
    held.stop()
  })

  it('expires on time, also after more than a timer can wait', () => virtually(({ advance }) => {
    const registry = memoryRegistry()
    const day = 86_400
    const { stop } = leaseOf(registry, 60 * day)
    registry.deny()
    advance(60 * day * 1000 - 1)
    expect(registry.leases()).toHaveLength(1)
    advance(1)
    expect(registry.leases()).toEqual([])
    stop()
  }))

  it('ends by `end`: revoked, then complete', () => virtually(({ advance, pending }) => {
    const registry = memoryRegistry()
    const end = new Subject<void>()
    const held = see(registry.lease(6, end))
    advance(2_000)
    end.next()
    expect(held).toMatchObject({ completed: true, values: [{ renewals: 0 }, { renewals: 1 }] })
    expect(registry.leases()).toEqual([])
    expect(pending()).toBe(0)
  }))

  it('ends by `end` when the TTL has passed, though nobody answers', () => virtually(({ advance, pending, now }) => {
    const registry = memoryRegistry()
    const end = new Subject<void>()
    const held = see(registry.lease(6, end))
    const thaw = registry.freeze()
    advance(1_000)
    end.next()
    advance(4_999)
    expect(held.completed).toBeUndefined()
    advance(1)
    expect(held.completed).toBe(true)
    expect(now()).toBe(6_000)
    thaw()
    expect(registry.leases()).toEqual([])
    expect(pending()).toBe(0)
  }))

  it('is lost at the next renewal once expired, with all its keys in one revision', () => virtually(({ advance, pending }) => {
    const registry = memoryRegistry()
    const { held, lease } = leaseOf(registry, 6)
    see(registry.put([entry('a', '1'), entry('b', '1')], lease))
    const watched = see(registry.watch('', 2))
    registry.expire(lease.id)
    expect(pairs(watched.values.slice(1))).toEqual([[['a', null, 3], ['b', null, 3]]])
    advance(1_999)
    expect(held.error).toBeUndefined()
    advance(1)
    expect(held.error).toEqual(new LeaseLost(lease.id))
    expect(pending()).toBe(0)
  }))

  it('leaves nothing when unsubscribed during the grant, nor when the answer is lost', () => virtually(({ pending }) => {
    const registry = memoryRegistry()
    const thaw = registry.freeze()
    const early = see(registry.lease(5))
    early.stop()
    thaw()
    expect(registry.leases()).toEqual([])

    registry.loseGrant()
    const lost = see(registry.lease(5))
    expect(lost.values).toEqual([])
    expect(lost.error).toBeInstanceOf(Disconnected)
    expect(registry.leases()).toEqual([])
    expect(see(registry.lease(5), () => undefined).values).toHaveLength(1)
    expect(registry.leases()).toHaveLength(1)
    expect(pending()).toBe(2)
    void registry.close()
    expect(pending()).toBe(0)
  }))

  it('writes of another hand take the key from its lease', () => virtually(() => {
    const registry = memoryRegistry()
    const { lease, stop } = leaseOf(registry)
    see(registry.put([entry('a', '1'), entry('b', '1')], lease))
    registry.write('a', '2')
    registry.write('b', '2', { lease: lease.id })
    stop()
    expect(registry.entries()).toEqual([{ key: 'a', value: '2', lease: '0', revision: 3 }])
  }))
})

describe('levers', () => {
  it('interrupt cuts watches and waiting calls; what comes after works', () => virtually(() => {
    const registry = memoryRegistry()
    const watched = see(registry.watch('', 1))
    const thaw = registry.freeze()
    const waiting = [see(registry.list('')), see(registry.lease(5)), see(registry.put([entry('a', '1')], noLease))]
    registry.interrupt()
    thaw()
    for (const { error } of [watched, ...waiting]) expect(error).toBeInstanceOf(Disconnected)
    expect(see(registry.list('')).values).toEqual([{ revision: 1, changes: [] }])
    expect(registry.leases()).toEqual([])
    expect(registry.subscriptions()).toEqual(idle)
  }))

  it('interrupt for a while: calls are refused, the lease survives if its TTL does', () => virtually(({ advance }) => {
    const registry = memoryRegistry()
    const [short, long] = [see(registry.lease(3)), see(registry.lease(9))]
    registry.interrupt(5_000)
    expect(see(registry.list('')).error).toBeInstanceOf(Disconnected)
    expect(see(registry.watch('', 1)).error).toBeInstanceOf(Disconnected)
    advance(4_999)
    expect(registry.leases()).toEqual(['2'])
    expect(long.values).toHaveLength(1)
    advance(1)
    expect(short.error).toEqual(new LeaseLost('1'))
    expect(long).toMatchObject({ values: [{ renewals: 0 }, { renewals: 1, expiresAt: 14_000 }] })
    expect(see(registry.list('')).completed).toBe(true)
    long.stop()
  }))

  it('a lease unsubscribed in an interruption is revoked after it', () => virtually(({ advance, pending }) => {
    const registry = memoryRegistry()
    const { stop } = leaseOf(registry, 60)
    registry.interrupt(5_000)
    stop()
    expect(registry.leases()).toEqual(['1'])
    advance(5_000)
    expect(registry.leases()).toEqual([])
    expect(pending()).toBe(0)
  }))

  it('freeze holds every answer and every batch; thawing gives them, expired leases first', () => virtually(({ advance, pending }) => {
    const registry = memoryRegistry()
    const { held, lease } = leaseOf(registry, 3)
    see(registry.put([entry('a', '1')], lease))
    const watched = see(registry.watch('', 2))
    const thaw = registry.freeze()
    const listed = see(registry.list(''))
    advance(4_000)
    expect([listed.values, watched.values.slice(1), held.values.slice(1)]).toEqual([[], [], []])
    thaw()
    expect(listed.values).toEqual([{ revision: 3, changes: [] }])
    expect(pairs(watched.values.slice(1))).toEqual([[['a', null, 3]]])
    expect(held.error).toEqual(new LeaseLost(lease.id))
    watched.stop()
    expect(pending()).toBe(0)
  }))

  it('a freeze of five seconds is a silence that watches and calls give up at, however often it is begun', () => virtually(({ advance, pending }) => {
    const registry = memoryRegistry()
    const watched = see(registry.watch('', 1))
    const thaws = [registry.freeze()]
    advance(2_000)
    thaws.push(registry.freeze())
    const [listed, silence] = [see(registry.list('')), new Disconnected('memory did not answer in time', { host: 'memory' })]
    advance(2_999)
    expect([watched.error, listed.error]).toEqual([undefined, undefined])
    advance(1)
    expect([watched.error, listed.error]).toEqual([silence, undefined])
    advance(2_000)
    expect([listed.error, pending()]).toEqual([silence, 0])
    for (const thaw of thaws) thaw()
    expect(see(registry.list('')).values).toHaveLength(1)
  }))

  it('a silence lasts from the first freeze to the last thaw, and begins anew with the next', () => virtually(({ advance }) => {
    const registry = memoryRegistry()
    registry.freeze()()
    const watched = see(registry.watch('', 1))
    advance(10_000)
    const first = registry.freeze()
    advance(1_000)
    const second = registry.freeze()
    first()
    advance(3_999)
    expect(watched.error).toBeUndefined()
    second()
    const refrozen = see(registry.watch('', 1), () => void registry.freeze())
    advance(4_999)
    expect([watched.error, refrozen.error]).toEqual([undefined, undefined])
    advance(1)
    expect([watched.error, refrozen.error]).toEqual([expect.any(Disconnected), expect.any(Disconnected)])
  }))

  it('what another hand writes into a frozen registry is seen when it thaws', () => {
    const registry = memoryRegistry()
    const watched = see(registry.watch('', 1))
    const thaw = registry.freeze()
    registry.write('a', '1')
    expect(watched.values).toHaveLength(1)
    thaw()
    expect(pairs(watched.values.slice(1))).toEqual([[['a', '1', 2]]])
  })

  it('a short freeze loses no lease: the waiting renewal is answered', () => virtually(({ advance }) => {
    const registry = memoryRegistry()
    const end = new Subject<void>()
    const held = see(registry.lease(6, end))
    const thaw = registry.freeze()
    advance(4_000)
    thaw()
    // counted from when it was sent, not from the answer
    expect(held.values.at(-1)).toMatchObject({ renewals: 1, expiresAt: 8_000 })
    registry.freeze()
    end.next()
    advance(3_999)
    expect(held.completed).toBeUndefined()
    advance(1)
    expect(held.completed).toBe(true)
  }))

  it('two freezes need two thaws, and a thaw counts once', () => {
    const registry = memoryRegistry()
    const [first, second] = [registry.freeze(), registry.freeze()]
    const listed = see(registry.list(''))
    first()
    first()
    expect(listed.values).toEqual([])
    second()
    expect(listed.values).toHaveLength(1)
  })

  it('rewind empties, cuts the watches, and is seen by who knew the future', () => virtually(({ advance }) => {
    const registry = memoryRegistry()
    const { held, lease } = leaseOf(registry, 6)
    see(registry.put([entry('a', '1')], lease))
    const watched = see(registry.watch('', 2))
    registry.rewind()
    expect(watched.error).toBeInstanceOf(Disconnected)
    expect(see(registry.list('')).values).toEqual([{ revision: 1, changes: [] }])
    expect(see(registry.watch('', 2)).error).toBeInstanceOf(Rewound)
    expect(see(registry.check('', 2)).error).toBeInstanceOf(Rewound)
    advance(2_000)
    expect(held.error).toEqual(new LeaseLost(lease.id))
  }))

  it('rewind to a revision: contents, history and leases of then', () => virtually(({ advance, pending }) => {
    const registry = memoryRegistry()
    const { lease, stop } = leaseOf(registry, 6)
    see(registry.put([entry('a', '1')], lease))
    registry.write('b', '1')
    stop()
    registry.write('b', '2')
    expect(registry.revision()).toBe(5)
    registry.rewind(3)
    expect(registry.entries().map(({ key, value, revision }) => [key, value, revision])).toEqual([['a', '1', 2], ['b', '1', 3]])
    expect(pairs(see(registry.watch('', 2)).values)).toEqual([[['b', '1', 3]]])
    expect(registry.leases()).toEqual([lease.id])
    advance(6_000)
    expect(registry.keys()).toEqual(['b'])
    expect(pending()).toBe(0)
  }))

  it('rewind after a compaction keeps what was compacted', () => {
    const registry = memoryRegistry()
    for (const key of ['a', 'b', 'c']) {
      registry.write(key, '1')
      if (key === 'a') registry.compact()
    }
    registry.rewind(3)
    expect(registry.keys()).toEqual(['a', 'b'])
    expect(see(registry.watch('', 1)).error).toEqual(new Compacted(2))
  })

  it('rewind behind a compaction starts empty there', () => {
    const registry = memoryRegistry()
    for (const value of ['1', '2', '3']) registry.write('a', value)
    registry.compact()
    registry.rewind(2)
    expect(see(registry.list('')).values).toEqual([{ revision: 2, changes: [] }])
    expect(() => registry.rewind(3)).toThrow(InvalidArgument)
  })

  it('deny denies every call; open watches and leases go on, renewals wait', () => virtually(({ advance }) => {
    const registry = memoryRegistry()
    const { held, lease, stop } = leaseOf(registry, 9)
    const watched = see(registry.watch('', 1))
    const allow = registry.deny()
    const { list, check, watch, lease: grant, put } = registry
    for (const call of [list(''), check('', 1), watch('', 1), grant(5), put([entry('a', '1')], lease)]) expect(see(call as Observable<unknown>).error).toBeInstanceOf(Denied)
    registry.write('a', '1')
    expect(pairs(watched.values.slice(1))).toEqual([[['a', '1', 2]]])
    advance(4_000)
    expect(held.values).toHaveLength(1)
    allow()
    expect(held.values).toHaveLength(2)
    stop()
    expect(registry.leases()).toEqual([])
  }))

  it('lag holds the watches only, and then delivers all of it in order', () => virtually(({ advance }) => {
    const registry = memoryRegistry()
    const { held, stop } = leaseOf(registry, 3)
    const watched = see(registry.watch('', 1))
    const catchUp = registry.lag()
    const late = see(registry.watch('', 1))
    registry.write('a', '1')
    registry.write('a', '2')
    advance(1_000)
    expect(held.values).toHaveLength(2)
    expect(see(registry.list('')).values[0]?.changes).toHaveLength(1)
    expect([watched.values.length, late.values.length]).toEqual([1, 0])
    catchUp()
    for (const { values } of [watched, late]) expect(pairs(values).flat()).toEqual([['a', '1', 2], ['a', '2', 3]])
    stop()
  }))

  it('a watch that lags behind a compaction is told', () => {
    const registry = memoryRegistry()
    const watched = see(registry.watch('', 1))
    const catchUp = registry.lag()
    registry.write('a', '1')
    registry.compact()
    catchUp()
    expect(watched.error).toEqual(new Compacted(2))
  })
})

describe('close', () => {
  it('revokes, errors what is open and what comes, and is the same twice', async () => {
    const registry = memoryRegistry()
    const open = [see<unknown>(registry.lease(5)), see<unknown>(registry.watch('', 1))]
    const thaw = registry.freeze()
    open.push(see<unknown>(registry.list('')))
    const closed = registry.close()
    for (const { error } of open) expect(error).toBeInstanceOf(Closed)
    expect(registry.subscriptions()).toEqual(idle)
    let done = false
    void closed.then(() => (done = true))
    await Promise.resolve()
    expect(done).toBe(false)
    expect(registry.leases()).toHaveLength(1)
    thaw()
    await closed
    expect(registry.leases()).toEqual([])
    await registry.close()
    for (const call of [registry.list(''), registry.check('', 1), registry.watch('', 1), registry.lease(5), registry.put([], noLease)])
      expect(see(call as Observable<unknown>).error).toBeInstanceOf(Closed)
  })

  it('does not show a watch the leases that it revokes', () => virtually(() => {
    const registry = memoryRegistry()
    const { lease } = leaseOf(registry)
    see(registry.put([entry('a', '1')], lease))
    const watched = see(registry.watch('', 2))
    void registry.close()
    expect(watched.error).toBeInstanceOf(Closed)
    expect(pairs(watched.values).flat()).toEqual([])
    expect(registry.keys()).toEqual([])
  }))

  it('waits for a revoke that nobody answers no longer than the TTL', () => virtually(({ advance, pending }) => {
    const registry = memoryRegistry()
    leaseOf(registry, 5)
    registry.freeze()
    void registry.close()
    advance(5_000)
    expect(pending()).toBe(0)
  }))
})

it('a verb does nothing until it is subscribed, and can be subscribed again', () => {
  const registry = memoryRegistry()
  const put = registry.put([entry('a', '1')], noLease)
  const listed = registry.list('').pipe(toArray())
  expect(registry.revision()).toBe(1)
  see(put)
  expect(see(listed).values[0]?.[0]?.revision).toBe(2)
  expect(see(put).error).toBeInstanceOf(Taken)
})
