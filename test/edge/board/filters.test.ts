import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { facetsOf, filteredServices, noFilters, readFilters, writeFilters, type Filters } from '../../../src/edge/board/filters.js'
import { rowStates, serviceRows } from '../../../src/edge/board/service-rows.js'
import { advanced, emptyTimeline, latest } from '../../../src/edge/board/timeline.js'
import { fleet, web } from './fleet.js'

const services = () => {
  const { put, remove, now } = fleet()
  put(web('a', { zone: 'eu', version: '1.10', tags: ['canary'] }))
  put(web('b', { zone: 'us', version: '1.9', status: 'down', metadata: { rack: 'R17' } }))
  put(web('c', { zone: 'us', version: '1.9' }))
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
  ])('%j lets pass %j', (filters, expected) => {
    expect(passing(filters)).toEqual(expected)
  })

  it('let a service of which nothing can be read pass by its name', () => {
    const { spoil } = fleet()
    const timeline = advanced(emptyTimeline(0, 1_000), spoil('broken/one', 'x'), 1)
    const all = latest(timeline)?.tracks.toArray().map(serviceRows) ?? []
    const names = (filters: Partial<Filters>): readonly string[] => filteredServices(all, { ...noFilters, ...filters }).map(({ service }) => service)
    expect([names({ text: 'One BROKEN' }), names({ sick: true }), names({ text: 'two' }), names({ zone: 'eu' })]).toEqual([['broken/one'], ['broken/one'], [], []])
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
    expect(facetsOf(services())).toEqual({ tags: ['canary'], zones: ['eu', 'us'], versions: ['1.9', '1.10'] })
  })

  it('are the same after a way through a URL, whose other parameters stay', () => {
    const text = fc.string()
    fc.assert(
      fc.property(fc.record({ text, tag: text, zone: text, version: text, status: fc.constantFrom('', ...rowStates), sick: fc.boolean() }), filters => {
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
