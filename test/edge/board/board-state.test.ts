import { firstValueFrom, of, Subject, Subscription, take, toArray } from 'rxjs'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { memoryRegistry } from 'rx-discovery/memory'
import { boardStates, momentAtRevision, type BoardState } from '../../../src/edge/board/board-state.js'
import { freshnessOf } from '../../../src/edge/board/freshness.js'
import { serviceRows } from '../../../src/edge/board/service-rows.js'
import { advanced, emptyTimeline, latest, type Timeline } from '../../../src/edge/board/timeline.js'
import { fleet, web } from './fleet.js'

let running = Subscription.EMPTY
afterEach(() => running.unsubscribe())

const value = '{"v":1,"address":"a:80"}'
const shown = ({ timeline }: BoardState): string => latest(timeline)?.tracks.toArray().flatMap(track => serviceRows(track).rows.map(({ instance, state }) => `${instance.id} ${state}`)).join() ?? ''
const lines = ({ timeline }: BoardState): readonly string[] => timeline.journal.map(({ type, id }) => `${type} ${id}`)
const followed = (registry = memoryRegistry(), timeline = emptyTimeline(1, 60_000)) => {
  const states: BoardState[] = []
  running = boardStates(registry, of(timeline), timeline).subscribe(state => states.push(state))
  return { registry, states, until: (is: (state: BoardState) => boolean) => vi.waitUntil(() => states.find(is), { timeout: 20_000 }) }
}

describe('the state of a board', () => {
  it('follows a registry through an outage, which the journal names', async () => {
    const { registry, states, until } = followed()
    registry.write('/rx-discovery/web/a', value)
    await until(state => shown(state) === 'a up')
    registry.interrupt(300)
    await until(({ view }) => view.status === 'stale')
    expect(states.slice(-1).map(shown)).toEqual(['a up'])
    registry.write('/rx-discovery/web/b', value)
    const last = await until(state => shown(state) === 'a up,b up' && state.view.status === 'live')
    expect(lines(last).filter(line => !line.startsWith('joined a'))).toEqual(['stale ', 'joined b', 'live '])
  })

  it('goes on from what was recorded', async () => {
    const { put, now } = fleet()
    put(web('a', { address: 'a:80' }), '0')
    const recorded = advanced(emptyTimeline(1, 60_000), now(), 1)
    const registry = memoryRegistry()
    for (const id of ['a', 'b']) registry.write(`/rx-discovery/web/${id}`, value)
    const { until } = followed(registry, recorded)
    const state = await until(each => each.view.status === 'live')
    expect([state.timeline.moments.map(({ revision }) => revision), lines(state)]).toEqual([[1, 3], ['joined b']])
  })

  it('shows the present while what was recorded cannot be read, and puts it before the present when it comes', async () => {
    const { put, now } = fleet()
    put(web('a', { address: 'a:80' }), '0')
    const recorded = advanced(emptyTimeline(1, 60_000), now(), undefined)
    const registry = memoryRegistry()
    for (const id of ['a', 'b']) registry.write(`/rx-discovery/web/${id}`, value)
    const past = new Subject<Timeline | undefined>()
    const states: BoardState[] = []
    running = boardStates(registry, past, emptyTimeline(5, 60_000)).subscribe(state => states.push(state))
    expect(states).toEqual([])
    past.next(undefined)
    await vi.waitUntil(() => states.find(({ view }) => view.status === 'live'), { timeout: 20_000 })
    expect(states.at(-1)).toMatchObject({ past: 'missing', timeline: { moments: [{ revision: 3 }], journal: [] } })
    registry.write('/rx-discovery/web/a', null)
    await vi.waitUntil(() => states.at(-1)?.timeline.moments.length === 2, { timeout: 20_000 })
    past.next(recorded)
    const last = states.at(-1)
    expect(last?.past).toBe('read')
    expect(last && [last.timeline.moments.map(({ revision }) => revision), lines(last), shown(last)]).toEqual([[1, 3, 4], ['joined b', 'left a'], 'a gone,b up'])
  })

  it('is as fresh as the registry: never answered is another thing than does not answer any more', async () => {
    const registry = memoryRegistry()
    registry.write('/rx-discovery/web/a', value)
    registry.interrupt(300)
    const { states, until } = followed(registry)
    const types = (): readonly string[] => [...new Set(states.map(state => freshnessOf(state)).map(each => `${each.type} ${'error' in each && each.error !== undefined ? each.error.name : ''}`.trim()))]
    await until(({ view }) => view.status === 'live')
    expect(types()).toEqual(['awaited', 'awaited Disconnected', 'live'])
    // Since the board was opened, which is when its timeline began, and not since the first trouble.
    expect(states.slice(0, 1).map(freshnessOf)).toEqual([{ type: 'awaited', since: 1, isRecalled: false, error: undefined }])
    registry.interrupt(300)
    const stale = await until(({ view }) => view.status === 'stale')
    const freshness = freshnessOf(stale)
    expect(freshness).toMatchObject({ type: 'stale', since: stale.view.trouble?.since, asOf: stale.view.asOf })
  })

  it('shows what was recorded as such until the registry has answered', () => {
    const { put } = fleet()
    const recorded = advanced(emptyTimeline(1, 60_000), put(web('a')), 7)
    const registry = memoryRegistry()
    registry.interrupt(60_000)
    const { states } = followed(registry, recorded)
    expect(states.slice(0, 1).map(freshnessOf)).toMatchObject([{ type: 'awaited', isRecalled: true }])
  })

  it('without a registry is what was recorded', () => {
    const { put, now } = fleet()
    put(web('a'))
    const recorded = advanced(emptyTimeline(1, 60_000), now(), 7)
    const states: BoardState[] = []
    running = boardStates(undefined, of(undefined, recorded), emptyTimeline(5, 60_000)).subscribe(state => states.push(state))
    expect(states.map(({ past, timeline }) => [past, timeline.moments.length])).toEqual([['missing', 0], ['read', 1]])
  })

  it('ends with the error if the registry refuses for good', async () => {
    const registry = memoryRegistry()
    await registry.close()
    const state = await firstValueFrom(boardStates(registry, of(emptyTimeline(1, 60_000)), emptyTimeline(1, 60_000)).pipe(take(2), toArray()))
    expect(state.at(-1)?.failure?.name).toBe('Closed')
  })

  it('shows a past revision, and names the oldest one that can be read', async () => {
    const registry = memoryRegistry()
    registry.write('/rx-discovery/web/a', value)
    registry.write('/rx-discovery/web/a', null)
    const { revision, tracks } = await firstValueFrom(momentAtRevision(registry, 2, 1))
    expect([revision, [...tracks.keys()]]).toEqual([2, ['web']])
    registry.compact()
    await expect(firstValueFrom(momentAtRevision(registry, 2, 1))).rejects.toMatchObject({ name: 'Compacted', revision: 3 })
  })
})
