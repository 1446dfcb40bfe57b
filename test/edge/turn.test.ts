import { setImmediate as turn } from 'node:timers/promises'
import { Observable, Subject } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { PerTurn } from '../../src/edge/etcd/turn.js'

const joining = () => {
  const source = new Subject<number>()
  const seen: (number | string)[] = []
  const joined = new Observable<number>(subscriber => {
    const turns = new PerTurn<number>(subscriber, values => values.reduce((a, b) => a + b))
    subscriber.add(() => turns.cancel())
    const complete = (): void => {
      turns.flush()
      subscriber.complete()
    }
    subscriber.add(source.subscribe({ next: value => turns.next(value), complete }))
  })
  const subscription = joined.subscribe({ next: value => seen.push(value), complete: () => seen.push('complete') })
  return { source, seen, subscription }
}

describe('PerTurn', () => {
  it('lets the first of a turn through at once, and joins those that follow in it', async () => {
    const { source, seen } = joining()
    for (const value of [1, 2, 3, 4]) source.next(value)
    expect(seen).toEqual([1])
    await turn()
    expect(seen).toEqual([1, 9])
    source.next(5)
    expect(seen).toEqual([1, 9, 5])
    await turn()
    expect(seen).toEqual([1, 9, 5])
  })

  it('keeps nothing back at the end', async () => {
    const { source, seen } = joining()
    for (const value of [1, 2, 3]) source.next(value)
    source.complete()
    expect(seen).toEqual([1, 5, 'complete'])
    await turn()
    expect(seen).toEqual([1, 5, 'complete'])
  })

  it('says nothing more once unsubscribed', async () => {
    const { source, seen, subscription } = joining()
    source.next(1)
    source.next(2)
    subscription.unsubscribe()
    await turn()
    expect(seen).toEqual([1])
    expect(source.observed).toBe(false)
  })

  it('takes in what a subscriber causes while it is told', async () => {
    const { source, seen } = joining()
    source.subscribe(value => value === 1 && source.next(10))
    source.next(1)
    expect(seen).toEqual([1])
    await turn()
    expect(seen).toEqual([1, 10])
  })
})
