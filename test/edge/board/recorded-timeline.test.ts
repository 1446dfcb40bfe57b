import { describe, expect, it } from 'vitest'
import { timelineOf } from '../../../src/edge/board/recorded-timeline.js'
import { serviceRows } from '../../../src/edge/board/service-rows.js'

const value = (more: object = {}): string => JSON.stringify({ v: 1, address: 'a:80', ...more })
const line = (at: number, event: string, revision: number, changes: readonly unknown[], more: object = { id: `${revision}.0000000000000000` }): string =>
  JSON.stringify({ at, event, ...more, data: { cluster: '1', revision, changes } })
const key = (id: string): string => `/rx-discovery/web/${id}`

const recording = [
  line(0, 'listing', 5, [[key('a'), value(), 4, '7']], {}),
  line(0, 'listing', 5, [[key('b'), value(), 5, '7']]),
  line(0, 'batch', 6, [[key('b'), null, 6, '0']]),
  '{"at":1000,"event":"progress","id":"6.0000000000000000","data":{}}',
  line(2_000, 'batch', 8, [[key('c'), value(), 7, '7'], [key('a'), value({ version: '2' }), 8, '7']]),
  '{"at":3000,"event":"trouble","data":{"error":"Disconnected","since":3000}}',
  line(4_000, 'batch', 9, [[key('a'), 9, '8']]),
  line(5_000, 'batch', 10, [[key('a'), value({ status: 'down' }), 10, '8']]),
]

describe('the timeline of a recording', () => {
  it('has its moments, its times and its journal', () => {
    const { moments, journal, since } = timelineOf(recording.join('\n'), 60_000)
    expect(since).toBe(1_000)
    expect(moments.map(({ revision, at }) => [revision, at])).toEqual([[5, undefined], [6, undefined], [8, 2_000], [10, 5_000]])
    expect(journal.map(({ type, id, at }) => [type, id, at])).toEqual([
      ['left', 'b', undefined],
      ['updated', 'a', 2_000],
      ['joined', 'c', 2_000],
      ['stale', '', 3_000],
      ['live', '', 4_000],
      ['updated', 'a', 5_000],
    ])
    const rowsAt = (index: number) =>
      (moments.at(index)?.tracks.toArray() ?? []).flatMap(track => serviceRows(track).rows).map(({ instance, state, known }) => [instance.id, state, known?.since, known?.exact])
    expect(rowsAt(1)).toEqual([
      ['a', 'up', 1_000, false],
      ['b', 'gone', undefined, undefined],
    ])
    expect(rowsAt(-1)).toEqual([
      ['a', 'down', 1_000, false],
      ['b', 'gone', undefined, undefined],
      ['c', 'up', 2_000, true],
    ])
  })

  it('can be cut off anywhere: what comes before is read', () => {
    const text = recording.join('\n')
    for (let end = 0; end < text.length; end += 23) expect(timelineOf(text.slice(0, end), 60_000).moments.length).toBeLessThanOrEqual(4)
    expect(timelineOf(text.slice(0, -5), 60_000).moments.map(({ revision }) => revision)).toEqual([5, 6, 8])
  })

  it('leaves out the parts of an event that was cut off before the recording went on', () => {
    const cut = line(1_000, 'listing', 5, [[key('ghost'), value(), 4, '7']], {})
    const { moments } = timelineOf([cut, line(2_000, 'listing', 7, [[key('a'), value(), 6, '7']])].join('\n'), 60_000)
    expect(moments.map(({ tracks }) => tracks.toArray().flatMap(track => serviceRows(track).rows.map(({ instance }) => instance.id)))).toEqual([['a']])
  })

  it('is empty without lines that can be read', () => {
    expect(timelineOf('x\n{}\n{"at":1,"event":"listing","data":{}}\n{"at":1,"event":"later","data":{}}', 60_000)).toMatchObject({ moments: [], journal: [] })
  })
})
