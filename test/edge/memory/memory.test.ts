import { firstValueFrom, Subject, timer, toArray, type Observable } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { memoryRegistry, type MemoryRegistry } from 'rx-discovery/memory'
import { virtually } from 'rx-discovery/testing'
import type { Batch, Entry, Lease } from '../../../src/core/store.js'
import { Closed, Compacted, Denied, Disconnected, InvalidArgument, LeaseLost, Rewound, Taken } from '../../../src/core/errors.js'
import { see } from '../../scene.js'

const noLease: Lease = { id: '0', ttl: 0, expiresAt: 0, renewals: 0 }
const entry = (key: string, value: string | null, expect = 0): Entry => ({ key, value, expect })
const pairs = (batches: readonly Batch[]) => batches.map(({ changes }) => changes.map(({ key, value, revision }) => [key, value, revision]))
const idle = { watches: 0, leases: 0, calls: 0 }
const leaseOf = (registry: MemoryRegistry, ttl = 10) => {
  const session = see(registry.lease(ttl))
  return { session, lease: session.values[0] ?? noLease, stop: session.stop }
}

describe('list, put, check', () => {
  it('starts empty at revision 1, and answers at once, once', () => {
    const registry = memoryRegistry()
    expect(see(registry.list(''))).toMatchObject({ values: [{ cluster: '1', revision: 1, changes: [] }], completed: true })
    expect(see(registry.check('', 1))).toMatchObject({ values: [{ revision: 1, count: 0, changed: [] }], completed: true })
    expect(registry.subscriptions()).toEqual(idle)
  })

  it('lists the keys of a prefix, sorted, at one revision, with lease and revision', () => virtually(() => {
    const registry = memoryRegistry()
    const { lease, stop } = leaseOf(registry)
    expect(see(registry.put([entry('/web/b', '2'), entry('/web/a', '1'), entry('/web2/c', '3')], lease)).values).toEqual([2])
    expect(see(registry.list('/web/')).values).toEqual([{
      cluster: '1',
      revision: 2,
      changes: [{ key: '/web/a', value: '1', lease: lease.id, revision: 2 }, { key: '/web/b', value: '2', lease: lease.id, revision: 2 }],
    }])
    stop()
  }))

  it('creates, updates and deletes under guard, and errors Taken with the current content if a guard fails', () => {
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

  it('writes nothing under a lease that has ended', () => virtually(() => {
    const registry = memoryRegistry()
    const { lease, stop } = leaseOf(registry)
    stop()
    expect(see(registry.put([entry('a', '1')], lease)).error).toEqual(new LeaseLost(lease.id))
    expect(registry.keys()).toEqual([])
  }))

  it('checks the count and the keys changed since; a future revision errors Rewound', () => {
    const registry = memoryRegistry()
    registry.write('/web/a', '1')
    registry.write('/web/b', '1')
    registry.write('/other', '1')
    expect(see(registry.check('/web/', 2)).values).toEqual([{ revision: 4, count: 2, changed: [{ key: '/web/b', revision: 3, lease: '0' }] }])
    expect(see(registry.check('/web/', 5)).error).toBeInstanceOf(Rewound)
  })
})

describe('list at a past revision', () => {
  const written = (): MemoryRegistry => {
    const registry = memoryRegistry()
    registry.write('a', '1')
    registry.write('b', '1')
    registry.write('a', null)
    return registry
  }
  const at = (registry: MemoryRegistry, revision: number) => see(registry.list('', { at: revision }))

  it('lists the content as it was, at that revision', () => {
    const registry = written()
    const listings = [1, 2, 3, 4].map(revision => at(registry, revision).values[0])
    expect(listings.map(listing => [listing?.revision, listing?.changes.map(({ key }) => key)])).toEqual([[1, []], [2, ['a']], [3, ['a', 'b']], [4, ['b']]])
    expect(see(registry.list({ key: 'a' }, { at: 3, local: true })).values[0]?.changes).toEqual([{ key: 'a', value: '1', lease: '0', revision: 2 }])
  })

  it('errors Compacted with the oldest revision that can be read, Rewound for a future one, InvalidArgument for anything else', () => {
    const registry = written()
    registry.compact()
    registry.write('c', '1')
    expect(at(registry, 3).error).toEqual(new Compacted(4))
    expect(at(registry, 4).values[0]?.changes.map(({ key }) => key)).toEqual(['b'])
    expect(at(registry, 6).error).toEqual(new Rewound('revision 6 is in the future, the registry is at 5'))
    for (const wrong of [0, -1, 1.5, NaN, Infinity]) expect(at(registry, wrong).error).toBeInstanceOf(InvalidArgument)
  })

  it('also after a rewind, and behind the compaction before it', () => {
    const registry = written()
    registry.rewind(3)
    expect(at(registry, 2).values[0]?.changes.map(({ key }) => key)).toEqual(['a'])
    expect(at(registry, 4).error).toBeInstanceOf(Rewound)
  })
})

describe('remaining', () => {
  const left = (registry: MemoryRegistry, id: string) => see(registry.remaining(id)).values[0]

  it('emits the granted TTL and the whole seconds left, which rise with each renewal', () => virtually(({ advance }) => {
    const registry = memoryRegistry()
    const { lease, stop } = leaseOf(registry, 9)
    expect(see(registry.remaining(lease.id))).toMatchObject({ values: [{ granted: 9, left: 9, term: '1' }], completed: true })
    advance(2_999)
    expect(left(registry, lease.id)?.left).toBe(6)
    advance(1)
    expect(left(registry, lease.id)?.left).toBe(9)
    stop()
    expect(left(registry, lease.id)).toEqual({ granted: 0, left: -1, term: '1' })
  }))

  it('a restart begins a new term, and gives every lease its full TTL', () => virtually(({ advance }) => {
    const registry = memoryRegistry()
    const [written, bare] = [leaseOf(registry, 60), leaseOf(registry, 60)]
    see(registry.put([entry('a', '1')], written.lease))
    registry.write('b', '1')
    const allow = registry.deny()
    advance(30_000)
    registry.rewind(3)
    allow()
    for (const { lease } of [written, bare]) expect(left(registry, lease.id)).toEqual({ granted: 60, left: 60, term: '2' })
    expect(() => registry.rewind(9)).toThrow(InvalidArgument)
    expect(left(registry, bare.lease.id)?.term).toBe('2')
    for (const { stop } of [written, bare]) stop()
  }))
})

describe('watch', () => {
  it('reaches the revision of its subscription: with the changes, then an empty batch if other keys changed later', () => {
    const registry = memoryRegistry()
    registry.write('web', '1')
    registry.write('other', '1')
    const all = (range: string | { readonly key: string }, from: number) => see(registry.watch(range, from)).values.map(({ revision, changes }) => [revision, changes.length])
    expect(all('web', 1)).toEqual([[2, 1], [3, 0]])
    expect(all({ key: 'web' }, 2)).toEqual([[3, 0]])
    expect(all('other', 1)).toEqual([[3, 1]])
    expect(all({ key: 'we' }, 3)).toEqual([[3, 0]])
  })

  it('a subscriber that writes inside the first batch misses nothing', () => {
    const registry = memoryRegistry()
    registry.write('web', '1')
    registry.write('other', '1')
    const watched = see(registry.watch('web', 1), ({ revision }) => revision === 2 && registry.write('web', '2'))
    expect(watched.values.map(({ revision, changes }) => [revision, changes.length])).toEqual([[2, 1], [3, 0], [4, 1]])
  })

  it('emits an empty batch at once, then whole revisions, in order', () => {
    const registry = memoryRegistry()
    const watched = see(registry.watch('/web/', 1))
    expect(watched.values).toEqual([{ cluster: '1', revision: 1, changes: [] }])
    see(registry.put([entry('/web/a', '1'), entry('/web/b', '1'), entry('/other', '1')], noLease))
    registry.write('/web/a', null)
    registry.write('/other', '2')
    expect(pairs(watched.values.slice(1))).toEqual([[['/web/a', '1', 2], ['/web/b', '1', 2]], [['/web/a', null, 3]]])
    expect(watched.values.map(({ revision }) => revision)).toEqual([1, 2, 3])
    see(registry.put([entry('/web/b', null, 2)], noLease))
    expect(watched.values.at(-1)).toEqual({ cluster: '1', revision: 5, changes: [{ key: '/web/b', value: null, lease: '0', revision: 5 }] })
    watched.stop()
    expect(registry.subscriptions()).toEqual(idle)
  })

  it('deletes have no lease', () => virtually(() => {
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

  it('keeps the order for a subscriber that writes inside `next`', () => {
    const registry = memoryRegistry()
    const reacting = see(registry.watch('', 1), ({ revision }) => revision < 5 && registry.write('a', String(revision)))
    const beside = see(registry.watch('', 1))
    for (const { values } of [reacting, beside]) {
      const seen = values.flatMap(({ changes }) => changes.map(({ revision }) => revision))
      expect(seen).toEqual([2, 3, 4, 5])
    }
    expect(pairs(reacting.values)).toHaveLength(5)
  })

  it('answers a put made inside `next` after the current batch', () => {
    const registry = memoryRegistry()
    const log: string[] = []
    see(registry.watch('', 1), ({ revision, changes }) => {
      if (changes[0]?.key === 'a') see(registry.put([entry('b', '1')], noLease), () => log.push('put b'))
      log.push(`batch ${revision}`)
    })
    registry.write('a', '1')
    expect(log).toEqual(['batch 1', 'batch 2', 'put b', 'batch 3'])
  })

  it('survives a compaction if it is at the head, and errors Compacted from before one', () => {
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
    const session = see(registry.lease(9))
    advance(6_500)
    expect(session.values).toEqual([0, 1, 2].map(renewals => ({ id: '1', ttl: 9, expiresAt: renewals * 3000 + 9000, renewals })))
    see(registry.put([entry('a', '1'), entry('b', '1')], session.values[0] ?? noLease))
    const watched = see(registry.watch('', 2))
    session.stop()
    expect(pairs(watched.values.slice(1))).toEqual([[['a', null, 3], ['b', null, 3]]])
    expect(registry.leases()).toEqual([])
    watched.stop()
    expect(pending()).toBe(0)
    expect(now()).toBe(6_500)
  }))

  it('keeps its keys for as long as it is subscribed', () => virtually(({ advance }) => {
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
    const { session, stop } = leaseOf(memoryRegistry(), 9_000_000_000)
    advance(60_000)
    expect(session.values).toHaveLength(1)
    stop()
    expect(pending()).toBe(0)
  }))

  it('takes a TTL longer than any timer', async () => {
    const registry = memoryRegistry()
    const session = see(registry.lease(9_000_000_000))
    await firstValueFrom(timer(30))
    expect(session.values).toHaveLength(1)
    session.stop()
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
    const session = see(registry.lease(6, end))
    advance(2_000)
    end.next()
    expect(session).toMatchObject({ completed: true, values: [{ renewals: 0 }, { renewals: 1 }] })
    expect(registry.leases()).toEqual([])
    expect(pending()).toBe(0)
  }))

  it('ends by `end` when the TTL has passed, though the revoke is not answered', () => virtually(({ advance, pending, now }) => {
    const registry = memoryRegistry()
    const end = new Subject<void>()
    const session = see(registry.lease(6, end))
    const thaw = registry.freeze()
    advance(1_000)
    end.next()
    advance(4_999)
    expect(session.completed).toBeUndefined()
    advance(1)
    expect(session.completed).toBe(true)
    expect(now()).toBe(6_000)
    thaw()
    expect(registry.leases()).toEqual([])
    expect(pending()).toBe(0)
  }))

  it('once expired, is lost at the next renewal, and its keys are deleted in one revision', () => virtually(({ advance, pending }) => {
    const registry = memoryRegistry()
    const { session, lease } = leaseOf(registry, 6)
    see(registry.put([entry('a', '1'), entry('b', '1')], lease))
    const watched = see(registry.watch('', 2))
    registry.expire(lease.id)
    expect(pairs(watched.values.slice(1))).toEqual([[['a', null, 3], ['b', null, 3]]])
    advance(1_999)
    expect(session.error).toBeUndefined()
    advance(1)
    expect(session.error).toEqual(new LeaseLost(lease.id))
    expect(pending()).toBe(0)
  }))

  it('leaves nothing if it is unsubscribed during the grant, or if the answer is lost', () => virtually(({ pending }) => {
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

  it('a write of another client takes the key from its lease', () => virtually(() => {
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
  it('interrupt cuts watches and waiting calls; later calls work', () => virtually(() => {
    const registry = memoryRegistry()
    const watched = see(registry.watch('', 1))
    const thaw = registry.freeze()
    const waiting = [see(registry.list('')), see(registry.lease(5)), see(registry.put([entry('a', '1')], noLease))]
    registry.interrupt()
    thaw()
    for (const { error } of [watched, ...waiting]) expect(error).toBeInstanceOf(Disconnected)
    expect(see(registry.list('')).values).toEqual([{ cluster: '1', revision: 1, changes: [] }])
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

  it('freeze delays every answer and every batch; after the thaw they come, expired leases first', () => virtually(({ advance, pending }) => {
    const registry = memoryRegistry()
    const { session, lease } = leaseOf(registry, 3)
    see(registry.put([entry('a', '1')], lease))
    const watched = see(registry.watch('', 2))
    const thaw = registry.freeze()
    const listed = see(registry.list(''))
    advance(4_000)
    expect([listed.values, watched.values.slice(1), session.values.slice(1)]).toEqual([[], [], []])
    thaw()
    expect(listed.values).toEqual([{ cluster: '1', revision: 3, changes: [] }])
    expect(pairs(watched.values.slice(1))).toEqual([[['a', null, 3]]])
    expect(session.error).toEqual(new LeaseLost(lease.id))
    watched.stop()
    expect(pending()).toBe(0)
  }))

  it('watches and calls error after five seconds of freeze, however many freezes overlap', () => virtually(({ advance, pending }) => {
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

  it('a silence lasts from the first freeze to the last thaw, and starts again with the next freeze', () => virtually(({ advance }) => {
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

  it('a write of another client into a frozen registry is delivered after the thaw', () => {
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
    const session = see(registry.lease(6, end))
    const thaw = registry.freeze()
    advance(4_000)
    thaw()
    // counted from when it was sent, not from the answer
    expect(session.values.at(-1)).toMatchObject({ renewals: 1, expiresAt: 8_000 })
    registry.freeze()
    end.next()
    advance(3_999)
    expect(session.completed).toBeUndefined()
    advance(1)
    expect(session.completed).toBe(true)
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

  it('rewind empties the registry and cuts the watches; later revisions error Rewound', () => virtually(({ advance }) => {
    const registry = memoryRegistry()
    const { session, lease } = leaseOf(registry, 6)
    see(registry.put([entry('a', '1')], lease))
    const watched = see(registry.watch('', 2))
    registry.rewind()
    expect(watched.error).toBeInstanceOf(Disconnected)
    expect(see(registry.list('')).values).toEqual([{ cluster: '1', revision: 1, changes: [] }])
    expect(see(registry.watch('', 2)).error).toBeInstanceOf(Rewound)
    expect(see(registry.check('', 2)).error).toBeInstanceOf(Rewound)
    advance(2_000)
    expect(session.error).toEqual(new LeaseLost(lease.id))
  }))

  it('rewind to a revision restores its content, history and leases', () => virtually(({ advance, pending }) => {
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

  it('rewind after a compaction keeps the compacted content', () => {
    const registry = memoryRegistry()
    for (const key of ['a', 'b', 'c']) {
      registry.write(key, '1')
      if (key === 'a') registry.compact()
    }
    registry.rewind(3)
    expect(registry.keys()).toEqual(['a', 'b'])
    expect(see(registry.watch('', 1)).error).toEqual(new Compacted(2))
  })

  it('rewind to before a compaction starts empty at that revision', () => {
    const registry = memoryRegistry()
    for (const value of ['1', '2', '3']) registry.write('a', value)
    registry.compact()
    registry.rewind(2)
    expect(see(registry.list('')).values).toEqual([{ cluster: '1', revision: 2, changes: [] }])
    expect(() => registry.rewind(3)).toThrow(InvalidArgument)
  })

  it('deny denies every call; open watches and leases go on, renewals wait', () => virtually(({ advance }) => {
    const registry = memoryRegistry()
    const { session, lease, stop } = leaseOf(registry, 9)
    const watched = see(registry.watch('', 1))
    const allow = registry.deny()
    const { list, check, watch, lease: grant, put } = registry
    for (const call of [list(''), check('', 1), watch('', 1), grant(5), put([entry('a', '1')], lease)]) expect(see(call as Observable<unknown>).error).toBeInstanceOf(Denied)
    registry.write('a', '1')
    expect(pairs(watched.values.slice(1))).toEqual([[['a', '1', 2]]])
    advance(4_000)
    expect(session.values).toHaveLength(1)
    allow()
    expect(session.values).toHaveLength(2)
    stop()
    expect(registry.leases()).toEqual([])
  }))

  it('lag delays the watches only, and then delivers everything in order', () => virtually(({ advance }) => {
    const registry = memoryRegistry()
    const { session, stop } = leaseOf(registry, 3)
    const watched = see(registry.watch('', 1))
    const catchUp = registry.lag()
    const late = see(registry.watch('', 1))
    registry.write('a', '1')
    registry.write('a', '2')
    advance(1_000)
    expect(session.values).toHaveLength(2)
    expect(see(registry.list('')).values[0]?.changes).toHaveLength(1)
    expect([watched.values.length, late.values.length]).toEqual([1, 0])
    catchUp()
    for (const { values } of [watched, late]) expect(pairs(values).flat()).toEqual([['a', '1', 2], ['a', '2', 3]])
    stop()
  }))

  it('a watch that lags behind a compaction errors Compacted', () => {
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
  it('revokes, errors Closed to open and to later subscriptions, and can be called twice', async () => {
    const registry = memoryRegistry()
    const open = [see<unknown>(registry.lease(5)), see<unknown>(registry.watch('', 1))]
    const thaw = registry.freeze()
    open.push(see<unknown>(registry.list('')))
    const closed = registry.close()
    const [lease, ...others] = open
    for (const { error } of others) expect(error).toBeInstanceOf(Closed)
    // the lease, once its revoke is answered
    expect(lease?.error).toBe(undefined)
    let done = false
    void closed.then(() => (done = true))
    await Promise.resolve()
    expect(done).toBe(false)
    expect(registry.leases()).toHaveLength(1)
    thaw()
    expect(lease?.error).toEqual(new Closed())
    await closed
    expect(registry.subscriptions()).toEqual(idle)
    expect(registry.leases()).toEqual([])
    await registry.close()
    for (const call of [registry.list(''), registry.check('', 1), registry.watch('', 1), registry.lease(5), registry.put([], noLease)])
      expect(see(call as Observable<unknown>).error).toBeInstanceOf(Closed)
  })

  it('shows no watch the leases that it revokes', () => virtually(() => {
    const registry = memoryRegistry()
    const { lease } = leaseOf(registry)
    see(registry.put([entry('a', '1')], lease))
    const watched = see(registry.watch('', 2))
    void registry.close()
    expect(watched.error).toBeInstanceOf(Closed)
    expect(pairs(watched.values).flat()).toEqual([])
    expect(registry.keys()).toEqual([])
  }))

  it('waits for a revoke that is not answered no longer than the TTL', () => virtually(({ advance, pending }) => {
    const registry = memoryRegistry()
    leaseOf(registry, 1)
    registry.freeze()
    void registry.close()
    advance(999)
    expect(pending()).not.toBe(0)
    advance(1)
    expect(pending()).toBe(0)
  }))

  it('waits for a revoke that is not answered no longer than its timeout, and leaves no timer', () => virtually(({ advance, pending }) => {
    for (const [options, most] of [[undefined, 2_000], [{ timeout: 300 }, 300]] as const) {
      const registry = memoryRegistry()
      leaseOf(registry, 3_600)
      const thaw = registry.freeze()
      void registry.close(options)
      advance(most - 1)
      expect(pending()).not.toBe(0)
      advance(1)
      expect(pending()).toBe(0)
      // nothing is sent after that: the lease expires
      thaw()
      expect(registry.leases()).toHaveLength(1)
      advance(3_600_000)
      expect(registry.leases()).toEqual([])
    }
  }))

  it.each(['freeze', 'interrupt'] as const)('resolves after its timeout during %s', async lever => {
    const registry = memoryRegistry()
    const { session } = leaseOf(registry, 3_600)
    registry[lever](3_600_000)
    await registry.close({ timeout: 20 })
    expect(session.error).toBeInstanceOf(Closed)
  })

  it('rejects a timeout that is not a duration, and closes nothing', async () => {
    const registry = memoryRegistry()
    for (const timeout of [-1, NaN, Infinity]) await expect(registry.close({ timeout })).rejects.toBeInstanceOf(InvalidArgument)
    expect(see(registry.list('')).completed).toBe(true)
  })
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
