import { concat, defer, map, merge, mergeMap, NEVER, of, retry, take, tap, throwError, timer } from 'rxjs'
import { TestScheduler } from 'rxjs/testing'
import { describe, expect, it } from 'vitest'
import { Disconnected } from '../../../../src/core/errors.js'
import { connections } from '../../../../src/edge/etcd/connection/connections.js'
import { NeverSent } from '../../../../src/edge/etcd/connection/etcd-errors.js'
import { nothing } from '../../../../src/flow/subscribe-within.js'
import { withClock } from '../../../../src/flow/clock.js'

const scene = (test: Parameters<TestScheduler['run']>[0]) => () => {
  const scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected))
  withClock({ now: () => scheduler.frame }, () => scheduler.run(test))
}

const pool = () => {
  const [made, closed]: [number[], number[]] = [[], []]
  const all = connections(
    number => {
      made.push(number)
      return number
    },
    one => closed.push(one),
  )
  const { ended } = all.stream()
  return { ...all, ended, made, closed }
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
      const { answering, ended, current, made, closed } = pool()
      expectObservable(merge(answering(one => (one === 1 ? timer(1_700) : NEVER)).pipe(map(String)), ended)).toBe('2200ms (ra)', { r: 'moved', a: '1' })
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
  const every25 = retry<unknown>({ delay: () => timer(25) })
  it(
    'while the one in use refuses, ask another one after half a second and then each second; use the first that answers',
    scene(({ expectObservable, flush }) => {
      const { answering, ended, current, made, closed } = pool()
      const ask = (one: number) => (one === 2 ? timer(10) : throwError(() => new Error('no leader')))
      expectObservable(merge(answering(ask).pipe(every25), ended)).toBe('1510ms (ra)', { r: 'moved', a: 2 })
      flush()
      expect([current(), made, closed]).toEqual([2, [0, 1, 2], [1, 0]])
    }),
  )
  it(
    'ask the one in use again while the other one is silent, and keep it if it answers',
    scene(({ expectObservable, flush }) => {
      const { answering, current, closed } = pool()
      let asked = 0
      const ask = (one: number) => (one === 0 ? defer(() => (asked++ < 30 ? throwError(() => new Error('no leader')) : of(0))) : NEVER)
      expectObservable(answering(ask).pipe(every25)).toBe('750ms (a|)', { a: 0 })
      flush()
      expect([current(), closed]).toEqual([0, [1]])
    }),
  )
  it(
    'if no connection can be made, dial another one every two seconds, since the channel dials again by itself',
    scene(({ expectObservable, flush }) => {
      const { answering, made, closed } = pool()
      expectObservable(answering(() => throwError(() => new NeverSent('refused the connection'))).pipe(every25), '7s !').toBe('')
      flush()
      expect([made, closed]).toEqual([[0, 1, 2, 3], [1, 2, 3]])
    }),
  )
  it(
    'leave a channel whose dial never ends, and so fails every call at once, for one that answers',
    scene(({ expectObservable, flush }) => {
      const { answering, ended, current, made, closed } = pool()
      const stuck = throwError(() => new NeverSent('refused the connection'))
      expectObservable(merge(answering(one => (one === 0 ? stuck : timer(100))).pipe(every25, map(String)), ended)).toBe('2100ms (ra)', { r: 'moved', a: '1' })
      flush()
      expect([current(), made, closed]).toEqual([1, [0, 1], [0]])
    }),
  )
  it(
    'if streams are answered while calls are not, keep them, let the others move, and use connections of their own for calls and further streams',
    scene(({ expectObservable, flush }) => {
      const { answering, stream, current, made, closed } = pool()
      const [first, second, queued] = [stream(), stream(), stream()]
      timer(100).subscribe(() => [first, second].forEach(one => one.received()))
      expectObservable(merge(answering(one => (one === 0 ? NEVER : of(one))), first.ended, second.ended, queued.ended)).toBe('500ms (qx)', { q: 'queued', x: 1 })
      flush()
      expect([current(), made, closed]).toEqual([1, [0, 1], []])
      const [third, fourth, fifth] = [stream(), stream(), stream()]
      // The stream of the pool was opened first and is not answered.
      queued.release()
      expect([third, fourth, fifth].map(({ connection }) => connection)).toEqual([2, 2, 3])
      fifth.release()
      expect(closed).toEqual([3])
    }),
  )
  it(
    'keep the streams, and take another connection for calls, whenever the one for calls is silent and they are not',
    scene(({ expectObservable, flush }) => {
      const { answering, stream, current, closed } = pool()
      const one = stream()
      timer(100, 100).pipe(take(18)).subscribe(() => one.received())
      const silentUpTo = (last: number) => (connection: number) => (connection <= last ? NEVER : of(connection))
      expectObservable(concat(answering(silentUpTo(0)), answering(silentUpTo(1)), answering(silentUpTo(1))).pipe(map(() => 'x')), '2s !').toBe('500ms x 499ms (xx|)')
      expectObservable(one.ended, '2s !').toBe('')
      flush()
      expect([current(), closed]).toEqual([2, [1]])
    }),
  )
  it(
    'take a connection for full that is silent again soon, though its streams were answered at first',
    scene(({ expectObservable, flush }) => {
      const { answering, stream, current, made, closed } = pool()
      const silentLater = (silent: number) =>
        defer(() => {
          stream().received()
          return timer(1_000).pipe(mergeMap(() => answering(one => (one === silent ? NEVER : of(one)))))
        })
      expectObservable(concat(silentLater(0), silentLater(1)).pipe(map(() => 'x'))).toBe('1500ms x 1499ms (x|)')
      flush()
      expect([current(), made, closed]).toEqual([2, [0, 1, 2], [0, 1]])
      expect([stream(), stream()].map(({ connection }) => connection)).toEqual([3, 4])
    }),
  )
  it(
    'move to a new connection at the next question once what they are opened with has changed, and not before',
    scene(({ expectObservable, flush }) => {
      let [current, renewals] = ['old', 0]
      const closed: string[] = []
      const all = connections(
        number => `${current}${number}`,
        one => closed.push(one),
        { current: () => current, renew: () => (renewals += 1) },
      )
      expect([all.current(), renewals]).toEqual(['old0', 0])
      const { ended } = all.stream()
      const ask = (connection: string) => timer(10).pipe(map(() => connection))
      const answers = concat(
        all.answering(ask),
        defer(() => {
          current = 'new'
          expect(all.current()).toBe('old0')
          return all.answering(ask)
        }),
      )
      expectObservable(merge(answers, ended)).toBe('10ms (ar) 6ms b', { a: 'old0', r: 'moved', b: 'new1' })
      flush()
      expect([all.current(), closed, renewals]).toEqual(['new1', ['old0'], 2])
    }),
  )
  it(
    'that were left are not used again, however their questions end',
    scene(({ expectObservable, flush }) => {
      let current = 'old'
      const all = connections(number => `${current}${number}`, () => undefined, { current: () => current, renew: nothing })
      const late = all.answering(connection => timer(100).pipe(map(() => { throw new Error(connection) })))
      const now$ = timer(50).pipe(tap(() => (current = 'new')), mergeMap(() => all.answering(connection => timer(10).pipe(map(() => connection)))))
      expectObservable(merge(now$, late)).toBe('60ms a 39ms #', { a: 'new1' }, new Error('old0'))
      flush()
      expect(all.current()).toBe('new1')
    }),
  )
  it(
    'are closed for a second after etcd has refused the certificate of the client, and then dialled anew',
    scene(({ expectObservable, flush }) => {
      const { answering, current, made, closed } = pool()
      const refused = new Disconnected('h:1 failed the TLS handshake (etcd requires a client certificate that its authority has signed and that has not expired): …')
      const answers = answering(one => (one < 2 ? throwError(() => refused) : of(one))).pipe(every25)
      expectObservable(answers).toBe('2000ms (a|)', { a: 2 })
      flush()
      expect([current(), made, closed]).toEqual([2, [0, 1, 2], [0, 1]])
    }),
  )
})
