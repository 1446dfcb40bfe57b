import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { native, type Format } from 'rx-discovery'
import type { Change } from '../../../src/core/store.js'
import { afterBatch, contentId, contentOf, isReplaced, noContent, rowsBetween, type Content, type ServedRow } from '../../../src/core/wire/content.js'
import { agrees } from '../../../src/core/view/step.js'
import { serving, type Serving } from '../../../src/core/wire/serving.js'

/** The service and the id of a key; `a` and `b` of two prefixes are keys of one id. */
const format: Format = {
  ...native(),
  prefix: service => `/rx-discovery/${service}/`,
  decode: (key, value, service) => native().decode(key.replace(/~.*$/, ''), value, service),
}
const web = serving({ services: ['web', 'shop'], format, project: { metadata: ['rack'] } })

const key = fc.constantFrom('web/a', 'web/a~1', 'web/a~2', 'web/b', 'shop/a', 'hidden/a', 'web/x/y').map(path => `/rx-discovery/${path}`)
const value = fc.oneof(
  fc.constant(null),
  fc.record({ rack: fc.constantFrom('1', '2'), secret: fc.constantFrom('s', 't') }).map(metadata => JSON.stringify({ v: 1, address: 'a:1', metadata })),
  fc.constant('broken'),
)
/** Transactions, each at a revision of its own. */
const history = fc
  .array(fc.uniqueArray(fc.record({ key, value }), { minLength: 1, maxLength: 3, selector: each => each.key }), { maxLength: 30 })
  .map(all => all.map((writes, index) => writes.map((write): Change => ({ ...write, revision: index + 2, lease: write.value === null ? '0' : '7' }))))

const build = (of: Serving, changes: readonly Change[], revision: number): Content => {
  const building = contentOf(of, { cluster: '1', revision, changes: [...changes].sort((a, b) => (a.key < b.key ? -1 : 1)) })
  for (;;) {
    const step = building.next()
    if (step.done === true) return step.value
  }
}

/** What a reader has after rows that it reads as the client does. */
const read = (entries: ReadonlyMap<string, string>, rows: readonly ServedRow[]): ReadonlyMap<string, string> => {
  const next = new Map(entries)
  for (const { text } of rows) {
    const row = JSON.parse(text) as unknown[]
    const [at, found] = row as [string, string | null]
    if (row.length === 3) expect(next.has(at)).toBe(true)
    else if (found === null) next.delete(at)
    else next.set(at, found)
  }
  return next
}
const shown = ({ served }: Content): ReadonlyMap<string, string> => new Map([...served].map(([at, each]) => [at, each.value]))
const without = (changes: readonly Change[], of: readonly Change[]): readonly Change[] => changes.filter(each => !of.some(other => other.key === each.key))

describe('a content', () => {
  it('is the same whether it is folded from batches or listed, and its rows give readers the same', () => {
    fc.assert(
      fc.property(history, fc.nat({ max: 29 }), (transactions, from) => {
        let content = build(web, [], 1)
        let reader: ReadonlyMap<string, string> = new Map()
        let stored: readonly Change[] = []
        let past = content
        for (const [index, changes] of transactions.entries()) {
          const [next, rows] = afterBatch(web, content, { cluster: '1', revision: index + 2, changes })
          reader = read(reader, rows)
          content = next
          stored = [...without(stored, changes), ...changes.filter(each => each.value !== null)]
          expect(reader).toEqual(shown(content))
          if (index === from) past = content
        }
        const listed = build(web, stored, content.revision)
        expect(shown(listed)).toEqual(shown(content))
        expect(read(shown(past), rowsBetween(past, content, true))).toEqual(shown(content))
        // An older claim that is served again has a newer revision than a listing gives it.
        if (!transactions.flat().some(each => each.key.includes('~'))) expect(contentId(listed)).toBe(contentId(content))
        expect(agrees(content.stored, { revision: content.revision, count: stored.length, changed: stored })).toBe(true)
        expect(isReplaced(past, content)).toBe(false)
      }),
      { numRuns: 500 },
    )
  })

  it('shows a change of hidden fields without a value, and serves nothing of them', () => {
    const before = build(web, [{ key: '/rx-discovery/web/a', value: '{"v":1,"address":"a:1","metadata":{"secret":"s"}}', revision: 2, lease: '7' }], 2)
    const [after, rows] = afterBatch(web, before, { cluster: '1', revision: 3, changes: [{ key: '/rx-discovery/web/a', value: '{"v":1,"address":"a:1","metadata":{"secret":"t"}}', revision: 3, lease: '8' }] })
    expect(rows.map(({ text }) => text)).toEqual(['["/rx-discovery/web/a",3,"8"]'])
    expect(rows.map(({ full }) => full)).toEqual(['["/rx-discovery/web/a","{\\"v\\":1,\\"address\\":\\"a:1\\"}",3,"8"]'])
    expect(contentId(after)).not.toBe(contentId(before))
  })

  it('drops what it has already', () => {
    const change = { key: '/rx-discovery/web/a', value: '{"v":1,"address":"a:1"}', revision: 2, lease: '7' }
    const content = build(web, [change], 2)
    expect(afterBatch(web, content, { cluster: '1', revision: 2, changes: [{ ...change, value: null }] })).toEqual([content, []])
  })

  it('replaces another history if an old revision is new, or its own is earlier', () => {
    const a = build(web, [{ key: '/rx-discovery/web/a', value: '{"v":1,"address":"a:1"}', revision: 5, lease: '7' }], 9)
    expect(isReplaced(a, build(web, [{ key: '/rx-discovery/web/a', value: '{"v":1,"address":"a:1"}', revision: 4, lease: '7' }], 20))).toBe(true)
    expect(isReplaced(a, build(web, [], 8))).toBe(true)
    expect(isReplaced(a, build(web, [], 20))).toBe(false)
    expect(isReplaced(noContent, a)).toBe(false)
  })
})
