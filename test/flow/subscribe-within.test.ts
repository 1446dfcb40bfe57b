import { concat, finalize, NEVER, observable as interop, of, Subject, Subscription, tap, type Observable, type Observer } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { nothing, subscribeWithin } from '../../src/flow/subscribe-within.js'

const observer = <A>(next: (value: A) => void): Observer<A> => ({ next, error: nothing, complete: nothing })

describe('a subscription within a scope', () => {
  it('is over as soon as the scope is, also while the source still emits inside subscribe', () => {
    const scope = new Subscription()
    const sent: number[] = []
    const seen: number[] = []
    let left = 0
    const source = of(1, 2, 3, 4).pipe(tap(value => sent.push(value)), finalize(() => (left += 1)))
    subscribeWithin(scope, source, observer(value => {
      seen.push(value)
      if (value === 2) scope.unsubscribe()
    }))
    expect([seen, sent, left]).toEqual([[1, 2], [1, 2], 1])
  })

  it('is not begun in a scope that is over', () => {
    const scope = new Subscription()
    scope.unsubscribe()
    const source = new Subject<number>()
    expect(subscribeWithin(scope, source, observer(nothing)).closed).toBe(true)
    expect(source.observed).toBe(false)
  })

  it('leaves the scope when it ends, and does not end it', () => {
    const scope = new Subscription()
    const source = new Subject<number>()
    const subscription = subscribeWithin(scope, source, observer(nothing))
    source.complete()
    expect([subscription.closed, scope.closed]).toEqual([true, false])
    expect(subscribeWithin(scope, concat(of(1), NEVER), observer(nothing)).closed).toBe(false)
    scope.unsubscribe()
  })

  it('takes an Observable of another RxJS', () => {
    const scope = new Subscription()
    let left = 0
    const foreign: object = {
      [interop]: (): unknown => foreign,
      subscribe: (subscriber: Observer<number>) => {
        subscriber.next(1)
        return { unsubscribe: () => (left += 1) }
      },
    }
    const seen: number[] = []
    subscribeWithin(scope, foreign as unknown as Observable<number>, observer(value => seen.push(value)))
    scope.unsubscribe()
    expect([seen, left]).toEqual([[1], 1])
  })
})
