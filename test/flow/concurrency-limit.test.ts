import { EMPTY, finalize, NEVER, Observable, of, Subject, throwError, timer } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { virtually } from 'rx-discovery/testing'
import { concurrencyLimit } from '../../src/flow/concurrency-limit.js'
import { see } from '../scene.js'

const range = (count: number): readonly number[] => Array.from({ length: count }, (_, at) => at)

describe('concurrencyLimit', () => {
  it('runs at most the limit at once, and starts the others in the order of their subscription', () => virtually(({ advance, now }) => {
    const limited = concurrencyLimit(2)
    const began: string[] = []
    const job = (name: string, ms: number): Observable<unknown> =>
      new Observable(subscriber => {
        began.push(`${name}@${now()}`)
        return timer(ms).subscribe(subscriber)
      })
    for (const [name, ms] of [['a', 5], ['b', 2], ['c', 2], ['d', 9], ['e', 1]] as const) see(job(name, ms).pipe(limited()))
    advance(20)
    expect(began).toEqual(['a@0', 'b@0', 'c@2', 'd@4', 'e@5'])
  }))

  it('starts sources marked `last` after all others, also after those subscribed later', () => virtually(({ advance, now }) => {
    const limited = concurrencyLimit(1)
    const began: string[] = []
    const come = (name: string, last = false): unknown => {
      const job = new Observable(subscriber => {
        began.push(`${name}@${now()}`)
        return timer(2).subscribe(subscriber)
      })
      return see(job.pipe(limited(last)))
    }
    come('a', true)
    come('b', true)
    come('c')
    advance(3)
    come('d')
    advance(20)
    expect(began).toEqual(['a@0', 'c@2', 'd@4', 'b@6'])
  }))

  it('pauses after so many starts in a row', () => {
    const pauses: (() => void)[] = []
    const limited = concurrencyLimit(3, { many: 2, pause: resume => pauses.push(resume) })
    const began: number[] = []
    const jobs = range(6).map(at => see(new Observable(() => void began.push(at)).pipe(limited())))
    expect([began, pauses.length]).toEqual([[0, 1], 1])
    jobs[0]?.stop()
    expect(began).toEqual([0, 1])
    pauses[0]?.()
    expect([began, pauses.length]).toEqual([[0, 1, 2, 3], 2])
    // the pause is over, but the limit is reached
    pauses[1]?.()
    expect(began).toEqual([0, 1, 2, 3])
    jobs[1]?.stop()
    expect([began, pauses.length]).toEqual([[0, 1, 2, 3, 4], 3])
  })

  it('starts the next source after the teardown of one that completes, errors, throws or is unsubscribed', () => {
    const limited = concurrencyLimit(1)
    const [open, order] = [{ now: 0, most: 0 }, [] as string[]]
    const job = (name: string, source: Observable<unknown>): Observable<unknown> =>
      new Observable(subscriber => {
        order.push(name)
        open.most = Math.max(open.most, (open.now += 1))
        const subscription = source.subscribe(subscriber)
        return () => {
          open.now -= 1
          subscription.unsubscribe()
        }
      })
    const first = new Subject<void>()
    see(job('completes', first).pipe(limited()))
    const leaver = see(job('leaves', NEVER).pipe(limited()))
    see(job('errors', throwError(() => new Error('x'))).pipe(limited()))
    see(job('ends at once', of(1, 2)).pipe(limited()))
    see(job('throws', new Observable(() => { throw new Error('x') })).pipe(limited()))
    see(job('last', NEVER).pipe(limited()))
    first.complete()
    expect(order).toEqual(['completes', 'leaves'])
    leaver.stop()
    expect([order, open]).toEqual([['completes', 'leaves', 'errors', 'ends at once', 'throws', 'last'], { now: 1, most: 1 }])
  })

  it('never starts a source that was unsubscribed while it waited', () => {
    const limited = concurrencyLimit(1)
    const began: string[] = []
    const first = see(NEVER.pipe(limited()))
    const second = see(new Observable(() => void began.push('second')).pipe(limited()))
    see(new Observable(() => void began.push('third')).pipe(limited()))
    second.stop()
    first.stop()
    expect(began).toEqual(['third'])
  })

  it('starts any number of sources that end at once, one after another', () => {
    const limited = concurrencyLimit(1)
    let [ended, last] = [0, -1]
    const inOrder: boolean[] = []
    const first = see(NEVER.pipe(limited()))
    for (let at = 0; at < 20_000; at += 1)
      see(EMPTY.pipe(finalize(() => (ended += 1)), limited(), finalize(() => (inOrder.push(at === last + 1), (last = at)))))
    first.stop()
    expect([ended, inOrder.length, inOrder.every(Boolean)]).toEqual([20_000, 20_000, true])
  })
})
