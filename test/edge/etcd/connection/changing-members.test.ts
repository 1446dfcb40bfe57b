import { defer, delay, distinctUntilChanged, filter, finalize, firstValueFrom, ignoreElements, map, mergeMap, NEVER, Observable, retry, startWith, Subject, Subscription, takeUntil, tap, timer } from 'rxjs'
import { describe, expect, it, vi } from 'vitest'
import { Closed, Denied, Disconnected, toError } from '../../../../src/core/errors.js'
import { changingMembers, type ChangingMembersOptions } from '../../../../src/edge/etcd/connection/changing-members.js'
import type { Member } from '../../../../src/edge/etcd/connection/member.js'
import { paging } from '../../../../src/edge/etcd/range/paging.js'
import { virtually, type VirtualHelpers } from '../../../../src/edge/testing/index.js'

const inTime = (test: (time: VirtualHelpers) => void) => () => virtually(test)
/** Uniform in [0, 1), the same in every run. */
const seeded = (seed: number) => () => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647
const minutes = 60_000
const abc = ['a:1', 'b:1', 'c:1']

const scene = (options: Partial<ChangingMembersOptions> = {}, error?: Error) => {
  const down = new Set<string>()
  const [opened, closed, tries]: [string[], string[], string[]] = [[], [], []]
  const cuts = new Subject<string>()
  const lists = new Subject<readonly string[] | Error>()
  const refused = (host: string): Error => error ?? new Disconnected(`${host} refused the connection`, { host })
  const open = (host: string) => {
    opened.push(host)
    const answer = timer(1).pipe(
      map(() => {
        tries.push(host)
        if (down.has(host)) throw refused(host)
        return {}
      }),
    )
    const broken = cuts.pipe(
      tap(cut => {
        if (cut === host) throw new Disconnected(`${host} reset the connection`, { host })
      }),
      ignoreElements(),
    )
    const member = { host, paging: paging(), returned: NEVER, call: (_: unknown, { deadline = 0 } = {}) => answer.pipe(delay(deadline)), stream: () => broken } as unknown as Member
    return { member, close: () => void closed.push(host) }
  }
  const members = changingMembers({ hosts: abc, changes: () => lists, open, random: () => 0, moveWithin: 10 * minutes, closed: new Subject(), ...options })
  /** A call that takes so long (ms): the fake member takes the deadline for it. */
  const call = (deadline = 0): Observable<string> => members.on(member => member.call(() => Promise.resolve(), { deadline }).pipe(map(() => member.host)))
  /** A stream that moves as watches and leases do: the new one first, 5 ms later the old one closes. `on` is where it is. */
  const stream = () => {
    const on: string[] = []
    const failures: unknown[] = []
    const running = new Subscription()
    const use = (member: Member): Observable<never> =>
      defer(() => {
        on.push(member.host)
        return member.stream<never, never>(() => new Promise(() => undefined), NEVER).pipe(finalize(() => on.splice(on.indexOf(member.host), 1)))
      })
    const following = members.on(first =>
      members.moves.pipe(
        startWith(first),
        distinctUntilChanged(),
        // `takeUntil` lets the former one overlap.
        mergeMap(member => use(member).pipe(takeUntil(members.moves.pipe(filter(next => next !== member), delay(5))))),
      ),
    )
    running.add(following.pipe(tap({ error: (error: unknown) => failures.push(error) }), retry()).subscribe())
    return { on, failures, stop: () => running.unsubscribe() }
  }
  return { ...members, members, down, opened, closed, tries, cuts, lists, call, stream }
}

describe('the member in use', () => {
  it('is another one in each process, also for those whose member fails', inTime(({ advance }) => {
    const used = { before: new Map<string, number>(), after: new Map<string, number>() }
    const count = (of: Map<string, number>) => (host: string) => void of.set(host, (of.get(host) ?? 0) + 1)
    for (let process = 1; process <= 600; process++) {
      const { call, down, members } = scene({ random: seeded(process * 7_919) })
      call().subscribe(count(used.before))
      advance(2)
      down.add('a:1')
      call().pipe(retry(1)).subscribe(count(used.after))
      advance(4)
      members.close()
    }
    for (const host of abc) expect(Math.abs((used.before.get(host) ?? 0) - 200)).toBeLessThan(45)
    expect(used.after.get('a:1')).toBeUndefined()
    for (const host of ['b:1', 'c:1']) expect(Math.abs((used.after.get(host) ?? 0) - 300)).toBeLessThan(50)
  }))

  it('after an outage is the preferred one again, once, at a random moment within ten minutes', inTime(({ advance, now }) => {
    const moments: number[] = []
    for (let process = 1; process <= 400; process++) {
      const { members, stream, cuts, down } = scene({ random: seeded(process * 104_729) })
      const preferred = members.all[0]?.host ?? ''
      const { on, failures, stop } = stream()
      down.add(preferred)
      cuts.next(preferred)
      expect([failures.length, on.includes(preferred)]).toEqual([1, false])
      down.delete(preferred)
      const backAt = now()
      members.moves.subscribe(({ host }) => {
        expect(host).toBe(preferred)
        moments.push(now() - backAt)
      })
      advance(10 * minutes + 10)
      expect([on, failures.length]).toEqual([[preferred], 1])
      advance(60 * minutes)
      stop()
      members.close()
    }
    expect(moments.length).toBe(400)
    for (const quarter of [0, 1, 2, 3]) {
      const share = moments.filter(ms => Math.floor(ms / (2.5 * minutes)) === quarter).length
      expect(Math.abs(share - 100)).toBeLessThan(35)
    }
  }))

  it('stays while the preferred one is down; that is tried only once in a while', inTime(({ advance }) => {
    const { members, stream, cuts, down, tries } = scene({ random: () => 0.5 })
    const { on, stop } = stream()
    down.add('a:1')
    cuts.next('a:1')
    advance(60 * minutes)
    expect(on).toEqual(['b:1'])
    expect(tries).toEqual(Array.from({ length: 11 }, () => 'a:1'))
    down.delete('a:1')
    advance(10 * minutes)
    expect(on).toEqual(['a:1'])
    stop()
    members.close()
  }))

  it('takes a refusal for an answer', inTime(({ advance }) => {
    const { members, stream, cuts, down } = scene({}, new Denied('no'))
    const { on, stop } = stream()
    cuts.next('a:1')
    down.add('a:1')
    expect(on).toEqual(['b:1'])
    advance(10 * minutes + 10)
    expect(on).toEqual(['a:1'])
    stop()
    members.close()
  }))

  it('needs no timer while no stream is open elsewhere, or after close', inTime(({ advance, pending }) => {
    const { members, stream, cuts } = scene()
    const { stop } = stream()
    advance(10)
    expect(pending()).toBe(0)
    cuts.next('a:1')
    advance(10)
    expect(pending()).toBe(1)
    stop()
    expect(pending()).toBe(0)
    const again = stream()
    advance(10)
    expect(pending()).toBe(1)
    members.close()
    expect(pending()).toBe(0)
    again.stop()
  }))
})

describe('a list that changes', () => {
  it('keeps the members that stay; a member that goes is left at once by its streams, and closes after its last call', inTime(({ advance }) => {
    const { members, stream, lists, opened, closed, call } = scene()
    const { on, failures, stop } = stream()
    const answers: string[] = []
    call(3_000).subscribe(host => answers.push(host))
    lists.next(['d:1', 'b:1', 'c:1'])
    expect([members.all.map(({ host }) => host), opened]).toEqual([['d:1', 'b:1', 'c:1'], [...abc, 'd:1']])
    expect([on, closed]).toEqual([['a:1'], []])
    advance(2)
    expect(on).toEqual(['a:1', 'd:1'])
    advance(10)
    expect([on, failures, closed]).toEqual([['d:1'], [], []])
    advance(3_000)
    expect([answers, closed]).toEqual([['a:1'], ['a:1']])
    members.close()
    expect(closed).toEqual(['a:1', 'b:1', 'c:1', 'd:1'])
    stop()
  }))

  it('does not end a connection that works, until a listed member answers', inTime(({ advance }) => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    const { members, stream, lists, down, closed, tries, call } = scene({ hosts: ['a:1'] })
    const { on, stop } = stream()
    for (const host of ['x:1', 'y:1']) down.add(host)
    lists.next(['x:1', 'y:1'])
    advance(5 * minutes)
    expect([on, closed]).toEqual([['a:1'], []])
    // With growing pauses: 1 s, 2 s, … 30 s.
    expect(tries.length).toBeLessThan(16)
    expect(tries.slice(0, 4)).toEqual(['x:1', 'y:1', 'x:1', 'y:1'])
    const answers: string[] = []
    call().subscribe(host => answers.push(host))
    advance(10)
    expect(answers).toEqual(['a:1'])
    down.delete('y:1')
    advance(minutes)
    expect([on, closed]).toEqual([['y:1'], ['a:1']])
    expect(warn).toHaveBeenCalledTimes(1)
    warn.mockRestore()
    stop()
    members.close()
  }))

  it('is reported once if none of its hosts can be used, after each was tried, and the second try of one', inTime(({ advance }) => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    const warnings = (): unknown[] => warn.mock.calls.map(([text]) => text)
    const { members, stream, lists, down, tries } = scene({ hosts: ['a:1'] })
    const { on, stop } = stream()
    for (const host of ['w:1', 'x:1', 'y:1', 'z:1']) down.add(host)
    lists.next(['x:1'])
    advance(900)
    expect(warnings()).toEqual([])
    advance(5 * minutes)
    const first = "no host of etcd's new list can be used (x:1), so those before stay in use (a:1): x:1 refused the connection"
    expect(warnings()).toEqual([first])
    tries.length = 0
    // The next list is tried at once, not after the pause of this one.
    lists.next(['w:1', 'y:1', 'z:1'])
    advance(10)
    expect(tries).toEqual(['w:1'])
    advance(2_000)
    expect([tries, warnings()]).toEqual([['w:1', 'y:1'], [first]])
    advance(5 * minutes)
    expect(warnings()).toEqual([first, "no host of etcd's new list can be used (w:1, y:1, z:1), so those before stay in use (a:1): z:1 refused the connection"])
    expect(on).toEqual(['a:1'])
    down.clear()
    advance(minutes)
    expect([on, warnings().length]).toEqual([['w:1'], 2])
    stop()
    members.close()
    warn.mockRestore()
  }))

  it('takes a member back that is still being left', inTime(({ advance }) => {
    const { members, stream, lists, down, opened, closed } = scene({ hosts: ['a:1'] })
    const { on, stop } = stream()
    down.add('x:1')
    lists.next(['x:1'])
    advance(10)
    lists.next(['a:1'])
    advance(minutes)
    expect([on, opened, closed]).toEqual([['a:1'], ['a:1', 'x:1'], ['x:1']])
    stop()
    members.close()
  }))

  it('leaves a member without streams when another one has answered', inTime(({ advance }) => {
    const { members, lists, closed, call } = scene({ hosts: ['a:1'] })
    call().subscribe()
    advance(10)
    lists.next(['b:1'])
    advance(10)
    expect(closed).toEqual(['a:1'])
    members.close()
  }))

  it('is reported with the hosts, if it holds others than before', inTime(() => {
    const { members, lists, opened } = scene()
    const [hosts, returns]: [(readonly string[])[], unknown[]] = [[], []]
    members.hosts.subscribe(list => hosts.push(list))
    members.returned.subscribe(() => returns.push(0))
    lists.next(['c:1', 'b:1', 'a:1'])
    lists.next(['http://a:1/', 'b:1', 'c:1', 'a:1'])
    lists.next(['b:1'])
    lists.next(['https://b:1'])
    expect(hosts).toEqual([abc, ['http://a:1/', 'b:1', 'c:1'], ['b:1'], ['https://b:1']])
    expect([returns.length, opened]).toEqual([3, [...abc, 'https://b:1']])
    members.close()
  }))

  it('stays as it was if there is no new one, and there is one warning', inTime(() => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    const { members, lists, call } = scene()
    call().subscribe().unsubscribe()
    for (const reason of ['away', 'away']) lists.next(new Error(reason))
    expect(members.all.map(({ host }) => host)).toEqual(abc)
    expect(warn.mock.calls).toEqual([["there is no new list of etcd's hosts, so the one before stays in use (a:1, b:1, c:1): away", { type: 'RxDiscoveryWarning', code: 'RX_DISCOVERY_HOSTS' }]])
    lists.next(abc)
    lists.next(new Error('away again'))
    expect(warn).toHaveBeenCalledTimes(2)
    warn.mockRestore()
    members.close()
  }))
})

describe('hosts that are not known yet', () => {
  const results = (source: Observable<unknown>): unknown[] => {
    const seen: unknown[] = []
    source.subscribe({ next: value => seen.push(value), error: (error: unknown) => seen.push(toError(error).message) })
    return seen
  }
  it('are waited for', inTime(({ advance }) => {
    const { members, lists, call } = scene({ hosts: [] })
    const seen = results(call())
    advance(1_000)
    lists.next(['a:1'])
    advance(10)
    expect(seen).toEqual(['a:1'])
    members.close()
  }))
  it('are an outage after 1.5 s, or with the reason at once', inTime(({ advance }) => {
    const { members, lists, call } = scene({ hosts: [] })
    const first = results(call())
    advance(1_500)
    expect(first).toEqual(['the hosts of etcd are not known yet (waited 1500 ms)'])
    const second = results(call())
    lists.next(new Error('queryASrv ESERVFAIL'))
    expect(second).toEqual(['the hosts of etcd are not known: queryASrv ESERVFAIL'])
    // The reason holds until there is a list.
    expect(results(call())).toEqual(['the hosts of etcd are not known: queryASrv ESERVFAIL'])
    members.close()
  }))
  it('are asked for at the first use, and not before', () => {
    let asked = 0
    const changes = () => new Observable<readonly string[]>(() => {
      asked += 1
    })
    const { members, call } = scene({ hosts: [], changes })
    expect(asked).toBe(0)
    call().subscribe().unsubscribe()
    members.hosts.subscribe().unsubscribe()
    expect(asked).toBe(1)
    members.close()
  })
  it('are no longer waited for after close, nor followed', async () => {
    let following = false
    const changes = () =>
      new Observable<readonly string[]>(() => {
        following = true
        return () => (following = false)
      })
    const { members, call } = scene({ hosts: [], changes })
    const waiting = firstValueFrom(call())
    expect(following).toBe(true)
    members.close()
    await expect(waiting).rejects.toBeInstanceOf(Closed)
    expect(following).toBe(false)
  })
})
