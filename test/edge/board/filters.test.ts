import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { facetsOf } from '../../../src/edge/board/facets.js'
import { noFilters, readFilters, statusFilters, writeFilters, type Filters } from '../../../src/edge/board/filters.js'
import { filteredServices } from '../../../src/edge/board/passing.js'
import { serviceRows } from '../../../src/edge/board/service-rows.js'
import { shownJournal } from '../../../src/edge/board/shown-journal.js'
import { advanced, emptyTimeline, latest, noted } from '../../../src/edge/board/timeline.js'
import { fleet, web } from './fleet.js'

const services = () => {
  const { put, remove, now } = fleet()
  put(web('a', { zone: 'eu', version: '1.10', tags: ['canary'] }))
  put(web('b', { zone: 'us', version: '1.9', status: 'down', metadata: { rack: 'R17' } }))
  put(web('c', { zone: 'us', version: '1.9', metadata: { rack: 'R2', shard: 3, note: 'a=b c' } }))
  put({ service: 'orders', id: 'a', address: 'a:80', zone: 'eu' })
  const timeline = advanced(advanced(emptyTimeline(0, 1_000), now(), 1), remove('web', 'c'), 2)
  return latest(timeline)?.tracks.toArray().map(serviceRows) ?? []
}
const passing = (filters: Partial<Filters>): readonly string[] => filteredServices(services(), { ...noFilters, ...filters }).flatMap(({ rows }) => rows.map(({ instance: { service, id } }) => `${service}/${id}`))

describe('filters', () => {
  it.each<[Partial<Filters>, readonly string[]]>([
    [{}, ['orders/a', 'web/a', 'web/b', 'web/c']],
    [{ text: 'ORDERS' }, ['orders/a']],
    [{ text: 'web eu' }, ['web/a']],
    [{ text: 'r17' }, ['web/b']],
    [{ tag: 'canary' }, ['web/a']],
    [{ zone: 'us' }, ['web/b', 'web/c']],
    [{ version: '1.9', status: 'down' }, ['web/b']],
    [{ status: 'gone' }, ['web/c']],
    [{ sick: true }, ['web/b', 'web/c']],
    [{ zone: 'mars' }, []],
    [{ metadata: 'rack' }, ['web/b', 'web/c']],
    [{ metadata: ' rack= ' }, ['web/b', 'web/c']],
    [{ metadata: 'rack=R17' }, ['web/b']],
    [{ metadata: 'rack=r17' }, []],
    [{ metadata: 'shard=3' }, ['web/c']],
    [{ metadata: 'note=a=b c' }, ['web/c']],
    [{ metadata: 'toString' }, []],
  ])('%j lets pass %j', (filters, expected) => {
    expect(passing(filters)).toEqual(expected)
  })

  it('let entries that cannot be read pass by their text, and as something that needs attention', () => {
    const { put, spoil } = fleet()
    put({ service: 'broken', id: 'well', address: 'a:80' })
    spoil('broken', 'one')
    const timeline = advanced(emptyTimeline(0, 1_000), spoil('broken', 'two'), 1)
    const all = latest(timeline)?.tracks.toArray().map(serviceRows) ?? []
    const found = (filters: Partial<Filters>): readonly string[] =>
      filteredServices(all, { ...noFilters, ...filters }).flatMap(({ rows, rejected }) => [...rows.map(({ instance }) => instance.id), ...rejected.map(({ key }) => key.split('/').at(-1) ?? '')])
    expect(found({ text: 'ONE BROKEN' })).toEqual(['one'])
    expect(found({ sick: true })).toEqual(['one', 'two'])
    expect(found({ text: 'other' })).toEqual([])
    expect(found({ status: 'up' })).toEqual(['well'])
    expect(found({ status: 'unreadable' })).toEqual(['one', 'two'])
    expect(found({ status: 'unreadable', zone: 'eu' })).toEqual([])
    expect(found({ metadata: 'one' })).toEqual([])
  })

  it('let the lines of the journal pass by the same test, each by what the instance was then; those of the board always', () => {
    const { put, remove, spoil, now } = fleet()
    put(web('a', { zone: 'eu' }))
    put(web('b', { zone: 'us' }))
    let timeline = advanced(emptyTimeline(0, 1_000), now(), 1)
    timeline = advanced(timeline, put(web('a', { zone: 'eu', status: 'down' })), 2)
    timeline = advanced(timeline, put(web('a', { zone: 'eu' })), 3)
    timeline = advanced(timeline, remove('web', 'b'), 4)
    timeline = advanced(timeline, spoil('web', 'x'), 5)
    timeline = noted(timeline, { type: 'stale', service: '', id: '', text: 'why', revision: 6, at: 6 })
    const operators = [{ type: 'operator', service: 'web', id: 'a', text: 'drained by an operator', revision: 7, at: 7 }] as const
    const passing = (filters: Partial<Filters>): string =>
      shownJournal(timeline, operators, undefined, { ...noFilters, ...filters }).entries.map(({ type, at }) => `${type} ${at ?? ''}`).join()
    expect(passing({})).toBe('operator 7,stale 6,rejected 5,left 4,updated 3,updated 2')
    expect(passing({ zone: 'eu' })).toBe('stale 6,updated 3,updated 2')
    expect(passing({ status: 'gone' })).toBe('stale 6,left 4')
    expect(passing({ status: 'unreadable' })).toBe('stale 6,rejected 5')
    expect(passing({ sick: true })).toBe('operator 7,stale 6,rejected 5,left 4,updated 2')
    expect(passing({ text: 'web/a' })).toBe('operator 7,stale 6,updated 3,updated 2')
    expect(passing({ text: 'LEFT' })).toBe('stale 6,left 4')
    expect(shownJournal(timeline, operators, undefined, { ...noFilters, zone: 'mars' }).total).toBe(6)
  })

  it('leave a service as it is (===) if all of it passes', () => {
    const all = services()
    expect(filteredServices(all, { ...noFilters, zone: 'eu' })[0]).toBe(all[0])
  })

  it('leave the services that have not changed as they were (===), also those of which a part passes', () => {
    const all = services()
    const filters = { ...noFilters, zone: 'us' }
    const [web] = filteredServices(all, filters)
    expect(filteredServices([...all], filters)[0]).toBe(web)
    expect(filteredServices(all, { ...filters })[0]).not.toBe(web)
  })

  it('offer the values that occur, numbers by size', () => {
    expect(facetsOf(services())).toEqual({ tags: ['canary'], zones: ['eu', 'us'], versions: ['1.9', '1.10'], metadata: ['note', 'note=a=b c', 'rack', 'rack=R2', 'rack=R17', 'shard', 'shard=3'] })
  })

  it('offer a key of the metadata alone if it has many values, or long ones', () => {
    const { put, now } = fleet()
    for (let at = 0; at < 40; at += 1) put(web(`node${at}`, { metadata: { pid: at, long: 'x'.repeat(61) } }))
    const timeline = advanced(emptyTimeline(0, 1_000), now(), 1)
    expect(facetsOf(latest(timeline)?.tracks.toArray().map(serviceRows) ?? []).metadata).toEqual(['long', 'pid'])
  })

  it('are the same after a way through a URL, whose other parameters stay', () => {
    const text = fc.string()
    fc.assert(
      fc.property(fc.record({ text, tag: text, zone: text, version: text, status: fc.constantFrom('', ...statusFilters), metadata: text, sick: fc.boolean() }), filters => {
        const query = new URLSearchParams('theirs=1')
        writeFilters(query, filters)
        const read = readFilters(new URLSearchParams(query.toString()))
        // A lone surrogate cannot be in a URL.
        const wellFormed = (of: Filters): string => new TextDecoder().decode(new TextEncoder().encode(JSON.stringify(Object.values(of).map((value: unknown) => (typeof value === 'string' ? [...new TextEncoder().encode(value)] : value)))))
        expect(wellFormed(read)).toBe(wellFormed(filters))
        expect(query.get('theirs')).toBe('1')
      }),
    )
  })

  it('read nothing from a status that there is not', () => {
    expect(readFilters(new URLSearchParams('status=asleep'))).toEqual(noFilters)
  })
})
