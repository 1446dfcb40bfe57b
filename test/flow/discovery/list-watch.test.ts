import { concat, defer, delay, filter, map, mergeMap, NEVER, of, Subject, throwError, type Observable } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { Compacted, Disconnected, Diverged, discover, exponential, Lagging, native, Rewound, type Batch, type Check, type DiscoverOptions, type ServiceSet } from 'rx-discovery'
import { memoryRegistry, type MemoryRegistry } from 'rx-discovery/memory'
import { virtually } from 'rx-discovery/testing'
import type { Range } from '../../../src/core/store.js'
import { withSignals } from '../../../src/flow/registry-signals.js'
import { fill, keyOf, put, recorded, remove, see, shown, steady, type Changed } from '../scene.js'

const web = '/rx-discovery/web/'

/** A service of `count` keys in `memory`, followed through what `changed` makes of it. */
const following = (memory: MemoryRegistry, count: number, changed: Changed = {}, options: DiscoverOptions = {}) => {
  fill(memory, count)
  const { registry, calls, open } = recorded(memory, changed)
  const seen = see(discover(registry, 'web', { backoff: steady, verify: 0, ...options }))
  const since = (): readonly string[] => calls.splice(0)
  return { ...seen, since, open }
}

/** A set as text: status, size, error. */
const told = ({ status, size, trouble }: ServiceSet): string => `${status} ${size}${trouble === undefined ? '' : ` ${trouble.error.name}`}`
const head = (memory: MemoryRegistry): number => memory.revision()

describe('after a break', () => {
  it('a set of up to 1,000 keys is listed again', () => virtually(({ advance }) => {
    const memory = memoryRegistry()
    const { since, stop } = following(memory, 1_000)
    since()
    memory.interrupt()
    advance(50)
    expect(since()).toEqual([`list ${web}`, `watch ${web} ${head(memory)}`])
    stop()
  }))

  it('a larger one is resumed, after every key was compared', () => virtually(({ advance }) => {
    const memory = memoryRegistry()
    const { values, since, stop } = following(memory, 1_001)
    advance(1)
    const resumption = head(memory)
    expect(since()).toEqual([`list ${web}`, `watch ${web} ${resumption}`])
    memory.interrupt()
    put(memory, 'z')
    put(memory, 'n000000', '2')
    remove(memory, 'n000001')
    advance(50)
    expect(since()).toEqual([`check ${web} 0`, `watch ${web} ${resumption}`])
    expect(values.slice(2).map(told)).toEqual(['stale 1001 Disconnected', 'live 1001'])
    stop()
  }))

  it('one of up to 10,000 keys by all of them, a greater one by those that changed since it was last verified', () => virtually(({ advance }) => {
    const memory = memoryRegistry()
    const { last, since, stop } = following(memory, 10_000)
    advance(1)
    since()
    const verified = head(memory)
    memory.interrupt()
    advance(50)
    expect(since()).toEqual([`check ${web} 0`, `watch ${web} ${verified}`])
    put(memory, 'z')
    memory.interrupt()
    put(memory, 'y')
    advance(100)
    expect(since()).toEqual([`check ${web} ${verified}`, `watch ${web} ${verified + 1}`])
    expect(told(last())).toBe('live 10002')
    memory.interrupt()
    advance(200)
    expect(since()).toEqual([`check ${web} ${verified + 2}`, `watch ${web} ${verified + 2}`])
    stop()
  }))

  it('the watch begins at the revision of the comparison, if that agrees', () => virtually(({ advance }) => {
    const memory = memoryRegistry()
    const { values, since, stop } = following(memory, 1_500)
    memory.interrupt()
    for (let other = 0; other < 10; other += 1) put(memory, 'a', String(other), 'elsewhere')
    memory.compact()
    since()
    advance(50)
    expect(since()).toEqual([`check ${web} 0`, `watch ${web} ${head(memory)}`])
    expect(values.slice(2).map(told)).toEqual(['stale 1500 Disconnected', 'live 1500'])
    expect(values.at(-1)?.revision).toBe(head(memory))
    stop()
  }))

  it.each([[10_000, false], [10_001, true]])('of %i revisions it is listed again: %s', (gap, anew) => virtually(({ advance }) => {
    const memory = memoryRegistry()
    const { last, since, stop } = following(memory, 2_000)
    advance(1)
    since()
    memory.interrupt()
    for (let other = 1; other < gap; other += 1) put(memory, 'a', String(other), 'elsewhere')
    put(memory, 'n000000', '2')
    advance(50)
    advance(1)
    expect(since().map(call => call.split(' ')[0])).toEqual(anew ? ['check', 'list', 'watch'] : ['check', 'watch'])
    expect(told(last())).toBe('live 2000')
    stop()
  }))

  it('of more than 10,000 revisions it is not listed again if the check agrees, and the watch begins at the revision of the check', () => virtually(({ advance }) => {
    const memory = memoryRegistry()
    const { values, last, since, stop } = following(memory, 2_000)
    advance(1)
    since()
    memory.interrupt()
    for (let other = 0; other <= 10_000; other += 1) put(memory, 'a', String(other), 'elsewhere')
    advance(50)
    expect(since()).toEqual([`check ${web} 0`, `watch ${web} ${head(memory)}`])
    expect(values.slice(2).map(told)).toEqual(['stale 2000 Disconnected', 'live 2000'])
    expect(last().revision).toBe(head(memory))
    put(memory, 'z')
    expect(told(last())).toBe('live 2001')
    stop()
  }))

  it('it is listed again when the history was compacted away', () => virtually(({ advance }) => {
    const memory = memoryRegistry()
    const { values, last, since, stop } = following(memory, 1_500)
    advance(1)
    memory.interrupt()
    put(memory, 'z')
    memory.compact()
    since()
    advance(50)
    expect(last().trouble?.error).toBeInstanceOf(Compacted)
    advance(100)
    expect(since().map(call => call.split(' ')[0])).toEqual(['check', 'watch', 'list', 'watch'])
    expect(values.slice(2).map(told)).toEqual(['stale 1500 Disconnected', 'stale 1500 Compacted', 'live 1501'])
    stop()
  }))

  it('it is listed again when the history was replaced', () => virtually(({ advance }) => {
    const memory = memoryRegistry()
    const { values, last, since, stop } = following(memory, 1_500)
    advance(1)
    const before = head(memory)
    put(memory, 'z')
    since()
    memory.rewind(before - 1)
    advance(50)
    expect(last().trouble?.error).toBeInstanceOf(Rewound)
    advance(101)
    expect(since().map(call => call.split(' ')[0])).toEqual(['check', 'check', 'list', 'list', 'watch'])
    expect(values.slice(3).map(told)).toEqual(['stale 1501 Disconnected', 'stale 1501 Rewound', 'live 1499'])
    expect(last().revision).toBe(before - 1)
    stop()
  }))

  it('a replaced history that has overtaken is found by comparing every key', () => virtually(({ advance }) => {
    const memory = memoryRegistry()
    const { last, since, stop } = following(memory, 1_500)
    advance(1)
    const before = head(memory)
    memory.rewind(before - 2)
    put(memory, 'other1')
    put(memory, 'other2')
    since()
    advance(50)
    advance(5_000)
    advance(101)
    expect(since().map(call => call.split(' ')[0])).toEqual(['check', 'watch', 'list', 'watch'])
    expect([told(last()), last().has('other1'), last().has('n001499')]).toEqual(['live 1500', true, false])
    stop()
  }))

  it('it stays stale until every event up to the comparison is there', () => virtually(({ advance }) => {
    const memory = memoryRegistry()
    const { values, stop } = following(memory, 1_500)
    advance(1)
    memory.interrupt()
    put(memory, 'y')
    const release = memory.lag()
    advance(50)
    advance(4_000)
    expect(values.slice(2).map(told)).toEqual(['stale 1500 Disconnected'])
    put(memory, 'z')
    release()
    expect(values.slice(3).map(told)).toEqual(['live 1502'])
    stop()
  }))

  it('the gap may come in pieces: the changes that arrived are shown, stale, and it is live with the last of them', () => virtually(({ advance }) => {
    const memory = memoryRegistry()
    const pieces = new Subject<Batch>()
    let first = true
    const { values, since, stop } = following(memory, 1_500, {
      watch: (prefix, from) => {
        if (!first) return pieces
        first = false
        return memory.watch(prefix, from)
      },
    })
    advance(1)
    memory.interrupt()
    const revisions = ['x', 'y', 'z'].map(id => put(memory, id))
    const batchOf = (revision: number): Batch => ({ cluster: '1', revision, changes: memory.entries().filter(change => change.revision === revision) })
    advance(50)
    for (const revision of revisions) pieces.next(batchOf(revision))
    expect(values.slice(2).map(told)).toEqual(['stale 1500 Disconnected', 'stale 1501 Disconnected', 'stale 1502 Disconnected', 'live 1503'])
    expect(since()).toHaveLength(4)
    stop()
  }))

  it('events that come with the very subscription of the watch raise no false alarm', () => virtually(({ advance }) => {
    const memory = memoryRegistry()
    let breaks = 0
    const { values, stop } = following(memory, 1_500, {
      watch: (prefix, from) => {
        if ((breaks += 1) === 1) return memory.watch(prefix, from)
        put(memory, 'late')
        return concat(of({ cluster: '1', revision: head(memory), changes: memory.entries().filter(({ revision }) => revision > from) }), NEVER)
      },
    })
    advance(1)
    memory.interrupt()
    put(memory, 'y')
    advance(10_000)
    expect(values.slice(2).map(told)).toEqual(['stale 1500 Disconnected', 'live 1502'])
    stop()
  }))

  it('a listing from the past is only believed when it comes twice', () => virtually(({ advance }) => {
    const memory = memoryRegistry()
    let lies = 0
    const { values, since, stop } = following(memory, 3, {
      list: prefix => (lies > 0 && (lies -= 1) >= 0 ? of({ cluster: '1', revision: 2, changes: memory.entries().slice(0, 1) }) : memory.list(prefix)),
    })
    since()
    lies = 1
    memory.interrupt()
    advance(50)
    expect([since().map(call => call.split(' ')[0]), values.slice(2).map(told)]).toEqual([['list', 'list', 'watch'], ['stale 3 Disconnected', 'live 3']])
    lies = 2
    memory.interrupt()
    advance(100)
    expect(values.slice(4).map(told)).toEqual(['stale 3 Disconnected', 'live 1', 'live 3'])
    stop()
  }))

  it('a comparison from the past is only believed when it comes twice', () => virtually(({ advance }) => {
    const memory = memoryRegistry()
    let lies = 0
    const { last, since, stop } = following(memory, 1_500, {
      check: (prefix, from) => memory.check(prefix, from).pipe(map(check => (lies > 0 && (lies -= 1) >= 0 ? { ...check, revision: 2 } : check))),
    })
    advance(1)
    since()
    lies = 1
    memory.interrupt()
    advance(50)
    expect(since().map(call => call.split(' ')[0])).toEqual(['check', 'check', 'watch'])
    lies = 2
    memory.interrupt()
    advance(100)
    expect(last().trouble?.error).toBeInstanceOf(Rewound)
    advance(201)
    expect(since().map(call => call.split(' ')[0])).toEqual(['check', 'check', 'list', 'watch'])
    expect(told(last())).toBe('live 1500')
    stop()
  }))
})

describe('verifying', () => {
  /** A watch from which the events of one key are lost. */
  const losing = (memory: MemoryRegistry, id: string): Changed => ({
    watch: (prefix, from) =>
      memory.watch(prefix, from).pipe(
        map(batch => ({ ...batch, changes: batch.changes.filter(({ key }) => key !== keyOf(id)) })),
        filter(({ changes }) => changes.length > 0),
      ),
  })
  /** A check whose answer takes `ms`. */
  const slow = (memory: MemoryRegistry, ms: number): Changed => ({ check: (prefix, since) => memory.check(prefix, since).pipe(delay(ms)) })
  const start = (memory: MemoryRegistry, changed: Changed = {}) => following(memory, 3, changed, { verify: 10_000 })

  it('agrees in silence, and moves on what is compared', () => virtually(({ advance }) => {
    const memory = memoryRegistry()
    const { values, since, stop } = start(memory)
    since()
    advance(9_999)
    expect(since()).toEqual([])
    advance(1)
    expect(since()).toEqual([`check ${web} 4`])
    put(memory, 'z')
    put(memory, 'z', '1', 'elsewhere')
    advance(10_000)
    advance(10_000)
    expect([since(), values.map(told)]).toEqual([[`check ${web} 4`, `check ${web} 6`], ['pending 0', 'live 3', 'live 4']])
    stop()
  }))

  it('reports when it was last confirmed, in the next set', () => virtually(({ advance }) => {
    const memory = memoryRegistry()
    const { last, stop } = start(memory)
    advance(25_000)
    memory.interrupt(1_000)
    expect([last().status, last().asOf, last().trouble?.since]).toEqual(['stale', 20_000, 25_000])
    stop()
  }))

  it('finds an event that the watch has lost: reports it once, counted, and repairs it', () => virtually(({ advance }) => {
    const memory = memoryRegistry()
    const { values, since, stop } = start(memory, losing(memory, 'lost'))
    put(memory, 'lost')
    put(memory, 'z')
    since()
    advance(15_100)
    expect(values.slice(2).map(told)).toEqual(['live 4', 'stale 4 Diverged', 'live 5'])
    expect(since().map(call => call.split(' ')[0])).toEqual(['check', 'list', 'watch'])
    remove(memory, 'lost')
    put(memory, 'z', '2')
    advance(15_200)
    const counts = values.map(({ trouble }) => trouble?.error).filter(error => error instanceof Diverged).map(({ count }) => count)
    expect([values.slice(5).map(told), counts]).toEqual([['live 5', 'stale 5 Diverged', 'live 4'], [1, 2]])
    stop()
  }))

  it('finds it as soon as the watch has passed the revision it asked about', () => virtually(({ advance }) => {
    const memory = memoryRegistry()
    const { values, stop } = start(memory, losing(memory, 'lost'))
    put(memory, 'lost')
    advance(10_000)
    advance(100)
    put(memory, 'z')
    expect(values.slice(2).map(told)).toEqual(['stale 4 Diverged'])
    advance(50)
    expect(values.slice(3).map(told)).toEqual(['live 5'])
    stop()
  }))

  it('finds a watch that lags for more than 5 s, and lists again', () => virtually(({ advance }) => {
    const memory = memoryRegistry()
    const { values, last, stop } = start(memory)
    const release = memory.lag()
    put(memory, 'z')
    advance(14_999)
    expect(told(last())).toBe('live 3')
    advance(1)
    expect(last().trouble?.error).toBeInstanceOf(Lagging)
    advance(50)
    release()
    expect(values.slice(2).map(told)).toEqual(['stale 3 Lagging', 'live 4'])
    stop()
  }))

  it('lists again, however large the set is, when the watch has lagged or lost an event, and trusts it again afterwards', () => virtually(({ advance }) => {
    for (const lagging of [true, false]) {
      const memory = memoryRegistry()
      const { last, since, stop } = following(memory, 1_500, lagging ? {} : losing(memory, 'lost'), { verify: 10_000 })
      advance(1)
      const release = lagging ? memory.lag() : () => undefined
      put(memory, 'lost')
      advance(15_000)
      since()
      advance(51)
      release()
      expect([lagging, told(last()), since().map(call => call.split(' ')[0])]).toEqual([lagging, 'live 1501', ['list', 'watch']])
      memory.interrupt()
      advance(100)
      expect([told(last()), since()[0]]).toEqual(['live 1501', `check ${web} 0`])
      stop()
    }
  }))

  it('goes on after a resumption', () => virtually(({ advance }) => {
    const memory = memoryRegistry()
    const { since, stop } = following(memory, 1_500, {}, { verify: 10_000 })
    advance(5_000)
    memory.interrupt()
    advance(50)
    since()
    advance(20_000)
    expect(since()).toEqual([`check ${web} 1501`, `check ${web} 1501`])
    stop()
  }))

  it('raises no false alarm while writes go on, the watch is up to 5 s late and the answer takes its time', () => virtually(({ advance }) => {
    for (const ms of [0, 1, 700, 3_000]) {
      const memory = memoryRegistry()
      const { values, last, stop } = start(memory, slow(memory, ms))
      for (let version = 0; version < 120; version += 1) {
        const release = memory.lag()
        for (let write = 0; write < 7; write += 1) {
          put(memory, `k${(version * 7 + write) % 11}`, String(version))
          if (write % 3 === 0) remove(memory, `k${version % 5}`)
          advance(100)
        }
        release()
      }
      expect([ms, values.filter(({ status }) => status === 'stale').map(told)]).toEqual([ms, []])
      expect(last().revision).toBe(head(memory))
      stop()
    }
  }))

  it('raises no false alarm on an answer from the past', () => virtually(({ advance }) => {
    const memory = memoryRegistry()
    let lies = 1
    const { values, since, stop } = start(memory, {
      check: (prefix, from) => memory.check(prefix, from).pipe(map((check): Check => ((lies -= 1) >= 0 ? { revision: 4, count: 3, changed: [] } : check))),
    })
    put(memory, 'z')
    since()
    advance(19_999)
    expect([since(), values.map(told)]).toEqual([[`check ${web} 4`, `check ${web} 4`], ['pending 0', 'live 3', 'live 4']])
    stop()
  }))

  it('takes a check that fails for an outage', () => virtually(({ advance }) => {
    const memory = memoryRegistry()
    let fails = true
    const { values, stop } = start(memory, {
      check: (prefix, from): Observable<Check> => memory.check(prefix, from).pipe(mergeMap(check => (fails ? throwError(() => new Error('no answer')) : of(check)))),
    })
    advance(10_000)
    fails = false
    advance(30_000)
    expect(values.map(told)).toEqual(['pending 0', 'live 3', 'stale 3 Error', 'live 3'])
    stop()
  }))

  it('asks one at a time, however slow the answer, and never after it was unsubscribed', () => virtually(({ advance, pending }) => {
    const memory = memoryRegistry()
    const { since, open, stop } = start(memory, slow(memory, 25_000))
    since()
    advance(34_999)
    expect(since().map(call => call.split(' ')[0])).toEqual(['check'])
    advance(5_001)
    expect(since().map(call => call.split(' ')[0])).toEqual(['check'])
    stop()
    expect([open(), pending()]).toEqual([0, 0])
  }))

  it('never asks when it is 0', () => virtually(({ advance, pending }) => {
    const memory = memoryRegistry()
    const { since, stop } = following(memory, 3, {}, { verify: 0 })
    expect(pending()).toBe(0)
    advance(10_000_000)
    expect(since().map(call => call.split(' ')[0])).toEqual(['list', 'watch'])
    stop()
  }))

  it('compares every format by itself', () => virtually(({ advance }) => {
    const memory = memoryRegistry()
    const { registry, calls } = recorded(memory)
    const { stop } = see(discover(registry, 'web', { format: [native(), native({ prefix: '/old' })], verify: 1_000 }))
    advance(1_000)
    expect(calls.filter(call => call.startsWith('check'))).toEqual([`check ${web} 1`, 'check /old/web/ 1'])
    stop()
  }))
})

describe('a set', () => {
  it('shows nothing of the keys that are only like its own', () => virtually(() => {
    const memory = memoryRegistry()
    const { last, stop } = see(discover(memory, 'web'))
    memory.write('/rx-discovery/web', 'x')
    memory.write('/rx-discovery/web2/a', 'x')
    memory.write('/rx-discovery/we', 'x')
    put(memory, 'a')
    expect([shown(last()), last().rejected.size]).toEqual(['live a@1', 0])
    stop()
  }))
})

describe('a registry that reports its return', () => {
  it('ends the pause between two tries, each time it is back', () => virtually(({ advance }) => {
    const registry = memoryRegistry()
    const returned = new Subject<void>()
    let away = true
    const list = (prefix: Range) => defer(() => (away ? throwError(() => new Disconnected('away')) : registry.list(prefix)))
    const backoff = exponential({ first: 60_000, max: 60_000, jitter: 'none' })
    const seen: string[] = []
    const watching = discover(withSignals({ ...registry, list }, { closed: NEVER, returned }), 'web', { backoff }).subscribe(({ status, trouble }) => seen.push(`${status} ${trouble?.attempt ?? 0}`))
    advance(1_000)
    expect(seen).toEqual(['pending 0', 'pending 1'])
    returned.next()
    advance(1_000)
    expect(seen).toEqual(['pending 0', 'pending 1', 'pending 2'])
    away = false
    returned.next()
    advance(1)
    expect(seen.at(-1)).toBe('live 0')
    expect(returned.observed).toBe(false)
    watching.unsubscribe()
  }))
})
