import { describe, expect, it } from 'vitest'
import type { Status } from 'rx-discovery'
import { noFilters, type Filters } from '../../../src/edge/board/filters.js'
import { foundText } from '../../../src/edge/board/fleet-counts.js'
import { shownFleets, type ShownFleet } from '../../../src/edge/board/shown-fleet.js'
import { advanced, emptyTimeline, latest } from '../../../src/edge/board/timeline.js'
import { isBad } from '../../../src/edge/board/worst-first.js'
import { fleet } from './fleet.js'

/** A fleet of services; an instance is a status, or `gone`, or `unreadable`. */
const shown = (services: Readonly<Record<string, readonly (Status | 'gone' | 'unreadable')[]>>, filters: Partial<Filters> = {}): ShownFleet => {
  const { put, remove, spoil, now } = fleet()
  const all = Object.entries(services).flatMap(([service, states]) => states.map((state, at) => ({ service, state, id: `node${at}` })))
  for (const { service, state, id } of all) if (state !== 'unreadable') put({ service, id, address: 'a:80', status: state === 'gone' ? 'up' : state })
  const before = advanced(emptyTimeline(0, 1_000), now(), 1)
  for (const { service, state, id } of all)
    if (state === 'gone') remove(service, id)
    else if (state === 'unreadable') spoil(service, id)
  return shownFleets()(latest(advanced(before, now(), 2)), { ...noFilters, ...filters })
}
const names = (services: ShownFleet['all']): readonly string[] => services.map(({ service }) => service)

describe('what a frame shows', () => {
  it('has the worst services first: nothing is up, an instance is down, gone, draining, starting, an entry cannot be read', () => {
    const { sick, well } = shown({
      ...{ unreadable: ['up', 'unreadable'], starting: ['up', 'starting'], draining: ['up', 'draining'], gone: ['up', 'gone'], down: ['up', 'down'] },
      ...{ 'all-draining': ['draining', 'draining'], 'all-gone': ['gone'], well: ['up'] },
    })
    expect(names(sick)).toEqual(['all-draining', 'all-gone', 'down', 'gone', 'draining', 'starting', 'unreadable'])
    expect(sick.map(isBad)).toEqual([true, true, true, true, false, false, false])
    expect(names(well)).toEqual(['well'])
  })

  it('has those first of which a larger share is not up, then orders by name, numbers by their size', () => {
    const { sick, well } = shown({
      ...{ 'many-2': ['up', 'up', 'up', 'down'], 'few-10': ['up', 'down'], 'few-9': ['up', 'down'], 'most-1': ['up', 'down', 'draining'] },
      ...{ 'well-100': ['up'], 'well-20': ['up'] },
    })
    expect(names(sick)).toEqual(['most-1', 'few-9', 'few-10', 'many-2'])
    expect(names(well)).toEqual(['well-20', 'well-100'])
  })

  it('has instances in natural order, what is gone among them', () => {
    const { all } = shown({ web: Array.from({ length: 12 }, (_, at) => (at === 9 ? 'gone' : 'up')) })
    expect(all[0]?.rows.map(({ instance }) => instance.id)).toEqual(Array.from({ length: 12 }, (_, at) => `node${at}`))
  })

  it('counts what is gone apart, everywhere', () => {
    const { counts, all } = shown({ web: ['up', 'down', 'gone'], mail: ['gone'], cards: ['unreadable'] })
    expect(counts).toEqual({ services: 2, goneServices: 1, instances: 2, unreadable: 1, states: { up: 1, down: 1, gone: 2, starting: 0, draining: 0 } })
    expect(all.map(({ service, counts: { instances, states } }) => [service, instances, states.gone])).toEqual([['cards', 0, 0], ['mail', 0, 1], ['web', 2, 1]])
  })

  it('says what passes the filters in the same terms', () => {
    const services = { web: ['up', 'down', 'gone'], mail: ['gone'], cards: ['unreadable'] } as const
    const found = (filters: Partial<Filters>): string => {
      const { found, counts } = shown(services, filters)
      return foundText(found, counts)
    }
    expect(found({ text: 'web' })).toBe('2 of 2 instances, 1 of 2 gone, 0 of 1 unreadable')
    expect(found({ status: 'gone' })).toBe('0 of 2 instances, 2 of 2 gone, 0 of 1 unreadable')
    const { found: some, counts } = shown({ web: ['up'] }, { text: 'x' })
    expect(foundText(some, counts)).toBe('0 of 1 instance')
  })

  it('judges a service by all of its instances, whatever the filters hide', () => {
    const { sick, well } = shown({ web: ['up', 'down'] }, { status: 'up' })
    expect([names(sick), names(well), sick[0]?.rows.length, sick[0]?.counts.instances]).toEqual([['web'], [], 1, 2])
  })

  it('is the same object for the same moment and filters', () => {
    const { put } = fleet()
    const moment = latest(advanced(emptyTimeline(0, 1_000), put({ service: 'web', id: 'a', address: 'a:80' }), 1))
    const show = shownFleets()
    expect(show(moment, noFilters)).toBe(show(moment, noFilters))
    expect(show(undefined, noFilters).all).toEqual([])
  })
})
