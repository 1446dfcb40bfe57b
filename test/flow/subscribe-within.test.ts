import { concat, EMPTY, finalize, NEVER, Observable, observable as interop, of, Subject, Subscription, take, tap, throwError, type Observer, type Subscriber } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { nothing, subscribeWithin } from '../../src/flow/subscribe-within.js'
import { see } from '../scene.js'

const observer = <A>(next: (value: A) => void): Observer<A> => ({ next, error: nothing, complete: nothing })

describe('subscribeWithin a scope', () => {
  it('ends with the scope, also while the source still emits inside `subscribe`', () => {
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

  it('does not subscribe in a scope that has ended', () => {
    const scope = new Subscription()
    scope.unsubscribe()
    const source = new Subject<number>()
    expect(subscribeWithin(scope, source, observer(nothing)).closed).toBe(true)
    expect(source.observed).toBe(false)
  })

  it('does not end the scope when the source ends', () => {
    const scope = new Subscription()
    const source = new Subject<number>()
    const subscription = subscribeWithin(scope, source, observer(nothing))
    source.complete()
    expect([subscription.closed, scope.closed]).toEqual([true, false])
    expect(subscribeWithin(scope, concat(of(1), NEVER), observer(nothing)).closed).toBe(false)
    scope.unsubscribe()
  })

  it('accepts an Observable of another RxJS', () => {
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

describe('subscribeWithin a destination', () => {
  const broken = new Error('broken')
  const throwing = (): never => {
    throw broken
  }
  /** An operator of one inner source. */
  const through = <A>(source: Observable<A>, handlers?: (destination: Subscriber<A>) => Partial<Observer<A>>): Observable<A> =>
    new Observable(destination => void subscribeWithin(destination, source, handlers?.(destination)))

  it('forwards values, error and completion by default', () => {
    expect(see(through(of(1, 2)))).toMatchObject({ values: [1, 2], completed: true })
    expect(see(through(concat(of(1), throwError(() => broken))))).toMatchObject({ values: [1], error: broken })
  })

  it('forwards what no handler is given for', () => {
    const doubled = (source: Observable<number>) => through(source, destination => ({ next: value => destination.next(2 * value) }))
    expect(see(doubled(of(1, 2)))).toMatchObject({ values: [2, 4], completed: true })
    expect(see(doubled(throwError(() => broken))).error).toBe(broken)
    const endless = see(through(of(1), () => ({ complete: nothing })))
    expect([endless.values, endless.completed]).toEqual([[1], undefined])
    const unfailing = see(through(throwError(() => broken), () => ({ error: nothing })))
    expect(unfailing.error).toBe(undefined)
  })

  it('if `next` throws, stops the source and errors', () => {
    const sent: number[] = []
    let torn = 0
    const source = of(1, 2, 3).pipe(tap(value => sent.push(value)), finalize(() => (torn += 1)))
    const seen = see(through(source, () => ({ next: throwing })))
    expect([seen.error, sent, torn]).toEqual([broken, [1], 1])
  })

  it('if `complete` throws, errors', () => {
    expect(see(through(EMPTY, () => ({ complete: throwing })))).toMatchObject({ values: [], error: broken })
  })

  it('if `next` throws, calls the error handler, if there is one', () => {
    const errors: unknown[] = []
    const seen = see(through(concat(of(1), NEVER), () => ({ next: throwing, error: thrown => errors.push(thrown) })))
    expect([errors, seen.error]).toEqual([[broken], undefined])
  })

  it('if the subscriber unsubscribes inside `next`, the source is stopped', () => {
    const sent: number[] = []
    const first = see(through(of(1, 2).pipe(tap(value => sent.push(value)))).pipe(take(1)))
    expect([first.values, first.completed, sent]).toEqual([[1], true, [1]])
  })
})
