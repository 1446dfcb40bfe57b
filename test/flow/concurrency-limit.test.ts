import { EMPTY, finalize, NEVER, Observable, of, Subject, throwError, timer } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { virtually } from 'rx-discovery/testing'
import { concurrencyLimit } from '../../src/flow/concurrency-limit.js'
import { see } from './scene.js'

const range = (count: number): readonly number[] => Array.from({ length: count }, (_, at) => at)

describe('turnstile', () => {
  it('lets so many run at once, and the others in the order in which they came', () => virtually(({ advance, now }) => {
    const inTurn = concurrencyLimit(2)
    const began: string[] = []
    const job = (name: string, ms: number): Observable<unknown> =>
      new Observable(subscriber => {
        began.push(`${name}@${now()}`)
        return timer(ms).subscribe(subscriber)
      })
    for (const [name, ms] of [['a', 5], ['b', 2], ['c', 2], ['d', 9], ['e', 1]] as const) see(job(name, ms).pipe(inTurn()))
    advance(20)
    expect(began).toEqual(['a@0', 'b@0', 'c@2', 'd@4', 'e@5'])
  }))

  it('lets those that are last in after all others, also after those that come later', () => virtually(({ advance, now }) => {
    const inTurn = concurrencyLimit(1)
    const began: string[] = []
    const come = (name: string, last = false): unknown => {
      const job = new Observable(subscriber => {
        began.push(`${name}@${now()}`)
        return timer(2).subscribe(subscriber)
      })
      return see(job.pipe(inTurn(last)))
    }
    come('a', true)
    come('b', true)
    come('c')
    advance(3)
    come('d')
    advance(20)
    expect(began).toEqual(['a@0', 'c@2', 'd@4', 'b@6'])
  }))

  it('pauses when many have entered in a row', () => {
    const pauses: (() => void)[] = []
    const inTurn = concurrencyLimit(3, { many: 2, pause: resume => pauses.push(resume) })
    const began: number[] = []
    const jobs = range(6).map(at => see(new Observable(() => void began.push(at)).pipe(inTurn())))
    expect([began, pauses.length]).toEqual([[0, 1], 1])
    jobs[0]?.stop()
    expect(began).toEqual([0, 1])
    pauses[0]?.()
    expect([began, pauses.length]).toEqual([[0, 1, 2, 3], 2])
    // the next one is paused for, but there is no place
    pauses[1]?.()
    expect(began).toEqual([0, 1, 2, 3])
    jobs[1]?.stop()
    expect([began, pauses.length]).toEqual([[0, 1, 2, 3, 4], 3])
  })

  it('counts who ends in any way, and who leaves, and only after its teardown', () => {
    const inTurn = concurrencyLimit(1)
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
    see(job('completes', first).pipe(inTurn()))
    const leaver = see(job('leaves', NEVER).pipe(inTurn()))
    see(job('errors', throwError(() => new Error('x'))).pipe(inTurn()))
    see(job('ends at once', of(1, 2)).pipe(inTurn()))
    see(job('throws', new Observable(() => { throw new Error('x') })).pipe(inTurn()))
    see(job('last', NEVER).pipe(inTurn()))
    first.complete()
    expect(order).toEqual(['completes', 'leaves'])
    leaver.stop()
    expect([order, open]).toEqual([['completes', 'leaves', 'errors', 'ends at once', 'throws', 'last'], { now: 1, most: 1 }])
  })

  it('does not wait for who left while waiting', () => {
    const inTurn = concurrencyLimit(1)
    const began: string[] = []
    const first = see(NEVER.pipe(inTurn()))
    const second = see(new Observable(() => void began.push('second')).pipe(inTurn()))
    see(new Observable(() => void began.push('third')).pipe(inTurn()))
    second.stop()
    first.stop()
    expect(began).toEqual(['third'])
  })

  it('admits any number that end at once, one after another', () => {
    const inTurn = concurrencyLimit(1)
    let [ended, last] = [0, -1]
    const inOrder: boolean[] = []
    const first = see(NEVER.pipe(inTurn()))
    for (let at = 0; at < 20_000; at += 1)
      see(EMPTY.pipe(finalize(() => (ended += 1)), inTurn(), finalize(() => (inOrder.push(at === last + 1), (last = at)))))
    first.stop()
    expect([ended, inOrder.length, inOrder.every(Boolean)]).toEqual([20_000, 20_000, true])
  })
})
