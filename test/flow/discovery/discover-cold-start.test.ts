import { defer, delay, firstValueFrom, lastValueFrom, of, throwError, toArray, type Observable } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { balance, catalog, changes, Closed, Denied, discover, Disconnected, InvalidArgument, known, native, plain, roundRobin, serviceInstance, serviceSet } from 'rx-discovery'
import type { DiscoverOptions, Format, Listing, ReadableRegistry, SavedSet, ServiceSet } from 'rx-discovery'
import { memoryRegistry, type MemoryRegistry } from 'rx-discovery/memory'
import { keyOf, put, remove, scene, shown, steady, valueOf } from '../../scene.js'

const texts = (sets: readonly ServiceSet[]): string[] => sets.map(set => `${shown(set)} r${set.revision}`)
const instance = (id: string, version = '1') => serviceInstance({ service: 'web', id, address: `${id}:80`, version })
const saved = (ids: readonly string[], revision = 2): ServiceSet => serviceSet('web', ids.map(id => instance(id)), { revision, asOf: 1 })
const asJson = (set: ServiceSet): SavedSet => JSON.parse(JSON.stringify(set)) as SavedSet

const noLeader = (): Observable<never> => throwError(() => new Disconnected('m1: etcdserver: no leader', { host: 'm1' }))

/** A registry whose cluster has no leader until `elect`: only `local` listings are answered, with what `locally` returns. */
const leaderless = (memory: MemoryRegistry, locally: (listing: Observable<Listing>) => Observable<Listing> = identityOf) => {
  let hasLeader = false
  let reads = 0
  const ifLed = <T>(answer: () => Observable<T>): Observable<T> => defer(() => (hasLeader ? answer() : noLeader()))
  const registry: ReadableRegistry = {
    list: (range, options) => (options?.local === true ? defer(() => ((reads += 1), locally(memory.list(range)))) : ifLed(() => memory.list(range, options))),
    watch: (range, from) => ifLed(() => memory.watch(range, from)),
    check: (range, since) => ifLed(() => memory.check(range, since)),
  }
  const depose = (): void => {
    hasLeader = false
    memory.interrupt()
  }
  return { registry, elect: () => (hasLeader = true), depose, reads: () => reads }
}
function identityOf<A>(value: A): A {
  return value
}

describe('discover with an initial set', () => {
  it.each([['the set', (set: ServiceSet) => set], ['its JSON', asJson]])('emits %s at once in an outage, stale, with the reason; then the live set', (_, form) =>
    scene(({ registry, see, advance, now }) => {
      for (const id of ['a', 'b']) put(registry, id)
      registry.interrupt(300)
      advance(10)
      const { values, last } = see(discover(registry, 'web', { initial: form(saved(['a', 'b'], 3)), backoff: steady }))
      expect(texts(values)).toEqual(['stale a@1 b@1 r3', 'stale a@1 b@1 r3'])
      expect(values.map(({ asOf, trouble }) => [asOf, trouble?.error.message, trouble?.attempt, trouble?.since])).toEqual([
        [1, 'the set was saved earlier: the registry has not been listed yet', 0, 10],
        [1, 'connection refused', 1, 10],
      ])
      advance(1_000)
      expect(texts(values.slice(-1))).toEqual(['live a@1 b@1 r3'])
      expect([last().trouble, last().asOf > 10 && last().asOf <= now()]).toEqual([undefined, true])
    }))

  it('shows what etcd holds as soon as it is listed: also at a lower revision, and without the instances that are gone', () =>
    scene(({ registry, see }) => {
      put(registry, 'b')
      const first = see(discover(registry, 'web', { initial: saved(['a', 'b'], 900) }))
      expect(texts(first.values)).toEqual(['stale a@1 b@1 r900', 'live b@1 r2'])
      put(registry, 'c')
      registry.interrupt()
      expect(texts(first.values.slice(2))).toEqual(['live b@1 c@1 r3', 'stale b@1 c@1 r3'])
    }))

  it('keeps the objects of equal instances (law 10), and changes() reports all of them once as joined', () =>
    scene(({ registry, see }) => {
      registry.lease(60).subscribe().unsubscribe()
      const lease = see(registry.lease(60))
      for (const id of ['a', 'b']) registry.write(keyOf(id), valueOf(id, id === 'a' ? '1' : '2'), { lease: lease.last().id })
      const web$ = discover(registry, 'web', { initial: saved(['a', 'b']) })
      const joined = see(web$.pipe(changes()))
      const { values } = see(discover(registry, 'web', { initial: saved(['a', 'b']) }))
      const [first, second] = values
      expect([first?.get('a') === second?.get('a'), first?.get('b') === second?.get('b'), second?.get('b')?.version]).toEqual([true, false, '2'])
      expect(joined.values.map(each => each.map(({ type, instance: { id } }) => `${type} ${id}`))).toEqual([['joined a', 'joined b']])
      for (const id of ['a', 'b']) registry.write(keyOf(id), null)
    }, { after: 100 }))

  it('resumes and compares by what it has listed only', () =>
    scene(({ registry, see, advance }) => {
      put(registry, 'a')
      const asked: number[] = []
      const spied: ReadableRegistry = {
        ...registry,
        check: (range, since) => (asked.push(since), registry.check(range, since)),
        watch: (range, from) => (asked.push(from), registry.watch(range, from)),
      }
      registry.interrupt(100)
      see(discover(spied, 'web', { initial: saved(['x'], 900), backoff: steady, verify: 1_000 }))
      advance(3_000)
      expect([Math.max(...asked), asked.length > 2]).toEqual([registry.revision(), true])
    }))

  it('starts with it until it has been live once: later runs begin as without it', () =>
    scene(({ registry, see, advance }) => {
      registry.interrupt(1_000)
      const web$ = discover(registry, 'web', { initial: saved(['a']), backoff: steady })
      for (let run = 0; run < 2; run += 1) {
        const seen = see(web$)
        expect(texts(seen.values.slice(0, 1))).toEqual(['stale a@1 r2'])
        seen.stop()
      }
      advance(1_000)
      const seen = see(web$)
      expect(texts(seen.values)).toEqual(['stale a@1 r2', 'live r1'])
      seen.stop()
      registry.interrupt(1_000)
      expect(texts(see(web$).values)).toEqual(['pending r0', 'pending r0'])
    }))

  it('of several formats stays until each of them is listed', () =>
    scene(({ registry, see, advance }) => {
      put(registry, 'a')
      registry.write('/web/p', 'p:80')
      let broken = true
      const half: ReadableRegistry = { ...registry, list: (range, options) => defer(() => (broken && range === '/web/' ? noLeader() : registry.list(range, options))) }
      const { values, last } = see(discover(half, 'web', { format: [native(), plain()] as unknown as Format[], initial: saved(['a', 'p', 'x'], 1), backoff: steady }))
      expect(new Set(texts(values))).toEqual(new Set(['stale a@1 p@1 x@1 r1']))
      expect(last().trouble?.error.message).toContain('no leader')
      broken = false
      advance(2_000)
      expect(shown(last())).toBe('live a@1 p@')
    }))

  it('ends as a stale set if the registry is closed, and passes known()', () =>
    scene(({ registry, see }) => {
      registry.freeze()
      const { values, completed } = see(discover(registry, 'web', { initial: saved(['a']) }).pipe(known()))
      void registry.close()
      expect([values.map(shown), values.at(-1)?.trouble?.error instanceof Closed, completed]).toEqual([['stale a@1', 'stale a@1'], true, undefined])
    }))

  it('is nothing if the saved set was pending', () =>
    scene(({ registry, see }) => {
      const pending = serviceSet('web', [], { status: 'pending' })
      for (const initial of [pending, asJson(pending)]) expect(texts(see(discover(registry, 'web', { initial })).values)).toEqual(['pending r0', 'live r1'])
    }))

  it('still errors Denied before the first listing', () =>
    scene(({ registry, see }) => {
      registry.deny()
      const seen = see(discover(registry, 'web', { initial: saved(['a']), local: true }))
      expect([seen.values.map(shown), seen.error]).toEqual([['stale a@1'], expect.any(Denied)])
    }))

  it.each<[unknown, string]>([
    [JSON.stringify(saved(['a'])), 'initial must be a set, or its JSON as an object, got "{'],
    [Promise.resolve(), 'initial must be a set, or its JSON as an object, got a Promise (await it)'],
    [{ service: 'web', revision: 1, asOf: 0, instances: 'a' }, 'initial.instances must be a list of instances, got "a"'],
    [asJson(serviceSet('api')), 'initial.service must be web, got "api"'],
    [{ revision: 1, asOf: 0, instances: [] }, 'initial.service must be web, got undefined'],
  ])('refuses %j', (initial, message) =>
    scene(({ registry, see }) => {
      const { error } = see(discover(registry, 'web', { initial: initial as SavedSet }))
      expect([error instanceof InvalidArgument, String(error)]).toEqual([true, expect.stringContaining(`InvalidArgument: ${message}`)])
    }))

  it('of many instances does not hold up the event loop', async () => {
    const registry = memoryRegistry()
    registry.freeze()
    const initial = asJson(saved(Array.from({ length: 20_000 }, (_, index) => `node-${String(index).padStart(6, '0')}`), 900))
    let turns = 0
    const turn = setInterval(() => (turns += 1))
    const set = await firstValueFrom(discover(registry, 'web', { initial }))
    clearInterval(turn)
    expect([shown(set).slice(0, 21), set.size]).toEqual(['stale node-000000@1 n', 20_000])
    expect(turns).toBeGreaterThan(10)
    await registry.close({ timeout: 0 })
  })

  it('lets a balancer call at once in an outage', () =>
    scene(({ registry, see }) => {
      registry.interrupt(60_000)
      const web = balance(discover(registry, 'web', { initial: asJson(saved(['a', 'b'])) }), roundRobin(), { linger: 0 })
      const called = [1, 2].map(() => see(web.use(({ id }) => of(id))))
      expect(called.map(({ values }) => values.join()).sort()).toEqual(['a', 'b'])
    }))
})

describe('discover with local: true', () => {
  const options: DiscoverOptions = { local: true, backoff: steady }

  it('shows what one member holds while there is no leader: stale, with the reason; and what etcd holds once there is one', () =>
    scene(({ registry: memory, see, advance }) => {
      for (const id of ['a', 'b']) put(memory, id)
      const { registry, elect, reads } = leaderless(memory)
      const { values, last } = see(discover(registry, 'web', options))
      expect(texts(values)).toEqual(['pending r0', 'pending r0', 'stale a@1 b@1 r3'])
      expect(last()).toMatchObject({ asOf: 0, trouble: { error: { message: 'm1: etcdserver: no leader' }, attempt: 1, host: 'm1' } })
      const [local] = last()
      advance(5_000)
      expect([reads(), last().trouble?.since, last().status]).toEqual([1, 0, 'stale'])
      remove(memory, 'b')
      elect()
      advance(1_000)
      expect(texts(values.slice(-1))).toEqual(['live a@1 r4'])
      expect(last().get('a') === local).toBe(true)
    }))

  it('is asked for only while nothing is known: neither at first, nor in a later outage', () =>
    scene(({ registry: memory, see, advance }) => {
      put(memory, 'a')
      const { registry, elect, depose, reads } = leaderless(memory)
      elect()
      const { last } = see(discover(registry, 'web', options))
      depose()
      advance(5_000)
      expect([shown(last()), reads()]).toEqual(['stale a@1', 0])
    }))

  it('is off by default', () =>
    scene(({ registry: memory, see, advance }) => {
      const { registry, reads } = leaderless(memory)
      const { last } = see(discover(registry, 'web', { backoff: steady }))
      advance(5_000)
      expect([last().status, reads()]).toEqual(['pending', 0])
    }))

  it('tries again at each attempt if no member answers, and does not stop discovery', () =>
    scene(({ registry: memory, see, advance }) => {
      put(memory, 'a')
      let refused = 3
      const { registry, reads } = leaderless(memory, listing => (refused-- > 0 ? throwError(() => new Disconnected('refused')) : listing.pipe(delay(700))))
      const { values, last } = see(discover(registry, 'web', options))
      advance(60_000)
      expect([reads(), shown(last())]).toEqual([4, 'stale a@1'])
      expect(values.filter(({ status }) => status === 'pending').length).toBe(5)
    }))

  it('is not trusted: the next run lists, and neither compares nor resumes, however many keys there are', () =>
    scene(({ registry: memory, see, advance }) => {
      for (let index = 0; index < 1_100; index += 1) put(memory, `n${String(index).padStart(4, '0')}`)
      const asked: string[] = []
      const { registry, elect } = leaderless(memory)
      const spied: ReadableRegistry = {
        list: (range, given) => (asked.push(given?.local === true ? 'local' : 'list'), registry.list(range, given)),
        watch: (range, from) => (asked.push(`watch ${from}`), registry.watch(range, from)),
        check: (range, since) => (asked.push(`check ${since}`), registry.check(range, since)),
      }
      const { last } = see(discover(spied, 'web', { ...options, verify: 0 }))
      put(memory, 'z')
      elect()
      advance(1_000)
      expect([asked, last().status, last().size]).toEqual([['list', 'local', 'list', `watch ${memory.revision()}`], 'live', 1_101])
    }))

  it('of a member that is behind the saved set is not shown: revisions do not go back', () =>
    scene(({ registry: memory, see, advance }) => {
      put(memory, 'old')
      const { registry, elect } = leaderless(memory)
      const newer = see(discover(registry, 'web', { ...options, initial: saved(['a'], 3) }))
      const older = see(discover(registry, 'web', { ...options, initial: saved(['a'], 1) }))
      expect(texts(newer.values)).toEqual(['stale a@1 r3', 'stale a@1 r3', 'stale a@1 r3'])
      expect(texts(older.values)).toEqual(['stale a@1 r1', 'stale a@1 r1', 'stale old@1 r2'])
      expect(newer.last().trouble?.error.message).toContain('no leader')
      elect()
      advance(1_000)
      expect([shown(newer.last()), shown(older.last())]).toEqual(['live old@1', 'live old@1'])
    }))

  it('is no success: Denied after it still ends discovery', () =>
    scene(({ registry: memory, see, advance }) => {
      put(memory, 'a')
      const { registry, elect } = leaderless(memory)
      const seen = see(discover(registry, 'web', options))
      elect()
      memory.deny()
      advance(1_000)
      expect([seen.values.map(shown).at(-1), seen.error]).toEqual(['stale a@1', expect.any(Denied)])
    }))

  it('is an option of catalog, too', () =>
    scene(({ registry: memory, see, advance }) => {
      put(memory, 'a')
      put(memory, 'o', '1', 'orders')
      const { registry, elect } = leaderless(memory)
      const every = see(catalog(registry, options))
      const { values, last } = see(catalog(registry, { ...options, services: ['web', 'none'] }))
      const shownIn = (sets: ReadonlyMap<string, ServiceSet>): string[] => [...sets.values()].map(set => `${set.service} ${shown(set)}`)
      expect(shownIn(every.last())).toEqual(['orders stale o@1', 'web stale a@1'])
      expect(shownIn(last())).toEqual(['none stale', 'web stale a@1'])
      elect()
      advance(1_000)
      expect(shownIn(last())).toEqual(['none live', 'web live a@1'])
      expect(values.length).toBeGreaterThan(2)
    }))
})

it('a set of a registry that was saved and restored is the same but for its state', async () => {
  const web = saved(['a', 'b'])
  const none: ReadableRegistry = { list: noLeader, watch: noLeader, check: noLeader }
  const again = await firstValueFrom(discover(none, 'web', { initial: asJson(web) }))
  expect(again.toArray()).toEqual(web.toArray())
  expect(await lastValueFrom(of(again).pipe(known(), toArray()))).toEqual([again])
})
