import { NEVER, of, Subject, throwError, timer, type ObservableInput } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { poll, type PollOptions } from 'rx-discovery'
import { virtually, type VirtualHelpers } from 'rx-discovery/testing'

type Result = 'pass' | 'fail'

/** Polls checks with these results, one after the other, the last one for ever; shows [ms, status]. */
const played = (results: readonly Result[], options: PollOptions, ms: number): readonly (readonly [number, string])[] => {
  const seen: (readonly [number, string])[] = []
  virtually(({ advance, now }) => {
    const left = [...results]
    const check = () => ((left.length > 1 ? left.shift() : left[0]) === 'pass' ? of(1) : throwError(() => new Error('no')))
    const subscription = poll(check, options).subscribe(status => seen.push([now(), status]))
    advance(ms)
    subscription.unsubscribe()
  })
  return seen
}

const once = (check: () => ObservableInput<unknown>, play: (helpers: VirtualHelpers, seen: readonly string[]) => void): void =>
  virtually(helpers => {
    const seen: string[] = []
    const subscription = poll(check, { timeout: 100 }).subscribe(status => seen.push(status))
    play(helpers, seen)
    subscription.unsubscribe()
    expect(helpers.pending()).toBe(0)
  })

describe('poll', () => {
  it('is starting until the first check has ended, and that one decides', () => {
    expect(played(['pass'], {}, 60_000)).toEqual([[0, 'starting'], [0, 'up']])
    expect(played(['fail'], {}, 60_000)).toEqual([[0, 'starting'], [0, 'down']])
  })

  it('survives failures: down after `fall` in a row, up after `rise` in a row', () => {
    expect(played(['pass', 'fail', 'fail', 'pass', 'fail', 'fail', 'fail', 'pass', 'fail', 'pass', 'pass'], { interval: 1_000 }, 60_000)).toEqual([
      [0, 'starting'],
      [0, 'up'],
      [6_000, 'down'],
      [10_000, 'up'],
    ])
    expect(played(['pass', 'fail', 'pass'], { interval: 1_000, fall: 1, rise: 1 }, 5_000)).toEqual([[0, 'starting'], [0, 'up'], [1_000, 'down'], [2_000, 'up']])
  })

  it.each<[string, () => ObservableInput<unknown>, string]>([
    ['emits something', () => of({ rows: [] }), 'up'],
    ['completes', () => [], 'up'],
    ["emits 'up'", () => of('up'), 'up'],
    ["emits 'down'", () => of('down'), 'down'],
    ['emits false', () => of(false), 'down'],
    ['errors', () => throwError(() => new Error('no')), 'down'],
    ['is silent', () => NEVER, 'down'],
    [
      'throws',
      () => {
        throw new Error('a bug')
      },
      'down',
    ],
  ])('a check that %s', (_, check, status) =>
    once(check, ({ advance }, seen) => {
      advance(100)
      expect(seen).toEqual(['starting', status])
    }))

  it('starts no check before the last one has ended, and leaves none', () => {
    const checks = new Subject<never>()
    let running = 0
    once(
      () => ((running += 1), timer(80)),
      ({ advance }) => {
        advance(20_000)
        expect(running).toBe(5)
      },
    )
    expect(checks.observed).toBe(false)
  })

  it.each<[string, unknown, PollOptions]>([
    ['check', of('up'), {}],
    ['interval', () => of(1), { interval: 0 }],
    ['fall', () => of(1), { fall: 0 }],
  ])('errors InvalidArgument with the name %s', (argument, check, options) => {
    let error: unknown
    poll(check as () => ObservableInput<unknown>, options).subscribe({ error: (thrown: unknown) => (error = thrown) })
    expect(error).toMatchObject({ name: 'InvalidArgument', argument })
  })
})
