import { setImmediate as turn } from 'node:timers/promises'
import { Observable, Subject } from 'rxjs'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { BatchPerTick, type TickTimes } from '../../../../src/edge/etcd/watch/batch-per-tick.js'

let time = 0
beforeEach(() => {
  time = 0
  vi.spyOn(performance, 'now').mockImplementation(() => time)
})
afterEach(() => vi.restoreAllMocks())

const joining = (common: TickTimes = { doneAt: -Infinity, took: 0 }, took = 0, told: (value: number) => void = () => undefined) => {
  const source = new Subject<number>()
  const seen: (number | string)[] = []
  const next = (value: number): void => {
    seen.push(value)
    time += took
    told(value)
  }
  const joined = new Observable<number>(subscriber => {
    const turns = new BatchPerTick<number>(subscriber, values => values.reduce((a, b) => a + b), common)
    subscriber.add(() => turns.cancel())
    const complete = (): void => {
      turns.flush()
      subscriber.complete()
    }
    subscriber.add(source.subscribe({ next: value => turns.next(value), complete }))
  })
  const subscription = joined.subscribe({ next, complete: () => seen.push('complete') })
  return { source, seen, subscription }
}

describe('PerTurn', () => {
  it('lets the first of a turn through at once, and joins those that follow in it', async () => {
    const { source, seen } = joining()
    for (const value of [1, 2, 3, 4]) source.next(value)
    expect(seen).toEqual([1])
    await turn()
    expect(seen).toEqual([1, 9])
    time += 1
    source.next(5)
    expect(seen).toEqual([1, 9, 5])
    await turn()
    expect(seen).toEqual([1, 9, 5])
  })

  it('takes what comes right after a turn for a part of it, and holds it no longer than a turn', async () => {
    const { source, seen } = joining()
    source.next(1)
    source.next(2)
    await turn()
    source.next(3)
    source.next(4)
    await turn()
    expect(seen).toEqual([1, 2, 7])
  })

  it('gives way to slow subscribers of others whose values come in the same turns', async () => {
    const common = { doneAt: -Infinity, took: 0 }
    const [one, other] = [joining(common, 50), joining(common, 50)]
    for (const value of [1, 2, 3]) for (const { source } of [one, other]) source.next(value)
    expect([one.seen, other.seen]).toEqual([[1], []])
    await turn()
    expect([one.seen, other.seen]).toEqual([[1, 5], [6]])
  })

  it('joins what comes in one turn of a slow processor, too, where the subscriber is slower still', async () => {
    const { source, seen } = joining(undefined, 50)
    for (const value of [1, 2, 3, 4]) {
      time += 2
      source.next(value)
    }
    expect(seen).toEqual([1])
    await turn()
    expect(seen).toEqual([1, 9])
  })

  it('goes on holding back what comes while one is told, though another one was told in between', async () => {
    const common = { doneAt: -Infinity, took: 0 }
    const inner = joining(common)
    const outer = joining(common, 0, value => {
      if (value !== 1) return
      inner.source.next(5)
      inner.source.complete()
      time += 2
      outer.source.next(10)
      expect(outer.seen).toEqual([1])
    })
    outer.source.next(1)
    expect([outer.seen, inner.seen]).toEqual([[1], [5, 'complete']])
    await turn()
    expect(outer.seen).toEqual([1, 10])
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
    const { source, seen } = joining(undefined, 1, value => {
      if (value === 1) source.next(10)
    })
    source.next(1)
    expect(seen).toEqual([1])
    await turn()
    expect(seen).toEqual([1, 10])
  })
})
