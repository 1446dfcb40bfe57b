import fc from 'fast-check'
import { concat, defer, EMPTY, finalize, ignoreElements, map, NEVER, Observable, of, range, startWith, Subject, take, tap, throwError, timer } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { discover, InvalidArgument, known, probe, serviceInstance, serviceSet, type Probe, type ProbeOptions, type ServiceInstance, type ServiceSet, type Status } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'
import { virtually } from 'rx-discovery/testing'
import { instancesOf, withInstances, withState } from '../../../src/core/sets/service-set.js'
import { put, remove, see, steady } from '../scene.js'

const node = (id: string, more: Partial<ServiceInstance> = {}): ServiceInstance => serviceInstance({ service: 'web', id, address: `${id}:80`, ...more })
const nodes = (...ids: readonly string[]): ServiceSet => serviceSet('web', ids.map(id => node(id)))
const changed = (set: ServiceSet, id: string, instance: ServiceInstance | undefined): ServiceSet =>
  withInstances(set, instance === undefined ? instancesOf(set).delete(id) : instancesOf(set).set(id, instance))
const shown = (set: ServiceSet): string => set.toArray().map(({ id, status }) => (status === 'up' ? id : `${id}:${status}`)).join(' ')
const every100: ProbeOptions = { interval: 100, timeout: 10, rise: 2, fall: 3, jitter: 0, concurrency: 100 }
const away = throwError(() => new Error('away'))

/** Records when checks begin, by time and id, and how many run at once. */
const watched = (now: () => number, answer: (instance: ServiceInstance, nth: number) => Observable<unknown>) => {
  const began: string[] = []
  const counts = new Map<string, number>()
  const running = { now: 0, most: 0 }
  const check: Probe = instance =>
    defer(() => {
      const nth = (counts.get(instance.id) ?? 0) + 1
      counts.set(instance.id, nth)
      began.push(`${now()} ${instance.id}`)
      running.most = Math.max(running.most, (running.now += 1))
      return answer(instance, nth).pipe(finalize(() => (running.now -= 1)))
    })
  return { check, running, began: () => began.splice(0) }
}

/** `probe` on sets that the test emits. */
const probed = (check: Probe, options: ProbeOptions, now: () => number) => {
  const sets = new Subject<ServiceSet>()
  const at: string[] = []
  const { last, stop, ...seen } = see(sets.pipe(probe(check, options)), set => at.push(`${now()} ${shown(set)}`))
  return { sets, last, stop, seen, since: () => at.splice(0) }
}

describe('probe', () => {
  it('passes on the same sets while all checks pass', () => virtually(({ advance, now }) => {
    const { check, began } = watched(now, () => of(true))
    const { sets, last, since, stop } = probed(check, every100, now)
    const set = nodes('a', 'b')
    sets.next(set)
    expect([last() === set, began()]).toEqual([true, []])
    advance(250)
    expect([since(), began()]).toEqual([['0 a b'], ['0 a', '0 b', '100 a', '100 b', '200 a', '200 b']])
    sets.next(changed(set, 'b', undefined))
    advance(50)
    expect([since(), began()]).toEqual([['250 a'], ['300 a']])
    stop()
  }))

  it('shows an instance as down after its third failure in a row, and as up after its second pass in a row', () => virtually(({ advance, now }) => {
    //            at 0    100   200    300    400    500   600    700    800    900
    const answers = [away, of(1), away, away, away, of(1), away, of(1), of(1), of(1)]
    const { check } = watched(now, ({ id }, nth) => (id === 'a' ? (answers[nth - 1] ?? EMPTY) : of(1)))
    const { sets, last, since, stop } = probed(check, every100, now)
    const set = nodes('a', 'b')
    sets.next(set)
    advance(500)
    expect(since()).toEqual(['0 a b', '400 a:down b'])
    expect([last().get('a'), last().get('b') === set.get('b')]).toEqual([{ ...node('a'), status: 'down' }, true])
    advance(500)
    expect([since(), last() === set]).toEqual([['800 a b'], true])
    stop()
  }))

  it.each<readonly [string, () => ReturnType<Probe>, boolean]>([
    ['completes', () => EMPTY, true],
    ['emits true', () => of(true), true],
    ['emits undefined', () => of(undefined), true],
    ['emits 0', () => of(0), true],
    ['emits an empty string', () => [''], true],
    ['emits a thousand values', () => range(0, 1000), true],
    ['emits synchronously without end', () => range(0, Infinity), true],
    ['emits and then errors', () => concat(of(1), away), true],
    ['emits and never completes', () => NEVER.pipe(startWith(1)), true],
    ['emits true and then false', () => of(true, false), true],
    ['emits just before the timeout', () => timer(9), true],
    ['emits false', () => of(false), false],
    ['emits false and then true', () => of(false, true), false],
    ['errors', () => away, false],
    ['throws', () => { throw new RangeError('no') }, false],
    ['throws a value that is no Error', () => { throw null as unknown as Error }, false],
    ['is no Observable', () => 5 as unknown as Observable<unknown>, false],
    ['never emits', () => NEVER, false],
    ['emits after the timeout', () => timer(11), false],
    ['completes after the timeout', () => timer(11).pipe(ignoreElements()), false],
    ['completes just before the timeout', () => timer(9).pipe(ignoreElements()), true],
  ])('a check that %s', (_, answer, well) => virtually(({ advance, now, pending }) => {
    const { sets, since, stop } = probed(answer, { ...every100, rise: 1, fall: 1 }, now)
    sets.next(nodes('a'))
    advance(99)
    expect(since().map(text => text.replace(/^\d+ /, ''))).toEqual(well ? ['a'] : ['a', 'a:down'])
    stop()
    expect(pending()).toBe(0)
  }))

  it('counts the timeout of a check from its own start, and unsubscribes the check then', () => virtually(({ advance, now }) => {
    const { check, running } = watched(now, () => NEVER)
    const { sets, since, stop } = probed(check, { ...every100, fall: 2, concurrency: 1 }, now)
    sets.next(nodes('a', 'b'))
    advance(199)
    expect([since(), running]).toEqual([['0 a b', '110 a:down b', '120 a:down b:down'], { now: 0, most: 1 }])
    stop()
  }))

  it('unsubscribes a check after its first value', () => virtually(({ advance, now }) => {
    const { check, running } = watched(now, () => NEVER.pipe(startWith(1)))
    const { sets, stop } = probed(check, every100, now)
    sets.next(nodes('a'))
    advance(1)
    expect(running).toEqual({ now: 0, most: 1 })
    stop()
  }))

  it('starts no check of an instance before the last has ended, and the next one at once if that took longer than the interval', () => virtually(({ advance, now }) => {
    const { check, began, running } = watched(now, (_, nth) => timer(nth === 1 ? 250 : 30))
    const { sets, stop } = probed(check, { ...every100, timeout: 1_000 }, now)
    sets.next(nodes('a'))
    advance(500)
    expect([began(), running.most]).toEqual([['0 a', '250 a', '350 a', '450 a'], 1])
    stop()
  }))

  it('checks only instances that are up, and shows the others as registered', () => virtually(({ advance, now }) => {
    const { check, began } = watched(now, () => away)
    const { sets, since, last, stop } = probed(check, { ...every100, fall: 1 }, now)
    const set = serviceSet('web', [node('a', { status: 'starting' }), node('b', { status: 'draining' }), node('c', { status: 'down' }), node('d')])
    sets.next(set)
    advance(50)
    expect([since(), began()]).toEqual([['0 a:starting b:draining c:down d', '0 a:starting b:draining c:down d:down'], ['0 d']])
    expect(last().get('c')).toBe(set.get('c'))
    sets.next(changed(changed(set, 'd', node('d', { status: 'draining' })), 'a', node('a')))
    advance(100)
    expect([since(), began()]).toEqual([
      ['50 a b:draining c:down d:draining', '50 a:down b:draining c:down d:draining'],
      ['50 a', '150 a'],
    ])
    sets.next(set)
    expect(since()).toEqual(['150 a:starting b:draining c:down d'])
    stop()
  }))

  it('unsubscribes the check of an instance that leaves, and never checks it again', () => virtually(({ advance, now, pending }) => {
    const { check, began, running } = watched(now, () => NEVER)
    const { sets, stop } = probed(check, { ...every100, timeout: 50 }, now)
    sets.next(nodes('a', 'b'))
    advance(20)
    expect(running.now).toBe(2)
    sets.next(nodes('b'))
    expect(running.now).toBe(1)
    sets.next(nodes())
    expect([running.now, pending()]).toEqual([0, 0])
    advance(1_000)
    expect(began()).toEqual(['0 a', '0 b'])
    stop()
  }))

  it('shows an instance that moved or came back as up, and checks it at once', () => virtually(({ advance, now }) => {
    const { check, began, running } = watched(now, () => NEVER)
    const { sets, since, stop } = probed(check, { ...every100, fall: 1, timeout: 50 }, now)
    const set = nodes('a', 'b')
    sets.next(set)
    advance(120)
    const moved = changed(set, 'a', node('a', { address: 'other:80' }))
    sets.next(moved)
    expect([since(), running.now]).toEqual([['0 a b', '50 a:down b', '50 a:down b:down', '120 a b:down'], 1])
    advance(50)
    expect(since()).toEqual(['170 a:down b:down'])
    sets.next(changed(moved, 'b', undefined))
    sets.next(moved)
    expect([since(), began()]).toEqual([['170 a:down', '170 a:down b'], ['0 a', '0 b', '100 a', '100 b', '120 a']])
    advance(0)
    expect(began()).toEqual(['170 b'])
    stop()
  }))

  it('keeps results and the rhythm of checks over new sets, and checks the newest instance', () => virtually(({ advance, now }) => {
    const asked: number[] = []
    const { check, began } = watched(now, ({ weight }) => defer(() => (asked.push(weight), away)))
    const { sets, since, last, stop } = probed(check, every100, now)
    let set = nodes('a')
    for (let weight = 1; weight <= 8; weight += 1) {
      sets.next((set = changed(set, 'a', node('a', { weight }))))
      advance(40)
    }
    expect([began(), asked]).toEqual([['0 a', '100 a', '200 a', '300 a'], [1, 3, 5, 8]])
    expect([since().slice(-4), last().get('a')]).toEqual([['200 a:down', '200 a:down', '240 a:down', '280 a:down'], { ...node('a', { weight: 8 }), status: 'down' }])
    stop()
  }))

  it('goes on with stale sets, and keeps their trouble', () => virtually(({ advance, now }) => {
    const trouble = { error: new Error('away'), since: 1, attempt: 1, retryAt: 2 }
    const { check } = watched(now, () => away)
    const { sets, last, stop } = probed(check, every100, now)
    sets.next(nodes('a'))
    sets.next(withState(nodes('a'), { status: 'stale', trouble }))
    advance(200)
    expect([shown(last()), last().status, last().trouble]).toEqual(['a:down', 'stale', trouble])
    stop()
  }))

  it('works on a registry, through an outage', () => virtually(({ advance }) => {
    const registry = memoryRegistry()
    for (const id of ['a', 'b']) put(registry, id)
    const { values, stop } = see(discover(registry, 'web', { backoff: steady }).pipe(known(), probe(({ id }) => (id === 'b' ? away : of(1)), every100)))
    advance(150)
    const thaw = registry.freeze()
    registry.interrupt(10)
    advance(100)
    remove(registry, 'b')
    thaw()
    advance(1_000)
    expect(values.map(set => `${set.status} ${shown(set)}`)).toEqual(['live a b', 'stale a b', 'stale a b:down', 'live a'])
    stop()
    expect([registry.subscriptions().watches, registry.leases()]).toEqual([0, []])
  }))

  it.each([
    [0, ['0 a', '90 a', '180 a', '270 a']],
    [0.5, ['5 a', '105 a', '205 a', '305 a']],
    [0.9, ['9 a', '117 a', '225 a', '333 a']],
  ])('varies the interval by its jitter, and the first check within it: if `random` returns %d', (drawn, times) => virtually(({ advance, now }) => {
    const { check, began } = watched(now, () => of(1))
    const { sets, stop } = probed(check, { ...every100, jitter: 0.1, random: () => drawn }, now)
    sets.next(nodes('a'))
    advance(340)
    expect(began()).toEqual(times)
    stop()
  }))

  it('runs at most `concurrency` checks at once, in the order in which they were due, and starves none', () => virtually(({ advance, now }) => {
    const { check, began, running } = watched(now, () => timer(10))
    const { sets, stop } = probed(check, { ...every100, interval: 20, timeout: 50, concurrency: 2 }, now)
    sets.next(nodes('a', 'b', 'c', 'd', 'e'))
    advance(99)
    const order = began()
    expect(running.most).toBe(2)
    expect(order).toEqual(['0 a', '0 b', '10 c', '10 d', '20 e', '20 a', '30 b', '30 c', '40 d', '40 e', '50 a', '50 b', '60 c', '60 d', '70 e', '70 a', '80 b', '80 c', '90 d', '90 e'])
    stop()
  }))

  it('starts no check of instances that leave together, although each of them makes room for the next', () => virtually(({ advance, now }) => {
    const { check, began, running } = watched(now, () => NEVER)
    const { sets, stop } = probed(check, { ...every100, concurrency: 1 }, now)
    sets.next(nodes('a', 'b', 'c', 'd'))
    advance(1)
    sets.next(nodes('d'))
    expect([began(), running.now]).toEqual([['0 a', '1 d'], 1])
    sets.next(nodes('d', 'e', 'f'))
    advance(1)
    stop()
    expect([began(), running.now]).toEqual([[], 0])
  }))

  it('leaves no timer and no check, however it ends', () => virtually(({ advance, now, pending }) => {
    const ends: readonly ((sets: Subject<ServiceSet>, stop: () => void) => void)[] = [
      (_, stop) => stop(),
      sets => sets.complete(),
      sets => sets.error(new Error('x')),
    ]
    for (const end of ends)
      for (const ms of [0, 5, 50]) {
        const { check, running } = watched(now, () => NEVER)
        const { sets, stop } = probed(check, { ...every100, concurrency: 2 }, now)
        sets.next(nodes('a', 'b', 'c'))
        advance(ms)
        end(sets, stop)
        expect([running.now, pending()]).toEqual([0, 0])
      }
    expect(see(range(1, Infinity).pipe(map(() => nodes('a')), probe(() => NEVER), take(2))).values).toHaveLength(2)
    expect(see(of(nodes('a')).pipe(probe(() => NEVER))).completed).toBe(true)
    expect(see(away.pipe(probe(() => NEVER))).error).toEqual(new Error('away'))
    expect(pending()).toBe(0)
  }))

  it('can be unsubscribed inside `next`', () => virtually(({ advance, now, pending }) => {
    const { check, running } = watched(now, () => timer(1).pipe(tap(() => { throw new Error('no') })))
    const down = see(NEVER.pipe(startWith(nodes('a', 'b', 'c')), probe(check, { ...every100, concurrency: 1 }), take(2)))
    advance(1_000)
    expect([down.values.map(shown), down.completed, running.now, pending()]).toEqual([['a b c', 'a:down b c'], true, 0, 0])
  }))

  it('runs separate checks for each subscriber', () => virtually(({ advance, now }) => {
    const { check, began } = watched(now, () => of(1))
    const source = NEVER.pipe(startWith(nodes('a')), probe(check, every100))
    const [one, two] = [see(source), see(source)]
    advance(10)
    one.stop()
    advance(100)
    expect(began()).toEqual(['0 a', '0 a', '100 a'])
    two.stop()
  }))

  it('by default varies its checks by Math.random, checks every 5 s, and times out after a second', () => virtually(({ advance, now }) => {
    const { check, began } = watched(now, () => NEVER)
    const { sets, since, stop } = probed(check, {}, now)
    sets.next(nodes('a'))
    advance(20_000)
    const times = began().map(text => Number.parseFloat(text))
    expect([(times[0] ?? -1) >= 0, (times[0] ?? 501) <= 500]).toEqual([true, true])
    for (const [at, time] of times.entries()) if (at > 0) expect(Math.abs(time - (times[at - 1] ?? 0) - 5_000)).toBeLessThanOrEqual(501)
    expect(since().map(text => text.replace(/^\S+ /, ''))).toEqual(['a', 'a:down'])
    stop()
  }))

  it('whatever the sets and checks do: at most `concurrency` at once, none twice at once, only up instances, and nothing is left', () => {
    const answers = fc.constantFrom<Observable<unknown>>(of(1), EMPTY, of(false), away, NEVER, timer(3), timer(30), timer(2).pipe(ignoreElements()))
    const steps = fc.array(
      fc.record({
        ms: fc.integer({ min: 0, max: 60 }),
        id: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
        status: fc.option(fc.constantFrom<Status>('up', 'up', 'up', 'draining', 'down'), { nil: undefined }),
        address: fc.constantFrom('x:1', 'x:1', 'y:1'),
      }),
      { maxLength: 30 },
    )
    fc.assert(
      fc.property(steps, fc.infiniteStream(answers), fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 3 }), (all, answer, concurrency, fall) =>
        virtually(({ advance, now, pending }) => {
          let set = nodes('a', 'b', 'c')
          let well = false
          const checking = new Map<string, number>()
          const wrong: string[] = []
          const { check, running } = watched(now, instance => {
            const count = (checking.get(instance.id) ?? 0) + 1
            checking.set(instance.id, count)
            if (count > 1 || instance !== set.get(instance.id) || instance.status !== 'up') wrong.push(`${now()} ${instance.id}`)
            const said = well ? of(1) : (answer.next().value as Observable<unknown>)
            return said.pipe(finalize(() => checking.set(instance.id, (checking.get(instance.id) ?? 0) - 1)))
          })
          const { sets, last, stop } = probed(check, { ...every100, interval: 20, concurrency, fall, jitter: 0.5 }, now)
          const send = (next: ServiceSet): void => {
            set = next
            sets.next(next)
          }
          send(set)
          for (const { ms, id, status, address } of all) {
            advance(ms)
            send(changed(set, id, status && node(id, { status, address })))
            expect(last().toArray().map(one => (set.get(one.id)?.status === 'up' ? { ...one, status: 'up' } : one))).toEqual(set.toArray())
          }
          well = true
          advance(1_000)
          expect([last() === set, wrong, running.most <= concurrency]).toEqual([true, [], true])
          stop()
          expect([running.now, pending()]).toEqual([0, 0])
        })),
      { numRuns: 30 },
    )
  })

  it.each<readonly [ProbeOptions, string]>([
    [{ rise: 0 }, 'rise must be a whole number, 1 or more, got 0'],
    [{ fall: 1.5 }, 'fall must be a whole number, 1 or more, got 1.5'],
    [{ interval: 0 }, 'interval must be a whole number of milliseconds from 1 to 2147483647, got 0'],
    [{ interval: 2 ** 31 }, 'interval must be a whole number of milliseconds from 1 to 2147483647, got 2147483648'],
    [{ timeout: NaN }, 'timeout must be a whole number of milliseconds from 1 to 2147483647, got NaN'],
    [{ jitter: -0.1 }, 'jitter must be a number from 0 to 1, got -0.1'],
    [{ jitter: 2 }, 'jitter must be a number from 0 to 1, got 2 (2 % is 0.02)'],
    [{ concurrency: 0 }, 'concurrency must be a whole number, 1 or more, got 0'],
  ])('errors with %j', (options, message) => {
    const seen = see(of(nodes('a')).pipe(probe(() => EMPTY, options)))
    expect(seen.error).toBeInstanceOf(InvalidArgument)
    expect([seen.values, (seen.error as Error).message]).toEqual([[], message])
  })
})
