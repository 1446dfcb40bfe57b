import { concatWith, defer, ignoreElements, map, merge, NEVER, of, throwError, timer } from 'rxjs'
import { TestScheduler } from 'rxjs/testing'
import { describe, expect, it } from 'vitest'
import { gate } from '../../../src/edge/etcd/gate.js'

const marbles = (test: (helpers: Parameters<Parameters<TestScheduler['run']>[0]>[0]) => void): void =>
  new TestScheduler((actual, expected) => expect(actual).toEqual(expected)).run(test)
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
      const door = gate('host', throwError(() => new Error('asked')))
      expectObservable(door.pass(1_500).pipe(passed)).toBe('(x|)')
      door.answered()
      expectObservable(door.pass(1_500).pipe(passed)).toBe('(x|)')
    })
  })
  it('holds while the member is down, and opens as soon as it answers', () => {
    marbles(({ expectObservable }) => {
      const door = gate('host', failing(4))
      door.failed(refused)
      expectObservable(door.pass(1_500).pipe(passed)).toBe('100ms (x|)')
      expectObservable(timer(101).pipe(map(() => door.health()))).toBe('101ms (x|)', { x: 'up' })
    })
  })
  it('gives up in the end, and says why it held', () => {
    marbles(({ expectObservable }) => {
      const door = gate('host', throwError(() => refused))
      door.failed(new Error('something else'))
      const message = 'host refused the connection (waited 200 ms)'
      const wait = door.pass(200)
      expectObservable(merge(wait, NEVER)).toBe('200ms #', undefined, expect.objectContaining({ name: 'Disconnected', host: 'host', message }))
      expectObservable(timer(201).pipe(map(() => door.health()))).toBe('201ms (x|)', { x: 'down' })
    })
  })
  it('lets the first one go at once, and spreads the others by how many they are', () => {
    marbles(({ expectObservable }) => {
      const door = gate('host', failing(1), () => 0.5)
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
      const door = gate('host', defer(() => (asked++, throwError(() => refused))))
      door.failed(refused)
      expectObservable(merge(...Array.from({ length: 50 }, () => door.pass(5_000))), '500ms !').toBe('')
      expectObservable(of().pipe(concatWith(timer(2_000)))).toBe('2s (x|)', { x: 0 })
      flush()
      expect(asked).toBe(20)
    })
  })
  it('hears the answer of a slow line after those who waited have left, and gives up in the end', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const answer = cold('4s a')
      const door = gate('host', answer)
      door.failed(refused)
      expectObservable(door.pass(1_500).pipe(ignoreElements())).toBe('1500ms #', undefined, expect.objectContaining({ name: 'Disconnected' }))
      expectObservable(timer(4_001).pipe(map(() => door.health()))).toBe('4001ms (x|)', { x: 'up' })
      const silent = cold('-')
      const other = gate('host', silent)
      other.failed(refused)
      expectObservable(other.pass(1_500), '1s !').toBe('')
      expectSubscriptions(silent.subscriptions).toBe('^ 8999ms !')
    })
  })
  it('asks no more when a probe that is nobody\'s any longer is refused', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const probe = cold('2s #')
      const door = gate('host', probe)
      door.failed(refused)
      expectObservable(door.pass(1_500), '1s !').toBe('')
      expectSubscriptions(probe.subscriptions).toBe('^ 1999ms !')
    })
  })
})
