import { either as E, option as O } from 'fp-ts'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Compacted, Diverged, Disconnected, Lagging, Rewound } from '../../../src/core/errors.js'
import type { Format } from '../../../src/core/formats/format.js'
import { serviceInstance } from '../../../src/core/instance/instance.js'
import type { Change, Check, Revision } from '../../../src/core/store.js'
import { projection, type Snapshot } from '../../../src/core/view/projection.js'
import { agrees, emptyView, stepOf, type View, type ViewEvent } from '../../../src/core/view/step.js'
import { finished } from '../../../src/core/finished.js'

type Event = ViewEvent<unknown>
type State = View<unknown>

/** Values are addresses; `bad` is rejected, `other` is ignored. */
const format: Format = {
  name: 'test',
  prefix: service => `/${service}/`,
  key: instance => `/${instance.service}/${instance.id}`,
  encode: ({ address }) => address,
  decode: (key, value, service) =>
    value === 'bad' ? E.left({ key, reason: 'bad' }) : E.right(value === 'other' ? O.none : O.some(serviceInstance({ service, id: key.slice(key.lastIndexOf('/') + 1), address: value }))),
}
const web = projection(format, { service: 'web' })
const step = stepOf(web)
const nothing = emptyView(web)

const put = (id: string, value: string, revision: Revision, lease = '7'): Change => ({ key: `/web/${id}`, value, lease, revision })
const remove = (id: string, revision: Revision): Change => ({ key: `/web/${id}`, value: null, lease: '0', revision })
const changed = (revision: Revision, changes: readonly Change[], at = 0): Event => ({ type: 'changed', batch: { cluster: '1', revision, changes }, at })
const listingOf = (known: Snapshot<unknown>, revision: Revision, changes: readonly Change[]): Snapshot<unknown> =>
  finished(web.restore(known, changes.map(change => web.decode(known, change)), revision))
const listed = (view: State, revision: Revision, changes: readonly Change[], at = 0): Event => ({ type: 'listed', snapshot: listingOf(view.snapshot, revision, changes), at })
const checked = (check: Check, at = 0): Event => ({ type: 'checked', check, at })
const interrupted = (error: Error, at = 0, attempt = 1): Event => ({ type: 'interrupted', error, attempt, retryAt: at + 50, at })
const after = (view: State, ...events: readonly Event[]): State => events.reduce(step, view)
const shown = ({ snapshot: { services } }: State): unknown => {
  const content = services.get('web')
  return [content?.instances.toArray().map(({ id, address }) => `${id}@${address}`), [...(content?.rejected.keys() ?? [])]]
}

const live = after(nothing, listed(nothing, 5, [put('a', 'a:1', 2), put('b', 'b:1', 4)], 100))

describe('a view', () => {
  it('is pending until the first listing, then live', () => {
    expect([nothing.status, nothing.asOf, nothing.snapshot.revision]).toEqual(['pending', 0, 0])
    expect([live.status, live.asOf, live.snapshot.revision, live.verified, shown(live)]).toEqual(['live', 100, 5, 5, [['a@a:1', 'b@b:1'], []]])
  })

  it('changes with each batch, and is confirmed by it', () => {
    const next = after(live, changed(6, [put('c', 'c:1', 6)], 200), changed(7, [remove('a', 7)], 300), changed(9, [], 400))
    expect([shown(next), next.snapshot.revision, next.asOf, next.verified]).toEqual([[['b@b:1', 'c@c:1'], []], 9, 400, 5])
    expect(after(next, changed(10, [], 500)).snapshot.services).toBe(next.snapshot.services)
  })

  it('keeps its snapshot when interrupted: it is stale, with the reason, since the first failure', () => {
    const first = new Disconnected('gone', { host: 'h:1' })
    const stale = after(live, interrupted(first, 200), interrupted(new Error('still'), 300, 2))
    expect([stale.status, stale.snapshot, stale.asOf, stale.distrusted]).toEqual(['stale', live.snapshot, 100, false])
    expect(stale.trouble).toEqual({ error: new Error('still'), since: 200, attempt: 2, retryAt: 350 })
    expect(after(live, interrupted(first, 200)).trouble?.host).toBe('h:1')
    expect(after(nothing, interrupted(first, 200)).status).toBe('pending')
    const next = after(stale, changed(6, [put('c', 'c:1', 6)], 400))
    expect([next.status, next.asOf, shown(next)]).toEqual(['stale', 100, [['a@a:1', 'b@b:1', 'c@c:1'], []]])
    const back = after(next, listed(next, 8, [put('a', 'a:1', 2)], 500))
    expect([back.status, back.trouble, back.asOf]).toEqual(['live', undefined, 500])
    expect(back.snapshot.services.get('web')?.instances.get('a')).toBe(live.snapshot.services.get('web')?.instances.get('a'))
  })

  it.each([
    ['Compacted', new Compacted(3), true],
    ['Rewound', new Rewound('other history'), true],
    ['Diverged', new Diverged('differs', 1), true],
    ['Lagging', new Lagging('late'), true],
    ['Disconnected', new Disconnected('gone'), false],
    ['anything else', new Error('x'), false],
  ])('is distrusted until the next listing: after %s', (_, error, distrusted) => {
    const stale = after(live, interrupted(error), interrupted(new Error('later'), 1, 2))
    expect(stale.distrusted).toBe(distrusted)
    expect(after(stale, listed(stale, 9, [])).distrusted).toBe(false)
  })
})

describe('a key that the format ignores', () => {
  it('is in no service, and is counted by a check, whether it comes in one batch or in several', () => {
    const values = ['other', 'a:1', 'other', 'bad', 'other', 'a:2']
    const visible = [[[], []], [['x@a:1'], []], [[], []], [[], ['/web/x']], [[], []], [['x@a:2'], []]]
    const several = values.map((value, at) => changed(6 + at, [put('x', value, 6 + at)]))
    const empty = after(nothing, listed(nothing, 5, []))
    values.forEach((_, at) => {
      const batches = after(empty, ...several.slice(0, at + 1))
      const oneBatch = after(empty, changed(6 + at, values.slice(0, at + 1).map((value, index) => put('x', value, 6 + index))))
      const listing = after(empty, listed(empty, 6 + at, [put('x', values[at] ?? '', 6 + at)]))
      const relisted = after(batches, listed(batches, 6 + at, [put('x', values[at] ?? '', 6 + at)]))
      for (const view of [batches, oneBatch, listing, relisted]) {
        expect([at, shown(view)]).toEqual([at, visible[at]])
        expect(agrees(view.snapshot.entries, { revision: 6 + at, count: 1, changed: [{ key: '/web/x', revision: 6 + at, lease: '7' }] })).toBe(true)
      }
      expect(relisted.snapshot.services).toBe(batches.snapshot.services)
      expect(shown(after(batches, changed(99, [remove('x', 99)])))).toEqual([[], []])
    })
    const undone = after(empty, changed(7, [put('x', 'a:1', 6), put('x', 'other', 7)]))
    expect(undone.snapshot.services).toBe(empty.snapshot.services)
  })

  it('does not make a service present, in a projection of all services', () => {
    const all = projection({ ...format, serviceOf: key => key.split('/')[1] })
    const entries = [put('x', 'other', 2), { key: '/db/y', value: 'y:1', lease: '7', revision: 3 }].map(change => all.decode(all.empty, change))
    const restored = finished(all.restore(all.empty, entries, 3))
    expect([[...restored.services.keys()], restored.entries.size]).toEqual([['db'], 2])
    const grown = all.apply(restored, { revision: 4, changes: [put('x', 'x:1', 4)] })
    expect([...grown.services.keys()]).toEqual(['db', 'web'])
    const ignored = all.apply(grown, { revision: 5, changes: [put('x', 'other', 5)] })
    expect([[...ignored.services.keys()], ignored.entries.size]).toEqual([['db'], 2])
  })

  it('may hold an instance of another service whose own prefix it lies under, as nested names do', () => {
    const nested: Format = { ...format, decode: (key, value) => E.right(O.some({ ...serviceInstance({ service: 'web', id: 'x', address: value }), service: key.slice(1, key.lastIndexOf('/')) })) }
    const some = projection(nested, { service: 'web' })
    const { services, entries } = some.apply(some.empty, { revision: 2, changes: [put('api/x', 'x:1', 2), put('x', 'x:1', 2)] })
    expect([services.get('web')?.instances.toArray().map(({ service }) => service), services.get('web')?.rejected.size, entries.size]).toEqual([['web'], 0, 2])
  })
})

describe('a check', () => {
  const check = (count: number, ...keys: Check['changed']): Check => ({ revision: 5, count, changed: keys })
  const b = { key: '/web/b', revision: 4, lease: '7' }

  it.each([
    [true, 'the same', check(2, b)],
    [true, 'nothing changed', check(2)],
    [false, 'another count', check(3)],
    [false, 'another revision', check(2, { ...b, revision: 2 })],
    [false, 'another lease', check(2, { ...b, lease: '8' })],
    [false, 'another key', check(2, { ...b, key: '/web/c' })],
  ])('agrees: %s, with %s', (expected, _, answer) => {
    expect(agrees(live.snapshot.entries, answer)).toBe(expected)
  })
})

describe('an audit', () => {
  const agreeing: Check = { revision: 9, count: 2, changed: [] }
  const wrong: Check = { revision: 9, count: 7, changed: [] }
  const resumed = after(live, interrupted(new Error('gone'), 200))

  it('that agrees makes a stale view live, at the revision of the check', () => {
    const view = after(resumed, checked(agreeing, 300))
    expect([view.status, view.trouble, view.asOf, view.verified, view.snapshot.revision, view.audit]).toEqual(['live', undefined, 300, 9, 9, undefined])
    expect(view.snapshot.services).toBe(live.snapshot.services)
  })

  it('makes nothing live before the watch has delivered the last of the missing changes', () => {
    const three = [put('x', 'x:1', 6), put('y', 'y:1', 7), put('z', 'z:1', 8)] as const
    const answer = { revision: 8, count: 5, changed: three.map(({ key, revision, lease }) => ({ key, revision, lease })) }
    const [, , last] = three
    const waiting = after(resumed, checked(answer), changed(6, [three[0]]), changed(7, [three[1]]))
    expect([waiting.status, waiting.failure]).toEqual(['stale', undefined])
    expect(after(waiting, changed(8, [last])).status).toBe('live')
    expect(after(waiting, changed(9, [last, put('w', 'w:1', 9)])).status).toBe('live')
  })

  it('that disagrees distrusts the view as soon as the watch has passed its check, and counts', () => {
    const asked = after(live, { type: 'asked' }, checked(wrong))
    expect([asked.failure, asked.distrusted]).toEqual([undefined, false])
    const view = after(asked, changed(9, []))
    expect([view.failure, view.distrusted, view.divergences]).toEqual([new Diverged('the set differs from the registry at revision 9: an event was lost, or the history was replaced', 1), true, 1])
    const ended = after(view, interrupted(view.failure ?? new Error()))
    expect([ended.failure, ended.audit, ended.status, ended.distrusted, ended.divergences]).toEqual([undefined, undefined, 'stale', true, 1])
    const again = after(ended, listed(ended, 9, []), { type: 'asked' }, checked({ ...wrong, revision: 10 }), changed(10, []))
    expect([again.failure, again.divergences]).toEqual([expect.any(Diverged), 2])
  })

  it('that is late is Lagging if changes are missing, Diverged if they are not, and nothing once it is over', () => {
    const late = (check: Check): Event => ({ type: 'late', check, patience: 5_000 })
    const missing = after(live, { type: 'asked' }, checked(wrong))
    expect(after(missing, late(wrong)).failure).toEqual(new Lagging('events up to revision 9 have not arrived within 5000 ms, only up to 5'))
    expect(after(missing, late(wrong)).distrusted).toBe(true)
    const same = { ...wrong, revision: 5 }
    expect(after(live, { type: 'asked' }, checked(same), late(same)).failure).toBeInstanceOf(Diverged)
    expect(after(live, { type: 'asked' }, checked(agreeing), late(agreeing)).failure).toBeUndefined()
    expect(after(missing, late({ ...wrong })).failure).toBeUndefined()
  })

  it('whose answer is older than the view shows that the history was replaced', () => {
    const view = after(live, { type: 'asked' }, checked({ revision: 4, count: 2, changed: [] }))
    expect([view.failure, view.distrusted]).toEqual([new Rewound('the registry is at revision 4, before 5'), true])
  })
})

// ---- laws

interface Write {
  readonly id: string
  readonly lease: string
  readonly value: string | null
}

/** One revision after another, from 2; a key is written once in each, and an absent key is not deleted. */
const historyOf = (transactions: readonly (readonly Write[])[]): readonly Change[][] => {
  const there = new Set<string>()
  const history: Change[][] = []
  for (const writes of transactions) {
    const revision = history.length + 2
    const changes = writes.flatMap(({ id, lease, value }) => {
      if (value === null) return there.delete(id) ? [remove(id, revision)] : []
      there.add(id)
      return [put(id, value, revision, lease)]
    })
    if (changes.length > 0) history.push(changes)
  }
  return history
}

const heldAt = (history: readonly (readonly Change[])[], at: Revision): readonly Change[] => {
  const held = new Map<string, Change>()
  for (const change of history.flat().filter(({ revision }) => revision <= at))
    if (change.value === null) held.delete(change.key)
    else held.set(change.key, change)
  return [...held.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
}
const checkAt = (history: readonly (readonly Change[])[], revision: Revision, since: Revision): Check => {
  const held = heldAt(history, revision)
  return { revision, count: held.length, changed: held.filter(change => change.revision > since).map(({ key, revision: at, lease }) => ({ key, revision: at, lease })) }
}
const entriesOf = (entries: Iterable<{ readonly key: string; readonly revision: Revision; readonly lease: string }>): readonly string[] =>
  Array.from(entries, ({ key, revision, lease }) => `${key} ${revision} ${lease}`).sort()

const value = fc.constantFrom('a:1', 'b:1', 'bad', 'other', null)
const write = fc.record({ id: fc.constantFrom('a', 'b', 'c', 'd'), lease: fc.constantFrom('7', '8'), value })
const histories = fc
  .array(fc.uniqueArray(write, { selector: ({ id }) => id, minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 15 })
  .map(historyOf)

describe('any sequence of events', () => {
  const events = fc.array(fc.constantFrom('changed', 'changed', 'changed', 'listed', 'interrupted', 'resumed', 'asked', 'checked', 'late'), { maxLength: 40, size: 'max' }).map(types => ['listed', ...types])

  it('shows at each revision exactly what the log holds there, and is never distrusted', () => {
    let lively = 0
    fc.assert(
      fc.property(histories, events, fc.array(fc.nat({ max: 3 }), { minLength: 82, maxLength: 82 }), (history, types, numbers) => {
        const head = history.length + 1
        let number = 0
        const some = (): number => numbers[number++] ?? 0
        let view = nothing
        /** How far the registry is; the view is behind or there. */
        let reached = 1
        let since = 0
        for (const type of types) {
          const known = view.snapshot.revision
          reached = Math.min(head, reached + some())
          const before = view
          if (type === 'changed' && known > 0) {
            const until = Math.min(reached, known + some())
            view = step(view, changed(until, history.flat().filter(({ revision }) => revision > known && revision <= until)))
          } else if (type === 'listed') view = step(view, listed(view, reached, heldAt(history, reached)))
          else if (type === 'interrupted') view = step(view, interrupted(new Error('gone')))
          else if (type === 'resumed' && known > 0) view = after(view, interrupted(new Error('gone')), checked(checkAt(history, reached, 0)))
          else if (type === 'asked' && view.audit === undefined && known > 0) {
            since = view.verified
            view = step(view, { type: 'asked' })
          } else if (type === 'checked' && view.audit?.check === undefined && view.audit !== undefined) view = step(view, checked(checkAt(history, reached, since)))
          else if (type === 'late') view = step(view, { type: 'late', check: { revision: 1, count: 0, changed: [] }, patience: 5_000 })
          expect([view.failure, view.distrusted, view.divergences]).toEqual([undefined, false, 0])
          const { revision } = view.snapshot
          if (revision === 0) continue
          expect(entriesOf(view.snapshot.entries.values())).toEqual(entriesOf(heldAt(history, revision)))
          expect(shown(view)).toEqual(shown(after(nothing, listed(nothing, revision, heldAt(history, revision)))))
          if (JSON.stringify(shown(before)) === JSON.stringify(shown(view)) && before.snapshot.revision > 0) expect(view.snapshot.services).toBe(before.snapshot.services)
          lively += view.status === 'live' ? 1 : 0
        }
      }),
      { numRuns: 500 },
    )
    expect(lively).toBeGreaterThan(1_000)
  })
})

/** A history in which three revisions follow one another: the last verified one, the one of the view when the check is requested, the one of the answer. */
const scenes = fc.record({
  history: histories,
  points: fc.array(fc.nat({ max: 15 }), { minLength: 3, maxLength: 3 }).map(points => points.sort((a, b) => a - b)),
  /** Where one batch ends and the next begins. */
  ends: fc.array(fc.boolean(), { minLength: 15, maxLength: 15 }),
  /** After how many batches the answer comes. */
  wait: fc.nat({ max: 8 }),
  losses: fc.array(fc.integer({ min: 0, max: 5 }).map(one => one === 0), { minLength: 45, maxLength: 45 }),
})

type Scene = typeof scenes extends fc.Arbitrary<infer S> ? S : never

/** Plays an audit up to its end, and reports how it ended. `lossy`: the watch loses some events after the last verified revision. */
const played = ({ history, points, ends, wait, losses }: Scene, lossy: boolean) => {
  const last = history.length + 1
  const [since, start, until] = points.map(point => Math.min(last, point + 1)) as [number, number, number]
  let event = 0
  const seen = history.map(changes => changes.filter(({ revision }) => losses[event++] !== true || !lossy || revision <= since))
  const truth = entriesOf(heldAt(history, until))
  const seenTruth = entriesOf(heldAt(seen, until))

  const known = seen.filter((_, at) => at + 2 <= start).reduce((view, changes, at) => step(view, changed(at + 2, changes)), after(nothing, listed(nothing, 1, [])))
  const batches: { revision: Revision; readonly changes: Change[] }[] = []
  seen.forEach((changes, at) => {
    if (at + 2 <= start) return
    if (batches.length === 0 || ends[at] === true) batches.push({ revision: at + 2, changes: [] })
    const batch = batches.at(-1)
    batch?.changes.push(...changes)
    if (batch !== undefined) batch.revision = at + 2
  })
  const check = checkAt(history, until, since)
  let view = step(known, { type: 'asked' })
  const asked = Math.min(wait, batches.length)
  const end = (): boolean => view.audit === undefined || view.failure !== undefined
  batches.slice(0, asked).forEach(({ revision, changes }) => (view = step(view, changed(revision, changes))))
  const early = view.failure ?? (view.audit === undefined ? 'over' : undefined)
  view = step(view, checked(check))
  for (const { revision, changes } of batches.slice(asked)) if (!end()) view = step(view, changed(revision, changes))
  if (!end()) view = step(view, { type: 'late', check, patience: 5_000 })
  return { view, early, same: truth.join() === seenTruth.join(), until }
}

describe('an audit, whatever crosses it,', () => {
  it('agrees when nothing was lost, and knows nothing before its answer', () => {
    fc.assert(
      fc.property(scenes, scene => {
        const { view, early, until } = played(scene, false)
        expect([early, view.failure, view.audit, view.verified]).toEqual([undefined, undefined, undefined, until])
      }),
      { numRuns: 1_000 },
    )
  })

  it('agrees exactly with the truth when events were lost, and distrusts everything else', () => {
    let found = 0
    fc.assert(
      fc.property(scenes, scene => {
        const { view, early, same } = played(scene, true)
        expect(early).toBeUndefined()
        expect(view.failure === undefined).toBe(same)
        if (!same) expect([view.failure, view.distrusted, view.divergences]).toEqual([expect.any(Diverged), true, 1])
        found += same ? 0 : 1
      }),
      { numRuns: 1_000 },
    )
    expect(found).toBeGreaterThan(50)
  })
})
