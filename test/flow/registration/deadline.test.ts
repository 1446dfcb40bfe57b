import { describe, expect, it, vi } from 'vitest'
import { virtually } from 'rx-discovery/testing'
import { deadline } from '../../../src/flow/registration/deadline.js'

describe('a deadline', () => {
  it('is missed once, when it passes, however often it was put off', () => virtually(({ advance, now, pending }) => {
    const missed: number[] = []
    const due = deadline({}, () => missed.push(now()))
    for (let renewal = 0; renewal < 10; renewal += 1) {
      due.in(100)
      expect(pending()).toBe(1)
      advance(30)
    }
    advance(1_000)
    expect([missed, pending()]).toEqual([[370], 0])
  }))

  it('may also be moved nearer', () => virtually(({ advance, now }) => {
    const missed: number[] = []
    const due = deadline({}, () => missed.push(now()))
    due.in(100)
    advance(10)
    due.in(20)
    advance(1_000)
    expect(missed).toEqual([30])
  }))

  it('may be set again once it was missed, also by who is told', () => virtually(({ advance, now }) => {
    const missed: number[] = []
    const due = deadline({}, () => {
      missed.push(now())
      if (missed.length === 1) due.in(50)
    })
    due.in(100)
    advance(1_000)
    due.in(100)
    advance(1_000)
    expect(missed).toEqual([100, 150, 1_100])
  }))

  it('that has passed already is missed in a moment, not at once', () => virtually(({ advance }) => {
    const missed = vi.fn()
    deadline({}, missed).in(-5)
    expect(missed).not.toHaveBeenCalled()
    advance(1)
    expect(missed).toHaveBeenCalledOnce()
  }))

  it('is missed where it is checked at that very moment, and then no more', () => virtually(({ advance }) => {
    const missed = vi.fn()
    const due = deadline({}, missed)
    due.in(100)
    due.check()
    advance(99)
    due.check()
    expect(missed).not.toHaveBeenCalled()
    due.in(0)
    due.check()
    expect(missed).toHaveBeenCalledOnce()
    advance(1_000)
    due.check()
    expect(missed).toHaveBeenCalledOnce()
  }))

  it('may be further off than a timer can wait', () => virtually(({ advance, pending }) => {
    const missed = vi.fn()
    const due = deadline({}, missed)
    due.in(2 ** 31 + 1_000)
    advance(2 ** 31)
    expect([missed.mock.calls.length, pending()]).toEqual([0, 1])
    advance(1_000)
    expect([missed.mock.calls.length, pending()]).toEqual([1, 0])
  }))

  it('shares one timer with all others of its owner, and each is missed at its own time', () => virtually(({ advance, now, pending }) => {
    const owner = {}
    const missed: [number, number][] = []
    const all = [300, 100, 200, 100, 400].map((ms, index) => {
      const due = deadline(owner, () => missed.push([index, now()]))
      due.in(ms)
      return due
    })
    expect(pending()).toBe(1)
    advance(50)
    all[1]?.in(200)
    all[4]?.cancel()
    advance(1_000)
    expect([missed, pending()]).toEqual([[[3, 100], [2, 200], [1, 250], [0, 300]], 0])
  }))

  it('may cancel others, and make new ones, when it is missed', () => virtually(({ advance, now, pending }) => {
    const owner = {}
    const missed: [string, number][] = []
    const tell = (name: string) => () => missed.push([name, now()])
    const other = deadline(owner, tell('other'))
    deadline(owner, () => {
      other.cancel()
      deadline(owner, tell('new')).in(5)
    }).in(10)
    other.in(20)
    advance(1_000)
    expect([missed, pending()]).toEqual([[['new', 15]], 0])
  }))

  it('leaves no timer when all are cancelled by who is told of one, whatever their order', () => virtually(({ advance, pending }) => {
    const owner = {}
    const far = deadline(owner, () => undefined)
    const near = deadline(owner, () => {
      far.cancel()
      near.cancel()
    })
    far.in(60_000)
    near.in(10)
    advance(10)
    expect(pending()).toBe(0)
  }))

  it('that is cancelled leaves no timer', () => virtually(({ pending }) => {
    const due = deadline({}, () => undefined)
    due.cancel()
    due.in(100)
    due.cancel()
    expect(pending()).toBe(0)
  }))
})
