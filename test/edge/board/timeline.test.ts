import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { serviceRows, type ServiceRows } from '../../../src/edge/board/service-rows.js'
import { revisionLink, revisionText } from '../../../src/edge/board/board-revision.js'
import { advanced, aged, emptyTimeline, indexAt, joined, journalUpTo, latest, noted, type Timeline } from '../../../src/edge/board/timeline.js'
import { fleet, web } from './fleet.js'

const keep = 60_000
const begun = 1_000_000
const rowsOf = (timeline: Timeline, service = 'web'): Pick<ServiceRows, 'rows' | 'rejected'> => {
  const track = latest(timeline)?.tracks.get(service)
  return track === undefined ? { rows: [], rejected: [] } : serviceRows(track)
}
const shown = (timeline: Timeline): readonly string[] => rowsOf(timeline).rows.map(({ instance, state }) => `${instance.id} ${state}`)
const lines = (timeline: Timeline): readonly string[] => timeline.journal.map(({ type, service, id, text }) => `${type} ${service}/${id} ${text}`)

describe('a timeline', () => {
  it('begins with what is there, of which nothing is news', () => {
    const { put, now } = fleet()
    put(web('a'))
    const timeline = advanced(emptyTimeline(begun, keep), now(), begun)
    expect([shown(timeline), lines(timeline)]).toEqual([['a up'], []])
    expect(rowsOf(timeline).rows[0]?.known).toEqual({ since: begun, exact: false, last: undefined })
  })

  it('has a moment for each revision that changed something, and a line for each that joined, left or changed', () => {
    const { put, remove, now } = fleet()
    put(web('a'))
    let timeline = advanced(emptyTimeline(begun, keep), now(), begun)
    timeline = advanced(timeline, put(web('b')), begun + 1)
    timeline = advanced(timeline, put(web('b', { status: 'down', weight: 2 })), begun + 2)
    const before = timeline
    expect(advanced(timeline, put(web('b', { status: 'down', weight: 2 })), begun + 3)).toBe(before)
    timeline = advanced(timeline, remove('web', 'a'), begun + 4)
    expect(lines(timeline)).toEqual(['joined web/b b:80', 'updated web/b status up → down, weight 1 → 2', 'left web/a a:80'])
    expect(timeline.moments.map(({ revision, at }) => [revision, at])).toEqual([[1, begun], [2, begun + 1], [3, begun + 2], [5, begun + 4]])
    expect(indexAt(timeline, 4)).toBe(2)
    expect(indexAt(timeline, 0)).toBe(-1)
    expect(journalUpTo(timeline, 3).map(({ id }) => id)).toEqual(['b', 'b'])
  })

  it('shows what has left as gone for a while, and as before if it comes back', () => {
    const { put, remove, now } = fleet()
    put(web('a'))
    put(web('b'))
    const before = advanced(emptyTimeline(begun, keep), now(), begun)
    const left = advanced(before, remove('web', 'a'), begun + 10)
    expect(shown(left)).toEqual(['a gone', 'b up'])
    expect(aged(left, begun + keep)).toBe(left)
    expect(shown(aged(left, begun + keep + 10))).toEqual(['b up'])
    const back = advanced(left, put(web('a')), begun + 20)
    expect(shown(back)).toEqual(['a up', 'b up'])
    expect(rowsOf(back).rows[0]?.known).toMatchObject({ since: begun + 20, exact: true })
  })

  it('keeps a service of which everything has left, until that is over', () => {
    const { put, remove, now } = fleet()
    put(web('a'))
    const left = advanced(advanced(emptyTimeline(begun, keep), now(), begun), remove('web', 'a'), begun + 1)
    expect(shown(left)).toEqual(['a gone'])
    expect(latest(aged(left, begun + keep + 1))?.tracks.size).toBe(0)
  })

  it('keeps what has left for ten moments while times are not known', () => {
    const { put, remove, now } = fleet()
    put(web('a'))
    put(web('b'))
    let timeline = advanced(advanced(emptyTimeline(begun, keep), now(), undefined), remove('web', 'a'), undefined)
    for (let weight = 2; weight < 11; weight += 1) timeline = advanced(timeline, put(web('b', { weight })), undefined)
    expect(shown(timeline)).toEqual(['a gone', 'b up'])
    timeline = advanced(timeline, put(web('b', { weight: 11 })), undefined)
    expect(shown(timeline)).toEqual(['b up'])
  })

  it('keeps what has left before times were known as if it had left when they began', () => {
    const { put, remove, now } = fleet()
    put(web('a'))
    put(web('b'))
    const left = advanced(advanced(emptyTimeline(begun, keep), now(), undefined), remove('web', 'a'), undefined)
    expect(shown(aged(left, begun + keep - 1))).toEqual(['a gone', 'b up'])
    expect(shown(advanced(left, put(web('b', { weight: 2 })), begun + 1))).toEqual(['a gone', 'b up'])
    expect(shown(aged(left, begun + keep))).toEqual(['b up'])
  })

  it('counts the age of another incarnation from its start, and an update changes no age', () => {
    const { put, now } = fleet()
    put(web('a', { incarnation: 'x' }))
    const first = advanced(emptyTimeline(begun, keep), now(), begun)
    const updated = advanced(first, put(web('a', { incarnation: 'x', weight: 2 })), begun + 5)
    expect(rowsOf(updated).rows[0]?.known).toMatchObject({ since: begun, exact: false, last: { type: 'updated' } })
    const restarted = advanced(updated, put(web('a', { incarnation: 'y', weight: 2 })), begun + 9)
    expect(rowsOf(restarted).rows[0]?.known).toMatchObject({ since: begun + 9, exact: true })
    expect(lines(restarted).at(-1)).toBe('updated web/a another process')
  })

  it('lists entries that cannot be read apart', () => {
    const { put, spoil, now } = fleet()
    put(web('a'))
    const first = advanced(emptyTimeline(begun, keep), now(), begun)
    const spoilt = advanced(first, spoil('web', 'x'), begun + 1)
    expect(rowsOf(spoilt).rejected.map(({ key }) => key)).toEqual(['/rx-discovery/web/x'])
    expect(shown(spoilt)).toEqual(['a up'])
    const mended = advanced(spoilt, put(web('x')), begun + 2)
    expect(lines(mended).map(line => line.split(' ').slice(0, 2).join(' '))).toEqual(['rejected web//rx-discovery/web/x', 'joined web/x', 'cleared web//rx-discovery/web/x'])
  })

  it('goes on when the history was replaced, which is in the journal: what was before stays, with links of its own', () => {
    const { put, now } = fleet()
    put(web('a'))
    put(web('a', { weight: 2 }))
    let timeline = advanced(emptyTimeline(begun, keep), now(), begun)
    timeline = advanced(timeline, put(web('c')), begun + 1)
    const other = fleet()
    timeline = advanced(timeline, other.put(web('b')), begun + 2)
    expect(lines(timeline)).toEqual(['joined web/c c:80', 'replaced / the history was replaced', 'left web/a a:80', 'joined web/b b:80', 'left web/c c:80'])
    timeline = advanced(timeline, other.put(web('b', { weight: 3 })), begun + 3)
    expect(timeline.moments.map(({ revision }) => revisionLink(revision))).toEqual(['2~1', '3~1', '1', '2'])
    expect(timeline.moments.map(({ revision }) => indexAt(timeline, revision))).toEqual([0, 1, 2, 3])
    expect(revisionText(timeline.moments[1]?.revision ?? 0)).toBe('revision 3, before the history was replaced')
    expect(journalUpTo(timeline, timeline.moments[1]?.revision).map(({ id }) => id)).toEqual(['c'])
    // Equal content of another history is a moment of its own, and what is older than its first one is not known.
    const again = advanced(timeline, fleet().put(web('b', { weight: 3 })), begun + 4)
    expect(again.moments.map(({ revision }) => revisionLink(revision))).toEqual(['2~2', '3~2', '1~1', '2~1', '1'])
    expect([indexAt(again, 0), indexAt(timeline, 0)]).toEqual([-1, -1])
  })

  it('can be put after a recorded one, with ages from there, and each line once', () => {
    const { put, remove, now } = fleet()
    put(web('a'))
    let recorded = advanced(emptyTimeline(begun, keep), now(), begun)
    recorded = advanced(recorded, put(web('b')), begun + 1_000)
    let seen = noted(advanced(emptyTimeline(begun + 2_000, keep), now(), begun + 2_000), { type: 'stale', service: '', id: '', text: 'why', revision: 2, at: begun + 2_500 })
    // Both see this one.
    const after = remove('web', 'a')
    recorded = advanced(recorded, after, begun + 3_000)
    seen = advanced(seen, after, begun + 3_001)
    const both = joined(recorded, seen)
    expect(both.moments.map(({ revision, at }) => [revision, at])).toEqual([[1, begun], [2, begun + 1_000], [3, begun + 3_001]])
    expect(lines(both)).toEqual(['joined web/b b:80', 'stale / why', 'left web/a a:80'])
    expect(rowsOf(both).rows.map(({ instance, known }) => [instance.id, known?.since, known?.exact])).toEqual([['a', undefined, undefined], ['b', begun + 1_000, true]])
    expect(joined(recorded, emptyTimeline(begun, keep)).moments).toEqual(recorded.moments)
    expect(joined(emptyTimeline(begun, keep), seen).moments).toEqual(seen.moments)
  })

  it('shows at each moment what the registry held then, whatever happened', () => {
    const id = fc.constantFrom('a', 'b', 'c')
    const act = fc.oneof(
      fc.record({ type: fc.constant('put' as const), id, weight: fc.integer({ min: 0, max: 3 }), status: fc.constantFrom('up' as const, 'down' as const) }),
      fc.record({ type: fc.constant('remove' as const), id }),
      fc.record({ type: fc.constant('spoil' as const), id }),
    )
    fc.assert(
      fc.property(fc.array(act, { maxLength: 30 }), acts => {
        const { put, remove, spoil, now } = fleet()
        let timeline = advanced(emptyTimeline(begun, keep), now(), begun)
        const held: (readonly string[])[] = []
        for (const [index, each] of acts.entries()) {
          const snapshot = each.type === 'put' ? put(web(each.id, each)) : each.type === 'remove' ? remove('web', each.id) : spoil('web', each.id)
          timeline = advanced(timeline, snapshot, begun + index)
          held.push((snapshot.services.get('web')?.instances.toArray() ?? []).map(each => JSON.stringify(each)))
        }
        held.forEach((expected, index) => {
          const track = timeline.moments[indexAt(timeline, index + 1)]?.tracks.get('web')
          const rows = track === undefined ? [] : serviceRows(track).rows
          expect(rows.filter(({ state }) => state !== 'gone').map(({ instance }) => JSON.stringify(instance))).toEqual(expected)
          expect(rows.map(({ instance }) => instance.id)).toEqual([...new Set(rows.map(({ instance }) => instance.id))].sort())
        })
      }),
    )
  })
})
