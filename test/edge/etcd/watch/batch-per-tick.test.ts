import { setImmediate as nextTick } from 'node:timers/promises'
import { Observable, Subject } from 'rxjs'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { BatchPerTick, type TickTimes } from '../../../../src/edge/etcd/watch/batch-per-tick.js'

let time = 0
beforeEach(() => {
  time = 0
  vi.spyOn(performance, 'now').mockImplementation(() => time)
})
afterEach(() => vi.restoreAllMocks())

const joining = (common: TickTimes = { doneAt: -Infinity, took: 0 }, took = 0, onValue: (value: number) => void = () => undefined) => {
  const source = new Subject<number>()
  const seen: (number | string)[] = []
  const next = (value: number): void => {
    seen.push(value)
    time += took
    onValue(value)
  }
  const joined = new Observable<number>(subscriber => {
    const batches = new BatchPerTick<number>(subscriber, values => values.reduce((a, b) => a + b), common)
    subscriber.add(() => batches.cancel())
    const complete = (): void => {
      batches.flush()
      subscriber.complete()
    }
    subscriber.add(source.subscribe({ next: value => batches.next(value), complete }))
  })
  const subscription = joined.subscribe({ next, complete: () => seen.push('complete') })
  return { source, seen, subscription }
}

describe('batch per tick', () => {
  it('emits the first value of a tick at once, and joins the others of that tick', async () => {
    const { source, seen } = joining()
    for (const value of [1, 2, 3, 4]) source.next(value)
    expect(seen).toEqual([1])
    await nextTick()
    expect(seen).toEqual([1, 9])
    time += 1
    source.next(5)
    expect(seen).toEqual([1, 9, 5])
    await nextTick()
    expect(seen).toEqual([1, 9, 5])
  })

  it('counts a value right after a tick as part of it, and delays it by one tick at most', async () => {
    const { source, seen } = joining()
    source.next(1)
    source.next(2)
    await nextTick()
    source.next(3)
    source.next(4)
    await nextTick()
    expect(seen).toEqual([1, 2, 7])
  })

  it('also joins values if another subscriber of the same ticks is slow', async () => {
    const common = { doneAt: -Infinity, took: 0 }
    const [one, other] = [joining(common, 50), joining(common, 50)]
    for (const value of [1, 2, 3]) for (const { source } of [one, other]) source.next(value)
    expect([one.seen, other.seen]).toEqual([[1], []])
    await nextTick()
    expect([one.seen, other.seen]).toEqual([[1, 5], [6]])
  })

  it('joins the values of a long tick if the subscriber takes even longer', async () => {
    const { source, seen } = joining(undefined, 50)
    for (const value of [1, 2, 3, 4]) {
      time += 2
      source.next(value)
    }
    expect(seen).toEqual([1])
    await nextTick()
    expect(seen).toEqual([1, 9])
  })

  it('joins values that arrive while a subscriber runs, also if another subscriber ran in between', async () => {
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
    await nextTick()
    expect(outer.seen).toEqual([1, 10])
  })

  it('emits the waiting values at the end', async () => {
    const { source, seen } = joining()
    for (const value of [1, 2, 3]) source.next(value)
    source.complete()
    expect(seen).toEqual([1, 5, 'complete'])
    await nextTick()
    expect(seen).toEqual([1, 5, 'complete'])
  })

  it('emits nothing after it is unsubscribed', async () => {
    const { source, seen, subscription } = joining()
    source.next(1)
    source.next(2)
    subscription.unsubscribe()
    await nextTick()
    expect(seen).toEqual([1])
    expect(source.observed).toBe(false)
  })

  it('also emits values that the subscriber itself causes', async () => {
    const { source, seen } = joining(undefined, 1, value => {
      if (value === 1) source.next(10)
    })
    source.next(1)
    expect(seen).toEqual([1])
    await nextTick()
    expect(seen).toEqual([1, 10])
  })
})
