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

describe('breaker', () => {
  it('lets every call go while the member was not called yet or answers, and sends no probe', () => {
    marbles(({ expectObservable }) => {
      const tested = breaker('host', throwError(() => new Error('asked')))
      expectObservable(tested.pass(1_500).pipe(passed)).toBe('(x|)')
      tested.answered()
      expectObservable(tested.pass(1_500).pipe(passed)).toBe('(x|)')
    })
  })
  it('stops calls while the member is down, and lets them go as soon as it answers', () => {
    marbles(({ expectObservable }) => {
      const tested = breaker('host', failing(4))
      tested.failed(refused)
      expectObservable(tested.pass(1_500).pipe(passed)).toBe('100ms (x|)')
      expectObservable(timer(101).pipe(map(() => tested.health()))).toBe('101ms (x|)', { x: 'up' })
    })
  })
  it('errors after the timeout, with the reason', () => {
    marbles(({ expectObservable }) => {
      const tested = breaker('host', throwError(() => refused))
      tested.failed(new Error('something else'))
      const message = 'host refused the connection (waited 200 ms)'
      const wait = tested.pass(200)
      expectObservable(merge(wait, NEVER)).toBe('200ms #', undefined, expect.objectContaining({ name: 'Disconnected', host: 'host', message }))
      expectObservable(timer(201).pipe(map(() => tested.health()))).toBe('201ms (x|)', { x: 'down' })
    })
  })
  it('emits `returned` once, if a member that is down failed a probe and then answers', () => {
    marbles(({ expectObservable }) => {
      const tested = breaker('host', failing(4))
      expectObservable(tested.returned, '---!').toBe('-')
      tested.failed(refused)
      expectObservable(merge(tested.returned, tested.returned).pipe(passed)).toBe('75ms (xx|)')
    })
  })
  it('emits `returned` also if another subscriber subscribed while the member was up, and is still there', () => {
    marbles(({ expectObservable }) => {
      const tested = breaker('host', failing(4))
      tested.answered()
      expectObservable(tested.returned, '1s !').toBe('-')
      const down = timer(10).pipe(map(() => tested.failed(refused)), ignoreElements())
      expectObservable(concat(down, tested.returned).pipe(passed), '1s !').toBe('85ms (x|)')
    })
  })
  it('does not emit `returned` if the first probe is answered; otherwise a call that always fails would be retried without a pause', () => {
    marbles(({ expectObservable }) => {
      const tested = breaker('host', failing(0))
      tested.failed(refused)
      expectObservable(tested.returned, '1s !').toBe('-')
    })
  })
  it('lets the first call go at once, and spreads the others by their number', () => {
    marbles(({ expectObservable }) => {
      const tested = breaker('host', failing(1), () => 0.5)
      tested.failed(refused)
      const all = Array.from({ length: 1_000 }, (_, i) => tested.pass(1_500).pipe(map(() => (i === 0 ? 'a' : i === 999 ? 'z' : 'x'))))
      const [first, last] = [all[0] ?? NEVER, all[999] ?? NEVER]
      // 25 ms until the probe answers, then half of the 200 ms that a thousand are spread over.
      expectObservable(merge(first, last, ...all.slice(1, 999).map(one => one.pipe(ignoreElements())))).toBe('25ms a 99ms (z|)', undefined)
    })
  })
  it('sends one probe for all waiting calls, and none if no call waits', () => {
    marbles(({ expectObservable, flush }) => {
      let asked = 0
      const tested = breaker('host', defer(() => (asked++, throwError(() => refused))))
      tested.failed(refused)
      expectObservable(merge(...Array.from({ length: 50 }, () => tested.pass(5_000))), '500ms !').toBe('')
      expectObservable(of().pipe(concatWith(timer(2_000)))).toBe('2s (x|)', { x: 0 })
      flush()
      expect(asked).toBe(20)
    })
  })
  it('waits up to twice the timeout for a silent member, and not longer for one that refuses', () => {
    marbles(({ expectObservable }) => {
      const waits = (probe: Observable<unknown>): Observable<string> => {
        const tested = breaker('host', probe)
        tested.failed(refused)
        const wait = defer(() => {
          const began = now()
          return tested.pass(1_500).pipe(ignoreElements(), catchError(() => of(now() - began)))
        })
        return concat(wait, wait, wait, wait).pipe(toArray(), map(all => all.join()))
      }
      expectObservable(waits(NEVER)).toBe('9s (x|)', { x: '1500,1500,3000,3000' })
      expectObservable(waits(throwError(() => refused))).toBe('6s (x|)', { x: '1500,1500,1500,1500' })
    })
  })
})
