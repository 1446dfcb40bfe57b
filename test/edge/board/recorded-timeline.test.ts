import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { firstValueFrom, takeWhile, toArray } from 'rxjs'
import { afterEach, describe, expect, it } from 'vitest'
import { revisionLink } from '../../../src/edge/board/board-revision.js'
import { recordedTimeline, timelineOf } from '../../../src/edge/board/recorded-timeline.js'
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

  it('goes on over a wipe: what was before stays', () => {
    const { moments, journal } = timelineOf([
      line(1_000, 'listing', 50, [[key('a'), value(), 40, '7']]),
      '{"at":2000,"event":"trouble","data":{"error":"Rewound"}}',
      line(2_000, 'listing', 3, [[key('b'), value(), 3, '7']]),
      line(3_000, 'batch', 4, [[key('c'), value(), 4, '7']]),
    ].join('\n'), 60_000)
    expect(moments.map(({ revision, at }) => [revisionLink(revision), at])).toEqual([['50~1', 1_000], ['3', 2_000], ['4', 3_000]])
    expect(journal.map(({ type, id }) => `${type} ${id}`)).toEqual(['stale ', 'replaced ', 'left a', 'joined b', 'live ', 'joined c'])
  })

  it('names each outage once, however often it is reported, and its end without a change', () => {
    const trouble = (at: number): string => `{"at":${at},"event":"trouble","data":{"error":"Disconnected","since":2000}}`
    const { moments, journal } = timelineOf([line(1_000, 'listing', 5, [[key('a'), value(), 4, '7']]), trouble(2_000), trouble(2_500), line(3_000, 'batch', 5, [])].join('\n'), 60_000)
    expect(moments.length).toBe(1)
    expect(journal.map(({ type, at }) => [type, at])).toEqual([['stale', 2_000], ['live', 3_000]])
    expect(journal[0]?.text).toBe('the registry does not answer')
  })

  it('is empty without lines that can be read', () => {
    expect(timelineOf('x\n{}\n{"at":1,"event":"listing","data":{}}\n{"at":1,"event":"later","data":{}}', 60_000)).toMatchObject({ moments: [], journal: [] })
  })
})

describe('a recording at a URL', () => {
  let close: (() => unknown) | undefined
  afterEach(() => close?.())
  const served = async (answer: (response: ServerResponse, asked: number) => unknown): Promise<string> => {
    let asked = 0
    const server = createServer((_, response) => answer(response, (asked += 1)))
    close = () => server.close()
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  }
  const seen = (url: string) => firstValueFrom(recordedTimeline(url, 60_000).pipe(takeWhile(timeline => timeline === undefined, true), toArray()))

  it('is asked for again after an answer that is none, and after a cut, until it is there', async () => {
    const url = await served((response, asked) => {
      if (asked === 1) response.writeHead(503).end('later')
      else if (asked === 2) response.destroy()
      else response.end(recording.join('\n'))
    })
    const emitted = await seen(url)
    expect(emitted.map(timeline => timeline?.moments.length)).toEqual([undefined, undefined, 4])
  }, 30_000)

  it('is read once', async () => {
    const url = await served(response => response.end(recording.join('\n')))
    expect((await seen(url)).length).toBe(1)
  })
})
