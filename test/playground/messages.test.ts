import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mostPerMessage } from '../../docs/playground/messages.js'
import { placed } from '../../docs/playground/page/placed.js'
import { codeOf, fragmentOf } from '../../docs/playground/page/share-link.js'
import { stripped } from '../../docs/playground/page/stripped.js'
import { readMessage } from '../../docs/playground/read-message.js'

describe('a share link', () => {
  it('holds any program', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 500 }), async code => {
        const fragment = await fragmentOf(code)
        expect(fragment).toMatch(/^#code=[\w-]*$/)
        expect(await codeOf(fragment)).toBe(code)
      }),
      { numRuns: 20 },
    )
  })

  it('that is none holds nothing, and one that is cut off is an error', async () => {
    expect(await codeOf('')).toBeUndefined()
    expect(await codeOf('#top')).toBeUndefined()
    const fragment = await fragmentOf('const x = 1'.repeat(50))
    await expect(codeOf(fragment.slice(0, -8))).rejects.toThrow(/holds no program/)
  })
})

describe('what a frame sends', () => {
  it('is read without an error, whatever it is', () => {
    const types = fc.constantFrom('ready', 'row', 'marbles', 'lines', 'pulled', 'state', 'loaded', 'start')
    fc.assert(
      fc.property(fc.oneof(fc.anything(), fc.record({ type: types, row: fc.anything(), at: fc.anything(), marbles: fc.anything(), lines: fc.anything(), held: fc.anything(), leases: fc.anything(), revision: fc.anything(), name: fc.anything() }, { requiredKeys: ['type'] })), data => {
        const read = readMessage(data)
        if (read?.type === 'row') expect(typeof read.name).toBe('string')
        if (read?.type === 'state') expect(Number.isFinite(read.at)).toBe(true)
      }),
    )
  })

  it('is bounded', () => {
    const marble = { row: 0, at: 1, sign: 'next', tone: 'live', label: 'far too long', text: 'x'.repeat(100_000) }
    const read = readMessage({ type: 'marbles', marbles: Array.from({ length: 10_000 }, () => marble) })
    if (read?.type !== 'marbles') expect.fail()
    expect(read.marbles).toHaveLength(mostPerMessage)
    expect(read.marbles[0]?.label).toHaveLength(8)
    expect(read.marbles[0]?.text).toHaveLength(4_000)
  })
})

describe('marbles', () => {
  const marble = (at: number) => ({ row: 0, at, sign: 'next', tone: 'plain', label: 'a', text: 'a' }) as const
  it('stand at their times, and beside each other if they come at once', () => {
    expect(placed([0, 0, 0, 1_000, 5_000].map(marble), 40).map(({ x }) => x)).toEqual([0, 22, 44, 66, 200])
  })

  it('stay near their times however many come', () => {
    const all = placed(Array.from({ length: 1_000 }, (_, index) => marble(index)), 40)
    expect(all.every(({ at, x }) => x <= (at / 1_000) * 40 + 67)).toBe(true)
  })

  it('that have their places keep them', () => {
    const first = placed([0, 0].map(marble), 40)
    const more = placed([...first, marble(10)], 40, 2)
    expect(more.slice(0, 2)).toEqual(first)
    expect(more[1]).toBe(first[1])
  })
})

it('a program keeps its lines when its types are stripped', () => {
  expect(stripped('import type { X } from "x"\ninterface Y {\n  a: 1\n}\nconst z = (y: Y): X => y as X\n').split('\n')[4]).toMatch(/^const z = \(y\)\s*=> y\s*$/)
})
