import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Compacted, Rewound } from 'rx-discovery'
import { beginning, positionAfter, type Moment, type Position } from '../../../src/core/recording/moment.js'
import { changesAfter, entriesAt, type Played } from '../../../src/core/recording/played.js'
import { listingEvents } from '../../../src/core/recording/listing-events.js'
import { readRecordedEvent, readRecording, recordedLine, recordedOf, type Recorded } from '../../../src/core/recording/recorded-event.js'
import type { Change } from '../../../src/core/store.js'
import type { WireChange } from '../../../src/core/wire/wire-event.js'

const row = (key: string, value: string | null | undefined, revision: number): WireChange => ({ key, value, revision, lease: '0' })
const listing = (at: number, revision: number, changes: readonly WireChange[], last = true): Recorded => ({
  at,
  event: { type: 'listing', cluster: '1', revision, changes },
  id: last ? { revision, digest: undefined } : undefined,
})
const batch = (at: number, revision: number, changes: readonly WireChange[], last = true): Recorded => ({
  at,
  event: { type: 'batch', cluster: '1', revision, changes },
  id: last ? { revision, digest: undefined } : undefined,
})
const trouble = (at: number, error: string): Recorded => ({ at, event: { type: 'trouble', error }, id: undefined })

const play = (...events: readonly Recorded[]): Played => {
  const moments: Moment[] = []
  let position: Position = beginning
  for (const event of events) {
    const { moment } = position
    position = positionAfter(position, event)
    if (position.moment !== moment) moments.push(position.moment)
  }
  const index = moments.length - 1
  return { moments, index, present: moments[index] ?? beginning.moment }
}
const shown = (entries: Iterable<readonly [string, Change]>): string => [...entries].map(([key, { value }]) => `${key}=${value ?? ''}`).join()

describe('a moment', () => {
  it('comes when the last part of its event has come', () => {
    const { moments } = play(listing(1, 5, [row('a', '1', 2)], false), listing(1, 5, [row('b', '1', 3)]), batch(2, 6, [row('a', null, 6)], false))
    expect(moments.map(({ at, entries }) => [at, shown(entries)])).toEqual([[1, 'a=1,b=1']])
  })
  it('has the value of before where a change has none, also if it changed in the same event', () => {
    const { present } = play(listing(1, 5, [row('a', '1', 2), row('b', '1', 3)]), batch(2, 8, [row('a', '2', 6), row('b', undefined, 7), row('a', undefined, 8)]))
    expect(shown(present.entries)).toBe('a=2,b=1')
    expect(present.changes.map(({ key, revision }) => `${key}${revision}`)).toEqual(['a6', 'b7', 'a8'])
  })
  it('is never before the one before it, whatever the clock did', () => {
    expect(play(listing(100, 5, []), batch(50, 6, [row('a', '1', 6)])).moments.map(({ at }) => at)).toEqual([100, 100])
  })
  it('shows nothing of a recording without its beginning until the next listing', () => {
    expect(play(batch(1, 6, [row('a', '1', 6)]), listing(2, 7, [row('b', '1', 7)])).moments.map(({ entries }) => shown(entries))).toEqual(['b=1'])
  })
  it('counts an interruption for each trouble, and for a listing that does not go on from what was there', () => {
    const { moments } = play(listing(1, 5, [row('a', '1', 2)]), trouble(2, 'Disconnected'), batch(3, 5, []), listing(4, 6, [row('a', '1', 2), row('b', '1', 6)]), listing(5, 7, [row('a', 'x', 2)]))
    expect(moments.map(({ interruptions, history, trouble: why }) => [interruptions, history, why?.error])).toEqual([
      [0, 0, undefined],
      [1, 0, 'Disconnected'],
      [1, 0, undefined],
      [1, 0, undefined],
      [2, 1, undefined],
    ])
    expect(moments.at(-1)?.interruption.error).toBe('Rewound')
    expect(moments[3]?.changes.map(({ key }) => key)).toEqual(['b'])
  })
})

describe('the past of a recording', () => {
  const played = play(
    listing(1, 5, [row('a', '1', 2), row('b', '1', 5)]),
    batch(2, 8, [row('a', '2', 6), row('b', null, 7), row('a', '3', 8)]),
    trouble(3, 'Disconnected'),
    batch(4, 12, [row('c', '1', 10), row('a', null, 12)]),
    batch(5, 13, [row('d', '1', 13)]),
  )
  it.each([
    [5, 'a=1,b=1'],
    [6, 'a=2,b=1'],
    [7, 'a=2'],
    [8, 'a=3'],
    [12, 'c=1'],
    [13, 'c=1,d=1'],
  ])('at revision %i is %s', (revision, expected) => {
    expect(shown(entriesAt(played, revision))).toBe(expected)
  })
  it('is not known before the recording, in a gap, and in the future', () => {
    const failure = (revision: number): unknown => {
      try {
        return entriesAt(played, revision)
      } catch (error) {
        return error
      }
    }
    expect([failure(4), failure(9), failure(11)].map(error => error instanceof Compacted && error.revision)).toEqual([5, 12, 12])
    expect(failure(14)).toBeInstanceOf(Rewound)
  })
  it('has the changes in a range after a revision', () => {
    const after = (from: number, range: string): readonly number[] => changesAfter(played, range, from).map(({ revision }) => revision)
    expect([after(5, ''), after(6, ''), after(5, 'a'), after(13, '')]).toEqual([[6, 7, 8, 10, 12, 13], [7, 8, 10, 12, 13], [6, 8, 12], []])
    expect(() => after(4, '')).toThrow(Compacted)
  })
})

it('a recording can begin at any moment with a listing', () => {
  const keys = fc.constantFrom('a', 'b', 'c')
  const batches = fc.array(fc.array(fc.tuple(keys, fc.option(fc.string())), { minLength: 1, maxLength: 3 }), { maxLength: 10 })
  fc.assert(
    fc.property(batches, all => {
      const events = all.map((rows, index) => batch(index, index + 6, rows.map(([key, value]) => row(key, value, index + 6))))
      const { present } = play(listing(0, 5, [row('a', '0', 5)]), ...events)
      const again = [...listingEvents(present, 99)].map(event => recordedOf(event)).filter(event => event !== undefined)
      const begun = play(...again).present
      expect([shown(begun.entries), begun.revision, begun.at]).toEqual([shown(present.entries), present.revision, 99])
      // As the next event of the same recording it changes nothing.
      const { changes, history, interruptions } = play(listing(0, 5, [row('a', '0', 5)]), ...events, ...again).present
      expect([changes, history, interruptions]).toEqual([[], 0, 0])
    }),
  )
})

describe('a recorded event', () => {
  it.each([null, 1, 'x', {}, { at: 'now', event: 'batch', data: {} }, { at: 1, event: 'batch', data: {} }, { at: 1, data: {} }])('%j is refused', value => {
    expect(readRecordedEvent(value)).toMatchObject({ _tag: 'Left' })
  })
  it('of a type that a later version may have is skipped', () => {
    expect(readRecording(`${recordedLine({ at: 1, event: 'progress', id: '5.0000000000000000', data: {} })}{"at":2,"event":"note","data":{}}\nnonsense\n`)).toEqual({
      events: [{ at: 1, event: { type: 'progress' }, id: { revision: 5, digest: '0000000000000000' } }],
      unreadable: 1,
    })
  })
})
