import { defer, firstValueFrom, NEVER, of, Subject, throwError, type Observable } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { toError } from '../../../../src/core/errors.js'
import { asking, hostLists, type ChangingHosts } from '../../../../src/edge/etcd/connection/host-lists.js'
import { virtually, type VirtualHelpers } from '../../../../src/edge/testing/index.js'

const inTime = (test: (time: VirtualHelpers) => void) => () => virtually(test)

const asked = (answer: (n: number) => Observable<unknown>, { now }: VirtualHelpers, random = () => 0) => {
  const outages = new Subject<unknown>()
  const [times, seen]: [number[], unknown[]] = [[], []]
  const ask = defer(() => answer(times.push(now())))
  const running = asking(ask, 60_000, outages, random).subscribe(value => seen.push(value instanceof Error ? value.message : value))
  return { outages, times, seen, stop: () => running.unsubscribe() }
}

describe('asking for hosts', () => {
  it('goes on every minute, or up to half a minute sooner', inTime(time => {
    const full = asked(n => of(n), time)
    const half = asked(n => of(n), time, () => 1)
    time.advance(180_000)
    expect([full.times, full.seen]).toEqual([[0, 60_000, 120_000, 180_000], [1, 2, 3, 4]])
    expect(half.times).toEqual([0, 30_000, 60_000, 90_000, 120_000, 150_000, 180_000])
    for (const { stop } of [full, half]) stop()
    expect(time.pending()).toBe(0)
  }))
  it('happens at once in an outage, and once a second at most', inTime(time => {
    const { outages, times, stop } = asked(n => of(n), time)
    time.advance(10_000)
    for (let i = 0; i < 15; i++) {
      outages.next(0)
      time.advance(100)
    }
    expect(times).toEqual([0, 10_000, 11_000])
    stop()
  }))
  it('is repeated after five seconds if it fails; the error is a value', inTime(time => {
    const { times, seen, stop } = asked(n => (n < 3 ? throwError(() => new Error(`no ${n}`)) : of(n)), time)
    time.advance(60_000)
    expect([times, seen]).toEqual([[0, 5_000, 10_000], ['no 1', 'no 2', 3]])
    stop()
  }))
})

describe('hosts that change', () => {
  const listsOf = (hosts: ChangingHosts) => {
    const seen: unknown[] = []
    hostLists(hosts).subscribe({ next: list => seen.push(list instanceof Error ? list.message : list), error: (error: unknown) => seen.push(`failed: ${toError(error).message}`), complete: () => seen.push('complete') })
    return seen
  }
  it('come from a function, once, and from an Observable for ever', inTime(() => {
    expect(listsOf(() => 'a:1')).toEqual([['a:1'], 'complete'])
    expect(listsOf(() => ['a:1', 'b:1'])).toEqual([['a:1', 'b:1'], 'complete'])
    expect(listsOf(of('a:1', ['b:1']))).toEqual([['a:1'], ['b:1']])
  }))
  it('come from a function that returns a Promise', async () => {
    expect(await firstValueFrom(hostLists(() => Promise.resolve(['a:1'])))).toEqual(['a:1'])
    await expect(firstValueFrom(hostLists(() => Promise.reject(new Error('vault is sealed'))))).rejects.toThrow('vault is sealed')
  })
  it.each<[unknown, string]>([
    [new Error('GET https://svc:hunter2@config/etcd failed'), 'GET https://…@config/etcd failed'],
    [undefined, 'it threw a value of type undefined'],
    [null, 'it threw null'],
  ])('fail without the secrets of an error, and without an undefined reason: %s', (thrown, message) => {
    const fail = (): never => {
      throw thrown
    }
    expect(listsOf(fail)).toEqual([`failed: ${message}`])
    // eslint-disable-next-line rxjs-x/throw-error -- a user may
    expect(listsOf(throwError(() => thrown))).toEqual([`failed: ${message}`])
  })
  it.each([[[]], [['a:1', 'no host']], [undefined], [42], [null]])('are refused as %j, and an Observable goes on', wrong => {
    const lists = new Subject<string | readonly string[]>()
    const seen = listsOf(lists)
    lists.next(wrong as unknown as string)
    lists.next('a:1')
    expect(seen).toEqual([expect.stringMatching(/^hosts (must be like|needs at least one)/), ['a:1']])
    expect(listsOf(() => wrong as unknown as string)).toEqual([expect.stringMatching(/^hosts (must be like|needs at least one)/), 'complete'])
  })
  it('are an error if a function throws, or does not answer within ten seconds', inTime(({ advance }) => {
    const thrown = listsOf(() => {
      throw new Error('no file')
    })
    expect(thrown).toEqual(['failed: no file'])
    const never = listsOf(() => new Promise<string>(() => undefined))
    advance(10_000)
    expect(never).toEqual(['failed: no answer within 10000 ms'])
    expect(listsOf(NEVER)).toEqual([])
  }))
})
