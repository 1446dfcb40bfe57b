import { expect, it } from 'vitest'
import { advanced, emptyTimeline } from '../../../src/edge/board/timeline.js'
import { toneOf } from '../../../src/edge/board/tone.js'
import { fleet, web } from './fleet.js'

it('the tone of what happens: what can be called since is good, what cannot be is bad', () => {
  const { put, remove, spoil, now } = fleet()
  const snapshots = [now(), put(web('a')), put(web('a', { version: '2' })), put(web('a', { status: 'draining' })), put(web('a', { status: 'down' })), put(web('a', { status: 'down', version: '3' })), put(web('a')), remove('web', 'a'), put(web('b', { status: 'down' })), spoil('web', 'c'), remove('web', 'c')]
  const { journal } = snapshots.reduce((timeline, snapshot, at) => advanced(timeline, snapshot, at), emptyTimeline(0, 1_000))
  expect(journal.map(entry => `${entry.type} ${entry.text}: ${toneOf(entry)}`)).toEqual([
    'joined a:80: good',
    expect.stringMatching(/^updated version .* → 2: other$/),
    expect.stringMatching(/^updated .*status up → draining.*: other$/),
    'updated status draining → down: bad',
    expect.stringMatching(/^updated version .*: other$/),
    expect.stringMatching(/^updated .*status down → up.*: good$/),
    'left a:80: bad',
    'joined b:80: bad',
    expect.stringMatching(/^rejected .*: bad$/),
    expect.stringMatching(/^cleared .*: good$/),
  ])
  const noted = { service: '', id: '', text: '', revision: 1, at: 1 }
  expect((['stale', 'live', 'replaced', 'operator'] as const).map(type => toneOf({ ...noted, type }))).toEqual(['trouble', 'good', 'trouble', 'other'])
})
