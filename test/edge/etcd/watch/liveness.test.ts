import { defer, NEVER, of, throwError, type Observable } from 'rxjs'
import { TestScheduler } from 'rxjs/testing'
import { describe, expect, it } from 'vitest'
import { Denied, Disconnected } from '../../../../src/core/errors.js'
import { liveness, type Liveness } from '../../../../src/edge/etcd/watch/liveness.js'
import type { Member } from '../../../../src/edge/etcd/connection/member.js'
import { withClock } from '../../../../src/flow/clock.js'

interface Scene {
  readonly scheduler: TestScheduler
  readonly alive: Liveness
  readonly pings: number[]
  readonly reads: number[]
}

const scene = (answer: Observable<unknown>, test: (scene: Scene, helpers: Parameters<Parameters<TestScheduler['run']>[0]>[0]) => void): void => {
  const scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected))
  withClock({ now: () => scheduler.frame }, () =>
    scheduler.run(helpers => {
      const [pings, reads]: [number[], number[]] = [[], []]
      const call = () => {
        reads.push(scheduler.frame)
        return answer
      }
      const member = { host: 'host', call: () => defer(call), stream: () => NEVER } as unknown as Member
      const alive = liveness(member, () => pings.push(scheduler.frame))
      test({ scheduler, alive, pings, reads }, helpers)
      helpers.flush()
    }),
  )
}

describe('liveness', () => {
  it('neither pings nor reads while there are messages', () => {
    scene(NEVER, ({ alive, pings, reads }, { cold, expectObservable, flush }) => {
      cold('1s a 1s a 1s a 1s a 1s a 1s a').subscribe(alive.received)
      expectObservable(alive.silence, '7s !').toBe('')
      flush()
      expect([pings, reads]).toEqual([[], []])
    })
  })
  it('pings a quiet stream once, and an answer is enough', () => {
    scene(NEVER, ({ alive, pings, reads }, { cold, expectObservable, flush }) => {
      cold('2600ms a').subscribe(alive.received)
      expectObservable(alive.silence, '4s !').toBe('')
      flush()
      expect([pings, reads]).toEqual([[2_000], []])
    })
  })
  it('11.3 if a ping is not answered, a read decides; a refusal is an answer', () => {
    for (const answer of [of('answer'), throwError(() => new Denied('no'))])
      scene(answer, ({ alive, reads }, { expectObservable, flush }) => {
        expectObservable(alive.silence, '7s !').toBe('')
        flush()
        expect(reads).toEqual([3_000, 6_000])
      })
  })
  it('errors if the member does not answer the read', () => {
    const error = new Disconnected('host did not answer', { host: 'host' })
    scene(throwError(() => error), ({ alive }, { expectObservable }) => {
      expectObservable(alive.silence).toBe('3s #', undefined, error)
    })
  })
})
