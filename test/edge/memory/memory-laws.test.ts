import fc from 'fast-check'
import { config, defer, delay, EMPTY, Observable, of, switchMap, throwError, timer } from 'rxjs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { catalog, discover, native, plain, register, type ReadableRegistry, type Registration, type Registry, type ServiceSet } from 'rx-discovery'
import { names } from '../../arbitraries.js'
import { keyOf, put, remove, scene, shown, steady, valueOf } from '../../scene.js'

const node = { service: 'web', id: 'node', address: 'localhost:1' }
const ttl = 6

const live = (sets: readonly ServiceSet[]): readonly ServiceSet[] => sets.filter(({ status }) => status === 'live')
const isRegistered = (state: Registration): state is Extract<Registration, { readonly status: 'registered' }> => state.status === 'registered'
const revisions = (sets: readonly ServiceSet[]): readonly number[] => sets.map(({ revision }) => revision)
const sorted = (numbers: readonly number[]): readonly number[] => [...numbers].sort((a, b) => a - b)

describe('the laws, to the millisecond', () => {
  const unhandled: unknown[] = []
  beforeEach(() => void (config.onUnhandledError = error => unhandled.push(error)))
  afterEach(() => {
    config.onUnhandledError = null
    expect(unhandled.splice(0)).toEqual([])
  })

  it('Law 1 Truth: a listing that arrives late is true at its own revision, and so is every set after it', () => scene(({ registry, advance, see }) => {
    const contents = new Map<number, string>()
    const write = (id: string, version: string): void => {
      put(registry, id, version)
      contents.set(registry.revision(), registry.keys().map(key => `${key.slice(keyOf('').length)}@${id === key.slice(keyOf('').length) ? version : '1'}`).join(' '))
    }
    write('a', '1')
    const late: ReadableRegistry = { ...registry, list: prefix => registry.list(prefix).pipe(delay(20)), watch: (prefix, from) => timer(20).pipe(switchMap(() => registry.watch(prefix, from))) }
    const { values, last } = see(discover(late, 'web'))
    for (const id of ['b', 'c', 'd', 'e', 'f']) {
      advance(9)
      write(id, '1')
    }
    advance(100)
    expect(live(values).map(set => `${set.revision} ${shown(set)}`)).toEqual(live(values).map(({ revision }) => `${revision} live ${String(contents.get(revision))}`))
    expect(shown(last())).toBe('live a@1 b@1 c@1 d@1 e@1 f@1')
    expect(live(values)[0]?.revision).toBe(2)
  }))

  it('Law 2 Order: revisions go back only if the history was replaced, which is found at the next resume, or within one `verify`', () => scene(({ registry, advance, see }) => {
    for (const id of ['a', 'b', 'c']) put(registry, id)
    // one whose watch outlives the replacement in silence, as that of a wiped and restored etcd might
    const deaf: ReadableRegistry = { ...registry, watch: () => new Observable(subscriber => subscriber.next({ cluster: '1', revision: 4, changes: [] })) }
    const told = see(discover(registry, 'web', { backoff: steady }))
    const untold = see(discover(deaf, 'web', { backoff: steady, verify: 7_000 }))
    registry.rewind(2)
    advance(50)
    expect(shown(told.last())).toBe('live a@1')
    advance(6_949)
    expect(shown(untold.last())).toBe('live a@1 b@1 c@1')
    advance(1 + 50)
    expect(shown(untold.last())).toBe('live a@1')
    expect(revisions(live(told.values))).toEqual([4, 2])
  }))

  it('Law 3 No gap: writes between listing and watch, during an interruption and before a compaction are all in the last set', () => scene(({ registry, advance, see }) => {
    let listings = 0
    const interleaved: ReadableRegistry = {
      ...registry,
      watch: (prefix, from) => defer(() => {
        put(registry, `gap${(listings += 1)}`)
        return registry.watch(prefix, from)
      }),
    }
    put(registry, 'a')
    const { values, last } = see(discover(interleaved, 'web', { backoff: steady, verify: 0 }))
    registry.interrupt(20)
    put(registry, 'b')
    remove(registry, 'a')
    registry.compact()
    advance(50)
    expect(shown(last())).toBe('live b@1 gap1@1 gap2@1')
    expect(revisions(values)).toEqual(sorted(revisions(values)))
  }))

  it('Law 4 Last known stays: a set keeps its instances for an hour of outage, and is live again within one backoff step of its end', () => scene(({ registry, advance, see }) => {
    put(registry, 'a')
    const { values, last } = see(discover(registry, 'web', { backoff: steady }))
    registry.interrupt(3_600_000)
    advance(3_599_999)
    expect(new Set(values.slice(2).map(shown))).toEqual(new Set(['stale a@1']))
    expect(last().trouble).toMatchObject({ since: 0, host: 'memory' })
    advance(1 + 1_000)
    expect(shown(last())).toBe('live a@1')
  }))

  it('Law 5 Trouble is data: whatever a verb throws or errors with, only fatal errors are errors', () => scene(({ registry, advance, see }) => {
    put(registry, 'a')
    const troubles: readonly unknown[] = ['text', undefined, null, Object.create(null), new Error('x'), { code: 14 }]
    let turn = 0
    const foreign = <T>(verb: Observable<T>): Observable<T> => {
      const trouble = troubles[(turn += 1)]
      if (turn < troubles.length && turn % 2 === 0) throw trouble as Error
      return turn < troubles.length ? throwError(() => trouble as Error) : verb
    }
    const { values, error, last } = see(discover({ list: prefix => foreign(registry.list(prefix)), watch: registry.watch, check: registry.check }, 'web', { backoff: steady }))
    advance(2_000)
    expect(error).toBe(undefined)
    expect(values.filter(({ trouble }) => trouble?.error instanceof Error).length).toBe(5)
    expect(shown(last())).toBe('live a@1')
  }))

  it('Law 6 Never give up: a lease is lost one TTL after the last acknowledged renewal was sent, and replaced within one backoff step of the end of the outage', () => scene(({ registry, advance, now, see }) => {
    const times: string[] = []
    const { values } = see(register(registry, node, { ttl, backoff: steady }), ({ status }) => times.push(`${status} ${now()}`))
    advance(4_000)
    const thaw = registry.freeze()
    advance(3_600_000)
    expect(times.slice(-2)).toEqual(['registered 4000', 'lost 10000'])
    thaw()
    advance(50)
    expect(times.at(-1)).toMatch(/registered 36040[0-5]\d/)
    expect(registry.leases()).toEqual([values.filter(isRegistered).at(-1)?.leaseId])
  }))

  it('Law 7 Self-healing: a deleted key is written again one backoff step later; a key that another client wrote stays as it is', () => scene(({ registry, advance, see }) => {
    const { last } = see(register(registry, node, { ttl, backoff: steady }))
    registry.write(keyOf('node'), null)
    advance(49)
    expect(registry.keys()).toEqual([])
    advance(1)
    expect(registry.keys()).toEqual([keyOf('node')])
    const revision = registry.write(keyOf('node'), valueOf('another'))
    advance(3_600_000)
    expect(registry.entries()).toEqual([{ key: keyOf('node'), value: valueOf('another'), lease: '0', revision }])
    expect(last().status).toBe('taken')
  }))

  it('Law 8 Nothing leaks: at whatever moment everything is unsubscribed, also while the registry does not answer', () => {
    for (let left = 0; left < 400; left += 13)
      for (const frozen of [0, 5, 60])
        scene(({ registry, advance, see, pending }) => {
          const slow: Registry = { ...registry, put: (entries, lease) => timer(7).pipe(switchMap(() => registry.put(entries, lease).pipe(delay(7)))), list: prefix => timer(9).pipe(switchMap(() => registry.list(prefix))) }
          const all = [see(register(slow, node, { ttl, backoff: steady })), see(discover(slow, 'web', { coalesce: 10 })), see(catalog(slow, { linger: 50 }))]
          advance(frozen)
          const thaw = registry.freeze()
          advance(left % 90)
          if (left % 2 === 0) registry.interrupt(40)
          advance(Math.max(0, left - (left % 90)))
          for (const { stop } of all) stop()
          advance(50)
          thaw()
          advance(50)
          expect([registry.keys(), registry.leases(), pending()]).toEqual([[], [], 0])
        })
  })

  it('Law 9 Nothing crashes: verbs that throw, complete without an answer or answer nonsense reach no error handler', () => scene(({ registry, advance, see }) => {
    const thrower = (): never => {
      throw new Error('broken')
    }
    const nonsense = [null, { revision: NaN, changes: [] }, { revision: 2, changes: null }, { revision: 2, changes: [{ key: keyOf('a'), value: '{"v":', lease: '', revision: 2 }] }]
    const answers: readonly (() => Observable<never>)[] = [thrower, () => EMPTY, ...nonsense.map(answer => () => of(answer) as Observable<never>)]
    const all: { readonly error?: unknown }[] = []
    const stand = (source: Observable<unknown>): unknown => all.push(see(source))
    for (const list of answers)
      for (const watch of answers) {
        const broken: Registry = { list, watch, check: list, put: watch, lease: registry.lease, remaining: registry.remaining }
        stand(discover(broken, 'web', { backoff: steady, verify: 500 }))
        stand(catalog(broken, { backoff: steady, verify: 500 }))
        stand(register(broken, { ...node, id: `${answers.indexOf(list)}-${answers.indexOf(watch)}` }, { ttl, backoff: steady }))
      }
    advance(1_000)
    for (const each of all) expect(each.error).toBe(undefined)
  }))

  it('Law 10 Immutable, shared: an unchanged instance is the same object after every listing, and everything is frozen', () => scene(({ registry, advance, see }) => {
    for (const id of ['a', 'b']) put(registry, id)
    const { values, last } = see(discover(registry, 'web', { backoff: steady }))
    const [a, before] = [last().get('a'), JSON.stringify(last())]
    const first = last()
    registry.interrupt()
    put(registry, 'b', '2')
    advance(50)
    expect(shown(last())).toBe('live a@1 b@2')
    expect(values.slice(1).every(set => set.get('a') === a)).toBe(true)
    expect(JSON.stringify(first)).toBe(before)
    expect([first, a, first.toArray(), a?.tags, a?.endpoints].every(Object.isFrozen)).toBe(true)
  }))

  it('Law 11 Whole emissions: a transaction is one set, also under lag; an empty batch is none', () => scene(({ registry, advance, see }) => {
    const { values: leases } = see(registry.lease(60))
    const [lease] = leases
    if (lease === undefined) throw new Error('no lease')
    const { values } = see(discover(registry, 'web'))
    const transact = (version: string, expect: number): number => {
      const { values: answers } = see(registry.put(['a', 'b', 'c'].map(id => ({ key: keyOf(id), value: valueOf(id, version), expect })), lease))
      return answers[0] ?? 0
    }
    const first = transact('1', 0)
    const flow = registry.lag()
    const second = transact('2', first)
    const third = transact('2', second)
    advance(1_000)
    flow()
    transact('2', third)
    expect(values.map(shown)).toEqual(['pending', 'live', 'live a@1 b@1 c@1', 'live a@2 b@2 c@2'])
  }))

  it('Law 12 Names stay home: no two names let one service be read as the other', () => {
    fc.assert(
      fc.property(names, names, names, (one, other, id) => {
        fc.pre(one !== other)
        scene(({ registry, see }) => {
          const formats = [native(), plain()]
          for (const service of [one, other]) for (const format of formats) see(register(registry, { service, id, address: 'a:1', metadata: {} }, { ttl, format }))
          for (const service of [one, other])
            for (const format of formats) {
              const { last } = see(discover(registry, service, { format }))
              expect(last().toArray().map(instance => [instance.service, instance.id])).toEqual([[service, id]])
              expect(last().rejected.size).toBe(0)
            }
        })
      }),
      { seed: 12, numRuns: 100 },
    )
  })
})
