import { map, merge, NEVER, tap, throwError, timer } from 'rxjs'
import { TestScheduler } from 'rxjs/testing'
import { describe, expect, it } from 'vitest'
import { connections } from '../../../../src/edge/etcd/connection/connections.js'

const scene = (test: Parameters<TestScheduler['run']>[0]) => () => new TestScheduler((actual, expected) => expect(actual).toEqual(expected)).run(test)

const pool = () => {
  const [made, closed]: [number[], number[]] = [[], []]
  const all = connections(
    number => {
      made.push(number)
      return number
    },
    one => closed.push(one),
  )
  return { ...all, made, closed }
}

describe('connections', () => {
  it(
    'ask the connection in use, and dial no other while it answers in time',
    scene(({ expectObservable, flush }) => {
      const { answering, current, made, closed } = pool()
      expectObservable(answering(() => timer(400))).toBe('400ms (a|)', { a: 0 })
      flush()
      expect([current(), made, closed]).toEqual([0, [0], []])
    }),
  )
  it(
    'while all are silent, dial one more each second; use the first that answers, and close the others',
    scene(({ expectObservable, flush }) => {
      const { answering, replaced, current, made, closed } = pool()
      expectObservable(merge(answering(one => (one === 1 ? timer(1_700) : NEVER)).pipe(map(String)), replaced.pipe(map(() => 'replaced')))).toBe('2200ms (ra)', { r: 'replaced', a: '1' })
      flush()
      expect([current(), made, closed.sort()]).toEqual([1, [0, 1, 2], [0, 2]])
    }),
  )
  it(
    'wait for a slow line, although others are dialled beside it',
    scene(({ expectObservable, flush }) => {
      const { answering, current, made, closed } = pool()
      expectObservable(answering(() => timer(4_500))).toBe('4500ms (a|)', { a: 0 })
      flush()
      expect([current(), made, closed]).toEqual([0, [0, 1, 2, 3, 4], [1, 2, 3, 4]])
    }),
  )
  it(
    'give up each connection after 8 s, and go on',
    scene(({ expectObservable, flush }) => {
      const { answering, current, made, closed } = pool()
      const open = new Set<number>()
      let most = 0
      const silent = (one: number) =>
        NEVER.pipe(tap({ subscribe: () => (most = Math.max(most, open.add(one).size)), finalize: () => open.delete(one) }))
      expectObservable(answering(silent), '1m !').toBe('')
      flush()
      expect(made.length).toBe(61)
      expect(most).toBeLessThanOrEqual(9)
      expect([current(), closed.length, open.size]).toEqual([0, 60, 0])
    }),
  )
  it(
    'use a connection that is refused rather than one that is silent',
    scene(({ expectObservable, flush }) => {
      const { answering, current, closed } = pool()
      const no = new Error('refused')
      expectObservable(answering(one => (one === 1 ? throwError(() => no) : NEVER))).toBe('500ms #', undefined, no)
      flush()
      expect([current(), closed]).toEqual([1, [0]])
    }),
  )
})
