import { either as E, option as O } from 'fp-ts'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Format } from '../../../src/core/formats/format.js'
import { serviceInstance, type ServiceInstance } from '../../../src/core/instance/instance.js'
import { projection, type Projection, type Snapshot } from '../../../src/core/view/projection.js'
import { finished } from '../../../src/core/finished.js'
import type { Change } from '../../../src/core/store.js'

/** Keys `/<service>/<anything>`, values `<id> <address>`: as with go-zero, the key does not contain the id. */
const format: Format = {
  name: 'test',
  prefix: service => `/${service}/`,
  root: '/',
  key: instance => `/${instance.service}/${instance.id}`,
  encode: ({ id, address }) => `${id} ${address}`,
  decode: (key, value) => {
    const [id = '', address = '', service = key.split('/')[1] ?? ''] = value.split(' ')
    return id === 'bad' ? E.left({ key, reason: address }) : E.right(O.some(serviceInstance({ service, id, address: `${address}:80` })))
  },
  serviceOf: key => /^\/(\w+)\//.exec(key)?.[1],
}

const put = (key: string, value: string, revision: number, lease = '7'): Change => ({ key, value, lease, revision })
const deleted = (key: string, revision: number): Change => ({ key, value: null, lease: '0', revision })
const after = (fold: Projection<unknown>, ...changes: readonly Change[]): Snapshot<unknown> =>
  changes.reduce((known, change) => fold.apply(known, { revision: change.revision, changes: [change] }), fold.empty)
const shown = (known: Snapshot<unknown>, service = 'web'): string[] | undefined =>
  known.services.get(service)?.instances.toArray().map(({ id, address }) => `${id}@${address.split(':')[0] ?? ''}`)
const rejected = (known: Snapshot<unknown>, service = 'web'): string[] | undefined =>
  known.services.get(service)?.rejected.toArray().map(({ key, reason }) => `${key} ${reason}`)

const web = projection(format, { service: 'web' })

describe('the projection of one service', () => {
  it('has its service before the first listing', () => {
    expect([web.empty.revision, shown(web.empty), rejected(web.empty)]).toEqual([0, [], []])
  })

  it('applies writes, rewrites and deletes, sorted by id', () => {
    const known = after(web, put('/web/1', 'b x', 2), put('/web/2', 'a y', 3), put('/web/3', 'c z', 4), put('/web/1', 'b w', 5), deleted('/web/3', 6))
    expect(shown(known)).toEqual(['a@y', 'b@w'])
    expect([known.revision, known.entries.size]).toEqual([6, 2])
  })

  it('shows an entry that cannot be read by its key, until it can be read', () => {
    const bad = after(web, put('/web/1', 'a x', 2), put('/web/1', 'bad value', 3), put('/web/2', 'bad too', 4))
    expect([shown(bad), rejected(bad)]).toEqual([[], ['/web/1 value', '/web/2 too']])
    const good = web.apply(bad, { revision: 6, changes: [put('/web/1', 'a x', 5), deleted('/web/2', 6)] })
    expect([shown(good), rejected(good)]).toEqual([['a@x'], []])
  })

  it('rejects a key or a value that is not UTF-8, whatever the format reads; one that the format ignores stays ignored', () => {
    const seen = after(web, put('/web/\udc00\\xff', 'a h', 1), put('/web/b', 'b h web \udc00\\xff', 2), put('/web/c', 'bad \udc00\\xff', 3), put('/web/d', 'd h', 4))
    expect([shown(seen), rejected(seen)]).toEqual([
      ['d@h'],
      ['/web/b the value must be UTF-8', '/web/c the value must be UTF-8', '/web/\udc00\\xff the key must be UTF-8'],
    ])
    const ignoring = projection({ ...format, decode: () => E.right(O.none) }, { service: 'web' })
    expect(rejected(after(ignoring, put('/web/b', '\udc00\\xff', 1)))).toEqual([])
  })

  it('rejects an instance that claims to be of another service', () => {
    const known = after(web, put('/web/1', 'a x db', 2))
    expect([shown(known), rejected(known)]).toEqual([[], ['/web/1 claims to be of service db, under a key of web']])
  })

  it('drops changes that it has applied already', () => {
    const known = after(web, put('/web/1', 'a x', 2), put('/web/1', 'a y', 5))
    expect(shown(web.apply(known, { revision: 6, changes: [put('/web/1', 'a x', 2), put('/web/2', 'b x', 5), put('/web/3', 'c x', 6)] }))).toEqual(['a@y', 'c@x'])
    expect(web.apply(known, { revision: 4, changes: [] })).toBe(known)
  })

  it('applies a batch whole, each change after the other', () => {
    const known = web.apply(web.empty, { revision: 3, changes: [put('/web/1', 'a x', 2), deleted('/web/1', 3), put('/web/2', 'b x', 3)] })
    expect(shown(known)).toEqual(['b@x'])
  })

  it('has the same services when nothing visible changed', () => {
    const known = after(web, put('/web/1', 'a x', 2), put('/web/2', 'bad one', 3))
    const invisible = [
      { revision: 9, changes: [] },
      { revision: 9, changes: [put('/web/1', 'a x', 9, '8')] },
      { revision: 9, changes: [put('/web/2', 'bad one', 9)] },
      { revision: 9, changes: [deleted('/web/3', 9)] },
      { revision: 9, changes: [put('/web/9', 'a x', 9, '8')] },
      { revision: 9, changes: [put('/web/1', 'a y', 8), put('/web/1', 'a x', 9)] },
      { revision: 9, changes: [deleted('/web/1', 8), put('/web/8', 'a x', 9)] },
      { revision: 9, changes: [put('/web/3', 'c x', 7), put('/web/2', 'b x', 8), put('/web/2', 'bad one', 9), deleted('/web/3', 9)] },
    ].map(batch => web.apply(known, batch))
    invisible.slice(0, 7).forEach((next, at) => expect([at, next.services === known.services]).toEqual([at, true]))
    expect(invisible.map(({ revision }) => revision)).toEqual(invisible.map(() => 9))
    expect(invisible.map(next => shown(next))).toEqual(invisible.map(() => ['a@x']))
    expect(invisible[1]?.entries.get('/web/1')).toMatchObject({ revision: 9, lease: '8' })
  })

  it('keeps the very instance that was written again with the same content', () => {
    const known = after(web, put('/web/1', 'a x', 2), put('/web/2', 'b x', 3))
    const next = web.apply(known, { revision: 5, changes: [put('/web/1', 'a x', 4), put('/web/2', 'b y', 5)] })
    const of = (some: Snapshot<unknown>, id: string): ServiceInstance | undefined => some.services.get('web')?.instances.get(id)
    expect(of(next, 'a')).toBe(of(known, 'a'))
    expect(of(next, 'b')).not.toBe(of(known, 'b'))
  })

  it('decodes each change once', () => {
    let decoded = 0
    const counting = projection({ ...format, decode: (...entry) => (decoded++, format.decode(...entry)) }, { service: 'web' })
    const known = counting.apply(counting.empty, { revision: 3, changes: [put('/web/1', 'a x', 2), put('/web/2', 'b x', 3), deleted('/web/1', 3)] })
    expect(decoded).toBe(2)
    const readings = [put('/web/2', 'b x', 3), put('/web/3', 'c x', 4)].map(change => counting.decode(known, change))
    expect(decoded).toBe(4)
    finished(counting.restore(known, readings, 4))
    expect(decoded).toBe(4)
  })
})

describe('two keys of one id', () => {
  it('show the one written last, and the other when it goes', () => {
    const both = after(web, put('/web/2', 'a old', 2), put('/web/1', 'a new', 3))
    expect(shown(both)).toEqual(['a@new'])
    expect(shown(web.apply(both, { revision: 4, changes: [deleted('/web/1', 4)] }))).toEqual(['a@old'])
    const same = web.apply(both, { revision: 4, changes: [deleted('/web/2', 4)] })
    expect(same.services).toBe(both.services)
    expect(shown(web.apply(both, { revision: 4, changes: [put('/web/2', 'a newest', 4)] }))).toEqual(['a@newest'])
    expect(shown(web.apply(both, { revision: 4, changes: [put('/web/1', 'b new', 4)] }))).toEqual(['a@old', 'b@new'])
    expect(shown(web.apply(both, { revision: 4, changes: [put('/web/1', 'bad new', 4)] }))).toEqual(['a@old'])
  })

  it('of one revision show the greater key', () => {
    const batch = { revision: 2, changes: [put('/web/2', 'a two', 2), put('/web/1', 'a one', 2)] }
    expect(shown(web.apply(web.empty, batch))).toEqual(['a@two'])
  })

  it('that say the same are one instance: a key that moves with its lease is no news', () => {
    const first = after(web, put('/web/1', 'a x', 2))
    const both = web.apply(first, { revision: 3, changes: [put('/web/2', 'a x', 3)] })
    const moved = web.apply(both, { revision: 4, changes: [deleted('/web/1', 4)] })
    expect([both.services === first.services, moved.services === first.services]).toEqual([true, true])
    expect(shown(web.apply(moved, { revision: 5, changes: [deleted('/web/2', 5)] }))).toEqual([])
  })
})

describe('a listing', () => {
  const listed = (known: Snapshot<unknown>, revision: number, ...changes: readonly Change[]): Snapshot<unknown> =>
    finished(web.restore(known, changes.map(change => web.decode(known, change)), revision))

  it('replaces the snapshot, whatever its revision', () => {
    const known = after(web, put('/web/1', 'a x', 2), put('/web/2', 'bad x', 9))
    const next = listed(known, 4, put('/web/3', 'c x', 3))
    expect([next.revision, shown(next), rejected(next), next.entries.size]).toEqual([4, ['c@x'], [], 1])
  })

  it('keeps every object that did not change', () => {
    const changes = Array.from({ length: 200 }, (_, at) => put(`/web/${1_000 + at}`, `i${1_000 + at} x`, at + 2))
    const known = listed(web.empty, 201, ...changes)
    expect(listed(known, 300, ...changes.map(change => ({ ...change, lease: '9' }))).services).toBe(known.services)
    const next = listed(known, 300, ...changes.slice(1), put('/web/1200', 'i1200 y', 250))
    expect(next.services.get('web')?.rejected).toBe(known.services.get('web')?.rejected)
    expect(shown(next)).toHaveLength(200)
    expect(next.services.get('web')?.instances.get('i1001')).toBe(known.services.get('web')?.instances.get('i1001'))
  })
})

describe('the projection of many services', () => {
  it('assigns keys to services by `serviceOf`, and forgets a service that is empty', () => {
    const all = projection(format)
    const known = after(all, put('/web/1', 'a x', 2), put('/db/1', 'd x', 3), put('/db/2', 'bad x', 4), put('nothing', 'e x', 5))
    expect([...known.services.keys()]).toEqual(['db', 'web'])
    expect(known.entries.size).toBe(4)
    const rejectedOnly = all.apply(known, { revision: 6, changes: [deleted('/db/1', 6)] })
    expect([shown(rejectedOnly, 'db'), rejected(rejectedOnly, 'db')]).toEqual([[], ['/db/2 x']])
    const gone = all.apply(rejectedOnly, { revision: 7, changes: [deleted('/db/2', 7)] })
    expect([...gone.services.keys()]).toEqual(['web'])
    expect(gone.services.get('web')).toBe(known.services.get('web'))
  })

  it('keeps named services, and only those, though empty', () => {
    const named = projection(format, { services: ['web', 'idle'] })
    expect([...named.empty.services.keys()]).toEqual(['idle', 'web'])
    const known = after(named, put('/web/1', 'a x', 2), put('/db/1', 'd x', 3), deleted('/web/1', 4))
    expect([...known.services.keys()]).toEqual(['idle', 'web'])
    expect([...finished(named.restore(known, [], 5)).services.keys()]).toEqual(['idle', 'web'])
    expect(known.entries.size).toBe(1)
  })
})

describe('any history', () => {
  const key = fc.tuple(fc.constantFrom('web', 'db', 'idle'), fc.nat({ max: 5 })).map(([service, at]) => `/${service}/${at}`)
  const value = fc.tuple(fc.constantFrom('a', 'b', 'c', 'bad'), fc.constantFrom('x', 'y')).map(words => words.join(' '))
  const steps = fc.array(fc.tuple(key, fc.option(value), fc.boolean()), { maxLength: 60, size: 'max' })
  const history = steps.map(all => {
    let revision = 1
    return all.map(([at, text, together]): Change => ({ key: at, value: text, lease: text === null ? '0' : '7', revision: together ? Math.max(2, revision) : ++revision }))
  })
  const visible = (known: Snapshot<unknown>): unknown => Array.from(known.services.keys(), service => [service, shown(known, service), rejected(known, service)])

  it.each([
    ['one service', projection(format, { service: 'web' }), (at: string) => at.startsWith('/web/')],
    ['named services', projection(format, { services: ['web', 'idle'] }), () => true],
    ['all services', projection(format), () => true],
  ])('leads where a listing of what is left leads: %s', (_, fold, mine) => {
    fc.assert(
      fc.property(history, all => {
        let known = fold.empty
        const held = new Map<string, Change>()
        for (const revision of new Set(all.map(change => change.revision))) {
          const changes = all.filter(change => change.revision === revision && mine(change.key))
          for (const change of changes) if (change.value === null) held.delete(change.key)
          else held.set(change.key, change)
          const was = visible(known)
          const next = fold.apply(known, { revision, changes })
          expect(visible(known)).toEqual(was)
          expect(next.services === known.services || changes.length > 0).toBe(true)
          known = next
        }
        const listing = [...held.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
        const fresh = finished(fold.restore(fold.empty, listing.map(change => fold.decode(fold.empty, change)), known.revision))
        expect(visible(known)).toEqual(visible(fresh))
        expect(finished(fold.restore(known, listing.map(change => fold.decode(known, change)), known.revision)).services).toBe(known.services)
        expect(known.entries.size).toBe(held.size)
      }),
      { numRuns: 300 },
    )
  })
})
