import { catchError, concat, concatWith, defer, ignoreElements, map, merge, NEVER, of, throwError, timer, toArray, type Observable } from 'rxjs'
import { TestScheduler } from 'rxjs/testing'
import { describe, expect, it } from 'vitest'
import { breaker } from '../../../../src/edge/etcd/connection/breaker.js'
import { now, withClock } from '../../../../src/flow/clock.js'

const marbles = (test: (helpers: Parameters<Parameters<TestScheduler['run']>[0]>[0]) => void): void => {
  const scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected))
  withClock({ now: () => scheduler.frame }, () =>
    scheduler.run(helpers => {
      test(helpers)
      helpers.flush()
    }),
  )
}
const refused = new Error('host refused the connection')
/** Fails so often, at once, and then answers. */
const failing = (times: number) => {
  let asked = 0
  return defer(() => (asked++ < times ? throwError(() => refused) : of('answer')))
}
const passed = map(() => 'x')

describe('gate', () => {
  it('lets everything pass while nothing is known, or the member answers, and asks nobody', () => {
    marbles(({ expectObservable }) => {
      const door = breaker('host', throwError(() => new Error('asked')))
      expectObservable(door.pass(1_500).pipe(passed)).toBe('(x|)')
      door.answered()
      expectObservable(door.pass(1_500).pipe(passed)).toBe('(x|)')
    })
  })
  it('holds while the member is down, and opens as soon as it answers', () => {
    marbles(({ expectObservable }) => {
      const door = breaker('host', failing(4))
      door.failed(refused)
      expectObservable(door.pass(1_500).pipe(passed)).toBe('100ms (x|)')
      expectObservable(timer(101).pipe(map(() => door.health()))).toBe('101ms (x|)', { x: 'up' })
    })
  })
  it('gives up in the end, and says why it held', () => {
    marbles(({ expectObservable }) => {
      const door = breaker('host', throwError(() => refused))
      door.failed(new Error('something else'))
      const message = 'host refused the connection (waited 200 ms)'
      const wait = door.pass(200)
      expectObservable(merge(wait, NEVER)).toBe('200ms #', undefined, expect.objectContaining({ name: 'Disconnected', host: 'host', message }))
      expectObservable(timer(201).pipe(map(() => door.health()))).toBe('201ms (x|)', { x: 'down' })
    })
  })
  it('tells of a return once: when a member that is down was asked in vain, and then answers', () => {
    marbles(({ expectObservable }) => {
      const door = breaker('host', failing(4))
      expectObservable(door.returned, '---!').toBe('-')
      door.failed(refused)
      expectObservable(merge(door.returned, door.returned).pipe(passed)).toBe('75ms (xx|)')
    })
  })
  it('tells of none where the first question is answered: else what always fails right after would be tried without a pause', () => {
    marbles(({ expectObservable }) => {
      const door = breaker('host', failing(0))
      door.failed(refused)
      expectObservable(door.returned, '1s !').toBe('-')
    })
  })
  it('lets the first one go at once, and spreads the others by how many they are', () => {
    marbles(({ expectObservable }) => {
      const door = breaker('host', failing(1), () => 0.5)
      door.failed(refused)
      const all = Array.from({ length: 1_000 }, (_, i) => door.pass(1_500).pipe(map(() => (i === 0 ? 'a' : i === 999 ? 'z' : 'x'))))
      const [first, last] = [all[0] ?? NEVER, all[999] ?? NEVER]
      // 25 ms until the probe answers, then half of the 200 ms that a thousand are spread over.
      expectObservable(merge(first, last, ...all.slice(1, 999).map(one => one.pipe(ignoreElements())))).toBe('25ms a 99ms (z|)', undefined)
    })
  })
  it('asks once for all who wait, and nobody when nobody waits', () => {
    marbles(({ expectObservable, flush }) => {
      let asked = 0
      const door = breaker('host', defer(() => (asked++, throwError(() => refused))))
      door.failed(refused)
      expectObservable(merge(...Array.from({ length: 50 }, () => door.pass(5_000))), '500ms !').toBe('')
      expectObservable(of().pipe(concatWith(timer(2_000)))).toBe('2s (x|)', { x: 0 })
      flush()
      expect(asked).toBe(20)
    })
  })
  it('waits longer for one that says nothing, up to twice as long, and not for one that says no', () => {
    marbles(({ expectObservable }) => {
      const waits = (probe: Observable<unknown>): Observable<string> => {
        const door = breaker('host', probe)
        door.failed(refused)
        const wait = defer(() => {
          const began = now()
          return door.pass(1_500).pipe(ignoreElements(), catchError(() => of(now() - began)))
        })
        return concat(wait, wait, wait, wait).pipe(toArray(), map(all => all.join()))
      }
      expectObservable(waits(NEVER)).toBe('9s (x|)', { x: '1500,1500,3000,3000' })
      expectObservable(waits(throwError(() => refused))).toBe('6s (x|)', { x: '1500,1500,1500,1500' })
    })
  })
})
